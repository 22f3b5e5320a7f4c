"""The queries as files for review; TRIALFLOW_REGENERATE_GOLDEN=1 writes them anew."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from trialflow.errors import NotSupportedError
from trialflow.spec.promise import Promise
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.lake import Lake
from trialflow.warehouse.sql_text import sql_of

from .worlds import FIRST, METRICS, into_database, into_lake, promise, random_world

GOLDEN = Path(__file__).parent / "golden"
CHOSEN = ("bought_soon", "revenue", "revenue_per_view", "came_back")


def reviewed() -> Promise:
    metrics = [metric for metric in METRICS if metric.name in CHOSEN]
    return promise(metrics=metrics, time_zone="Europe/Berlin", cuped=14)


@pytest.mark.parametrize("dialect", ["duckdb", "postgresql"])
def test_the_query_is_the_reviewed_one(dialect: str) -> None:
    file = GOLDEN / f"ab_{dialect}.sql"
    text = sql_of(reviewed(), FIRST + timedelta(days=6), dialect)
    if os.environ.get("TRIALFLOW_REGENERATE_GOLDEN") == "1":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_the_golden_queries_run_and_agree(lake: Lake, postgres: str) -> None:
    world = random_world(1)
    into_lake(world, lake)
    engine = sa.create_engine(postgres)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA golden")
    engine.dispose()
    engine = sa.create_engine(postgres, connect_args={"options": "-csearch_path=golden -ctimezone=UTC"})
    into_database(world, engine, "")
    with engine.connect() as connection:
        theirs = connection.exec_driver_sql((GOLDEN / "ab_postgresql.sql").read_text(encoding="utf-8")).fetchall()
    engine.dispose()
    ours = Connections(lake=lake).rows("lake", _plain("ab_duckdb.sql"))
    assert len(ours) == len(theirs) > 50
    for one, other in zip(sorted(map(_numbers, ours)), sorted(map(_numbers, theirs)), strict=True):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-9)


def test_a_dialect_that_is_not_installed_is_refused() -> None:
    with pytest.raises(NotSupportedError, match="nosuchdb"):
        sql_of(reviewed(), FIRST, "nosuchdb")


def _plain(name: str) -> sa.TextClause:
    return sa.text((GOLDEN / name).read_text(encoding="utf-8").replace(":", r"\:"))


def _numbers(row: Sequence[object]) -> tuple[float, ...]:
    return tuple(-1.0 if value is None else float(str(value)) for value in row)
