"""The embedded lake: days, markers, views."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from trialflow.errors import WarehouseError
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.lake import Lake

DAY = date(2024, 2, 29)


def read(lake: Lake, text: str) -> list[tuple[object, ...]]:
    return Connections(lake=lake).rows("lake", sa.text(text))


def test_a_written_day_is_read_back_with_its_day(lake: Lake) -> None:
    lake.write("things", DAY, pa.table({"a": [1, 2]}))
    assert read(lake, "SELECT a, day FROM things ORDER BY a") == [(1, DAY), (2, DAY)]


def test_writing_a_day_again_replaces_it(lake: Lake) -> None:
    lake.write("things", DAY, pa.table({"a": [1, 2]}))
    lake.write("things", DAY, pa.table({"a": [3]}))
    assert read(lake, "SELECT a FROM things") == [(3,)]


def test_a_column_named_day_gives_way_to_the_folder(lake: Lake) -> None:
    lake.write("things", DAY, pa.table({"a": [1], "day": ["2024-02-29"]}))
    assert read(lake, "SELECT day FROM things") == [(DAY,)]


def test_a_column_may_come_later(lake: Lake) -> None:
    lake.write("things", DAY, pa.table({"a": [1]}))
    lake.write("things", date(2024, 3, 1), pa.table({"a": [2], "b": ["x"]}))
    assert read(lake, "SELECT a, b FROM things ORDER BY a") == [(1, None), (2, "x")]


def test_no_half_written_file_is_ever_seen(lake: Lake) -> None:
    lake.write("things", DAY, pa.table({"a": [1]}))
    leftover = lake.root / "_temporary" / "broken.parquet"
    leftover.write_bytes(b"not parquet")
    assert read(lake, "SELECT a FROM things") == [(1,)]
    assert list(lake.tables()) == ["things"]


def test_an_unwritten_lake_is_empty_and_not_an_error(tmp_path: Path) -> None:
    assert read(Lake(tmp_path / "nowhere"), "SELECT 1") == [(1,)]


def test_markers_belong_to_a_source_and_a_day(lake: Lake) -> None:
    lake.mark_complete("mine", DAY)
    assert lake.is_complete("mine", DAY)
    assert not lake.is_complete("mine", date(2024, 3, 1))
    assert not lake.is_complete("other", DAY)


@pytest.mark.parametrize("name", ["../out", "_complete", "a b", "a;b", ""])
def test_a_table_has_a_plain_name(lake: Lake, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a table"):
        lake.write(name, DAY, pa.table({"a": [1]}))


def test_sessions_are_in_utc(lake: Lake) -> None:
    assert read(lake, "SELECT current_setting('TimeZone')") == [("UTC",)]


def test_an_unknown_connection_names_the_known_ones(lake: Lake) -> None:
    with pytest.raises(WarehouseError, match="known: lake, ours"):
        Connections(lake=lake, urls={"ours": "duckdb:///:memory:"}).engine("theirs")
