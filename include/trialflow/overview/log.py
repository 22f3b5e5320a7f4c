"""The log of an experiment: what was found, spent, decided, ordered and told, newest day first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from trialflow.checks.finding import Status
from trialflow.decision import Verdict
from trialflow.memo.evidence import real, to_day
from trialflow.memo.sections.integrity import check_name
from trialflow.memo.sections.looks import PURPOSE, latest
from trialflow.memo.sections.verdict import verdict_text
from trialflow.memo.words import fixed, percent, short_day
from trialflow.overview.dossier import Dossier
from trialflow.registry import Event, EventKind
from trialflow.spec.look import Look, LookPurpose

EVENTS: Mapping[EventKind, str] = {
    EventKind.REGISTERED: "Promise registered",
    EventKind.AMENDED: "Promise amended",
    EventKind.VALIDATED: "A/A validation passed",
    EventKind.VALIDATION_FAILED: "Validation failed",
    EventKind.WAIVED: "A/A validation waived",
    EventKind.PAUSED: "Paused",
    EventKind.RESUMED: "Resumed",
    EventKind.STOPPED: "Stopped by a person",
    EventKind.ANALYSIS_DUE: "Final analysis due",
    EventKind.ANALYSED: "Verdict recommended",
    EventKind.DECIDED: "Verdict in force",
    EventKind.SIGNED: "Verdict signed",
    EventKind.EXTENDED: "Extended as promised",
    EventKind.ANSWER_REFUSED: "An answer could not be recorded",
    EventKind.FOLLOW_UP_DONE: "Follow-up done",
    EventKind.ROLLOUT_STEP: "Rollout step",
    EventKind.ROLLOUT_PAUSED: "Rollout held",
    EventKind.ROLLOUT_RESUMED: "Rollout resumed",
    EventKind.LAUNCHED: "Launched",
    EventKind.ROLLED_BACK: "Rolled back",
    EventKind.WATCHED: "Watch after the launch ended",
    EventKind.RETEST_DUE: "Retest due",
    EventKind.WITHDRAWN: "Withdrawn",
    EventKind.RETIRED: "Retired",
}
FIRST_REASONS = 2  # of a decision; all stand on top of the page and in the memo
TOLD: Mapping[str, Callable[[Any], str]] = {
    "verdict": str,
    "share": lambda share: f"{percent(real(share) or 0.0)} of the audience",
    "day": lambda told: f"from {short_day(found)}" if (found := to_day(told)) else str(told),
    "why": str,
    "reason": str,
    "rationale": str,
}
"""What of an event's detail is told, where it is there, and how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that happened on a day; `at` is the time of recording (UTC)."""

    text: str
    note: str = ""
    by: str = ""
    at: datetime | None = None
    memo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A finding in the log."""

    check: str
    name: str
    as_of: date
    status: Status
    headline: str
    revisions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogDay:
    """One day: what happened, the looks, and every finding, those that need a reader first."""

    day: date
    entries: tuple[Entry, ...]
    findings: tuple[Noted, ...]
    quiet: int


def log_days(dossier: Dossier) -> tuple[LogDay, ...]:
    """The days on the chosen page of the log."""
    found = {one: _noted(dossier, one) for one in dossier.opened}
    return tuple(
        LogDay(
            day=one,
            entries=tuple(_entries(dossier, one)),
            findings=found[one],
            quiet=sum(noted.status is Status.PASS for noted in found[one]),
        )
        for one in dossier.opened
    )


ORDER = (Status.FAIL, Status.NO_DATA, Status.WARN, Status.PASS, Status.NOT_APPLICABLE)


def _noted(dossier: Dossier, at: date) -> tuple[Noted, ...]:
    hidden = frozenset() if dossier.shown else EFFECTS
    rows = [
        Noted(
            check=key.check,
            name=check_name(key.check),
            as_of=at,
            status=key.status,
            headline=HIDDEN if key.check in hidden else dossier.told[key.row].headline,
            revisions=dossier.revisions[key.row],
        )
        for key in dossier.log
        if key.as_of == at
    ]
    return tuple(sorted(rows, key=lambda one: (ORDER.index(one.status), one.name)))


EFFECTS = frozenset(
    {
        "effects",
        "secondary",
        "guardrails",
        "diagnostics",
        "segments",
        "novelty",
        "harm",
        "shrinkage",
        "adjustment",
        "day_to_day",
    }
)
"""Checks that speak of effects: under a failed split nothing they say is shown."""
HIDDEN = "Not shown: the split or the record is broken."


def _entries(dossier: Dossier, at: date) -> Iterator[Entry]:
    for event in sorted(dossier.events, key=lambda event: -event.sequence):
        if event.as_of == at:
            yield _of_event(event)
    for decision in dossier.decisions:
        if decision.as_of == at:
            reasons = " ".join(one.text for one in decision.reasons[:FIRST_REASONS])
            told = dossier.shown or decision.final_verdict is Verdict.INVALID
            yield Entry(text=f"Decision: {verdict_text(decision)}", note=reasons if told else HIDDEN)
    yield from _looks(dossier, at)
    for memo in dossier.memos:
        if memo.as_of == at and memo.revision == 0:
            yield Entry(text=f"Memo: {memo.kind}", at=memo.recorded_at, memo=memo.kind)


def _of_event(event: Event) -> Entry:
    said = [tell(event.detail[name]) for name, tell in TOLD.items() if event.detail.get(name) not in (None, "")]
    return Entry(text=EVENTS[event.kind], note="; ".join(said), by=event.by, at=event.recorded_at)


def _looks(dossier: Dossier, at: date) -> Iterator[Entry]:
    """Looks for harm are made every day: only those that crossed are told one by one."""
    taken = latest([one for one in dossier.looks if one.as_of == at])
    for look in taken:
        if look.purpose is not LookPurpose.HARM or look.crossed:
            yield Entry(
                text=f"Look for {PURPOSE[look.purpose]}: {look.metric}, {look.variant}", note=_result(look, dossier)
            )
    quiet = sum(look.purpose is LookPurpose.HARM and not look.crossed for look in taken)
    if quiet and dossier.shown:
        yield Entry(
            text=f"{quiet} looks for harm, no boundary crossed"
            if quiet > 1
            else "A look for harm, boundary not crossed"
        )


def _result(look: Look, dossier: Dossier) -> str:
    if not dossier.shown:
        return HIDDEN
    crossed = "crossed" if look.crossed else "not crossed"
    return f"z = {fixed(look.z, 2)}, boundary {fixed(look.boundary, 2)}: {crossed}"
