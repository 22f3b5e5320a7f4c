"""Where an experiment stands and what is to be done next, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from trialflow.checks.finding import Status
from trialflow.decision import Decision, Verdict
from trialflow.memo.words import days, percent, scale_of, short_day
from trialflow.overview.brief import Brief
from trialflow.registry import Event, EventKind, Life, Stage, fold, since_reopening
from trialflow.spec.experiment import Policy
from trialflow.spec.promise import Promise
from trialflow.stages.follow_ups import still_open
from trialflow.stages.ramp import RAMPED, is_rolled_out

STAGES: Mapping[Stage, str] = {
    Stage.REGISTERED: "registered",
    Stage.VALIDATED: "validated",
    Stage.BLOCKED: "blocked",
    Stage.RUNNING: "running",
    Stage.ANALYSED: "to be signed",
    Stage.DECIDED: "decided",
    Stage.ROLLING_OUT: "rolling out",
    Stage.LAUNCHED: "launched",
    Stage.ROLLED_BACK: "rolled back",
    Stage.RETIRED: "retired",
}
LIST_CHECKS = ("effects", "guardrails", "harm", "srm", "information", "completeness")
GRACE = timedelta(days=1)
"""How long after its end a day may wait for its run before that is told."""
URGENT = (Status.FAIL, Status.NO_DATA)
"""What asks for a person at once; a failure is told before data that are not there."""
TOLD_FIRST = ("srm", "completeness", "harm", "guardrails", "effects", "information")
"""Of checks that are equally urgent: first those that the others rest on. Checks that are not named follow by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The leading effect on the primary metric: as shares of the control value, in units of the smallest worthwhile one.

    `estimate`, `lower`, `upper` are relative (shares), None where unbounded or not estimable; `text` and `span` (the interval
    with its level) are on the metric's own scale. `good` tells whether the interval lies on the good (True) or bad (False)
    side of no difference.
    """

    metric: str
    variant: str
    text: str
    span: str
    estimate: float | None
    lower: float | None
    upper: float | None
    minimum: float | None
    good: bool | None
    as_of: date
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One experiment in a list.

    `as_of` is the last day that was looked at, `shown` whether effects may be shown at all, `late_since` the first day
    whose data should have been looked at and were not, None where nothing is late.
    """

    promise: Promise
    life: Life
    as_of: date | None
    day: int
    days: int
    information: float | None
    expected_decision: date | None
    effect: Effect | None
    guardrails_shown: int
    guardrails: int
    shown: bool
    late_since: date | None
    briefs: Mapping[str, Brief]
    decision: Decision | None
    next_step: str

    @property
    def slug(self) -> str:
        """The experiment's slug."""
        return self.promise.slug

    @property
    def last_day(self) -> date:
        """The last day on which units enter, with the extension where it is used."""
        return self.promise.experiment.calendar.first_day + timedelta(days=self.days - 1)

    @property
    def stage(self) -> str:
        """The stage in words."""
        return STAGES[self.life.stage]

    @property
    def labels(self) -> tuple[str, ...]:
        """Words that must be visible wherever a number of this experiment stands."""
        return labels_of(self.promise)


class Judged(Protocol):
    """A finding, whole or in brief."""

    @property
    def status(self) -> Status:
        """What the check says."""


def effects_may_be_shown(split: Judged | None, decision: Decision | None) -> bool:
    """Never under a failed split, never once the rules or a person call the experiment invalid."""
    broken = split is not None and split.status is Status.FAIL
    return not broken and (decision is None or Verdict.INVALID not in (decision.verdict, decision.final_verdict))


def labels_of(promise: Promise) -> tuple[str, ...]:
    """Words that must be visible wherever a number of this promise stands."""
    return (*(("simulated",) if promise.simulated else ()), *(("replay",) if promise.experiment.replay else ()))


