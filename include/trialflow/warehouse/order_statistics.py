"""The second pass of quantile metrics: the few ranked values of each variant that a quantile and its error are made of.

Moments are not enough for a quantile and cannot be merged into one, so it is computed for few days only. The number of
units in each variant is known from the first pass, hence the ranks that are asked for; units without facts have the value
0 and take their place among the others. With each value comes how many different ones lie before it: between bounds with
only a few values a test of quantiles has no number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import sqlalchemy as sa

from trialflow.spec.metric import Metric, MetricKind, Ranked
from trialflow.spec.promise import Promise
from trialflow.stats.moments import Floats
from trialflow.stats.quantile import QuantileSummary, order_ranks
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.event_quantiles import LEVEL, event_quantile
from trialflow.warehouse.facts import totals, touched
from trialflow.warehouse.increments import rounded
from trialflow.warehouse.parts import layout
from trialflow.warehouse.ranked import ranked
from trialflow.warehouse.summary import EVERYBODY, MetricQuantile, MetricSummary
from trialflow.warehouse.tables import Days, real, whole
from trialflow.warehouse.units import Cells, enrolment, exposed_units, unit_source

Places = dict[tuple[int, int], tuple[int, ...]]


def quantiles(
    promise: Promise, found: Sequence[MetricSummary], as_of: date, connections: Connections, *, extended: bool = False
) -> tuple[MetricQuantile, ...]:
    """The quantile metrics among `found`, for everybody: on `as_of`, and guardrails on every look before it as well.

    Empty where there is none or nobody matured. Guardrails take looks, and a look must be the same whichever day is run.
    """
    experiment = promise.experiment
    guarding = {guardrail.metric for guardrail in experiment.metrics.guardrails}
    by_rank = [
        one
        for one in found
        if one.segment == EVERYBODY and promise.metrics[one.metric].kind is MetricKind.QUANTILE and len(one.moments.n)
    ]
    before = [day for day in experiment.look_days(extended=extended) if experiment.calendar.first_day <= day < as_of]
    path: list[MetricQuantile] = []
    for day in (*(before if by_rank else ()), as_of):
        place = (day - experiment.calendar.first_day).days
        own = {one.metric: one.moments.n[place] for one in by_rank if day == as_of or one.metric in guarding}
        path += _of_day(promise, own, day, connections, extended=extended)
    return tuple(path)


def _of_day(
    promise: Promise, counts: Mapping[str, Floats], day: date, connections: Connections, *, extended: bool
) -> list[MetricQuantile]:
    """The metrics with their matured units in each variant → their quantiles on one day, in the same order."""
    of_units = {name: n for name, n in counts.items() if promise.metrics[name].ranked is Ranked.UNITS}
    by_name = dict(_of_units(promise, of_units, day, connections, extended=extended))
    for name in counts:
        metric = promise.metrics[name]
        if metric.ranked is Ranked.EVENTS:
            by_name[name] = event_quantile(promise, metric, counts[name], day, connections, extended=extended)
    return [MetricQuantile(metric=name, quantile=by_name[name], day=day) for name in counts]


def _of_units(
    promise: Promise, counts: Mapping[str, Floats], as_of: date, connections: Connections, *, extended: bool
) -> list[tuple[str, QuantileSummary]]:
    metrics = tuple(promise.metrics[name] for name in counts)
    if not metrics:
        return []
    places = wanted_places(metrics, [counts[metric.name] for metric in metrics])
    statement = order_statistics(promise, metrics, as_of, places, extended=extended)
    rows = connections.rows(unit_source(promise).connection, statement) if places else []
    values = {
        (int(metric), int(arm), int(place)): (float(value), int(step)) for metric, arm, place, value, step in rows
    }
    return [
        (metric.name, _summary(number, probability_of(metric), counts[metric.name], values))
        for number, metric in enumerate(metrics)
    ]


def probability_of(metric: Metric) -> float:
    """Which quantile a metric asks for; the rules refuse one that names none."""
    return metric.quantile if metric.quantile is not None else 0.5


def wanted_places(metrics: Sequence[Metric], counts: Sequence[Floats]) -> Places:
    """The 1-based ranks to fetch by (metric's place, variant's place): the quantile's two neighbours and its bounds."""
    return {
        (number, arm): tuple(sorted({int(rank) for rank in _ranks(float(n), probability_of(metric))}))
        for number, (metric, of) in enumerate(zip(metrics, counts, strict=True))
        for arm, n in enumerate(of)
        if n > 0
    }


