"""The user's own tables as narrow subqueries: only the columns, rows and instants that are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from trialflow.warehouse.dialects import local_day, start_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """A range of local days, both inclusive; in SQL a day is its distance from `origin`."""

    origin: date
    first: date
    last: date
    time_zone: str

    def number(self, instant: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
        """SQL: the local day of `instant` as days since the origin."""
        return sa.cast(local_day(instant, self.time_zone) - sa.cast(sa.literal(self.origin), sa.Date), sa.Integer)

    def holds(self, instant: sa.ColumnElement[Any]) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
        """SQL: `instant` lies in the range; a comparison of the bare column, so engines skip files and use indexes."""
        aware = sa.DateTime(timezone=True)
        begin, end = start_of(self.first, self.time_zone), start_of(self.last + timedelta(days=1), self.time_zone)
        return instant >= sa.literal(begin, aware), instant < sa.literal(end, aware)


def column(name: str) -> sa.ColumnClause[Any]:
    """SQL: a column of the user's own table, of any type."""
    return sa.column(name)


def whole(number: int) -> sa.ColumnElement[int]:
    """SQL: a whole number, written out rather than bound, so that the same statement reads well and caches."""
    return sa.literal_column(str(number), sa.Integer)


def real(number: float) -> sa.ColumnElement[float]:
    """SQL: a double-precision number, written out."""
    return sa.cast(sa.literal_column(repr(float(number))), sa.Double)


def relation(table: str, *columns: str) -> sa.TableClause:
    """A table by its name as written in a source, `schema.table` or `table`, with the columns that are read."""
    schema, _, name = table.rpartition(".")
    return sa.table(name, *(sa.column(column) for column in dict.fromkeys(columns)), schema=schema or None)


def condition(filter_text: str | None) -> tuple[sa.ColumnElement[bool], ...]:
    """A filter as the user wrote it, in parentheses; nothing where there is none.

    A literal column, not `text()`: a colon inside a filter is a colon and no bind parameter.
    """
    return (sa.literal_column(f"({filter_text})", sa.Boolean),) if filter_text else ()


def recode(text: sa.ColumnElement[Any], codes: Mapping[str, int], otherwise: int) -> sa.ColumnElement[int]:
    """SQL: a text as a small whole number, `otherwise` for every other text and for NULL."""
    if not codes:
        return whole(otherwise)
    places = {name: whole(code) for name, code in codes.items()}
    return sa.case(places, value=sa.cast(text, sa.String), else_=whole(otherwise))