def standing(
    promise: Promise, events: Sequence[Event], briefs: Mapping[str, Brief], decision: Decision | None, *, today: date
) -> Standing:
    """Put the pieces of one experiment together, as they stand at the end of `today`."""
    experiment = promise.experiment
    life = fold(events, experiment.calendar, today)
    seen = max((one.as_of for one in briefs.values()), default=None)
    information = briefs.get("information")
    extension = timedelta(days=experiment.calendar.max_extension_days if life.extended else 0)
    until = min(seen or today, experiment.calendar.last_day + extension)
    shown = effects_may_be_shown(briefs.get("srm"), decision)
    late = _late_since(promise, life, events, seen, today)
    # Whoever stops an experiment waits for its analysis: no day is worth more than that.
    ended = life.stopped and life.analysis_due is not None
    return Standing(
        promise=promise,
        life=life,
        as_of=seen,
        day=max((until - experiment.calendar.first_day).days + 1, 0) if seen else 0,
        days=experiment.calendar.days + extension.days,
        information=information.numbers.get("fraction") if information else None,
        expected_decision=_expected(promise, life, information),
        effect=_effect(promise, briefs, decision) if shown else None,
        guardrails_shown=_proven(promise, briefs.get("guardrails")) if shown else 0,
        guardrails=len(experiment.metrics.guardrails),
        shown=shown,
        late_since=late,
        briefs=briefs,
        decision=decision,
        next_step=_late(late)
        if late and not ended
        else next_step(promise, life, briefs, decision, events, today=today),
    )


def next_step(
    promise: Promise,
    life: Life,
    briefs: Mapping[str, Brief],
    decision: Decision | None,
    events: Sequence[Event],
    *,
    today: date,
) -> str:
    """What a person is asked for, or what happens by itself and when."""
    calendar = promise.experiment.calendar
    match life.stage:
        case Stage.REGISTERED:
            return f"A/A validation before {short_day(calendar.first_day)}"
        case Stage.BLOCKED:
            return "Not validated: mend what the A/A finding names, or waive it with a reason"
        case Stage.VALIDATED:
            return f"Starts on {short_day(calendar.first_day)}"
        case Stage.ANALYSED:
            return "Sign the verdict"
        case Stage.ROLLING_OUT:
            return "The ramp goes on by itself while its gates are quiet"
        case Stage.DECIDED if decision and decision.final_verdict in RAMPED and _has_ramp(promise):
            return "The ramp begins by itself"
        case Stage.LAUNCHED if promise.experiment.decision.watch_days and not _watched(events):
            return "Watched after the launch"
        case Stage.RUNNING:
            return _while_running(promise, life, briefs, today)
    return _afterwards(promise.slug, life, decision, events)


def _has_ramp(promise: Promise) -> bool:
    return bool(promise.experiment.decision.rollout) and is_rolled_out(promise)


def _watched(events: Sequence[Event]) -> bool:
    return any(event.kind is EventKind.WATCHED for event in since_reopening(events))


def _afterwards(slug: str, life: Life, decision: Decision | None, events: Sequence[Event]) -> str:
    """What a signature asked for and nobody has closed; else how it ended."""
    for one in still_open(slug, events):
        due = f" by {short_day(one.follow_up.due)}" if one.follow_up.due else ""
        return f"Follow-up of {one.follow_up.owner}{due}: {one.follow_up.action}"
    ended = f"ended with {decision.final_verdict}" if decision else ""
    by_verdict = life.stage in (Stage.DECIDED, Stage.RETIRED)
    return f"Nothing more: {(by_verdict and ended) or STAGES[life.stage]}"


def _late_since(promise: Promise, life: Life, events: Sequence[Event], seen: date | None, today: date) -> date | None:
    """No data is never health: a day that should have been looked at and was not. A replay is looked at when it is run.

    Nobody looks during a pause or before the present life has begun to run, and nothing is owed after the day that the
    final analysis is due for.
    """
    if not life.monitored or promise.experiment.replay:
        return None
    calendar = promise.experiment.calendar
    first = max(seen + timedelta(days=1), calendar.first_day) if seen else calendar.first_day
    last = min(today - GRACE, calendar.final_day(extended=life.extended), life.analysis_due or date.max)
    return next((day for day in days(first, last) if fold(events, calendar, day).monitored), None)


def _late(since: date) -> str:
    return f"Nothing was looked at since {short_day(since)}: see the runs of daily_monitoring"


