"""Quantiles of events (the latency of requests), of which every unit brings several: ranks are widened by clustering.

Three small questions about the rows of the metric alone: the quantile of each variant's events; how the share of events at
or below it varies between units; and the values at the ranks that follow from that (Deng, Knoblich & Lu, KDD 2018, §4.2;
Yao, Li & Lu 2024, arXiv 2401.14549, algorithm 1). Units are those that have matured; a row without a value is no event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import sqlalchemy as sa

from trialflow.spec.metric import Metric
from trialflow.spec.promise import Promise
from trialflow.stats.moments import Floats, JointMoments
from trialflow.stats.quantile import QuantileSummary, order_ranks
from trialflow.stats.ratio import ratio_of_sums
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.facts import touched
from trialflow.warehouse.increments import rounded
from trialflow.warehouse.parts import layout
from trialflow.warehouse.ranked import ranked
from trialflow.warehouse.tables import Days, real, whole
from trialflow.warehouse.units import Cells, enrolment, exposed_units, unit_source

LEVEL = 0.95  # of the interval of ranks that the standard error is read from


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """What is known of the events of one metric in one variant."""

    events: int
    point: float


def event_quantile(
    promise: Promise, metric: Metric, units: Floats, as_of: date, connections: Connections, *, extended: bool = False
) -> QuantileSummary:
    """The quantile of the metric's events on `as_of` in each variant; `units` (variant,) have matured by then.

    Arrays of shape (variant,), `n` counts events; NaN where a variant has none.
    """
    name, arms = unit_source(promise).connection, range(len(promise.experiment.variants))
    probability = metric.quantile if metric.quantile is not None else 0.5
    each = events_of(promise, metric, as_of, extended=extended)
    samples = _samples(connections.rows(name, points_query(each, probability)), probability)
    errors = _share_errors(connections.rows(name, shares_query(each, samples)) if samples else [], units)
    n = np.asarray([float(samples[arm].events) if arm in samples else 0.0 for arm in arms])
    share_std_error = np.asarray([errors.get(arm, np.nan) for arm in arms])
    lower, upper = order_ranks(n, probability=probability, level=LEVEL, share_std_error=share_std_error)
    places = {arm: _places(n[arm], lower[arm], upper[arm]) for arm in samples}
    found = {
        (int(arm), int(place)): (float(value), int(step))
        for arm, place, value, step in (connections.rows(name, ranks_query(each, places)) if places else [])
    }
    nothing = ((np.nan, 0), (np.nan, -1))
    ends = [tuple(found[arm, place] for place in places[arm]) if arm in places else nothing for arm in arms]
    return QuantileSummary(
        probability=probability,
        level=LEVEL,
        n=n,
        point=rounded(np.asarray([samples[arm].point if arm in samples else np.nan for arm in arms])),
        lower=rounded(np.asarray([low for (low, _), _ in ends])),
        upper=rounded(np.asarray([high for _, (high, _) in ends])),
        lower_rank=lower,
        upper_rank=upper,
        distinct=np.asarray([last - first + 1.0 for (_, first), (_, last) in ends]),
    )


def events_of(promise: Promise, metric: Metric, as_of: date, *, extended: bool = False) -> sa.CTE:
    """SQL: rows `unit, arm, value`: the events of matured units that lie in the metric's window."""
    first = promise.experiment.calendar.first_day
    days = Days(origin=first, first=first, last=as_of, time_zone=promise.experiment.calendar.time_zone)
    units = exposed_units(
        unit_source(promise).exposures,
        slug=promise.slug,
        variants=tuple(variant.name for variant in promise.experiment.variants),
        cells=Cells(),
        days=enrolment(promise, as_of_days=days, extended=extended),
    )
    wanted = layout(promise, (_with_a_value(metric),), pre_days=0)
    t, window = touched(wanted, units, days).c, metric.window
    inside = (t.age >= whole(window.from_day), t.age <= whole(window.to_day)) if window else ()
    wait = window.to_day if window else 0
    return (
        sa.select(t.unit, t.arm, t.amount.label("value"))
        .where(t.left_on.is_(None), t.entered + whole(wait) <= whole((as_of - first).days), *inside)
        .cte("each_event")
    )


