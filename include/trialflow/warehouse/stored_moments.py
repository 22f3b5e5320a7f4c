"""Sources that already hold moments, by day or as totals: read, add up, carry forward."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from trialflow.errors import NotSupportedError
from trialflow.spec.metric import Metric, MetricKind
from trialflow.spec.promise import Promise
from trialflow.spec.source import ExposureCounts, Grain, MomentsSource, MomentsTable
from trialflow.stats.moments import JointMoments
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.increments import rounded
from trialflow.warehouse.summary import EVERYBODY, ExposureSummary, MetricSummary, Segment
from trialflow.warehouse.tables import column, relation

Row = tuple[Any, ...]


def counts_query(table: ExposureCounts, *, slug: str, first: date, last: date) -> sa.Select[Any]:
    """SQL: `day, variant, units` of the days first … last."""
    day = sa.cast(column(table.day), sa.Date)
    own = (column(table.experiment) == slug,) if table.experiment else ()
    variant, units = column(table.variant), column(table.units)
    return (
        sa.select(day.label("day"), variant.label("variant"), units.label("units"))
        .select_from(relation(table.table))
        .where(*own, day >= first, day <= last)
        .order_by(day, variant)
    )


def moments_query(table: MomentsTable, *, slug: str, metrics: Sequence[str], first: date, last: date) -> sa.Select[Any]:
    """SQL: `day, variant, metric, dimension, segment, n, mean, variance` of the days first … last."""
    day = sa.cast(column(table.day), sa.Date)
    metric, variant = column(table.metric), column(table.variant)
    own = (column(table.experiment) == slug,) if table.experiment else ()
    keys = [day.label("day"), variant.label("variant"), metric.label("metric")]
    cut = [
        (sa.func.coalesce(column(name), "") if name else sa.literal("")).label(label)
        for name, label in ((table.segment_dimension, "dimension"), (table.segment_value, "segment"))
    ]
    numbers = [sa.cast(column(name), sa.Double) for name in (table.n, table.mean, table.variance)]
    return (
        sa.select(*keys, *cut, *numbers)
        .select_from(relation(table.table))
        .where(*own, metric.in_(metrics), day >= first, day <= last)
        .order_by(day, variant, metric, *cut)
    )


def stored_exposures(
    promise: Promise, as_of: date, connections: Connections, *, extended: bool = False
) -> ExposureSummary:
    """Newly exposed units per day and variant; cumulative counts become differences."""
    source, calendar = _source(promise, promise.experiment.source), promise.experiment.calendar
    last = min(as_of, calendar.last_day + timedelta(days=calendar.max_extension_days if extended else 0))
    days, variants = _axes(promise, as_of)
    rows = connections.rows(
        source.connection, counts_query(source.exposures, slug=promise.slug, first=calendar.first_day, last=last)
    )
    units: NDArray[np.int64] = np.zeros((len(days), len(variants)), dtype=np.int64)
    unknown = 0
    for day, variant, count in rows:
        if variant in variants:
            units[(_day(day) - calendar.first_day).days, variants.index(variant)] += int(count)
        else:
            unknown = max(unknown, int(count)) if source.exposures.cumulative else unknown + int(count)
    if source.exposures.cumulative and days:
        # A count that goes back or is missing adds nobody: nobody can be un-exposed.
        units = np.diff(np.maximum.accumulate(units, axis=0), axis=0, prepend=0).astype(np.int64)
    return ExposureSummary(days=days, variants=variants, new_units=units, unknown_units=unknown)


def stored_moments(
    promise: Promise, metrics: tuple[Metric, ...], as_of: date, connections: Connections, *, extended: bool = False
) -> tuple[MetricSummary, ...]:
    """The path of metrics whose source holds moments.

    Additive rows are merged up to each day and stop at the last day of enrolment; cumulative rows and totals stand
    until the next row comes, so a day without a row repeats the one before, and days before the first row have no
    units.
    Metrics of several sources are read source by source.
    """
    found: list[MetricSummary] = []
    for name in dict.fromkeys(metric.source for metric in metrics):
        own = tuple(metric for metric in metrics if metric.source == name)
        found += _of_source(promise, _source(promise, name), own, as_of, connections, extended)
    order = [metric.name for metric in metrics]
    return tuple(sorted(found, key=lambda summary: order.index(summary.metric)))


def _of_source(
    promise: Promise,
    source: MomentsSource,
    metrics: tuple[Metric, ...],
    as_of: date,
    connections: Connections,
    extended: bool,
) -> list[MetricSummary]:
    refused = [metric.name for metric in metrics if metric.kind in (MetricKind.RATIO, MetricKind.QUANTILE)]
    if refused:
        raise NotSupportedError(
            f"metrics {', '.join(refused)}: source {source.name} holds one mean and variance, no ratio or quantile"
        )
    calendar, table = promise.experiment.calendar, source.moments
    additive = source.grain is Grain.DAILY_MOMENTS and not table.cumulative
    enrolled = calendar.last_day + timedelta(days=calendar.max_extension_days if extended else 0)
    last = min(as_of, enrolled) if additive else as_of
    facts = {metric.measure.fact: None for metric in metrics}
    query = moments_query(table, slug=promise.slug, metrics=list(facts), first=calendar.first_day, last=last)
    rows = connections.rows(source.connection, query)
    named = [
        Segment(dimension=cut.dimension, value=value) for cut in promise.experiment.segments for value in cut.values
    ]
    axes = _axes(promise, as_of)
    return [
        MetricSummary(metric=metric.name, segment=segment, variables=("value",), moments=_path(own, axes, additive))
        for metric in metrics
        for segment in (EVERYBODY, *named)
        if (own := _rows_of(rows, metric.measure.fact, segment)) or segment == EVERYBODY
    ]


def _path(rows: list[Row], axes: tuple[tuple[date, ...], tuple[str, ...]], additive: bool) -> JointMoments:
    days, variants = axes
    table = np.zeros((len(days), len(variants), 3))
    present = np.zeros((len(days), len(variants)), dtype=bool)
    for row in rows:
        if row[1] in variants:
            at = ((_day(row[0]) - days[0]).days, variants.index(row[1]))
            table[at] = [float(row[5] or 0.0), float(row[6] or 0.0), float(row[7] or 0.0)]
            present[at] = True
    table = rounded(table)
    if not additive:
        latest = np.maximum.accumulate(np.where(present, np.arange(len(days))[:, None], -1), axis=0)
        table = np.where(latest[..., None] >= 0, table[latest, np.arange(len(variants))], 0.0)
    spread = table[..., 2] * np.maximum(table[..., 0] - 1.0, 0.0)
    daily = JointMoments(n=table[..., 0], mean=table[..., 1:2], m2=spread[..., None, None])
    return _running(daily) if additive else daily


def _running(daily: JointMoments) -> JointMoments:
    path: list[JointMoments] = []
    for place in range(daily.n.shape[0]):
        path.append(path[-1] + daily.take(place) if path else daily.take(place))
    if not path:
        return daily
    return JointMoments(
        n=np.stack([row.n for row in path]),
        mean=np.stack([row.mean for row in path]),
        m2=np.stack([row.m2 for row in path]),
    )


def _rows_of(rows: list[Row], fact: str, segment: Segment) -> list[Row]:
    return [row for row in rows if row[2] == fact and row[3] == segment.dimension and row[4] == segment.value]


def _axes(promise: Promise, as_of: date) -> tuple[tuple[date, ...], tuple[str, ...]]:
    first = promise.experiment.calendar.first_day
    days = tuple(first + timedelta(days=number) for number in range((as_of - first).days + 1))
    return days, tuple(variant.name for variant in promise.experiment.variants)


def _source(promise: Promise, name: str) -> MomentsSource:
    source = promise.sources[name]
    if not isinstance(source, MomentsSource):
        raise NotSupportedError(f"source {name} holds unit-level rows and no moments; use a metric of a moments source")
    return source


def _day(value: date | datetime) -> date:
    return value.date() if isinstance(value, datetime) else value
