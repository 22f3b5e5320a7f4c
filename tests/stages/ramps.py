"""A rollout of the small shop: the world that follows its experiment, and a workspace in which it was signed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from tests.stages.worlds import FINAL, SLUG, fill, promise, world
from trialflow.decision import Verdict
from trialflow.registry import EventKind
from trialflow.simulation import Arm, Change, Shares, SimulationSpec
from trialflow.stages.final_analysis import analyse
from trialflow.stages.rollout import roll_out
from trialflow.stages.sign import sign
from trialflow.stages.watch import watch
from trialflow.stages.workspace import Workspace

KEY = f"{SLUG}-rollout"
START = FINAL + timedelta(days=1)
STEPS = [{"share": 0.1, "days": 2}, {"share": 0.5, "days": 2}, {"share": 1.0, "days": 2}]
RULES: dict[str, Any] = {
    "rollout": STEPS,
    "watch_days": 5,
    "system_guardrails": [{"metric": "orders_3d", "margin": {"relative": 0.5}}],
}


def day(number: int) -> date:
    """The days of the ramp, from 1."""
    return START + timedelta(days=number - 1)


def rollout_promise(**rules: Any) -> str:
    """The promise with a short ramp: 10, 50 and 100 per cent, two days each, watched for five days."""
    return promise(decision={**RULES, **rules})


def ramp_world(*, moves: Mapping[int, float] | None = None, **given: Any) -> SimulationSpec:
    """Five hundred new visitors a day for twelve days; `moves` gives the share of the treated from a day of the ramp on."""
    shares = moves or {1: 0.1, 3: 0.5, 5: 1.0}
    plain = world()
    values: dict[str, Any] = {
        "slug": KEY,
        "source": "shop",
        "first_day": START,
        "last_day": day(12),
        "units": 6000,
        "arms": (Arm(name="control", weight=0.5), Arm(name="treatment", weight=0.5)),
        "behaviours": plain.behaviours,
        "segments": plain.segments,
        "ramp": tuple(
            Shares(day=day(number), weights={"control": 1.0 - share, "treatment": share})
            for number, share in shares.items()
        ),
        "changes": (Change(variant="treatment", behaviour="view", relative=0.25),),
        "pre_days": 0,
        "follow_days": 3,
        "repeats": 0.0,
        "visits": 0.0,
        "seed": 5,
    }
    return SimulationSpec(**{**values, **given})


def signed(workspace: Workspace, *, verdict: Verdict = Verdict.SHIP, **given: Any) -> Workspace:
    """Analyse on the last day, sign on the same day, and record the first step."""
    analyse(workspace, SLUG, FINAL)
    sign(workspace, SLUG, FINAL, verdict=verdict, by="ada", signed_on=FINAL, **given)
    roll_out(workspace, SLUG, FINAL)
    return workspace


def fill_with(workspace: Workspace, spec: SimulationSpec) -> Workspace:
    """The experiment in which views rise by a quarter, then its rollout."""
    return fill(fill(workspace, world(effect=0.25)), spec)


def live(workspace: Workspace, *numbers: int) -> list[str]:
    """Run the daily gate on days of the ramp; returns the headline of each."""
    return [one.headline or one.skipped for one in (watch(workspace, SLUG, day(number)) for number in numbers)]


def happened(workspace: Workspace) -> list[tuple[str, int, str]]:
    """What happened to the ramp: kind, day of the ramp, key or person."""
    kinds = {
        EventKind.ROLLOUT_STEP,
        EventKind.ROLLOUT_PAUSED,
        EventKind.ROLLOUT_RESUMED,
        EventKind.LAUNCHED,
        EventKind.ROLLED_BACK,
        EventKind.WATCHED,
    }
    with workspace.registry() as registry:
        events = [event for event in registry.events(SLUG) if event.kind in kinds]
    return sorted(
        ((event.kind.value, (event.as_of - START).days + 1, event.by or event.key) for event in events),
        key=lambda one: (one[1], one[0]),
    )
