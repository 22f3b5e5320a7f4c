"""Each way in which a source says that a day is complete."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from trialflow.errors import NotSupportedError
from trialflow.spec.source import UnitSource
from trialflow.warehouse.completeness import complete_through, is_complete
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.lake import Lake

from .worlds import FIRST, source


def saying(**complete: Any) -> UnitSource:
    return UnitSource.model_validate({**source().model_dump(exclude_none=True), "complete": complete})


def newest(lake: Lake, instant: datetime) -> Connections:
    lake.write("events", instant.date(), pa.table({"occurred_at": pa.array([instant], pa.timestamp("us", tz="UTC"))}))
    return Connections(lake=lake)


@pytest.mark.parametrize("by", ["marker", "asset"])
def test_a_marked_day_is_complete(by: str, lake: Lake) -> None:
    connections = Connections(lake=lake)
    assert not is_complete(saying(by=by), FIRST, connections)
    lake.mark_complete("small", FIRST)
    assert is_complete(saying(by=by), FIRST, connections)


def test_markers_need_a_lake() -> None:
    with pytest.raises(NotSupportedError, match="lake"):
        is_complete(saying(by="marker"), FIRST, Connections())


@pytest.mark.parametrize(("minutes", "complete"), [(-1, False), (0, True), (1, True)])
def test_the_newest_row_must_pass_the_end_of_the_day_and_the_lag(minutes: int, complete: bool, lake: Lake) -> None:
    due = datetime.combine(FIRST + timedelta(days=1), datetime.min.time(), tzinfo=UTC) + timedelta(
        hours=2, minutes=minutes
    )
    rule = saying(by="max_timestamp", table="events", timestamp="occurred_at", lag_hours=2.0)
    assert is_complete(rule, FIRST, newest(lake, due)) is complete


def test_the_end_of_the_day_is_local(lake: Lake) -> None:
    rule = saying(by="max_timestamp", table="events", timestamp="occurred_at")
    connections = newest(lake, datetime(FIRST.year, FIRST.month, FIRST.day, 23, 30, tzinfo=UTC))
    assert not is_complete(rule, FIRST, connections)
    assert is_complete(rule, FIRST, connections, time_zone="Europe/Berlin")


def test_an_empty_table_is_not_complete(lake: Lake) -> None:
    lake.write("events", FIRST, pa.table({"occurred_at": pa.array([], pa.timestamp("us", tz="UTC"))}))
    rule = saying(by="max_timestamp", table="events", timestamp="occurred_at")
    assert not is_complete(rule, FIRST, Connections(lake=lake))


def test_a_query_decides_by_day(tmp_path: Path) -> None:
    rule = saying(by="sql", expression="SELECT CAST(:day AS DATE) <= DATE '2024-03-28'")
    assert is_complete(rule, date(2024, 3, 28), Connections(lake=Lake(tmp_path)))
    assert not is_complete(rule, date(2024, 3, 29), Connections(lake=Lake(tmp_path)))


def test_days_are_complete_up_to_the_first_gap(lake: Lake) -> None:
    for number in (0, 1, 3):
        lake.mark_complete("small", FIRST + timedelta(days=number))
    connections, last = Connections(lake=lake), FIRST + timedelta(days=9)
    assert complete_through(saying(by="marker"), connections, first=FIRST, last=last) == FIRST + timedelta(days=1)
    assert complete_through(saying(by="marker"), connections, first=FIRST + timedelta(days=2), last=last) is None
