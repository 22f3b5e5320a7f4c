"""Rollout: what follows a decision is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from trialflow.decision import Decision, Verdict
from trialflow.registry import EventKind
from trialflow.spec.experiment import RolloutStep
from trialflow.stages.workspace import Workspace, registered

RAMPED = frozenset({Verdict.SHIP, Verdict.PARTIAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From `day` on, `share` of the audience gets the winner."""

    day: date
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """What was recorded about what follows a decision."""

    slug: str
    verdict: str
    steps: tuple[Step, ...] = ()
    note: str = ""


def roll_out(workspace: Workspace, slug: str, as_of: date) -> Rollout:
    """Record what follows the decision of `as_of`: the promised ramp, the way back to control, or retirement.

    Nothing is switched by this: the record says what was recommended and from which day, for people and flag systems.
    """
    with workspace.registry() as registry:
        promise = registered(registry, slug)
        stored = next((one for one in registry.decisions(slug) if one.as_of == as_of), None)
        if stored is None:
            return Rollout(slug=slug, verdict="", note=f"no decision is recorded for {as_of}")
        decision = Decision.from_document(stored.document)
        steps = _ramp(promise.experiment.decision.rollout, as_of) if decision.verdict in RAMPED else ()
        with registry.append(slug) as record:
            for number, step in enumerate(steps):
                record.event(
                    EventKind.ROLLOUT_STEP,
                    as_of,
                    key=str(number),
                    detail={"day": step.day.isoformat(), "share": step.share, "variant": decision.variant},
                )
            if steps and steps[-1].share >= 1.0:
                record.event(EventKind.LAUNCHED, steps[-1].day, detail={"variant": decision.variant})
            if decision.verdict is Verdict.ROLLBACK:
                record.event(EventKind.ROLLED_BACK, as_of, detail={"variant": decision.variant})
            if decision.verdict in (Verdict.HOLD, Verdict.INVALID):
                record.event(EventKind.RETIRED, as_of, detail={"verdict": decision.verdict.value})
    return Rollout(slug=slug, verdict=decision.verdict.value, steps=steps)


def _ramp(promised: tuple[RolloutStep, ...], decided_on: date) -> tuple[Step, ...]:
    day = decided_on + timedelta(days=1)
    steps = []
    for step in promised:
        steps.append(Step(day=day, share=step.share))
        day += timedelta(days=step.days)
    return tuple(steps)
