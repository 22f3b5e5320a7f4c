"""Whether a day's data is all there, as the source itself says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from trialflow.errors import NotSupportedError, WarehouseError
from trialflow.spec.source import CompleteBy, MomentsSource, UnitSource
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.dialects import start_of
from trialflow.warehouse.lake import Lake
from trialflow.warehouse.tables import column, relation, whole

AnySource = UnitSource | MomentsSource
Rule = Callable[[AnySource, date, Connections, Lake | None, str], bool]


def is_complete(
    source: AnySource, day: date, connections: Connections, lake: Lake | None = None, *, time_zone: str = "UTC"
) -> bool:
    """Whether `day` (of `time_zone`) is complete. `lake` holds the markers; by default that of `connections`.

    Raises NotSupportedError for markers without a lake, WarehouseError for a rule that lacks its table or expression.
    """
    return RULES[source.complete.by](source, day, connections, lake or connections.lake, time_zone)


def complete_through(
    source: AnySource,
    connections: Connections,
    *,
    first: date,
    last: date,
    lake: Lake | None = None,
    time_zone: str = "UTC",
) -> date | None:
    """The last day up to which every day from `first` on is complete, at most `last`; None when `first` is not."""
    reached = None
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if not is_complete(source, day, connections, lake, time_zone=time_zone):
            break
        reached = day
    return reached


def _by_marker(source: AnySource, day: date, _: Connections, lake: Lake | None, _zone: str) -> bool:
    if lake is None:
        raise NotSupportedError(f"source {source.name}: markers of complete days lie in the lake, and there is none")
    return lake.is_complete(source.name, day)


def _by_newest_row(source: AnySource, day: date, connections: Connections, _: Lake | None, zone: str) -> bool:
    rule = source.complete
    if rule.table is None or rule.timestamp is None:
        raise WarehouseError(f"source {source.name}: complete.by max_timestamp needs `table` and `timestamp`")
    due = start_of(day + timedelta(days=1), zone) + timedelta(hours=rule.lag_hours)
    newest = sa.func.max(column(rule.timestamp))
    reached = sa.case((newest >= sa.literal(due, sa.DateTime(timezone=True)), whole(1)), else_=whole(0))
    rows = connections.rows(source.connection, sa.select(reached).select_from(relation(rule.table)))
    return bool(rows[0][0])


def _by_expression(source: AnySource, day: date, connections: Connections, _: Lake | None, _zone: str) -> bool:
    if source.complete.expression is None:
        raise WarehouseError(f"source {source.name}: complete.by sql needs `expression`")
    asked: Any = sa.text(source.complete.expression).bindparams(sa.bindparam("day", day, sa.Date()))
    rows = connections.rows(source.connection, asked)
    return bool(rows and rows[0][0])


# How a source says that a day is complete → the rule. After an asset event its consumer marks the day, as loaders do.
RULES: dict[CompleteBy, Rule] = {
    CompleteBy.MARKER: _by_marker,
    CompleteBy.MAX_TIMESTAMP: _by_newest_row,
    CompleteBy.SQL: _by_expression,
    CompleteBy.ASSET: _by_marker,
}
