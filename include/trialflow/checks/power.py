"""Power before the start: how many units the promise needs, how many the traffic brings, and by when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from trialflow.checks.comparison import number
from trialflow.checks.expected_power import enrolled_shares, power_by_day, provable_margin
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.errors import Problem
from trialflow.spec.experiment import Experiment, Policy
from trialflow.spec.metric import Metric, MetricKind
from trialflow.spec.promise import MetricPlan, Plan, Promise
from trialflow.stats.duration import days_needed
from trialflow.stats.group_sequential import inflation
from trialflow.stats.non_inferiority_power import non_inferiority_units
from trialflow.stats.power import (
    minimum_detectable_effect,
    planned_information,
    power_per_test,
    units_per_variant,
)
from trialflow.stats.spending import SpendingFunction
from trialflow.warehouse.summary import HistorySummary

RESOLVE_STEP = "Promise what the expected traffic can show (evidence: `resolvable`), run longer, or take in more units."


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A metric's per-unit mean and standard deviation before the start, and where they come from."""

    mean: float
    std_dev: float
    origin: str


def baselines(promise: Promise, histories: Sequence[HistorySummary], origin: str) -> dict[str, Baseline]:
    """Stated baselines first, then measured ones; a metric with neither is left out."""
    found = {}
    for history in histories:
        measured = _measured(promise.metrics[history.metric], history, origin)
        if measured is not None:
            found[history.metric] = measured
    for name, stated in promise.experiment.baselines.items():
        found[name] = Baseline(mean=stated.mean, std_dev=stated.std_dev, origin="stated in the promise")
    return found


def _measured(metric: Metric, history: HistorySummary, origin: str) -> Baseline | None:
    moments = history.moments
    if float(moments.n) < 2:
        return None
    mean, covariance = moments.mean, moments.covariance
    if metric.kind is not MetricKind.RATIO:
        spread = float(np.sqrt(covariance[0, 0]))
        return Baseline(mean=float(mean[0]), std_dev=spread, origin=origin) if spread > 0 else None
    if mean[1] == 0:
        return None
    ratio = float(mean[0] / mean[1])
    variance = covariance[0, 0] - 2 * ratio * covariance[0, 1] + ratio**2 * covariance[1, 1]
    return Baseline(mean=ratio, std_dev=float(np.sqrt(variance)) / float(mean[1]), origin=origin)


def plan(promise: Promise, known: dict[str, Baseline], *, units_per_day: float | None) -> Plan:
    """The numbers that are locked with the promise."""
    experiment = promise.experiment
    days = experiment.calendar.days
    expected = int(units_per_day * days) if units_per_day else None
    planned = () if _idle(experiment) else experiment.metrics.names
    metrics = tuple(_metric_plan(promise, name, known[name]) for name in planned if name in known)
    primary = next((one for one in metrics if one.metric == experiment.metrics.primary.metric), None)
    needed = _total_units(experiment, primary)
    return Plan(
        metrics=metrics,
        units_per_day=number(units_per_day) if units_per_day else None,
        expected_units=expected,
        tuning_units=needed or expected,
    )


def _metric_plan(promise: Promise, name: str, base: Baseline) -> MetricPlan:
    experiment = promise.experiment
    guardrail = next((one for one in experiment.metrics.guardrails if one.metric == name), None)
    ratio, each = _allocation(experiment), _power_of_each(experiment)
    if name == experiment.metrics.primary.metric:
        minimum = experiment.metrics.primary.minimum_effect.on_scale(base.mean)
        factor = _inflation(experiment, alpha=experiment.alpha_per_treatment, power=each, sides=2)
        needed = units_per_variant(
            std_dev=base.std_dev,
            minimum_effect=minimum,
            alpha=experiment.alpha_per_treatment,
            power=each,
            ratio=ratio,
            inflation=factor,
        )
        wanted = planned_information(
            minimum_effect=minimum, alpha=experiment.alpha_per_treatment, power=each, inflation=factor
        )
        return _rounded(name, base, minimum, math.ceil(needed), float(wanted))
    if guardrail is not None:
        margin = guardrail.margin.on_scale(base.mean)
        needed = non_inferiority_units(
            std_dev=base.std_dev,
            absolute=guardrail.margin.absolute,
            relative=guardrail.margin.relative,
            mean=base.mean,
            direction_sign=promise.metrics[name].direction.sign,
            alpha=experiment.analysis.guardrail_alpha,
            power=each,
            ratio=ratio,
            inflation=_inflation(experiment, alpha=experiment.analysis.guardrail_alpha, power=each, sides=1),
        )
        return _rounded(name, base, margin, math.ceil(needed), None)
    return _rounded(name, base, None, None, None)


