"""The life of an experiment: a fold over what was recorded and the calendar. Nothing here is stored.

The calendar moves an experiment at its first day: from `validated` to `running`, from `registered` to `blocked`. Every
other step is an event, by the table STEPS. Events count in the order of their days, and of recording within a day, so
it does not matter when a day was written. An event that has no step from the stage it meets changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from trialflow.registry.record import Event, EventKind
from trialflow.spec.experiment import Calendar


class Stage(StrEnum):
    """Where an experiment stands."""

    REGISTERED = "registered"
    VALIDATED = "validated"
    BLOCKED = "blocked"
    RUNNING = "running"
    ANALYSED = "analysed"
    DECIDED = "decided"
    ROLLING_OUT = "rolling_out"
    LAUNCHED = "launched"
    ROLLED_BACK = "rolled_back"
    RETIRED = "retired"


_WAITING = (Stage.REGISTERED, Stage.VALIDATED, Stage.BLOCKED)
_ALIVE = tuple(stage for stage in Stage if stage is not Stage.RETIRED)

STEPS: Mapping[EventKind, tuple[tuple[Stage, ...], Stage]] = {
    EventKind.VALIDATED: (_WAITING, Stage.VALIDATED),
    EventKind.WAIVED: (_WAITING, Stage.VALIDATED),
    EventKind.VALIDATION_FAILED: (_WAITING, Stage.BLOCKED),
    EventKind.ANALYSED: ((Stage.RUNNING,), Stage.ANALYSED),
    EventKind.DECIDED: ((Stage.RUNNING, Stage.ANALYSED), Stage.DECIDED),
    EventKind.EXTENDED: ((Stage.DECIDED,), Stage.RUNNING),
    EventKind.ROLLOUT_STEP: ((Stage.DECIDED, Stage.ROLLING_OUT), Stage.ROLLING_OUT),
    EventKind.LAUNCHED: ((Stage.DECIDED, Stage.ROLLING_OUT), Stage.LAUNCHED),
    EventKind.ROLLED_BACK: ((Stage.DECIDED, Stage.ROLLING_OUT, Stage.LAUNCHED), Stage.ROLLED_BACK),
    EventKind.WITHDRAWN: (_ALIVE, Stage.RETIRED),
    EventKind.RETIRED: (_ALIVE, Stage.RETIRED),
}
"""Event → (stages it can leave, stage it leads to)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """Where an experiment stands on a day.

    `since` is the day that brought it there (None for `registered`). `analysis_due` is the as_of the final analysis is
    to be made for, once that day has come and while the experiment is running: a boundary crossed, a stop by a person
    (after the last unit has matured), or the last look of the calendar.
    """

    stage: Stage = Stage.REGISTERED
    since: date | None = None
    paused: bool = False
    stopped: bool = False
    extended: bool = False
    analysis_due: date | None = None

    @property
    def monitored(self) -> bool:
        """Whether the day is to be looked at: it runs, and nobody has paused it."""
        return self.stage is Stage.RUNNING and not self.paused


def stage(events: Iterable[Event], calendar: Calendar, as_of: date) -> Stage:
    """The stage at the end of the day `as_of`."""
    return fold(events, calendar, as_of).stage


def fold(events: Iterable[Event], calendar: Calendar, as_of: date) -> Life:
    """The life up to the end of the day `as_of`, from all events of one experiment in any order."""
    life = Life()
    for event in sorted(since_reopening(events), key=lambda event: (event.as_of, event.sequence)):
        if event.as_of <= as_of:
            life = _after(_on(life, calendar, event.as_of), event, calendar)
    life = _on(life, calendar, as_of)
    due = life.analysis_due
    is_due = life.stage is Stage.RUNNING and due is not None and due <= as_of
    return life if is_due else replace(life, analysis_due=None)


def since_reopening(events: Iterable[Event]) -> list[Event]:
    """Events of the present life, in the order of recording.

    An amendment that moves the first day begins a new life: what was recorded before it belongs to the old one.
    """
    recorded = sorted(events, key=lambda event: event.sequence)
    reopenings = [
        at for at, event in enumerate(recorded) if event.kind is EventKind.AMENDED and event.detail.get("reopens")
    ]
    return recorded[reopenings[-1] :] if reopenings else recorded


def _on(life: Life, calendar: Calendar, day: date) -> Life:
    """What the calendar alone does by the end of a day."""
    first = calendar.first_day
    if life.stage is Stage.VALIDATED and day >= first:
        life = replace(life, stage=Stage.RUNNING, since=max(first, life.since or first))
    elif life.stage is Stage.REGISTERED and day >= first:
        life = replace(life, stage=Stage.BLOCKED, since=first)
    if life.stage is Stage.RUNNING:
        life = _due(life, calendar.final_day(extended=life.extended))
    return life


def _after(life: Life, event: Event, calendar: Calendar) -> Life:
    """The life after one event."""
    match event.kind:
        case EventKind.PAUSED | EventKind.RESUMED:
            return replace(life, paused=event.kind is EventKind.PAUSED)
        case EventKind.STOPPED:
            return replace(_due(life, event.as_of + timedelta(days=calendar.maturity_days)), stopped=True)
        case EventKind.ANALYSIS_DUE if life.stage is Stage.RUNNING:
            return _due(life, event.as_of)
    origins, target = STEPS.get(event.kind, ((), life.stage))
    if life.stage not in origins:
        return life
    moved = replace(life, stage=target, since=event.as_of)
    return replace(moved, extended=True, analysis_due=None) if event.kind is EventKind.EXTENDED else moved


def _due(life: Life, day: date) -> Life:
    """The earliest day counts."""
    return replace(life, analysis_due=min(day, life.analysis_due or day))
