"""The rollout of a signed winner: its promised steps, where it stands, what its gates and the watch say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from trialflow.checks.finding import Finding
from trialflow.memo.evidence import to_day
from trialflow.memo.words import percent, short_day
from trialflow.overview.brief import Brief, brief
from trialflow.overview.curves import Curve, Line
from trialflow.registry import Event, EventKind, since_reopening
from trialflow.spec.promise import Promise

GATES = ("canary", "rollout", "rollout_srm", "rollout_completeness", "rollout_harm", "rollout_novelty", "watch")
MOVES = (EventKind.ROLLOUT_STEP, EventKind.LAUNCHED, EventKind.ROLLED_BACK)
ENDS: Mapping[EventKind, float] = {EventKind.LAUNCHED: 1.0, EventKind.ROLLED_BACK: 0.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class RampStep:
    """A promised step: `share` in words, `days` it lasts at least, `began` where it has begun."""

    number: int
    share: str
    days: int
    began: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """The rollout as far as it got; `gates` are the newest findings of the gates and the watch."""

    steps: tuple[RampStep, ...]
    gates: tuple[Brief, ...]
    curve: Curve | None
    watch_days: int


def ramp_of(promise: Promise, events: Sequence[Event], newest: Mapping[str, Finding]) -> Ramp | None:
    """None where nothing was promised to be rolled out and nothing was."""
    rules = promise.experiment.decision
    moved = sorted(
        (event for event in since_reopening(events) if event.kind in MOVES), key=lambda one: (one.as_of, one.sequence)
    )
    gates = tuple(brief(newest[check]) for check in GATES if check in newest)
    if not rules.rollout and not moved and not gates:
        return None
    began = {event.key: told_for(event) for event in moved if event.kind is EventKind.ROLLOUT_STEP}
    return Ramp(
        steps=tuple(
            RampStep(number=number, share=percent(step.share), days=step.days, began=began.get(str(number)))
            for number, step in enumerate(rules.rollout, start=1)
        ),
        gates=gates,
        curve=_curve(moved, newest),
        watch_days=rules.watch_days,
    )


def told_for(event: Event) -> date:
    """The day from which a step counts: a step is recorded on the eve, and says so."""
    return to_day(event.detail.get("day")) or event.as_of


def _curve(moved: Sequence[Event], newest: Mapping[str, Finding]) -> Curve | None:
    """The share over time, up to the last day that the gates judged."""
    points: dict[date, float] = {}
    for event in moved:
        share = event.detail.get("share", ENDS.get(event.kind))
        if isinstance(share, int | float):
            points[told_for(event)] = 100.0 * share
    if not points:
        return None
    last = max([*points, *(newest[check].as_of for check in ("rollout", "watch") if check in newest)])
    points.setdefault(last, points[max(points)])
    days = tuple(sorted(points))
    values = tuple(points[one] for one in days)
    return Curve(
        key="rollout",
        title="Share of the audience that gets the winner",
        alt=f"Share of the audience that gets the winner: {percent(values[-1] / 100)} on {short_day(days[-1])}.",
        axis="Share of the audience (%)",
        lines=(Line(name="share", days=days, values=values),),
        stepped=True,
    )