def _rounded(name: str, base: Baseline, minimum: float | None, needed: int | None, wanted: float | None) -> MetricPlan:
    return MetricPlan(
        metric=name,
        baseline_mean=number(base.mean) or 0.0,
        baseline_std_dev=number(base.std_dev) or 0.0,
        minimum_effect=number(minimum) if minimum is not None else None,
        units_per_variant=needed,
        planned_information=number(wanted) if wanted is not None else None,
        origin=base.origin,
    )


def _allocation(experiment: Experiment) -> float:
    """Units of the smallest treatment per unit of control."""
    shares = _shares(experiment)
    return min(shares[variant.name] for variant in experiment.treatments) / shares[experiment.control.name]


def _shares(experiment: Experiment) -> dict[str, float]:
    """Each variant's share of all units when every day brings as many: a ramp counts with the days of its steps."""
    days = max(experiment.calendar.days, 1)
    return {
        variant.name: float(enrolled_shares(experiment, variant.name, days)[1][-1]) / days
        for variant in experiment.variants
    }


def _idle(experiment: Experiment) -> tuple[str, ...]:
    """Variants to be compared that get no unit on any day of the calendar."""
    shares = _shares(experiment)
    compared = (experiment.control, *experiment.treatments)
    return tuple(variant.name for variant in compared if shares[variant.name] <= 0.0)


def _power_of_each(experiment: Experiment) -> float:
    """Power of the primary's test and of each guardrail's, so that a SHIP has the promised one."""
    guardrails = len(experiment.metrics.guardrails) if experiment.decision.require_guardrails else 0
    return power_per_test(experiment.analysis.power, guardrails=guardrails)


def _inflation(experiment: Experiment, *, alpha: float, power: float, sides: int) -> float:
    """What interim looks cost in information; a confidence sequence is planned like a fixed horizon and says so."""
    stopping = experiment.analysis.stopping
    if stopping.policy is not Policy.GROUP_SEQUENTIAL or not stopping.looks:
        return 1.0
    final = (experiment.calendar.final_day() - experiment.calendar.first_day).days + 1
    fractions = np.asarray([*(look / final for look in stopping.looks), 1.0])
    return float(
        inflation(
            fractions,
            alpha=alpha,
            power=power,
            sides=sides,
            spending=SpendingFunction.OBRIEN_FLEMING,
        )
    )


def _total_units(experiment: Experiment, primary: MetricPlan | None) -> int | None:
    if primary is None or primary.units_per_variant is None:
        return None
    return math.ceil(primary.units_per_variant / _shares(experiment)[experiment.control.name] * (1.0 - 1e-12))


def power_problems(promise: Promise, made: Plan, where: str) -> tuple[Problem, ...]:
    """What registration refuses: a variant without units, no baseline to plan from, or less traffic than the promise needs.

    Replays are exempt.
    """
    experiment = promise.experiment
    primary = made.of(experiment.metrics.primary.metric)
    if experiment.replay:
        return ()
    if idle := _idle(experiment):
        return (
            Problem(
                where=where,
                field="calendar.ramp",
                value=", ".join(idle),
                message="gets no unit on any day, so there is nothing to compare",
                cure="give it a weight above 0 in a step of the ramp",
            ),
        )
    if primary is None:
        return (
            Problem(
                where=where,
                field=f"baselines.{experiment.metrics.primary.metric}",
                value="missing",
                message="there is no history to plan the power from",
                cure="state the mean and std_dev per unit before the start, or give the source a population with history",
            ),
        )
    needed = _total_units(experiment, primary)
    if needed is None or made.expected_units is None or made.expected_units >= needed:
        return ()
    return (
        Problem(
            where=where,
            field="calendar.last_day",
            value=str(experiment.calendar.last_day),
            message=(
                f"the traffic brings about {made.expected_units:,} units until then, and the minimum effect with this power "
                f"needs {needed:,}"
            ),
            cure=f"run until {enough_by(experiment, made, needed)}, or promise a larger minimum effect",
        ),
    )


