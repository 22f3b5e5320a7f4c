"""The past as if it had been an experiment with one variant: the raw material of plans and of A/A validation.

Everybody in the population's table who comes in the period counts from the first visit of the period on, as a unit of
the experiment will count from its first exposure. Windows longer than the period are cut off at its length.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from trialflow.errors import NotSupportedError
from trialflow.spec.metric import Metric, MetricKind
from trialflow.spec.promise import Promise
from trialflow.spec.source import UnitSource
from trialflow.stats.moments import JointMoments
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.dialects import hash_prefix
from trialflow.warehouse.facts import raw_moments, totals, touched, values
from trialflow.warehouse.increments import moments, rounded, square, with_indicator
from trialflow.warehouse.parts import Layout, layout
from trialflow.warehouse.tables import Days, whole
from trialflow.warehouse.units import Cells, enrolment, exposed_units, told_apart, unit_source, visiting_units

ALL = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One query about one group of units: their table, the days of their facts, and the last day that counts.

    `cells` tells newcomers from units that were seen before, where the layout asks for it.
    """

    layout: Layout
    cells: Cells
    units: sa.CTE
    facts: Days
    as_of: int


def past(promise: Promise, *, last: date, days: int, metrics: tuple[Metric, ...] | None = None) -> Period:
    """The population over the `days` up to `last`, with every metric that is a sum over units unless `metrics` are named.

    Raises NotSupportedError where the source names no population.
    """
    source, zone = unit_source(promise), promise.experiment.calendar.time_zone
    if source.population is None:
        raise NotSupportedError(
            f"source {source.name} names no population, so nothing is known of the time before: add `population`"
        )
    first = last - timedelta(days=days - 1)
    pre_days = _pre_days(promise)
    seen = Days(origin=first, first=first, last=last, time_zone=zone)
    facts = Days(origin=first, first=first - timedelta(days=pre_days), last=last, time_zone=zone)
    wanted = layout(promise, _metrics(promise) if metrics is None else metrics, pre_days=pre_days, longest=days)
    return _period(source, wanted, visiting_units(source.population, days=seen), facts, as_of=days - 1)


def control_only(promise: Promise) -> Period:
    """The control variant's units inside the experiment, up to its final day."""
    calendar, pre_days = promise.experiment.calendar, _pre_days(promise)
    first, last = calendar.first_day, calendar.final_day()
    facts = Days(origin=first, first=first - timedelta(days=pre_days), last=last, time_zone=calendar.time_zone)
    names = [variant.name for variant in promise.experiment.variants]
    everybody = exposed_units(
        unit_source(promise).exposures,
        slug=promise.slug,
        variants=names,
        cells=Cells(),
        days=enrolment(promise, as_of_days=facts, extended=False),
    )
    control = sa.literal_column(str(names.index(promise.experiment.control.name)), sa.Integer)
    own = sa.select(everybody).where(everybody.c.arm == control, everybody.c.left_on.is_(None)).cte("control_units")
    wanted = layout(promise, _metrics(promise), pre_days=pre_days)
    return _period(unit_source(promise), wanted, own, facts, as_of=(last - first).days)


def _period(source: UnitSource, wanted: Layout, units: sa.CTE, facts: Days, *, as_of: int) -> Period:
    cells = Cells(newcomers=wanted.newcomers)
    if source.population is not None and wanted.newcomers:
        units = told_apart(units, source.population, cells, pre_days=wanted.pre_days, days=facts)
    return Period(layout=wanted, cells=cells, units=units, facts=facts, as_of=as_of)


