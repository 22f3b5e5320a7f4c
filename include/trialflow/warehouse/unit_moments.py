"""Unit-level sources: run the one query and add its changes up to the daily path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from trialflow.errors import NotSupportedError
from trialflow.spec.metric import Metric
from trialflow.spec.promise import Promise
from trialflow.stats.moments import Floats
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.increments import moments, rounded, square, with_indicator
from trialflow.warehouse.parts import Layout, layout
from trialflow.warehouse.statement import EXPOSURES, daily_changes
from trialflow.warehouse.summary import ExposureSummary, MetricSummary
from trialflow.warehouse.tables import Days
from trialflow.warehouse.units import UNKNOWN_VARIANT, Cells, enrolment, exposed_units, told_apart, unit_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a unit-level source: the layout, the segments, the days and the statement."""

    layout: Layout
    cells: Cells
    days: tuple[date, ...]
    variants: tuple[str, ...]
    statement: sa.CompoundSelect[Any] | sa.Select[Any]


def path_days(promise: Promise, as_of: date) -> tuple[date, ...]:
    """Days of the path: first_day … as_of, none before the start."""
    first = promise.experiment.calendar.first_day
    return tuple(first + timedelta(days=number) for number in range((as_of - first).days + 1))


def question(promise: Promise, metrics: tuple[Metric, ...], as_of: date, *, extended: bool = False) -> Question:
    """The one query of an experiment on a unit-level source."""
    experiment = promise.experiment
    reduction, first = experiment.analysis.variance_reduction, experiment.calendar.first_day
    pre_days = reduction.pre_period_days if reduction.method == "cuped" else 0
    wanted = layout(promise, metrics, pre_days=pre_days)
    facts = Days(
        origin=first, first=first - timedelta(days=pre_days), last=as_of, time_zone=experiment.calendar.time_zone
    )
    variants = tuple(variant.name for variant in experiment.variants)
    cells = Cells(segments=experiment.segments, newcomers=wanted.newcomers)
    source = unit_source(promise)
    enrolled = enrolment(promise, as_of_days=facts, extended=extended)
    units = exposed_units(source.exposures, slug=promise.slug, variants=variants, cells=cells, days=enrolled)
    if source.population is not None and wanted.newcomers:
        past = replace(facts, last=enrolled.last)
        units = told_apart(units, source.population, cells, pre_days=pre_days, days=past)
    statement = daily_changes(wanted, units, facts=facts, as_of=(as_of - first).days)
    return Question(layout=wanted, cells=cells, days=path_days(promise, as_of), variants=variants, statement=statement)


def unit_moments(
    promise: Promise, metrics: tuple[Metric, ...], as_of: date, connections: Connections, *, extended: bool = False
) -> tuple[ExposureSummary, tuple[MetricSummary, ...]]:
    """Exposures and the cumulative moments of unit-level metrics on every day of the path.

    Raises NotSupportedError where the metrics' facts lie behind another connection than the exposures.
    """
    home = unit_source(promise).connection
    away = [metric.name for metric in metrics if promise.sources[metric.source].connection != home]
    if away:
        raise NotSupportedError(
            f"metrics {', '.join(away)}: facts and exposures must lie behind one connection ({home})"
        )
    asked = question(promise, metrics, as_of, extended=extended)
    rows = connections.rows(home, asked.statement) if asked.days else []
    return _read(asked, rows)


def _read(asked: Question, rows: list[tuple[Any, ...]]) -> tuple[ExposureSummary, tuple[MetricSummary, ...]]:
    shape = (asked.cells.count, len(asked.days), len(asked.variants))
    entered = [row for row in rows if row[0] == EXPOSURES and row[1] != UNKNOWN_VARIANT]
    unknown = sum(int(row[5]) for row in rows if row[0] == EXPOSURES and row[1] == UNKNOWN_VARIANT)
    width = len(asked.layout.state)
    terms = np.zeros((len(asked.layout.metrics), *shape, width * (width + 3) // 2))
    for row in rows:
        if row[0] != EXPOSURES:
            terms[row[0], row[2], row[3], row[1]] = row[6:]
    terms = np.cumsum(rounded(terms), axis=2)
    stayed = [row for row in entered if row[4] is None]
    new_units = _counts(stayed, shape, after=0).sum(axis=0)
    exposures = ExposureSummary(
        days=asked.days,
        variants=asked.variants,
        new_units=new_units,
        mixed_units=sum(int(row[5]) for row in entered) - int(new_units.sum()),
        unknown_units=unknown,
    )
    summaries = tuple(
        summary
        for place, metric in enumerate(asked.layout.metrics)
        for summary in _metric(asked, metric, terms[place], entered)
    )
    return exposures, summaries


def _metric(asked: Question, metric: Metric, terms: Floats, entered: list[tuple[Any, ...]]) -> list[MetricSummary]:
    wait = metric.window.to_day if metric.window else 0
    counts = np.cumsum(_counts(entered, terms.shape[:3], after=wait), axis=1).astype(np.float64)
    columns = list(asked.layout.columns(metric))
    found = []
    for segment, cells in asked.cells.members().items():
        sums, products = square(rounded(terms[cells].sum(axis=0)), len(asked.layout.state))
        own = sums[..., columns], products[..., columns, :][..., :, columns]
        if asked.layout.newcomers:
            known = [cell for cell in cells if asked.cells.is_known(cell)]
            theirs, _ = square(rounded(terms[known].sum(axis=0)), len(asked.layout.state))
            own = with_indicator(*own, known=counts[known].sum(axis=0), known_sums=theirs[..., columns])
        found.append(
            MetricSummary(
                metric=metric.name,
                segment=segment,
                variables=asked.layout.variables(metric),
                moments=moments(counts[cells].sum(axis=0), *own),
            )
        )
    return found


def _counts(entered: list[tuple[Any, ...]], shape: tuple[int, ...], *, after: int) -> NDArray[np.int64]:
    """Change of the number of units by (cell, day, arm), where a unit counts from `after` days past its entry."""
    counts = np.zeros(shape, dtype=np.int64)
    for _, arm, cell, day, left_on, units, *_ in entered:
        begins = day + after
        if begins >= shape[1] or (left_on is not None and left_on <= begins):
            continue
        counts[cell, begins, arm] += int(units)
        if left_on is not None:
            counts[cell, left_on, arm] -= int(units)
    return counts
