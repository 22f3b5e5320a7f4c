"""The split by every dimension that the source has: one more query, asked only when the split looks wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import sqlalchemy as sa

from trialflow.spec.promise import Promise
from trialflow.spec.source import ExposureTable, UnitSource
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.summary import ExposureGroup, Segment, Summary
from trialflow.warehouse.tables import Days, column, condition, relation, whole
from trialflow.warehouse.units import Cells, enrolment, exposed_units

MOST_VALUES = 50  # of one dimension, the most frequent; the others are one group
OTHERS = "(others)"


def exposure_groups(promise: Promise, summary: Summary, connections: Connections) -> tuple[ExposureGroup, ...]:
    """Newly exposed units by value of each dimension at their first exposure, in the order of dimensions and values.

    Of the same units as `summary.exposures`; a missing value is ''. Empty for sources that hold no rows of units.
    """
    source = promise.source
    if not isinstance(source, UnitSource) or not source.exposures.segments or not summary.days:
        return ()
    rows = connections.rows(source.connection, groups_query(promise, source.exposures, summary))
    names = sorted(source.exposures.segments)
    return tuple(group for place, name in enumerate(names) for group in _of_dimension(name, place, rows, summary))


def groups_query(promise: Promise, table: ExposureTable, summary: Summary) -> sa.Select[Any]:
    """SQL: rows `dimension, value, day, arm, units` of units that were seen in one known variant only."""
    calendar = promise.experiment.calendar
    days = Days(origin=calendar.first_day, first=calendar.first_day, last=summary.as_of, time_zone=calendar.time_zone)
    # Whether an extension enrols was settled by whoever made the summary.
    late = summary.exposures.new_units[(calendar.last_day - calendar.first_day).days + 1 :].sum() > 0
    enrolled = enrolment(promise, as_of_days=days, extended=bool(late))
    units = exposed_units(table, slug=promise.slug, variants=summary.variants, cells=Cells(), days=enrolled)
    unit, instant = column(table.unit), column(table.timestamp)
    own = (sa.column(table.experiment) == promise.slug,) if table.experiment else ()
    texts = [
        sa.func.coalesce(sa.cast(column(table.segments[name]), sa.String), "").label(f"d{place}")
        for place, name in enumerate(sorted(table.segments))
    ]
    rows = (
        sa.select(unit.label("unit"), instant.label("at"), *texts)
        .select_from(relation(table.table))
        .where(*own, *condition(table.filter), *enrolled.holds(instant))
        .subquery("first_rows")
    )
    u = units.c
    # Several rows at the instant of the first exposure: the smallest text, so that the answer is one and the same.
    values = [sa.func.min(rows.c[text.name]).label(text.name) for text in texts]
    each = (
        sa.select(u.unit, u.arm, u.entered, *values)
        .select_from(units.join(rows, sa.and_(rows.c.unit == u.unit, rows.c["at"] == u["at"])))
        .where(u.arm >= 0, u.left_on.is_(None))
        .group_by(u.unit, u.arm, u.entered)
        .cte("each_unit")
    )
    e = each.c
    parts = [
        sa.select(
            whole(place).label("dimension"),
            e[text.name].label("value"),
            e.entered.label("day"),
            e.arm,
            sa.func.count().label("units"),
        ).group_by(e[text.name], e.entered, e.arm)
        for place, text in enumerate(texts)
    ]
    answer = (sa.union_all(*parts) if len(parts) > 1 else parts[0]).subquery("answer")
    a = answer.c
    return sa.select(answer).order_by(a.dimension, a.value, a.day, a.arm)


def _of_dimension(name: str, place: int, rows: list[tuple[Any, ...]], summary: Summary) -> list[ExposureGroup]:
    own = [row for row in rows if row[0] == place]
    totals: dict[str, int] = {}
    for _, value, _, _, units in own:
        totals[value] = totals.get(value, 0) + int(units)
    kept = set(sorted(totals, key=lambda value: (-totals[value], value))[:MOST_VALUES])
    counts: dict[str, Any] = {value: np.zeros_like(summary.exposures.new_units) for value in sorted(kept)}
    if len(kept) < len(totals):
        counts[OTHERS] = np.zeros_like(summary.exposures.new_units)
    for _, value, day, arm, units in own:
        counts[value if value in kept else OTHERS][int(day), int(arm)] += int(units)
    return [ExposureGroup(segment=Segment(dimension=name, value=value), new_units=of) for value, of in counts.items()]
