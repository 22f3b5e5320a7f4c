"""Rollout: what follows a signed decision is recorded: the first step of its ramp, the way back, or the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from trialflow.checks.finding import Finding, Status
from trialflow.decision import Decision, Verdict
from trialflow.registry import EventKind, Registry, Stage, since_reopening
from trialflow.registry.writer import Writer
from trialflow.spec.promise import Promise
from trialflow.stages.ramp import RAMPED, Plan, is_rolled_out
from trialflow.stages.sign import signed_decision
from trialflow.stages.watch import UNDER_WAY, replay, signed_plan, step_event
from trialflow.stages.workspace import Workspace, registered

OVER = (Stage.ROLLED_BACK, Stage.RETIRED)
NOTHING_ROLLED_OUT = "Replay of past data: nothing was rolled out, so the ramp stands as a plan and is not judged."


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """What was recorded about what follows a decision; `steps` are first day and share of each, if every day is quiet."""

    slug: str
    verdict: str
    steps: tuple[tuple[date, float], ...] = ()
    note: str = ""


def roll_out(workspace: Workspace, slug: str, as_of: date) -> Rollout:
    """Record what follows the signed decision of `as_of`. Nothing follows an unsigned one.

    Nothing is switched by this: the record says which share gets the winner from which day, for people and flag systems.
    What was rolled back or retired is not ramped again, whatever is signed; a ramp under way goes back where another
    signature does not ship. The ramp of a replay lies in the past when it is signed, so all its days are judged at once.
    """
    with workspace.registry() as registry:
        promise = registered(registry, slug)
        decision = signed_decision(registry, slug, as_of)
        if decision is None:
            return Rollout(slug=slug, verdict="", note=f"no decision is recorded for {as_of}")
        verdict = decision.final_verdict
        if decision.signature is None:
            note = "extended: nothing follows yet" if verdict is Verdict.EXTEND else "not signed: nothing follows"
            return Rollout(slug=slug, verdict=verdict.value, note=note)
        plan = signed_plan(registry, promise, until=decision.signature)
        stage = registry.life(slug, date.max).stage
        if stage in OVER:
            return Rollout(slug=slug, verdict=verdict.value, note=f"{stage.value.replace('_', ' ')}: nothing follows")
        serving = _serving(registry, slug) if stage in UNDER_WAY else ""
        with registry.append(slug) as record:
            note = _follow(record, promise, decision, plan, serving)
    if plan is not None and is_rolled_out(promise) and promise.experiment.replay:
        done = replay(workspace, slug)
        note = done.headline or done.skipped
    return Rollout(slug=slug, verdict=verdict.value, steps=plan.days() if plan else (), note=note)


def _serving(registry: Registry, slug: str) -> str:
    """The variant that a ramp under way gives to its share."""
    steps = [event for event in since_reopening(registry.events(slug)) if event.kind is EventKind.ROLLOUT_STEP]
    return str(steps[-1].detail["variant"]) if steps else ""


def _follow(record: Writer, promise: Promise, decision: Decision, plan: Plan | None, serving: str) -> str:
    """Record what the verdict asks for; returns it in words."""
    verdict, day = decision.final_verdict, decision.signature.signed_on if decision.signature else decision.as_of
    if verdict is Verdict.ROLLBACK or (serving and verdict not in RAMPED):
        record.event(EventKind.ROLLED_BACK, day, detail={"variant": decision.final_variant or serving})
        return "control for everybody"
    if verdict not in RAMPED:
        record.event(EventKind.RETIRED, day, detail={"verdict": verdict.value})
        return "retired"
    if plan is None:
        return "the promise has no decision.rollout: plan the ramp by hand"
    if not is_rolled_out(promise):
        record.findings([_not_rolled_out(promise, plan, day)])
        return NOTHING_ROLLED_OUT
    step_event(record, plan, plan.steps[0].number, plan.start)
    return f"share {plan.steps[0].share:g} from {plan.start} on"


def _not_rolled_out(promise: Promise, plan: Plan, day: date) -> Finding:
    return Finding(
        experiment=promise.slug,
        check=plan.check,
        as_of=day,
        status=Status.NOT_APPLICABLE,
        headline=NOTHING_ROLLED_OUT,
        evidence={
            "planned": plan.document(),
            "days": [{"day": first.isoformat(), "share": share} for first, share in plan.days()],
        },
    )
