"""Caps that were promised as a quantile: the value of that quantile among everybody before the start.

It is found once, at registration, and stands in the plan. A fixed threshold keeps moments additive and days independent
of later ones, and knows nothing of the variants (docs/adr/0021).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from trialflow.spec.metric import Metric
from trialflow.spec.promise import PlannedCap, Promise
from trialflow.spec.source import UnitSource
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.facts import totals, touched
from trialflow.warehouse.increments import rounded
from trialflow.warehouse.pre_period import Period, past
from trialflow.warehouse.tables import real, whole
from trialflow.warehouse.units import unit_source

# n q of a whole number is often a rounding error above it.
_RANK_DUST = 1e-9


def capped_by_quantile(promise: Promise) -> tuple[Metric, ...]:
    """Metrics whose cap is a quantile and whose source holds units."""
    return tuple(
        metric
        for name in promise.experiment.metrics.names
        if (metric := promise.metrics[name]).cap is not None
        and metric.cap.quantile is not None
        and isinstance(promise.sources[metric.source], UnitSource)
    )


def quantile_of(metric: Metric) -> float:
    """Which quantile a metric's cap is; 1 (the largest value, no cap) where none was promised."""
    return (metric.cap.quantile if metric.cap else None) or 1.0


def pooled_caps(
    promise: Promise, metrics: Iterable[Metric], connections: Connections, *, before: date, days: int
) -> tuple[PlannedCap, ...]:
    """The promised quantile of each metric over everybody in the `days` before `before`; one without units is left out.

    Per unit the value that an experiment would have measured, from the first visit of the period on and 0 without facts;
    a window longer than the period is cut off at its length. The quantile is a value that occurs (type 1, as
    `stats.pooled_threshold`): the smallest with at least that share of the units at or below it. Raises
    NotSupportedError where the source names no population.
    """
    chosen = tuple(metrics)
    if not chosen:
        return ()
    period = cap_period(promise, chosen, before=before, days=days)
    wanted = [quantile_of(metric) for metric in chosen]
    rows = connections.rows(unit_source(promise).connection, cap_query(period, wanted))
    return tuple(
        PlannedCap(
            metric=metric.name,
            quantile=wanted[number],
            value=float(rounded(np.asarray(_ranked(own, wanted[number])))),
            units=int(own[0][2]),
            origin=f"{days} days before {before}",
        )
        for number, metric in enumerate(chosen)
        if (own := [row for row in rows if row[0] == number])
    )


def cap_period(promise: Promise, metrics: tuple[Metric, ...], *, before: date, days: int) -> Period:
    """The past with these metrics uncapped."""
    bare = tuple(metric.model_copy(update={"cap": None}) for metric in metrics)
    return past(promise, last=before - timedelta(days=1), days=days, metrics=bare)


def cap_query(period: Period, quantiles: Sequence[float]) -> sa.Select[Any]:
    """SQL: rows `metric, place, units, value`: the per-unit values next to each quantile's rank among all matured units."""
    total = totals(period.layout, touched(period.layout, period.units, period.facts), as_of=period.as_of, by_day=False)
    u = period.units.c
    waits = {part.number: part.to_day for part in period.layout.parts if part.position == 0}
    per_unit = [
        sa.select(whole(number).label("metric"), sa.func.coalesce(total.c.numerator, real(0.0)).label("value"))
        .select_from(period.units.outerjoin(total, sa.and_(total.c.unit == u.unit, total.c.metric == whole(number))))
        .where(u.entered + whole(wait) <= whole(period.as_of))
        for number, wait in waits.items()
    ]
    each = (sa.union_all(*per_unit) if len(per_unit) > 1 else per_unit[0]).cte("each_unit")
    own = each.c.metric
    ranked = sa.select(
        own,
        sa.func.row_number().over(partition_by=own, order_by=each.c.value).label("place"),
        sa.func.count().over(partition_by=own).label("units"),
        each.c.value,
    ).cte("ranked_values")
    r = ranked.c
    near = [
        sa.and_(r.metric == whole(number), sa.func.abs(r.place - r.units * real(quantile)) <= real(1.5))
        for number, quantile in enumerate(quantiles)
    ]
    return sa.select(r.metric, r.place, r.units, r.value).where(sa.or_(*near)).order_by(r.metric, r.place)


def _ranked(rows: list[tuple[Any, ...]], quantile: float) -> float:
    rank = max(math.ceil(int(rows[0][2]) * quantile * (1.0 - _RANK_DUST)), 1)
    return next(float(value) for _, place, _, value in rows if int(place) == rank)
