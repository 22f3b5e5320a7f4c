"""Caps that were promised as a quantile of the history: which value they came to, or why there is none."""

from __future__ import annotations

from datetime import date

from trialflow.checks.comparison import number
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.errors import Problem
from trialflow.spec.promise import PlannedCap, Promise

# n q (1 − q) from which on a sample quantile can be told from the largest value (methods §8).
ENOUGH = 10.0


def cap_problems(promise: Promise) -> tuple[Problem, ...]:
    """What registration refuses: a quantile that the history could not tell, for `promise.plan.caps` as found there."""
    found = {cap.metric: cap for cap in promise.plan.caps}
    return tuple(
        Problem(
            where=f"metrics/{metric.name}.yaml",
            field="cap.quantile",
            value=f"{metric.cap.quantile:g}",
            message=message,
            cure="write cap: {value: …} in the metric's own unit" + cure,
        )
        for metric in promise.metrics.values()
        if metric.cap is not None and metric.cap.quantile is not None and metric.cap.value is None
        for message, cure in _faults(found.get(metric.name))
    )


def _faults(cap: PlannedCap | None) -> list[tuple[str, str]]:
    if cap is None:
        return [
            (
                "there is no history to find it in: the source names no population, or nobody came before the start",
                ", or give the source a population with history",
            )
        ]
    if cap.units * cap.quantile * (1.0 - cap.quantile) < ENOUGH:
        return [(f"the {cap.units:,} units of the history are too few to find it in", ", or a lower quantile")]
    if cap.value <= 0.0:
        return [(f"is {cap.value:g} in the history: that would cut every value", ", or a higher quantile")]
    return []


def caps(promise: Promise, as_of: date) -> Checked:
    """The finding kept with the registration: the fixed values that quantiles of the history came to."""
    found = promise.plan.caps
    told = "; ".join(f"{cap.metric} at {cap.value:g}" for cap in found)
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="caps",
            as_of=as_of,
            status=Status.PASS if found else Status.NOT_APPLICABLE,
            headline=f"Values are capped, from the first day to the last: {told}."
            if found
            else "No cap was promised as a quantile.",
            evidence={
                "caps": [
                    {
                        "metric": cap.metric,
                        "quantile": cap.quantile,
                        "value": number(cap.value),
                        "units": cap.units,
                        "origin": cap.origin,
                    }
                    for cap in found
                ]
            },
        )
    )
