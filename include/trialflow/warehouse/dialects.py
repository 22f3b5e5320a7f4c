"""The only place where the SQL of engines differs: local days, hash buckets, what a session needs.

Everything else in this package is plain SQLAlchemy Core. DuckDB and PostgreSQL agree on the functions used here; an
engine that spells them otherwise gets an `@compiles` in this module and nowhere else.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

BUCKET_DIGITS = 3
BUCKETS = 16**BUCKET_DIGITS


def local_day(instant: sa.ColumnElement[Any], time_zone: str) -> sa.ColumnElement[date]:
    """SQL: the calendar day of `instant` in `time_zone`. An instant stored without a zone counts as UTC."""
    aware = sa.cast(instant, sa.DateTime(timezone=True))
    if time_zone == "UTC":
        return sa.cast(aware, sa.Date)  # sessions are in UTC (`prepare`), and this is several times faster
    return sa.cast(sa.func.timezone(ZoneInfo(time_zone).key, aware), sa.Date)


def hash_prefix(text: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """SQL: the bucket of `text`, one of 4,096, as the first three hexadecimal digits of its MD5."""
    return sa.func.substr(sa.func.md5(text), 1, BUCKET_DIGITS)


def start_of(day: date, time_zone: str) -> datetime:
    """The instant at which `day` begins in `time_zone`, in UTC."""
    return datetime.combine(day, time.min, tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


def prepare(connection: Any) -> None:  # noqa: ANN401 (a DBAPI connection of any driver)
    """Put a new session into UTC, so that instants stored without a zone mean UTC; for DuckDB and PostgreSQL."""
    cursor = connection.cursor()
    cursor.execute("SET TimeZone = 'UTC'")
    cursor.close()