def order_statistics(
    promise: Promise, metrics: tuple[Metric, ...], as_of: date, places: Places, *, extended: bool = False
) -> sa.Select[Any]:
    """SQL: rows `metric, arm, place, value, step`: the per-unit values at the given ranks among all matured units.

    `step` counts the different values before this one.
    """
    calendar = promise.experiment.calendar
    first = calendar.first_day
    facts = Days(origin=first, first=first, last=as_of, time_zone=calendar.time_zone)
    today = (as_of - first).days
    units = exposed_units(
        unit_source(promise).exposures,
        slug=promise.slug,
        variants=tuple(variant.name for variant in promise.experiment.variants),
        cells=Cells(),
        days=enrolment(promise, as_of_days=facts, extended=extended),
    )
    wanted = layout(promise, metrics, pre_days=0)
    total = totals(wanted, touched(wanted, units, facts), as_of=today, by_day=False)
    u = units.c
    per_unit = [
        sa.select(whole(number).label("metric"), u.arm, sa.func.coalesce(total.c.numerator, real(0.0)).label("value"))
        .select_from(units.outerjoin(total, sa.and_(total.c.unit == u.unit, total.c.metric == whole(number))))
        .where(u.arm >= 0, u.left_on.is_(None), u.entered + whole(_wait(metric)) <= whole(today))
        for number, metric in enumerate(metrics)
    ]
    each = (sa.union_all(*per_unit) if len(per_unit) > 1 else per_unit[0]).cte("each_unit")
    r = ranked(each, "metric", "arm", name="ranked_values").c
    chosen = [
        sa.and_(r.metric == whole(metric), r.arm == whole(arm), r.place.in_([whole(one) for one in ranks]))
        for (metric, arm), ranks in places.items()
    ]
    return (
        sa.select(r.metric, r.arm, r.place, r.value, r.step)
        .where(sa.or_(sa.false(), *chosen))
        .order_by(r.metric, r.arm, r.place)
    )


def _wait(metric: Metric) -> int:
    return metric.window.to_day if metric.window else 0


def _ranks(n: float, probability: float) -> tuple[float, float, float, float]:
    """The quantile's lower and upper neighbour, and the bounds' ranks as far as there are such units."""
    lower, upper = order_ranks(np.asarray(n), probability=probability, level=LEVEL)
    below = float(np.floor(1.0 + (n - 1.0) * probability))
    low, high = (float(np.clip(rank, 1.0, n)) for rank in (lower, upper))
    return below, min(below + 1.0, n), low, high


def _summary(
    number: int, probability: float, counts: Floats, values: Mapping[tuple[int, int, int], tuple[float, int]]
) -> QuantileSummary:
    points, lows, highs = (np.full(counts.shape, np.nan) for _ in range(3))
    distinct = np.zeros(counts.shape)
    for arm, n in enumerate(counts):
        if n <= 0:
            continue
        found = [values[number, arm, int(rank)] for rank in _ranks(float(n), probability)]
        (below, _), (above, _), (low, first), (high, last) = found
        share = (float(n) - 1.0) * probability % 1.0
        points[arm], lows[arm], highs[arm] = below + share * (above - below), low, high
        distinct[arm] = last - first + 1.0
    lower_rank, upper_rank = order_ranks(counts, probability=probability, level=LEVEL)
    return QuantileSummary(
        probability=probability,
        level=LEVEL,
        n=counts,
        point=rounded(points),
        lower=rounded(lows),
        upper=rounded(highs),
        lower_rank=lower_rank,
        upper_rank=upper_rank,
        distinct=distinct,
    )
