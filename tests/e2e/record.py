"""A small, complete record for the browser: sample experiments in several stages of their lives.

The stages are run as functions, without a scheduler; only the analysis that waits for a signature is left to Airflow.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from trialflow.stages.aa_validation import validate
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import monitor
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.rollout import roll_out
from trialflow.stages.samples import load_samples
from trialflow.stages.sign import sign
from trialflow.stages.workspace import Workspace

TO_SIGN, ASKED_ON = "cookie_cats", date(2018, 1, 1)
SHOWN = "udacity_free_trial"
BROKEN = "sim_broken_split"
HARMED = "sim_guardrail_harm"

Say = Callable[[str], None]
KEPT = ("lake",)


def prepare(workspace: Workspace, *, say: Say) -> None:
    """Begin anew, but for the sample data, which are loaded once."""
    _forget(workspace.home)
    say("Sample data into the lake")
    load_samples(workspace)
    for slug, through in DAYS.items():
        say(f"{slug}: registered{f', looked at until {through}' if through else ''}")
        text = (workspace.include / "experiments" / f"{slug}.yaml").read_text(encoding="utf-8")
        calendar = register_and_validate(workspace, slug, text)
        for number in range((through - calendar).days + 1 if through else 0):
            monitor(workspace, slug, calendar + timedelta(days=number))
    for slug, (as_of, why) in SIGNED.items():
        decision = analyse(workspace, slug, as_of).decision
        sign(workspace, slug, as_of, verdict=decision.verdict, by="ada", rationale=why, signed_on=as_of)
        roll_out(workspace, slug, as_of)
        say(f"{slug}: {decision.verdict}, signed")


DAYS: dict[str, date | None] = {
    TO_SIGN: ASKED_ON,
    SHOWN: date(2014, 11, 16),
    HARMED: date(2026, 1, 12),
    BROKEN: date(2026, 1, 7),
    "sim_partial": date(2026, 1, 14),
    "open_bandit_men": None,
}
"""Experiment → the last day that is looked at; None: only registered."""

SIGNED = {
    SHOWN: (date(2014, 11, 16), "Fewer people begin a trial, and a loss of paying students is not excluded."),
    HARMED: (date(2026, 1, 12), "The harm is larger than we are willing to buy anything with."),
}
"""Experiment → the day of its analysis, and what its signature says."""


def register_and_validate(workspace: Workspace, slug: str, text: str) -> date:
    """Lock the promise of a file and run its A/A validation; returns its first day."""
    register(workspace, Offer(where=f"{slug}.yaml", text=text, slug=slug), by="ada", today=date(2026, 11, 1))
    validate(workspace, slug)
    with workspace.registry() as registry:
        return registry.promise(slug).calendar.first_day


def _forget(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    for path in home.iterdir():
        if path.name not in KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