def enough_by(experiment: Experiment, made: Plan, needed: int) -> date:
    """The last day of the full week in which the traffic seen so far has brought `needed` units."""
    days = days_needed(max(needed, 1), new_units=made.units_per_day or 1.0)
    return experiment.calendar.first_day + timedelta(days=int(days) - 1)


def _resolvable(promise: Promise, made: Plan, plan: MetricPlan) -> float | None:
    """What the expected traffic shows with the promised power; None for metrics without a plan and unknown traffic.

    The primary's smallest effect on its own scale; a guardrail's smallest margin, of the kind that was promised.
    """
    experiment = promise.experiment
    guardrail = next((one for one in experiment.metrics.guardrails if one.metric == plan.metric), None)
    if not made.expected_units or plan.units_per_variant is None:
        return None
    units = made.expected_units * _shares(experiment)[experiment.control.name]
    each, ratio = _power_of_each(experiment), _allocation(experiment)
    if plan.metric == experiment.metrics.primary.metric:
        found = minimum_detectable_effect(
            std_dev=plan.baseline_std_dev,
            units_per_variant=units,
            alpha=experiment.alpha_per_treatment,
            power=each,
            ratio=ratio,
            inflation=_inflation(experiment, alpha=experiment.alpha_per_treatment, power=each, sides=2),
        )
        return number(float(found))
    if guardrail is None:
        return None
    cost = _inflation(experiment, alpha=experiment.analysis.guardrail_alpha, power=each, sides=1)
    return provable_margin(promise, guardrail, plan, units=units, ratio=ratio, power=each, cost=cost)


def power(promise: Promise, made: Plan, as_of: date) -> Checked:
    """The finding kept with the registration: what the plan rests on, and which margins the traffic cannot resolve."""
    experiment = promise.experiment
    rows = [
        {
            "metric": one.metric,
            "baseline_mean": one.baseline_mean,
            "baseline_std_dev": one.baseline_std_dev,
            "minimum_effect": one.minimum_effect,
            "units_per_variant": one.units_per_variant,
            "planned_information": one.planned_information,
            "resolvable": _resolvable(promise, made, one),
            "origin": one.origin,
        }
        for one in made.metrics
    ]
    primary = made.of(experiment.metrics.primary.metric)
    needed = _total_units(experiment, primary)
    expected = made.expected_units
    weak = [
        one.metric
        for one in made.metrics
        if one.units_per_variant
        and expected
        and one.units_per_variant > expected * _shares(experiment)[experiment.control.name]
    ]
    if primary is None:
        status, headline = Status.NOT_APPLICABLE, "No baseline is known, so no power was planned."
    elif weak:
        status = Status.WARN
        headline = f"The expected traffic is too small to resolve {', '.join(weak)} with the promised power."
    else:
        status, headline = Status.PASS, f"The promise needs {primary.units_per_variant:,} units in control."
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="power",
            as_of=as_of,
            status=status,
            headline=headline,
            next_step=RESOLVE_STEP if status is Status.WARN else "",
            evidence={
                "metrics": rows,
                "power": experiment.analysis.power,
                "power_per_test": number(_power_of_each(experiment)),
                "power_by_day": power_by_day(promise, made),
                "needed_units": needed,
                "expected_units": expected,
                "units_per_day": made.units_per_day,
                "expected_end": enough_by(experiment, made, needed).isoformat()
                if needed and made.units_per_day
                else None,
            },
        )
    )
