"""Values in ascending order, each with its rank and with how many different values lie at or below it."""

from __future__ import annotations

import sqlalchemy as sa

from trialflow.warehouse.tables import real, whole

# Sums that differ by no more than this share of themselves are one value: engines add in no fixed order.
SAME_VALUE = 1e-9


def ranked(each: sa.CTE, *within: str, name: str) -> sa.CTE:
    """SQL: rows `within, place, value, step` of `each`, which has the columns `within` and `value`.

    `place` is the rank among the rows that agree in `within`, from 1; `step` counts the different values before this one.
    """
    v, groups = each.c.value, [each.c[column] for column in within]
    place = sa.func.row_number().over(partition_by=groups, order_by=v)
    before = sa.func.lag(v).over(partition_by=groups, order_by=v)
    f = sa.select(*groups, place.label("place"), v, before.label("before")).cte(f"{name}_in_order").c
    same = [f[column] for column in within]
    rises = sa.case((f.value - f.before > real(SAME_VALUE) * sa.func.abs(f.value), whole(1)), else_=whole(0))
    step = sa.func.sum(rises).over(partition_by=same, order_by=f.place)
    return sa.select(*same, f.place, f.value, step.label("step")).cte(name)