def grouped_query(period: Period, *, salt: str | None) -> sa.CompoundSelect[Any] | sa.Select[Any]:
    """SQL: rows `metric, bucket, cell, units, s0 …`: raw moments per metric, bucket and cell, and their matured units.

    Without a `salt` there is one bucket, ''. Metric −1 counts all units, matured or not.
    """
    u, parts = period.units.c, period.layout.parts
    waits = {part.number: part.to_day for part in parts if part.position == 0}
    width = len(period.layout.state) * (len(period.layout.state) + 3) // 2
    nothing = [sa.cast(sa.null(), sa.Double).label(f"s{place}") for place in range(width)]
    bucket = _bucket(u.unit, salt)
    counts = [
        sa.select(
            whole(number).label("metric"), bucket.label("bucket"), u.cell, sa.func.count().label("units"), *nothing
        )
        .where(u.entered + whole(wait) <= whole(period.as_of))
        .group_by(bucket, u.cell)
        for number, wait in {ALL: 0, **waits}.items()
    ]
    total = totals(period.layout, touched(period.layout, period.units, period.facts), as_of=period.as_of, by_day=False)
    now = values(period.layout, total, {name: total.c[name] for name in period.layout.state})
    per_unit = sa.select(
        total.c.metric,
        _bucket(total.c.unit, salt).label("bucket"),
        total.c.cell,
        *(value.label(name) for name, value in now.items()),
    ).cte("per_unit")
    p = per_unit.c
    no_units = sa.cast(sa.null(), sa.BigInteger)
    sums = raw_moments([p[name] for name in now], None)
    added = sa.select(p.metric, p.bucket, p.cell, no_units, *sums).group_by(p.metric, p.bucket, p.cell)
    answer = sa.union_all(*counts, added).subquery("answer")
    return sa.select(answer).order_by(answer.c.metric, answer.c.bucket, answer.c.cell)


def grouped_moments(
    promise: Promise, period: Period, connections: Connections, *, salt: str | None, buckets: int
) -> tuple[int, list[tuple[Metric, tuple[str, ...], JointMoments]]]:
    """All units seen, and per metric the names of its variables and its moments of shape (bucket,)."""
    rows = connections.rows(unit_source(promise).connection, grouped_query(period, salt=salt))
    own = period.layout
    width = len(own.state)
    shape = (len(own.metrics), period.cells.count, buckets)
    units = np.zeros(shape)
    terms = np.zeros((*shape, width * (width + 3) // 2))
    everybody = 0
    for number, bucket, cell, count, *sums in rows:
        place = int(bucket, 16) if bucket else 0
        if number == ALL:
            everybody += int(count)
        elif count is not None:
            units[number, cell, place] = float(count)
        else:
            terms[number, cell, place] = sums
    terms = rounded(terms)
    found = []
    for number, metric in enumerate(own.metrics):
        columns = list(own.columns(metric))
        sums_of, products_of = square(rounded(terms[number].sum(axis=0)), width)
        mine = sums_of[..., columns], products_of[..., columns, :][..., :, columns]
        if own.newcomers:
            theirs, _ = square(terms[number, 1], width)
            mine = with_indicator(*mine, known=units[number, 1], known_sums=theirs[..., columns])
        found.append((metric, own.variables(metric), moments(units[number].sum(axis=0), *mine)))
    return everybody, found


def _metrics(promise: Promise) -> tuple[Metric, ...]:
    wanted = (promise.metrics[name] for name in promise.experiment.metrics.names)
    # A quantile is no sum over units: it cannot be put together from buckets and is planned by nobody.
    return tuple(
        metric
        for metric in wanted
        if isinstance(promise.sources[metric.source], UnitSource) and metric.kind is not MetricKind.QUANTILE
    )


def _pre_days(promise: Promise) -> int:
    reduction = promise.experiment.analysis.variance_reduction
    return reduction.pre_period_days if reduction.method == "cuped" else 0


def _bucket(unit: sa.ColumnElement[Any], salt: str | None) -> sa.ColumnElement[str]:
    if salt is None:
        return sa.cast(sa.literal_column("''"), sa.String)
    return hash_prefix(sa.literal(salt, sa.String) + sa.cast(unit, sa.String))
