"""The ramp as a machine: where it stands after each day, from what the gates said and what people ordered. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from trialflow.checks.rollout import Ramped, Stretch, baseline_of, planned_last
from trialflow.decision import Signature, Verdict
from trialflow.registry import Event, EventKind
from trialflow.spec.promise import Promise

RAMPED = frozenset({Verdict.SHIP, Verdict.PARTIAL})
DAY = timedelta(days=1)
CANARY = 0  # the number of a canary's only step


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From its first day on `share` of the audience gets the winner, for `days` days with data at least.

    Steps of a ramp count from 1; number 0 is a canary.
    """

    number: int
    share: float
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What was promised and signed: the ramp of one winner from `start` on. The last step is the watch after the launch."""

    start: date
    steps: tuple[Step, ...]
    ramped: Ramped

    @property
    def is_canary(self) -> bool:
        """Whether this comes before an experiment and not after its decision."""
        return self.steps[0].number == CANARY

    @property
    def check(self) -> str:
        """The name of the findings that are the record of its days."""
        return "canary" if self.is_canary else "rollout"

    def step(self, number: int) -> Step:
        """The step of that number."""
        return next(step for step in self.steps if step.number == number)

    def days(self) -> tuple[tuple[date, float], ...]:
        """The first day and the share of each step, if every day is quiet."""
        found, day = [], self.start
        for step in self.steps:
            found.append((day, step.share))
            day += timedelta(days=step.days)
        return tuple(found)

    def document(self) -> dict[str, Any]:
        """JSON form, for events and evidence."""
        return {
            "start": self.start.isoformat(),
            "steps": [{"share": step.share, "days": step.days} for step in self.steps],
            "variant": ", ".join(self.ramped.variants),
            "segment": self.ramped.segment,
            "key": self.ramped.key,
        }


def plan_of(promise: Promise, signature: Signature) -> Plan | None:
    """The ramp of a signed SHIP or PARTIAL, from the day after the signature; None where nothing is ramped."""
    rules = promise.experiment.decision
    if signature.verdict not in RAMPED or not rules.rollout:
        return None
    steps = [Step(number=place + 1, share=one.share, days=one.days) for place, one in enumerate(rules.rollout)]
    # The last step's days are the first days of the watch: there is no share to go on to.
    steps[-1] = replace(steps[-1], days=max(steps[-1].days, rules.watch_days))
    return Plan(
        start=signature.signed_on + DAY,
        steps=tuple(steps),
        ramped=Ramped(
            variants=(signature.variant,),
            key=rules.rollout_key or f"{promise.slug}-rollout",
            segment=signature.segment,
            gated_steps=sum(baseline_of(promise.experiment, step.share) is not None for step in steps),
        ),
    )


def canary_plan(promise: Promise) -> Plan | None:
    """The canary of a promise: one step of all treatments that ends on the eve of the first day. None in a replay."""
    experiment, canary = promise.experiment, promise.experiment.decision.canary
    if canary is None or experiment.replay:
        return None
    return Plan(
        start=experiment.calendar.first_day - timedelta(days=canary.days),
        steps=(Step(number=CANARY, share=canary.share, days=canary.days),),
        ramped=Ramped(variants=tuple(variant.name for variant in experiment.treatments), key=f"{promise.slug}-canary"),
    )


def is_rolled_out(promise: Promise) -> bool:
    """Whether anything is really rolled out: of a replay only where the promise says that its log holds the rollout."""
    return not promise.experiment.replay or promise.experiment.decision.rollout_key is not None


class Outcome(StrEnum):
    """What the gates of a day say, together."""

    QUIET = "quiet"
    MISSING = "data missing"
    BROKEN = "split broken"
    HARM = "harm"


class Pause(StrEnum):
    """Why a ramp holds its share."""

    NONE = ""
    DATA = "data missing"
    SPLIT = "split broken"
    PERSON = "ordered"


class End(StrEnum):
    """How a ramp ended."""

    NONE = ""
    ROLLED_BACK = "rolled back"
    WATCHED = "watched"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a ramp stands at the end of a day.

    `first` is the first day of the present step; `counted` its quiet days with data, `uncounted` all its other days, by
    which it is prolonged. `attempt` counts its beginnings from 0. `past` are the steps before it, `orders` the orders of
    people that were obeyed.
    """

    step: int
    first: date
    attempt: int = 0
    counted: int = 0
    uncounted: int = 0
    paused: Pause = Pause.NONE
    end: End = End.NONE
    past: tuple[Stretch, ...] = ()
    orders: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """JSON form, for evidence."""
        return {
            "step": self.step,
            "first": self.first.isoformat(),
            "attempt": self.attempt,
            "counted": self.counted,
            "uncounted": self.uncounted,
            "paused": self.paused.value,
            "end": self.end.value,
            "past": [
                {
                    "number": one.number,
                    "share": one.share,
                    "first": one.first.isoformat(),
                    "last": one.last.isoformat(),
                    "attempt": one.attempt,
                }
                for one in self.past
            ],
            "orders": list(self.orders),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> State:
        """The inverse of `document`."""
        return cls(
            step=document["step"],
            first=date.fromisoformat(document["first"]),
            attempt=document["attempt"],
            counted=document["counted"],
            uncounted=document["uncounted"],
            paused=Pause(document["paused"]),
            end=End(document["end"]),
            past=tuple(
                Stretch(**(one | {"first": date.fromisoformat(one["first"]), "last": date.fromisoformat(one["last"])}))
                for one in document["past"]
            ),
            orders=tuple(document["orders"]),
        )

    def stretch(self, plan: Plan, day: date) -> Stretch:
        """The present step's days as of a day: as long as it lasts at least."""
        step = plan.step(self.step)
        last = max(planned_last(self.first, step.days, self.uncounted), day)
        return Stretch(number=step.number, share=step.share, first=self.first, last=last, attempt=self.attempt)


def beginning(plan: Plan) -> State:
    """Before the first day: at the first step."""
    return State(step=plan.steps[0].number, first=plan.start)


# An order of a person about a ramp → what it does to where the ramp stands.
ORDERS = (EventKind.ROLLED_BACK, EventKind.ROLLOUT_PAUSED, EventKind.ROLLOUT_RESUMED)


def obey(state: State, events: Iterable[Event], day: date) -> State:
    """The state once every order that holds by `day` is obeyed, each once. The machine's own events name nobody."""
    for event in sorted(events, key=lambda event: (event.as_of, event.sequence)):
        name = f"{event.kind.value}|{event.as_of}|{event.key}"
        if event.kind in ORDERS and event.by and event.as_of <= day and name not in state.orders:
            state = replace(_obeyed(state, event.kind, day), orders=(*state.orders, name))
    return state


def _obeyed(state: State, kind: EventKind, day: date) -> State:
    if kind is EventKind.ROLLED_BACK:
        return replace(state, end=End.ROLLED_BACK)
    if kind is EventKind.ROLLOUT_PAUSED:
        return replace(state, paused=Pause.PERSON)
    if state.paused is Pause.SPLIT:
        # What was compared under the broken split counts no more: the step begins anew, by this person's word.
        return replace(state, paused=Pause.NONE, first=day, attempt=state.attempt + 1, counted=0, uncounted=0)
    return replace(state, paused=Pause.NONE)


def after(plan: Plan, state: State, day: date, outcome: Outcome) -> State:
    """Where the ramp stands at the end of a day with this outcome.

    | outcome | what follows |
    |---|---|
    | harm | rolled back, whatever else is so |
    | split broken | the share is held until a person resumes or rolls back |
    | data missing | the share is held; the day does not count |
    | quiet, held by a person or for the split | still held; the day does not count |
    | quiet otherwise | the day counts (after missing data: the ramp goes on); a full step leads to the next one |
    """
    match outcome:
        case Outcome.HARM:
            return replace(state, end=End.ROLLED_BACK)
        case Outcome.BROKEN:
            return replace(state, paused=Pause.SPLIT, uncounted=state.uncounted + 1)
        case Outcome.MISSING:
            return replace(state, paused=state.paused or Pause.DATA, uncounted=state.uncounted + 1)
    if state.paused in (Pause.SPLIT, Pause.PERSON):
        return replace(state, uncounted=state.uncounted + 1)
    counted = replace(state, paused=Pause.NONE, counted=state.counted + 1)
    return _next(plan, counted, day) if counted.counted >= plan.step(state.step).days else counted


def _next(plan: Plan, state: State, day: date) -> State:
    if state.step == plan.steps[-1].number:
        return replace(state, end=End.WATCHED)
    done = replace(state.stretch(plan, day), last=day)
    return State(step=state.step + 1, first=day + DAY, past=(*state.past, done), orders=state.orders)