def points_query(each: sa.CTE, probability: float) -> sa.Select[Any]:
    """SQL: rows `arm, place, events, value`: the events next to the quantile's rank 1 + (events − 1) p."""
    e = each.c
    counted = sa.select(
        e.arm,
        sa.func.row_number().over(partition_by=e.arm, order_by=e.value).label("place"),
        sa.func.count().over(partition_by=e.arm).label("events"),
        e.value,
    ).cte("ranked_events")
    r = counted.c
    rank = 1 + (r.events - 1) * real(probability)
    near = sa.func.abs(r.place - rank) <= real(1.5)
    return sa.select(r.arm, r.place, r.events, r.value).where(near).order_by(r.arm, r.place)


def shares_query(each: sa.CTE, samples: dict[int, _Sample]) -> sa.Select[Any]:
    """SQL: rows `arm, s, n, ss, sn, nn`: sums over units of the events at or below the variant's quantile, and of all."""
    e = each.c
    at_most = sa.case({arm: real(one.point) for arm, one in samples.items()}, value=e.arm)
    below = sa.cast(sa.func.sum(sa.case((e.value <= at_most, whole(1)), else_=whole(0))), sa.Double)
    own = (
        sa.select(e.arm, below.label("s"), sa.cast(sa.func.count(), sa.Double).label("n"))
        .group_by(e.arm, e.unit)
        .cte("each_unit")
    )
    u = own.c
    sums = (u.s, u.n, u.s * u.s, u.s * u.n, u.n * u.n)
    return sa.select(u.arm, *(sa.func.sum(term) for term in sums)).group_by(u.arm).order_by(u.arm)


def ranks_query(each: sa.CTE, places: dict[int, tuple[int, int]]) -> sa.Select[Any]:
    """SQL: rows `arm, place, value, step`: the events at the given ranks, `step` counts the different values before."""
    r = ranked(each, "arm", name="ranked_events").c
    chosen = [
        sa.and_(r.arm == whole(arm), r.place.in_([whole(one) for one in sorted(set(ranks))]))
        for arm, ranks in places.items()
    ]
    return sa.select(r.arm, r.place, r.value, r.step).where(sa.or_(sa.false(), *chosen)).order_by(r.arm, r.place)


def _with_a_value(metric: Metric) -> Metric:
    """Sums take a missing value for 0; a latency that was not written is none."""
    measure = metric.measure
    present = f"{measure.value} IS NOT NULL"
    both = f"({measure.filter}) AND {present}" if measure.filter else present
    return metric.model_copy(update={"measure": measure.model_copy(update={"filter": both})})


def _samples(rows: Sequence[tuple[Any, ...]], probability: float) -> dict[int, _Sample]:
    found: dict[int, _Sample] = {}
    for arm in sorted({int(row[0]) for row in rows}):
        own = {int(place): float(value) for one, place, _, value in rows if int(one) == arm}
        events = next(int(row[2]) for row in rows if int(row[0]) == arm)
        rank = 1.0 + (events - 1) * probability
        below = int(np.floor(rank))
        low, high = own[below], own[min(below + 1, events)]
        found[arm] = _Sample(events=events, point=low + (rank - below) * (high - low))
    return found


def _share_errors(rows: Sequence[tuple[Any, ...]], units: Floats) -> dict[int, float]:
    """Standard error of the share at or below the quantile by variant, units without events included."""
    errors = {}
    for arm, s, n, ss, sn, nn in rows:
        moments = JointMoments.from_sums(
            np.asarray(units[int(arm)]),
            np.asarray([s, n], dtype=np.float64),
            np.asarray([[ss, sn], [sn, nn]], dtype=np.float64),
        )
        errors[int(arm)] = float(np.sqrt(ratio_of_sums(moments).variance))
    return errors


def _places(n: float, lower: float, upper: float) -> tuple[int, int]:
    """The ranks as far as there are such events; their middle where the error of the share is not known."""
    known = (float(np.nan_to_num(rank, nan=1.0)) for rank in (lower, upper))
    low, high = (int(np.clip(rank, 1.0, n)) for rank in known)
    return low, high
