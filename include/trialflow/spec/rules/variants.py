"""Rules about arms, weights and the ramp."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from trialflow.spec.experiment import Role
from trialflow.spec.promise import Promise
from trialflow.spec.rules.rule import Circumstances, Complaint
from trialflow.spec.translation import did_you_mean

WEIGHT_TOLERANCE = 1e-9


def roles(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """One variant to compare with, and at least one to compare."""
    count = Counter(variant.role for variant in promise.experiment.variants)
    controls, holdouts = count[Role.CONTROL], count[Role.HOLDOUT]
    found = [f"{variant.name}: {variant.role.value}" for variant in promise.experiment.variants]
    if controls > 1:
        yield _roles(found, f"has {controls} controls", "give role: control to one variant only")
    if controls == 0 and holdouts != 1:
        yield _roles(found, "has no control", "give role: control to one variant (or role: holdout to exactly one)")
    if controls == 1 and holdouts > 1:
        yield _roles(found, f"has {holdouts} holdouts", "give role: holdout to one variant at most")
    if count[Role.TREATMENT] == 0:
        yield _roles(found, "has no treatment", "give role: treatment to at least one variant")


def names(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """A variant's name is its identity."""
    seen: set[str] = set()
    for index, variant in enumerate(promise.experiment.variants):
        if variant.name in seen:
            cure = "give each variant its own name"
            yield Complaint(field=f"variants.{index}.name", value=variant.name, message="is used twice", cure=cure)
        seen.add(variant.name)


def weights(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Weights are shares of the audience and sum to 1."""
    found = {variant.name: variant.weight for variant in promise.experiment.variants}
    if len(found) == len(promise.experiment.variants):
        yield from _sum(found, "variants")


def ramp_days(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Steps lie inside the calendar."""
    calendar = promise.experiment.calendar
    for index, step in enumerate(calendar.ramp):
        if not calendar.first_day <= step.day <= calendar.last_day:
            field, message = f"calendar.ramp.{index}.day", "lies outside the calendar"
            cure = f"choose a day from {calendar.first_day} to {calendar.last_day}"
            yield Complaint(field=field, value=step.day, message=message, cure=cure)


def ramp_order(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Steps come in order."""
    steps = promise.experiment.calendar.ramp
    for index in range(1, len(steps)):
        if steps[index].day <= steps[index - 1].day:
            field, message = f"calendar.ramp.{index}.day", f"does not come after {steps[index - 1].day}"
            cure = "order the steps by day, one step per day"
            yield Complaint(field=field, value=steps[index].day, message=message, cure=cure)


def ramp_names(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Steps speak of known variants."""
    known = [variant.name for variant in promise.experiment.variants]
    for index, step in enumerate(promise.experiment.calendar.ramp):
        for name in step.weights:
            if name not in known:
                field, message = f"calendar.ramp.{index}.weights.{name}", "is not a variant of this experiment"
                yield Complaint(field=field, value=name, message=message, cure=did_you_mean(name, known))


def ramp_weights(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Each step's weights are shares and sum to 1."""
    for index, step in enumerate(promise.experiment.calendar.ramp):
        yield from _sum(step.weights, f"calendar.ramp.{index}.weights")


def _sum(found: Mapping[str, float], field: str) -> Iterator[Complaint]:
    total = math.fsum(found.values())
    if abs(total - 1.0) > WEIGHT_TOLERANCE:
        message = f"weights sum to {total:.12g}, not to 1"
        yield Complaint(
            field=field, value=dict(found), message=message, cure="give shares of the audience, as in 0.5 and 0.5"
        )


def _roles(found: list[str], message: str, cure: str) -> Complaint:
    return Complaint(field="variants", value=found, message=message, cure=cure)
