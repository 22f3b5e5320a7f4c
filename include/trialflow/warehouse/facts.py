"""Units joined to their facts: per unit and metric the totals that count, by the day from which they count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from trialflow.warehouse.parts import Layout, Part, RawMeasure, value_of
from trialflow.warehouse.tables import Days, column, condition, real, relation, whole


def touched(layout: Layout, units: sa.CTE, days: Days) -> sa.CTE:
    """SQL, long form: one row per fact that may count: `measure, unit, arm, cell, entered, left_on, age, amount`.

    `age` is the local day of the fact minus that of the exposure. A fact of the day of exposure counts only from the
    instant of the exposure on; facts of earlier days (age −1 … −pre_days) are the covariate: strictly before.
    """
    branches = [_branch(place, raw, layout.pre_days, units, days) for place, raw in enumerate(layout.measures)]
    return (sa.union_all(*branches) if len(branches) > 1 else branches[0]).cte("touched")


def totals(layout: Layout, touched: sa.CTE, *, as_of: int, by_day: bool) -> sa.CTE:
    """SQL: `metric, unit, arm, cell, left_on, windowed[, day]` and a total per variable of `layout.state`.

    `day` is the one from which the totals count: for a window the day on which it closes, else the day of the fact
    itself (the day of entry for the covariate). Nothing counts after `as_of` (a day number) or once the unit has left.
    """
    parts = (
        sa.union_all(*(_part_row(part) for part in layout.parts))
        if len(layout.parts) > 1
        else _part_row(layout.parts[0])
    )
    part = parts.cte("parts")
    t, age = touched.c, touched.c.age
    counts_from = t.entered + sa.case((part.c.windowed == 1, part.c.to_day), (age > 0, age), else_=whole(0))
    in_window = sa.or_(age < 0, part.c.windowed == 0, sa.and_(age >= part.c.from_day, age <= part.c.to_day))
    sums = [
        sa.func.sum(sa.case((sa.and_(part.c.position == position, moment), t.amount), else_=real(0.0))).label(name)
        for name, position, moment in _conditions(layout, age)
    ]
    keys = [part.c.metric, t.unit, t.arm, t.cell, t.left_on, part.c.windowed]
    day = [counts_from.label("day")] if by_day else []
    return (
        sa.select(*keys, *day, *sums)
        .select_from(touched.join(part, t.measure == part.c.measure))
        .where(in_window, counts_from <= whole(as_of), sa.or_(t.left_on.is_(None), counts_from < t.left_on))
        .group_by(*keys, *([counts_from] if by_day else []))
        .cte("totals")
    )


def values(
    layout: Layout, source: sa.CTE, expressions: Mapping[str, sa.ColumnElement[float]]
) -> dict[str, sa.ColumnElement[float]]:
    """SQL: per-unit values made of per-unit totals, by name of the variable."""
    return {
        name: value_of(layout, total, source.c.metric, 1 if name.endswith("denominator") else 0)
        for name, total in expressions.items()
    }


def _branch(place: int, raw: RawMeasure, pre_days: int, units: sa.CTE, days: Days) -> sa.Select[Any]:
    table = raw.fact
    instant = column(table.timestamp)
    columns = [column(table.unit).label("unit"), instant.label("at"), days.number(instant).label("day")]
    value = [column(raw.value).label("value")] if raw.value else []
    fact = (
        sa.select(*columns, *value)
        .select_from(relation(table.table))
        .where(*condition(table.filter), *condition(raw.filter), *days.holds(instant))
        .subquery("facts")
    )
    amount = (
        sa.func.coalesce(sa.cast(fact.c.value, sa.Double), real(0.0)) if raw.value else sa.cast(whole(1), sa.Double)
    )
    age = fact.c.day - units.c.entered
    after = fact.c.at >= units.c.at
    before = sa.and_(age < 0, age >= whole(-pre_days))
    u = units.c
    rows: sa.Select[Any] = (
        sa.select(
            whole(place).label("measure"),
            u.unit,
            u.arm,
            u.cell,
            u.entered,
            u.left_on,
            age.label("age"),
            amount.label("amount"),
        )
        .select_from(fact.join(units, fact.c.unit == u.unit))
        .where(u.arm >= 0, sa.or_(after, before) if pre_days else after)
    )
    return rows


def _conditions(layout: Layout, age: sa.ColumnElement[int]) -> list[tuple[str, int, sa.ColumnElement[bool]]]:
    return [
        (name, 1 if name.endswith("denominator") else 0, age < 0 if name.startswith("pre_") else age >= 0)
        for name in layout.state
    ]


def _part_row(part: Part) -> sa.Select[Any]:
    columns: list[sa.ColumnElement[Any]] = [
        whole(part.number).label("metric"),
        whole(part.position).label("position"),
        whole(part.measure).label("measure"),
        whole(part.from_day).label("from_day"),
        whole(part.to_day).label("to_day"),
        whole(int(part.windowed)).label("windowed"),
    ]
    return sa.select(*columns)


def raw_moments(
    first: Sequence[sa.ColumnElement[float]], second: Sequence[sa.ColumnElement[float]] | None
) -> list[sa.ColumnElement[float]]:
    """SQL: sums and raw second moments (upper triangle, row by row) of `first`, minus those of `second`."""
    pairs = [(i, j) for i in range(len(first)) for j in range(i, len(first))]
    now = [*first, *(first[i] * first[j] for i, j in pairs)]
    if second is None:
        return [sa.func.sum(term) for term in now]
    before = [*second, *(second[i] * second[j] for i, j in pairs)]
    return [sa.func.sum(new - old) for new, old in zip(now, before, strict=True)]
