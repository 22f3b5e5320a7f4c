"""The one long-form query of an experiment: every metric, segment and day of its path in one pass.

Moments are additive, so the query returns by how much the sums change on each day (Δ Σy = y₁ − y₀, Δ Σy² = y₁² − y₀²,
Δ Σxy = x₁y₁ − x₀y₀ of the units that were active) and Python adds the days up. A unit without facts adds nothing to any
sum: the number of units comes from the exposures alone and no outer join is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from trialflow.warehouse.facts import raw_moments, totals, touched, values
from trialflow.warehouse.parts import Layout
from trialflow.warehouse.tables import Days, real, whole

EXPOSURES = -1


def daily_changes(layout: Layout, units: sa.CTE, *, facts: Days, as_of: int) -> sa.CompoundSelect[Any] | sa.Select[Any]:
    """SQL: rows `metric, arm, cell, day, left_on, units, s0 …`.

    Rows with metric −1 count units: entered on `day`, left on `left_on`. The others hold the change of a metric's sums
    on `day`: s0 … are the sums and the raw second moments (upper triangle) of `layout.state`.
    """
    u = units.c
    keys = (u.arm, u.cell, u.entered, u.left_on)
    width = len(layout.state) * (len(layout.state) + 3) // 2
    nothing = [sa.cast(sa.null(), sa.Double).label(f"s{place}") for place in range(width)]
    entered = sa.select(
        whole(EXPOSURES).label("metric"),
        u.arm, u.cell, u.entered.label("day"), u.left_on, sa.func.count().label("units"), *nothing,
    ).group_by(*keys)  # fmt: skip
    if not layout.parts:
        return entered.order_by("metric", "arm", "cell", "day", "left_on")
    total = totals(layout, touched(layout, units, facts), as_of=as_of, by_day=True)
    parts = {part.windowed for part in layout.parts}
    halves = [_closed(layout, total)] if True in parts else []
    halves += [_open(layout, total)] if False in parts else []
    state = (sa.union_all(*halves) if len(halves) > 1 else halves[0]).cte("states")
    changed = _signed(_by_day(layout, state), width)
    both = sa.union_all(entered, changed).subquery("answer")
    return sa.select(both).order_by(both.c.metric, both.c.arm, both.c.cell, both.c.day, both.c.left_on)


def _closed(layout: Layout, total: sa.CTE) -> sa.Select[Any]:
    """Windows: one row per unit and metric, which was nothing before."""
    now = values(layout, total, {name: total.c[name] for name in layout.state})
    before = {name: real(0.0) for name in layout.state}
    return _state(total, now, before).where(total.c.windowed == 1)


def _open(layout: Layout, total: sa.CTE) -> sa.Select[Any]:
    """Open-ended metrics: running totals over a unit's days, and what they were the day before."""
    unit = (total.c.metric, total.c.unit)
    running = {
        name: sa.func.sum(total.c[name]).over(partition_by=unit, order_by=total.c.day, rows=(None, 0))
        for name in layout.state
    }
    sums = sa.select(
        total.c.metric, total.c.arm, total.c.cell, total.c.day, total.c.left_on,
        *(expression.label(f"{name}_1") for name, expression in running.items()),
        *((expression - total.c[name]).label(f"{name}_0") for name, expression in running.items()),
    ).where(total.c.windowed == 0).cte("running")  # fmt: skip
    now = values(layout, sums, {name: sums.c[f"{name}_1"] for name in layout.state})
    before = values(layout, sums, {name: sums.c[f"{name}_0"] for name in layout.state})
    return _state(sums, now, before)


def _state(
    source: sa.CTE, now: Mapping[str, sa.ColumnElement[float]], before: Mapping[str, sa.ColumnElement[float]]
) -> sa.Select[Any]:
    return sa.select(
        source.c.metric, source.c.arm, source.c.cell, source.c.day, source.c.left_on,
        *(expression.label(f"{name}_1") for name, expression in now.items()),
        *(expression.label(f"{name}_0") for name, expression in before.items()),
    )  # fmt: skip


def _by_day(layout: Layout, state: sa.CTE) -> sa.CTE:
    c = state.c
    keys = (c.metric, c.arm, c.cell, c.day, c.left_on)
    sums = raw_moments([c[f"{name}_1"] for name in layout.state], [c[f"{name}_0"] for name in layout.state])
    return sa.select(*keys, *(term.label(f"s{place}") for place, term in enumerate(sums))).group_by(*keys).cte("moved")


def _signed(moved: sa.CTE, width: int) -> sa.Select[Any]:
    """What a unit added is taken back on the day it is seen in a second variant."""
    c = moved.c
    terms = [c[f"s{place}"] for place in range(width)]
    names = [f"s{place}" for place in range(width)]
    minus = [(-term).label(name) for term, name in zip(terms, names, strict=True)]
    added = sa.select(c.metric, c.arm, c.cell, c.day, *terms)
    taken = sa.select(c.metric, c.arm, c.cell, c.left_on.label("day"), *minus).where(c.left_on.is_not(None))
    both = sa.union_all(added, taken).subquery("signed")
    keys = (both.c.metric, both.c.arm, both.c.cell, both.c.day)
    no_day = sa.cast(sa.null(), sa.Integer).label("left_on")
    no_units = sa.cast(sa.null(), sa.BigInteger).label("units")
    sums = [sa.func.sum(both.c[name]).label(name) for name in names]
    return sa.select(*keys, no_day, no_units, *sums).group_by(*keys)
