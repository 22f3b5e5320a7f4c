"""Rules about what precedes and follows an experiment: the canary, the ramp, the watch."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from trialflow.spec.promise import Promise
from trialflow.spec.rules.rule import Circumstances, Complaint
from trialflow.spec.source import MomentsSource


def shares_rise(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """A rollout only grows."""
    steps = promise.experiment.decision.rollout
    for index in range(1, len(steps)):
        if steps[index].share <= steps[index - 1].share:
            message = f"is not more than the step before ({steps[index - 1].share:g})"
            field = f"decision.rollout.{index}.share"
            yield Complaint(field=field, value=steps[index].share, message=message, cure="let shares rise, up to 1")


def gates_need_units(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Each step is compared on units of its own days, which only unit-level rows tell apart."""
    experiment = promise.experiment
    rules, source = experiment.decision, promise.sources.get(experiment.source)
    rolled_out = rules.rollout_key is not None if experiment.replay else bool(rules.rollout)
    if not isinstance(source, MomentsSource) or not (rolled_out or rules.canary):
        return
    field = "decision.canary" if rules.canary else "decision.rollout"
    message = f"is gated on unit-level exposures, and source {source.name} holds {source.grain.value}"
    cure = "use a source with grain: units, or leave it out and ramp by hand"
    yield Complaint(field=field, value=len(rules.rollout), message=message, cure=cure)


def watch_follows_a_rollout(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """What is not rolled out cannot be watched."""
    rules = promise.experiment.decision
    if rules.watch_days and not rules.rollout:
        message, cure = "has no rollout to follow", "add decision.rollout with its steps, or leave watch_days out"
        yield Complaint(field="decision.watch_days", value=rules.watch_days, message=message, cure=cure)


def canary_in_the_future(promise: Promise, circumstances: Circumstances) -> Iterator[Complaint]:
    """A canary ends on the eve of the first day, and is promised before it begins."""
    experiment = promise.experiment
    canary, first = experiment.decision.canary, experiment.calendar.first_day
    if canary is None or experiment.replay or first == circumstances.registered_first_day:
        return
    begins = first - timedelta(days=canary.days)
    if begins <= circumstances.today:
        message = f"would begin on {begins}, which is not in the future (today is {circumstances.today})"
        cure = "choose fewer days, or a later first_day"
        yield Complaint(field="decision.canary.days", value=canary.days, message=message, cure=cure)