def _while_running(promise: Promise, life: Life, briefs: Mapping[str, Brief], today: date) -> str:
    if life.paused:
        return "Paused: resume it by the form of preregistration"
    urgent = [one for one in briefs.values() if one.status in URGENT and one.next_step]
    if urgent:
        return min(urgent, key=_urgency).next_step
    if life.analysis_due is not None:
        return f"Final analysis for {short_day(life.analysis_due)} is due"
    experiment = promise.experiment
    if experiment.analysis.stopping.policy is Policy.ALWAYS_VALID:
        return f"Read every day; last look on {short_day(experiment.calendar.final_day(extended=life.extended))}"
    ahead = [day for day in experiment.look_days(extended=life.extended) if day >= today]
    return f"Next look on {short_day(ahead[0])}" if ahead else "Final analysis"


def _urgency(one: Brief) -> tuple[int, int, str]:
    place = TOLD_FIRST.index(one.check) if one.check in TOLD_FIRST else len(TOLD_FIRST)
    return URGENT.index(one.status), place, one.check


def _expected(promise: Promise, life: Life, information: Brief | None) -> date | None:
    """The day a decision is expected on: forecast from the data where there is one, else the promised last look."""
    if life.stage not in (Stage.REGISTERED, Stage.VALIDATED, Stage.RUNNING):
        return None
    rows = information.numbers.get("forecast", ()) if information and life.stage is Stage.RUNNING else ()
    days = [date.fromisoformat(row["expected_decision"]) for row in rows if row.get("expected_decision")]
    return min(days) if days else promise.experiment.calendar.final_day(extended=life.extended)


def _proven(promise: Promise, brief: Brief | None) -> int:
    """How many guardrails are shown to be within their margin for every treatment."""
    rows = brief.numbers.get("comparisons", ()) if brief else ()
    names = {one.metric for one in promise.experiment.metrics.guardrails}
    missed = {row["metric"] for row in rows if not row.get("non_inferior")}
    return len({row["metric"] for row in rows} & names - missed)


def _effect(promise: Promise, briefs: Mapping[str, Brief], decision: Decision | None) -> Effect | None:
    brief = briefs.get("effects")
    if brief is None:
        return None
    row = leading_row(promise, brief.numbers.get("comparisons", ()), decision)
    return effect_of(promise, row, brief.as_of) if row else None


def leading_row(
    promise: Promise, rows: Iterable[Mapping[str, Any]], decision: Decision | None
) -> Mapping[str, Any] | None:
    """The primary comparison of the decided variant, else of the one with the largest gain."""
    primary = promise.experiment.metrics.primary.metric
    candidates = [row for row in rows if row["metric"] == primary and not row.get("segment_dimension")]
    named = [row for row in candidates if decision and row["variant"] == decision.final_variant]
    sign = promise.metrics[primary].direction.sign
    return max(named or candidates, key=lambda row: sign * (row["estimate"] or 0.0), default=None)


def interval_text(level: float | None, span: str) -> str:
    """`95% interval +0.04 to +0.17`."""
    return f"{percent(level)} interval {span}" if level else span


def effect_of(promise: Promise, row: Mapping[str, Any], as_of: date) -> Effect:
    """A comparison as a list shows it."""
    name = row["metric"]
    scale = scale_of(promise.metrics.get(name), promise.experiment.unit)
    decimals = scale.decimals(row["lower"], row["upper"])
    sign = promise.metrics[name].direction.sign
    minimum = promise.experiment.metrics.primary.minimum_effect
    control = row.get("control")
    share = minimum.relative
    if share is None and control:
        share = (minimum.absolute or 0.0) / abs(control)
    lower, upper = row["lower"], row["upper"]
    good = None
    if lower is not None and lower > 0:
        good = sign > 0
    elif upper is not None and upper < 0:
        good = sign < 0
    return Effect(
        metric=name,
        variant=row["variant"],
        text=scale.effect(row["estimate"], decimals),
        span=interval_text(row.get("level"), scale.span(lower, upper, decimals)),
        estimate=row["relative_estimate"],
        lower=row["relative_lower"],
        upper=row["relative_upper"],
        minimum=sign * share if share else None,
        good=good,
        as_of=as_of,
        why_not=row.get("why_not") or "",
    )
