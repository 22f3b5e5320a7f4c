"""The queries of an experiment as text, for review: golden files and `trialflow validate --sql`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, registry
from sqlalchemy.engine import Dialect

from trialflow.errors import NotSupportedError
from trialflow.spec.metric import Metric, MetricKind, Ranked
from trialflow.spec.promise import PlannedCap, Promise
from trialflow.spec.source import MomentsSource, UnitSource
from trialflow.warehouse.caps import cap_period, cap_query, capped_by_quantile, quantile_of
from trialflow.warehouse.event_quantiles import events_of, points_query
from trialflow.warehouse.history import HISTORY_DAYS
from trialflow.warehouse.order_statistics import order_statistics, probability_of, wanted_places
from trialflow.warehouse.sql_layout import laid_out
from trialflow.warehouse.stored_moments import counts_query, moments_query
from trialflow.warehouse.unit_moments import question

SHOWN_UNITS = 1_000.0
SHOWN_CAP = 1_000_000.0


def sql_of(promise: Promise, as_of: date, dialect: str = "duckdb") -> str:
    """What `summarise` asks, every value written out; `dialect` is "duckdb", "postgresql" or another of SQLAlchemy.

    The ranks that quantile metrics ask for depend on the number of units; they are shown for 1,000 in each variant. A cap
    that registration has yet to find is shown as 1,000,000, after the query that will find it.

    Raises NotSupportedError for a dialect that is not installed.
    """
    chosen = _dialect(dialect)
    texts = [
        str(statement.compile(dialect=chosen, compile_kwargs={"literal_binds": True}))
        for statement in (*_cap_statements(promise), *_statements(_with_caps(promise), as_of))
    ]
    return ";\n\n".join(laid_out(text) for text in texts) + ";\n"


def _open_caps(promise: Promise) -> tuple[Metric, ...]:
    return tuple(metric for metric in capped_by_quantile(promise) if promise.cap_of(metric) is None)


def _cap_statements(promise: Promise) -> list[sa.Select[Any]]:
    metrics, source = _open_caps(promise), promise.source
    if not metrics or not isinstance(source, UnitSource) or source.population is None:
        return []
    period = cap_period(promise, metrics, before=promise.experiment.calendar.first_day, days=HISTORY_DAYS)
    return [cap_query(period, [quantile_of(metric) for metric in metrics])]


def _with_caps(promise: Promise) -> Promise:
    """The same promise with a stand-in for every cap that is not known yet."""
    shown = tuple(
        PlannedCap(metric=metric.name, quantile=quantile_of(metric), value=SHOWN_CAP, units=0)
        for metric in _open_caps(promise)
    )
    return replace(promise, plan=replace(promise.plan, caps=(*promise.plan.caps, *shown)))


def _statements(promise: Promise, as_of: date) -> list[sa.Select[Any] | sa.CompoundSelect[Any]]:
    metrics = tuple(promise.metrics[name] for name in promise.experiment.metrics.names)
    unit_level = tuple(metric for metric in metrics if isinstance(promise.sources[metric.source], UnitSource))
    found: list[sa.Select[Any] | sa.CompoundSelect[Any]] = []
    if isinstance(promise.source, UnitSource):
        found.append(question(promise, unit_level, as_of).statement)
        quantiles = tuple(metric for metric in unit_level if metric.kind is MetricKind.QUANTILE)
        ranked = tuple(metric for metric in quantiles if metric.ranked is Ranked.UNITS)
        if ranked:
            counts = [np.full(len(promise.experiment.variants), SHOWN_UNITS)] * len(ranked)
            found.append(order_statistics(promise, ranked, as_of, wanted_places(ranked, counts)))
        found += [
            points_query(events_of(promise, metric, as_of), probability_of(metric))
            for metric in quantiles
            if metric.ranked is Ranked.EVENTS
        ]
    calendar = promise.experiment.calendar
    slug, first = promise.slug, calendar.first_day
    if isinstance(promise.source, MomentsSource):
        found.append(counts_query(promise.source.exposures, slug=slug, first=first, last=min(as_of, calendar.last_day)))
    for name in dict.fromkeys(metric.source for metric in metrics if metric not in unit_level):
        source = promise.sources[name]
        facts = list(dict.fromkeys(metric.measure.fact for metric in metrics if metric.source == name))
        if isinstance(source, MomentsSource):
            found.append(moments_query(source.moments, slug=slug, metrics=facts, first=first, last=as_of))
    return found


def _dialect(name: str) -> Dialect:
    if name == "postgresql":
        made: Dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]  # keeps % as it is
        return made
    try:
        loaded: Dialect = registry.load(name)()
    except sa.exc.NoSuchModuleError as problem:
        cure = "install its package, or use duckdb or postgresql"
        raise NotSupportedError(f"no SQLAlchemy dialect is named {name!r}: {cure}") from problem
    return loaded
