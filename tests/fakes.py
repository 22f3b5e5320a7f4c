"""Stand-ins without a warehouse: promises, and summaries made in memory from unit-level arrays or from moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trialflow.checks.history import Checked, History
from trialflow.spec.experiment import Experiment
from trialflow.spec.look import Look, LookPurpose
from trialflow.spec.metric import Metric
from trialflow.spec.promise import MetricPlan, Plan, Promise
from trialflow.spec.source import SOURCE_ADAPTER
from trialflow.stats import JointMoments, Moments
from trialflow.warehouse.summary import EVERYBODY, ExposureSummary, MetricSummary, Segment, Summary

FIRST = date(2026, 3, 2)
DAYS = 28

EXPERIMENT: Mapping[str, Any] = {
    "slug": "ranker-v7",
    "title": "Ranker v7",
    "hypothesis": "The new ranker raises the value of a visit.",
    "mechanism": "It sees more sessions.",
    "owner": "Ranking team",
    "source": "shop",
    "unit": "user_id",
    "layer": "home",
    "audience": "All visitors",
    "variants": [
        {"name": "control", "role": "control", "weight": 0.5},
        {"name": "new", "role": "treatment", "weight": 0.5},
    ],
    "metrics": {"primary": {"metric": "value", "minimum_effect": {"absolute": 0.1}}},
    "calendar": {"first_day": FIRST, "last_day": FIRST + timedelta(days=DAYS - 1)},
    "analysis": {"stopping": {"policy": "group_sequential", "looks": [7, 14, 21]}},
}

CUPED: Mapping[str, Any] = {"variance_reduction": {"method": "cuped"}}

THREE_VARIANTS = [
    {"name": "control", "role": "control", "weight": 0.4},
    {"name": "one", "role": "treatment", "weight": 0.3},
    {"name": "two", "role": "treatment", "weight": 0.3},
]

# name → kind, direction
METRICS: Mapping[str, tuple[str, str]] = {
    "value": ("mean", "increase"),
    "conversion": ("proportion", "increase"),
    "latency": ("mean", "decrease"),
    "errors": ("proportion", "decrease"),
    "sessions": ("count", "increase"),
    "per_view": ("ratio", "increase"),
}


def day(number: int) -> date:
    """The as_of of a day of the calendar, counted from 1."""
    return FIRST + timedelta(days=number - 1)


def an_experiment(**changes: Any) -> Experiment:
    """Four weeks, two variants, looks after each week; changes to a mapping are merged into it."""
    merged = {
        name: {**EXPERIMENT[name], **value}
        if isinstance(EXPERIMENT.get(name), Mapping) and isinstance(value, Mapping)
        else value
        for name, value in changes.items()
    }
    return Experiment.model_validate({**EXPERIMENT, **merged})


def a_metric(name: str, **changes: Any) -> Metric:
    kind, direction = METRICS[name]
    fields: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "source": "shop",
        "measure": {"fact": "orders", "value": "amount"},
        "direction": direction,
        "owner": "Data team",
        "description": "A metric for tests.",
    }
    if kind == "ratio":
        fields["denominator"] = {"fact": "orders", "value": "views"}
    return Metric.model_validate(fields | changes)


def a_source(grain: str = "units", *, cumulative: bool = False) -> Any:
    """A source of unit rows, of daily moments (running totals if `cumulative`) or of one total."""
    common: dict[str, Any] = {"name": "shop", "grain": grain, "description": "A shop.", "complete": {"by": "marker"}}
    if grain == "units":
        tables: dict[str, Any] = {
            "exposures": {"table": "exposures", "unit": "unit_id", "variant": "variant", "timestamp": "at"},
            "facts": {"orders": {"table": "events", "unit": "unit_id", "timestamp": "at"}},
        }
    else:
        tables = {
            "moments": {"table": "moments", "cumulative": cumulative},
            "exposures": {"table": "exposures", "cumulative": cumulative},
        }
    return SOURCE_ADAPTER.validate_python(common | tables)


def a_promise(
    *,
    planned: float | None = None,
    tuning_units: int | None = 10_000,
    source: Any = None,
    definitions: Iterable[Metric] = (),
    **changes: Any,
) -> Promise:
    """A promise; `planned` is the planned information of the primary metric, `definitions` replace metrics."""
    experiment = an_experiment(**changes)
    known = {name: a_metric(name) for name in METRICS} | {metric.name: metric for metric in definitions}
    primary = experiment.metrics.primary.metric
    plans = (
        (MetricPlan(metric=primary, baseline_mean=1.0, baseline_std_dev=1.0, planned_information=planned),)
        if planned is not None
        else ()
    )
    return Promise(
        experiment=experiment,
        metrics=known,
        sources={"shop": source or a_source()},
        plan=Plan(metrics=plans, tuning_units=tuning_units),
    )


def variables_of(promise: Promise, metric: str, width: int) -> tuple[str, ...]:
    if promise.metrics[metric].kind.value == "ratio":
        return ("numerator", "denominator", "pre_numerator", "pre_denominator", "known")[:width]
    return ("value", "pre", "known")[:width]


def summary_of_units(
    promise: Promise,
    daily: Mapping[str, Sequence[Mapping[str, ArrayLike]]],
    *,
    new_units: ArrayLike | None = None,
    segments: Mapping[Segment, Mapping[str, Sequence[Mapping[str, ArrayLike]]]] | None = None,
) -> Summary:
    """A summary from the units that matured on each day: metric → day → variant → values (unit,) or (unit, variable).

    Newly exposed units, shape (day, variant), are those of the first metric unless they are given.
    """
    groups = {EVERYBODY: daily} | dict(segments or {})
    found = [
        _metric_of_units(promise, name, segment, rows)
        for segment, metrics in groups.items()
        for name, rows in metrics.items()
    ]
    counts = found[0].moments.n if new_units is None else np.asarray(new_units)
    units = np.diff(counts, axis=0, prepend=0) if new_units is None else counts
    return _summary(promise, found, units)


def _metric_of_units(
    promise: Promise, name: str, segment: Segment, rows: Sequence[Mapping[str, ArrayLike]]
) -> MetricSummary:
    variants = [variant.name for variant in promise.experiment.variants]
    arrays = [[np.asarray(day_rows.get(variant, []), dtype=np.float64) for variant in variants] for day_rows in rows]
    width = max(1 if one.ndim == 1 else one.shape[1] for day_arrays in arrays for one in day_arrays)
    cumulative = [[np.zeros((0, width))] * len(variants)]
    for day_arrays in arrays:
        shaped = [one.reshape(-1, width) for one in day_arrays]
        cumulative.append([np.concatenate(pair) for pair in zip(cumulative[-1], shaped, strict=True)])
    cells = [[JointMoments.from_rows(values) for values in row] for row in cumulative[1:]]
    moments = JointMoments(
        n=np.asarray([[cell.n for cell in row] for row in cells], dtype=np.float64),
        mean=np.asarray([[cell.mean for cell in row] for row in cells]),
        m2=np.asarray([[cell.m2 for cell in row] for row in cells]),
    )
    return MetricSummary(metric=name, segment=segment, variables=variables_of(promise, name, width), moments=moments)


def moments_of(n: ArrayLike, mean: ArrayLike, variance: ArrayLike = 1.0) -> JointMoments:
    """Cumulative moments of one variable from counts, means and sample variances that broadcast to (day, variant)."""
    n, mean, variance = np.broadcast_arrays(*(np.asarray(one, dtype=np.float64) for one in (n, mean, variance)))
    one = Moments.from_variance(n=n, mean=mean, variance=variance)
    return JointMoments(n=one.n, mean=one.mean[..., None], m2=one.m2[..., None, None])


def shares_of(n: ArrayLike, successes: ArrayLike) -> JointMoments:
    """Cumulative moments of a proportion from counts of shape (day, variant)."""
    one = Moments.from_proportion(n=n, successes=successes)
    return JointMoments(n=one.n, mean=one.mean[..., None], m2=one.m2[..., None, None])


def summary_of_moments(
    promise: Promise,
    metrics: Mapping[str, JointMoments],
    *,
    new_units: ArrayLike | None = None,
    segments: Mapping[Segment, JointMoments] | None = None,
    mixed_units: int = 0,
) -> Summary:
    """A summary from cumulative moments of shape (day, variant); `segments` hold those of the primary metric."""
    primary = promise.experiment.metrics.primary.metric
    named = [(name, EVERYBODY, moments) for name, moments in metrics.items()]
    named += [(primary, segment, moments) for segment, moments in (segments or {}).items()]
    found = [
        MetricSummary(
            metric=name, segment=segment, variables=variables_of(promise, name, moments.mean.shape[-1]), moments=moments
        )
        for name, segment, moments in named
    ]
    units = np.diff(found[0].moments.n, axis=0, prepend=0) if new_units is None else np.asarray(new_units)
    return _summary(promise, found, units, mixed_units=mixed_units)


def exposures_only(promise: Promise, new_units: ArrayLike, *, mixed_units: int = 0) -> Summary:
    """A summary of newly exposed units, shape (day, variant), without a metric."""
    return _summary(promise, [], np.asarray(new_units), mixed_units=mixed_units)


def _summary(promise: Promise, found: Sequence[MetricSummary], units: NDArray[Any], *, mixed_units: int = 0) -> Summary:
    days = tuple(promise.experiment.calendar.first_day + timedelta(days=index) for index in range(len(units)))
    variants = tuple(variant.name for variant in promise.experiment.variants)
    exposures = ExposureSummary(days=days, variants=variants, new_units=units.astype(np.int64), mixed_units=mixed_units)
    return Summary(
        experiment=promise.slug, as_of=days[-1], days=days, variants=variants, exposures=exposures, metrics=tuple(found)
    )


def until(summary: Summary, number: int) -> Summary:
    """The summary as it was on an earlier day, counted from 1."""
    return replace(
        summary,
        as_of=summary.days[number - 1],
        days=summary.days[:number],
        exposures=replace(
            summary.exposures, days=summary.days[:number], new_units=summary.exposures.new_units[:number]
        ),
        metrics=tuple(replace(one, moments=one.moments.take(slice(0, number))) for one in summary.metrics),
    )


def path_of_z(promise: Promise, z: ArrayLike, *, units_a_day: float = 1_000.0, control: float = 1.0) -> JointMoments:
    """Cumulative moments whose statistic has the given values, shape (day,) or (day, treatment): good effects positive.

    Every variant gets the same units with variance 1, so the information of day d (from 1) is units_a_day × d / 2.
    """
    goal = np.asarray(z, dtype=np.float64)
    goal = goal[:, None] if goal.ndim == 1 else goal
    n = units_a_day * np.arange(1, len(goal) + 1, dtype=np.float64)[:, None]
    sign = promise.metrics[promise.experiment.metrics.primary.metric].direction.sign
    means = control + sign * goal * np.sqrt(2.0 / n)
    return moments_of(n, np.concatenate([np.full_like(n, control), means], axis=1))


def recorded(history: History, *checked: Checked) -> History:
    """The history after the looks of these results were recorded, as the registry does: what is there stays."""
    looks = list(history.looks)
    keys = {_key(look) for look in looks}
    for result in checked:
        looks += [look for look in result.looks if _key(look) not in keys]
    return History(looks=tuple(looks))


def _key(look: Look) -> tuple[Any, ...]:
    return look.variant, look.metric, look.purpose, look.as_of, look.revision


def looks_of(looks: Iterable[Look], purpose: LookPurpose, *, variant: str = "new") -> list[Look]:
    """The looks of one purpose and variant, by day."""
    found = [look for look in looks if look.purpose is purpose and look.variant == variant]
    return sorted(found, key=lambda look: (look.as_of, look.revision))
