"""Who is in an experiment, from when on, and in which variant: the first table of the one long query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import sqlalchemy as sa

from trialflow.errors import NotSupportedError
from trialflow.spec.experiment import Segments
from trialflow.spec.promise import Promise
from trialflow.spec.source import ExposureTable, FactTable, UnitSource
from trialflow.warehouse.summary import EVERYBODY, Segment
from trialflow.warehouse.tables import Days, column, condition, recode, relation, whole

UNKNOWN_VARIANT = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The crossing of all pre-registered segments as one small number, so that every segment comes from one pass.

    With `newcomers` there is a second cell for each, of the units that were seen before (`told_apart`): the first one
    holds the newcomers.
    """

    segments: tuple[Segments, ...] = ()
    newcomers: bool = False

    @property
    def crossed(self) -> int:
        """How many crossings there are; each dimension has one more value, for everything that was not named."""
        product = 1
        for segment in self.segments:
            product *= len(segment.values) + 1
        return product

    @property
    def count(self) -> int:
        """How many cells there are."""
        return self.crossed * (2 if self.newcomers else 1)

    def is_known(self, cell: int) -> bool:
        """Whether the units of a cell were seen before their exposure, where that is told."""
        return cell >= self.crossed

    def code(self, columns: Mapping[str, str]) -> sa.ColumnElement[int]:
        """SQL: the cell of an exposure, where `columns` maps a dimension to its column."""
        total: sa.ColumnElement[int] = sa.literal_column("0", sa.Integer)
        step = 1
        for position, segment in enumerate(self.segments):
            codes = {value: (place + 1) * step for place, value in enumerate(segment.values)}
            one = recode(column(columns[segment.dimension]), codes, 0)
            total = one if position == 0 else total + one
            step *= len(segment.values) + 1
        return total

    def members(self) -> dict[Segment, list[int]]:
        """For everybody and for each named segment, the cells that belong to it."""
        found: dict[Segment, list[int]] = {EVERYBODY: list(range(self.count))}
        step = 1
        for segment in self.segments:
            size = len(segment.values) + 1
            for place, value in enumerate(segment.values):
                cells = [cell for cell in range(self.count) if cell % self.crossed // step % size == place + 1]
                found[Segment(dimension=segment.dimension, value=value)] = cells
            step *= size
        return found


def exposed_units(table: ExposureTable, *, slug: str, variants: Sequence[str], cells: Cells, days: Days) -> sa.CTE:
    """SQL: one row per unit: `unit, arm, cell, at, entered, left_on`.

    `at` is the first exposure in `days`, `entered` its local day; `arm` and `cell` are those of that exposure (several
    at the same instant: the variant named first in the promise). `left_on` is the first day on which the unit was seen in
    another variant, from when on it counts nowhere; NULL for nearly everybody.
    """
    unit, variant, instant = column(table.unit), column(table.variant), column(table.timestamp)
    own = (sa.column(table.experiment) == slug,) if table.experiment else ()
    arm = recode(variant, {name: place for place, name in enumerate(variants)}, UNKNOWN_VARIANT)
    exposures = (
        sa.select(unit.label("unit"), arm.label("arm"), cells.code(table.segments).label("cell"), instant.label("at"))
        .select_from(relation(table.table))
        .where(*own, *condition(table.filter), *days.holds(instant), unit.is_not(None))
        .subquery("exposures")
    )
    keys = (exposures.c.unit, exposures.c.arm, exposures.c.cell)
    seen = sa.select(*keys, sa.func.min(exposures.c.at).label("at")).group_by(*keys).cte("seen")
    c = seen.c
    order = (c.at, c.arm, c.cell)
    ranked = sa.select(
        c.unit,
        c.arm,
        c.cell,
        c.at,
        sa.func.first_value(c.arm).over(partition_by=c.unit, order_by=order).label("first_arm"),
        sa.func.first_value(c.cell).over(partition_by=c.unit, order_by=order).label("first_cell"),
    ).cte("ranked")
    elsewhere = sa.case((ranked.c.arm != ranked.c.first_arm, ranked.c.at))
    return (
        sa.select(
            ranked.c.unit,
            sa.func.min(ranked.c.first_arm).label("arm"),
            sa.func.min(ranked.c.first_cell).label("cell"),
            sa.func.min(ranked.c.at).label("at"),
            days.number(sa.func.min(ranked.c.at)).label("entered"),
            days.number(sa.func.min(elsewhere)).label("left_on"),
        )
        .group_by(ranked.c.unit)
        .cte("units")
    )


def visiting_units(table: FactTable, *, days: Days) -> sa.CTE:
    """SQL: everybody seen in `days`, as if exposed to one variant at the first visit; columns as in `exposed_units`."""
    unit, instant = column(table.unit), column(table.timestamp)
    visits = (
        sa.select(unit.label("unit"), instant.label("at"))
        .select_from(relation(table.table))
        .where(*condition(table.filter), *days.holds(instant), unit.is_not(None))
        .subquery("visits")
    )
    nothing = sa.literal_column("0", sa.Integer)
    return (
        sa.select(
            visits.c.unit,
            nothing.label("arm"),
            nothing.label("cell"),
            sa.func.min(visits.c.at).label("at"),
            days.number(sa.func.min(visits.c.at)).label("entered"),
            sa.cast(sa.null(), sa.Integer).label("left_on"),
        )
        .group_by(visits.c.unit)
        .cte("units")
    )


def told_apart(units: sa.CTE, population: FactTable, cells: Cells, *, pre_days: int, days: Days) -> sa.CTE:
    """SQL: the same rows with the cell of those seen in `population` on one of the `pre_days` days before their entry.

    Only where somebody is known to have been there does the absence of facts mean 0; else the pre-period is missing.
    `days` go from the earliest pre-period to the last entry.
    """
    u, instant = units.c, column(population.timestamp)
    before = replace(days, last=days.last - timedelta(days=1))
    visits = (
        sa.select(column(population.unit).label("unit"), days.number(instant).label("day"))
        .select_from(relation(population.table))
        .where(*condition(population.filter), *before.holds(instant))
        .subquery("earlier_visits")
    )
    v = visits.c
    seen = (
        sa.select(u.unit)
        .distinct()
        .select_from(visits.join(units, v.unit == u.unit))
        .where(v.day < u.entered, v.day >= u.entered - whole(pre_days))
        .cte("seen_before")
    )
    known = sa.case((seen.c.unit.is_(None), whole(0)), else_=whole(cells.crossed))
    return (
        sa.select(u.unit, u.arm, (u.cell + known).label("cell"), u.at, u.entered, u.left_on)
        .select_from(units.outerjoin(seen, seen.c.unit == u.unit))
        .cte("units_with_past")
    )


def unit_source(promise: Promise) -> UnitSource:
    """The source of the exposures, if it is unit-level. Raises NotSupportedError otherwise."""
    source = promise.source
    if not isinstance(source, UnitSource):
        raise NotSupportedError(f"source {source.name} has no unit-level rows (grain {source.grain.value})")
    return source


def enrolment(promise: Promise, *, as_of_days: Days, extended: bool) -> Days:
    """The days whose exposures enrol: those of the calendar, up to the last day of `as_of_days`."""
    calendar = promise.experiment.calendar
    last = calendar.last_day + timedelta(days=calendar.max_extension_days if extended else 0)
    return Days(
        origin=as_of_days.origin,
        first=calendar.first_day,
        last=min(last, as_of_days.last),
        time_zone=calendar.time_zone,
    )
