"""Rules about the metrics' roles in the experiment, their margins and minimum effects."""

from __future__ import annotations

from collections.abc import Iterator

from trialflow.spec.experiment import Amount, Guardrail, Policy
from trialflow.spec.metric import Direction, MetricKind
from trialflow.spec.promise import Promise
from trialflow.spec.rules.rule import Circumstances, Complaint
from trialflow.spec.translation import did_you_mean


def used_once(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """A metric has one role."""
    seen: dict[str, str] = {}
    for role, field, name in _places(promise):
        if name in seen:
            message = f"is used twice: as {seen[name]} and as {role}"
            cure = "the primary metric is guarded by its own harm boundary; leave it out here"
            yield Complaint(
                field=field, value=name, message=message, cure=cure if seen[name] == "primary" else "give it one role"
            )
        seen.setdefault(name, role)


def amounts(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """A size is absolute or relative, and a relative loss is less than everything."""
    roles = promise.experiment.metrics
    yield from _one_scale(roles.primary.minimum_effect, "metrics.primary.minimum_effect", "a minimum effect")
    for field, guardrail in _guardrails(promise):
        yield from _one_scale(guardrail.margin, field, "a margin")
        metric = promise.metrics.get(guardrail.metric)
        relative = guardrail.margin.relative
        if metric and metric.direction is Direction.INCREASE and relative is not None and relative >= 1.0:
            message = f"lets {guardrail.metric} fall by {relative:.0%}, to nothing or below"
            yield Complaint(field=f"{field}.relative", value=relative, message=message, cure="0.02 is 2 %")


def window_has_matured(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """The last unit's window closes before the final look."""
    calendar = promise.experiment.calendar
    metric = promise.metrics.get(promise.experiment.metrics.primary.metric)
    if metric is None or metric.window is None or calendar.maturity_days >= metric.window.to_day:
        return
    message = f"the window of {metric.name} runs to day {metric.window.to_day} after exposure"
    cure = f"write maturity_days: {metric.window.to_day}, or choose a metric with a shorter window"
    yield Complaint(field="calendar.maturity_days", value=calendar.maturity_days, message=message, cure=cure)


def window_for_group_sequential(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Without a window a unit's value goes on growing, and the looks lose the correlation their boundaries rest on."""
    experiment = promise.experiment
    metric = promise.metrics.get(experiment.metrics.primary.metric)
    sequential = experiment.analysis.stopping.policy is Policy.GROUP_SEQUENTIAL
    if not sequential or experiment.replay or metric is None or metric.window is not None:
        return
    message = "has no window, and group_sequential needs one on its success metric"
    cure = f"write window: {{to_day: …}} in metrics/{metric.name}.yaml, or choose policy fixed or always_valid"
    yield Complaint(field="metrics.primary.metric", value=metric.name, message=message, cure=cure)


def quantiles(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """A quantile has no daily path and no planned information: it may guard, on the looks of the promise, but not decide."""
    for role, field, name in _places(promise):
        metric = promise.metrics.get(name)
        if role in ("primary", "system guardrail") and metric is not None and metric.kind is MetricKind.QUANTILE:
            message = f"is a quantile, which is known on planned looks only, and not as {role}"
            cure = "make it a guardrail or secondary; judge by the share of units above a limit (kind: proportion) here"
            yield Complaint(field=field, value=name, message=message, cure=cure)


def baselines(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """A baseline is about a metric of this experiment."""
    known = promise.experiment.metrics.names
    for name in promise.experiment.baselines:
        if name not in known:
            message, cure = "is not a metric of this experiment", did_you_mean(name, known)
            yield Complaint(field=f"baselines.{name}", value=name, message=message, cure=cure)


def _guardrails(promise: Promise) -> Iterator[tuple[str, Guardrail]]:
    """Every guardrail with the field of its margin."""
    for index, guardrail in enumerate(promise.experiment.metrics.guardrails):
        yield f"metrics.guardrails.{index}.margin", guardrail
    for index, guardrail in enumerate(promise.experiment.decision.system_guardrails):
        yield f"decision.system_guardrails.{index}.margin", guardrail


def _one_scale(amount: Amount, field: str, noun: str) -> Iterator[Complaint]:
    given = {"absolute": amount.absolute, "relative": amount.relative}
    count = sum(value is not None for value in given.values())
    if count != 1:
        message = "has neither absolute nor relative" if count == 0 else "has both absolute and relative"
        cure = f"give {noun} one size: absolute (the metric's own unit) or relative (0.02 is 2 % of control)"
        yield Complaint(
            field=field, value={k: v for k, v in given.items() if v is not None}, message=message, cure=cure
        )


def _places(promise: Promise) -> Iterator[tuple[str, str, str]]:
    roles = promise.experiment.metrics
    yield "primary", "metrics.primary.metric", roles.primary.metric
    for index, name in enumerate(roles.secondary):
        yield "secondary", f"metrics.secondary.{index}", name
    for index, guardrail in enumerate(roles.guardrails):
        yield "guardrail", f"metrics.guardrails.{index}.metric", guardrail.metric
    for index, name in enumerate(roles.diagnostics):
        yield "diagnostic", f"metrics.diagnostics.{index}", name
    for index, guardrail in enumerate(promise.experiment.decision.system_guardrails):
        yield "system guardrail", f"decision.system_guardrails.{index}.metric", guardrail.metric
