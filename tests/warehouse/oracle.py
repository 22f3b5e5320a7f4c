"""What a summary must be, the slow and obvious way: row by row, unit by unit, as of one day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from trialflow.spec.metric import Measure, Metric, MetricKind
from trialflow.spec.promise import Promise
from trialflow.spec.source import UnitSource
from trialflow.stats.moments import JointMoments
from trialflow.warehouse.summary import EVERYBODY, Segment

from .worlds import SLUG, World

NAMES = {
    "name = 'buy'": {"buy"},
    "name = 'view'": {"view"},
    "name = 'click'": {"click"},
    None: {"buy", "view", "click"},
}


@dataclass(frozen=True, kw_only=True)
class Unit:
    name: str
    variant: str | None
    at: datetime
    entered: date
    device: str | None
    country: str | None
    mixed: bool


def day_of(instant: datetime, promise: Promise) -> date:
    return instant.astimezone(ZoneInfo(promise.experiment.calendar.time_zone)).date()


def units_of(world: World, promise: Promise, as_of: date) -> list[Unit]:
    """Everybody exposed by `as_of` within the calendar."""
    calendar = promise.experiment.calendar
    order = {variant.name: place for place, variant in enumerate(promise.experiment.variants)}
    devices = {"ios": 1, "android": 2}
    seen: dict[str, list[dict[str, Any]]] = {}
    for row in world.exposures:
        day = day_of(row["exposed_at"], promise)
        if (
            row["unit_id"] is not None
            and row["experiment"] == SLUG
            and calendar.first_day <= day <= min(as_of, calendar.last_day)
        ):
            seen.setdefault(row["unit_id"], []).append(row)
    found = []
    for name, rows in seen.items():
        # Ties at one instant: the variant first named in the promise, then the segment value first named.
        first = min(
            rows,
            key=lambda row: (
                row["exposed_at"],
                order.get(row["variant"], -1),
                devices.get(row["device"], 0) * 1 + 3 * (row["country"] == "de") if promise.experiment.segments else 0,
            ),
        )
        variants = {row["variant"] if row["variant"] in order else None for row in rows}
        found.append(
            Unit(
                name=name,
                variant=first["variant"] if first["variant"] in order else None,
                at=first["exposed_at"],
                entered=day_of(first["exposed_at"], promise),
                device=first["device"],
                country=first["country"],
                mixed=len(variants) > 1,
            )
        )
    return found


def facts_of(world: World, measure: Measure) -> list[dict[str, Any]]:
    return [
        row
        for row in world.events
        if row["name"] in NAMES[measure.filter] and not (measure.fact == "deeds" and row["name"] == "view")
    ]


def total(rows: list[dict[str, Any]], measure: Measure, metric: Metric, *, capped: bool) -> float:
    if metric.kind in (MetricKind.PROPORTION, MetricKind.RETENTION):
        return float(len(rows) > 0)
    summed = metric.kind in (MetricKind.MEAN, MetricKind.RATIO, MetricKind.QUANTILE) and measure.value is not None
    value = float(sum(row["amount"] or 0.0 for row in rows)) if summed else float(len(rows))
    return min(value, metric.cap.value) if capped and metric.cap else value


def unit_values(world: World, promise: Promise, metric: Metric, unit: Unit, as_of: date) -> list[float]:
    """One unit's variables of one metric."""
    reduction = promise.experiment.analysis.variance_reduction
    now, before = [], []
    for place, measure in enumerate([metric.measure, metric.denominator]):
        if measure is None:
            continue
        own = [row for row in facts_of(world, measure) if row["unit_id"] == unit.name]
        days = [(row, (day_of(row["occurred_at"], promise) - unit.entered).days) for row in own]
        after = [
            (row, age)
            for row, age in days
            if row["occurred_at"] >= unit.at and day_of(row["occurred_at"], promise) <= as_of
        ]
        if metric.window:
            after = [(row, age) for row, age in after if metric.window.from_day <= age <= metric.window.to_day]
        pre = [row for row, age in days if -reduction.pre_period_days <= age < 0]
        now.append(total([row for row, _ in after], measure, metric, capped=place == 0))
        before.append(total(pre, measure, metric, capped=place == 0))
    return now + ([*before, *past(world, promise, unit)] if reduction.method == "cuped" else [])


def tells_newcomers(promise: Promise) -> bool:
    """Whether the source can tell who was there before."""
    return isinstance(promise.source, UnitSource) and promise.source.population is not None


def past(world: World, promise: Promise, unit: Unit) -> list[float]:
    """The indicator of a past, where the source can tell."""
    return [float(was_seen(world, promise, unit))] if tells_newcomers(promise) else []


def was_seen(world: World, promise: Promise, unit: Unit) -> bool:
    """Whether somebody was there in the days before: only then an empty past is a 0."""
    ages = [
        (day_of(row["occurred_at"], promise) - unit.entered).days for row in world.visits if row["unit_id"] == unit.name
    ]
    return any(-promise.experiment.analysis.variance_reduction.pre_period_days <= age < 0 for age in ages)


def in_segment(unit: Unit, segment: Segment) -> bool:
    return segment == EVERYBODY or getattr(unit, segment.dimension) == segment.value


def expected(
    world: World, promise: Promise, metric: Metric, segments: list[Segment], as_of: date
) -> dict[tuple[Segment, str], JointMoments]:
    """Moments per segment and variant of the units that have matured by `as_of`."""
    wait = timedelta(days=metric.window.to_day if metric.window else 0)
    units = [unit for unit in units_of(world, promise, as_of) if not unit.mixed and unit.entered + wait <= as_of]
    rows = {unit.name: unit_values(world, promise, metric, unit, as_of) for unit in units}
    adjusted = promise.experiment.analysis.variance_reduction.method == "cuped"
    width = (2 if metric.kind is MetricKind.RATIO else 1) * (2 if adjusted else 1)
    width += int(adjusted and tells_newcomers(promise))
    return {
        (segment, variant.name): JointMoments.from_rows(
            np.asarray(
                [rows[unit.name] for unit in units if unit.variant == variant.name and in_segment(unit, segment)],
                dtype=np.float64,
            ).reshape(-1, width)
        )
        for segment in segments
        for variant in promise.experiment.variants
    }
