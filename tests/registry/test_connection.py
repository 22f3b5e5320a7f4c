from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

import trialflow
from trialflow.errors import NotSupportedError, RegistryError
from trialflow.registry import Registry
from trialflow.registry.connection import engine_of, writing
from trialflow.registry.schema import Base, EventRow

from . import samples
from .conftest import FreshUrl

TABLES = sorted(Base.metadata.tables)


def start(url: str, job: str, argument: str) -> subprocess.Popen[str]:
    """Start a task of its own: a process."""
    environment = os.environ | {"PYTHONPATH": str(Path(trialflow.__file__).parents[1])}
    command = [sys.executable, samples.__file__, url, job, argument]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def undisturbed(url: str, days: Sequence[int]) -> str:
    """The digest of a record in which one process wrote the days in their order, and nothing went wrong."""
    with Registry.open(url) as registry:
        samples.register(registry)
        for number in days:
            with registry.append(samples.SLUG) as writer:
                samples.write_day(writer, number)
        return registry.digest(samples.SLUG)


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_a_task_killed_mid_way_leaves_nothing_and_its_retry_the_same_record(fresh_url: FreshUrl, steps: int) -> None:
    url = fresh_url()
    with Registry.open(url) as registry:
        samples.register(registry)
        before = registry.digest(samples.SLUG)
        task = start(url, "stall", str(steps))
        assert task.stdout is not None
        assert task.stdout.readline() == "stalled\n"
        task.kill()
        task.wait()
        task.stdout.close()

        assert registry.digest(samples.SLUG) == before
        with registry.append(samples.SLUG) as writer:
            samples.write_day(writer, 1)
        assert registry.digest(samples.SLUG) == undisturbed(fresh_url(), [1])
        assert registry.digest(samples.SLUG) != before


def test_tasks_killed_at_any_moment_and_retried_lose_and_double_nothing(fresh_url: FreshUrl) -> None:
    url = fresh_url()
    days = list(range(1, 40))
    moments = random.Random(7)  # noqa: S311 (only moments to kill at)
    for _ in range(3):
        task = start(url, "write_days", json.dumps(days))
        time.sleep(moments.uniform(0.5, 1.5))
        task.kill()
        task.communicate()
    task = start(url, "write_days", json.dumps(days))
    task.communicate()
    assert task.returncode == 0
    with Registry.open(url) as registry:
        assert registry.digest(samples.SLUG) == undisturbed(fresh_url(), days)


def test_processes_that_write_side_by_side_in_any_order_lose_and_double_nothing(fresh_url: FreshUrl) -> None:
    url = fresh_url()
    days = list(range(1, 13))
    orders = [days, days[::-1], days[6:] + days[:6], days[::2] + days[1::2]]
    tasks = [start(url, "write_days", json.dumps(order)) for order in orders]
    for task in tasks:
        task.communicate()
    assert [task.returncode for task in tasks] == [0, 0, 0, 0]
    with Registry.open(url) as registry:
        assert registry.digest(samples.SLUG) == undisturbed(fresh_url(), days)
        assert len(registry.findings(samples.SLUG, revisions=True)) == len(days)
        assert len(registry.messages(samples.SLUG)) == len(days)


def test_a_reader_does_not_wait_for_a_writer_and_sees_only_what_is_committed(registry: Registry) -> None:
    samples.register(registry)
    with registry.append(samples.SLUG) as writer:
        samples.write_day(writer, 1)
        assert registry.findings(samples.SLUG) == ()
    assert registry.findings(samples.SLUG) == (samples.finding(1),)


def fill(registry: Registry) -> None:
    samples.register(registry)
    with registry.append(samples.SLUG) as writer:
        samples.write_day(writer, 1)
    registry.posted(f"{samples.SLUG} 1", "1.5")
    registry.attached(f"{samples.SLUG} 1", "1.png", "F1")


def test_no_client_can_change_or_delete_a_row(registry: Registry, url: str) -> None:
    fill(registry)
    before = registry.digest(samples.SLUG)
    engine = engine_of(url)
    for table in TABLES:
        column = next(iter(Base.metadata.tables[table].columns)).name
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
                connection.execute(text(statement))
    assert registry.digest(samples.SLUG) == before


def test_the_session_of_the_record_refuses_to_change_or_delete(registry: Registry, url: str) -> None:
    fill(registry)
    engine = engine_of(url)
    with pytest.raises(RegistryError, match="append-only"), writing(engine, "test") as session:
        session.scalars(select(EventRow)).first().by = "eve"
    with pytest.raises(RegistryError, match="append-only"), writing(engine, "test") as session:
        session.delete(session.scalars(select(EventRow)).first())
    with pytest.raises(RegistryError, match="append-only"), writing(engine, "test") as session:
        session.execute(update(EventRow).values(by="eve"))
    with pytest.raises(RegistryError, match="append-only"), writing(engine, "test") as session:
        session.execute(delete(EventRow))


def test_a_row_of_an_unknown_experiment_is_refused_by_the_database(registry: Registry, url: str) -> None:
    engine = engine_of(url)
    texts = {"slug": "nobody", "kind": "paused", "key": "", "detail": "{}", "by": ""}
    with Session(engine) as session:
        session.add(EventRow(**texts, as_of=samples.FIRST_DAY, recorded_at=datetime.now(UTC)))
        with pytest.raises(DatabaseError, match=r"(?i)foreign key"):
            session.commit()


def test_the_file_is_in_wal_mode_and_waits_a_minute_for_a_lock(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/not/there/yet/registry.db"
    Registry.open(url)
    with engine_of(url).connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 60_000
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


@pytest.mark.parametrize("other", ["sqlite://", "sqlite:///:memory:", "mysql+pymysql://host/base", "duckdb:///x"])
def test_databases_that_cannot_keep_the_promise_are_refused(other: str) -> None:
    with pytest.raises(NotSupportedError, match="use sqlite:///<file>"):
        engine_of(other)


def test_the_spelling_of_airflows_connections_is_understood() -> None:
    assert engine_of("postgres://somewhere/base").url.drivername == "postgresql"


def test_one_lock_is_held_by_one_at_a_time(url: str) -> None:
    """Rounds of reading, waiting and writing never overlap, in threads as in processes."""
    import time
    from concurrent.futures import ThreadPoolExecutor

    from trialflow.registry import Registry

    Registry.open(url).close()
    trace: list[str] = []

    def round_of(number: int) -> None:
        with Registry.open(url) as registry, registry.alone("outbox"):
            trace.append(f"in {number}")
            time.sleep(0.05)
            trace.append(f"out {number}")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(round_of, range(4)))
    entered = [step.split()[1] for step in trace[::2]]
    assert trace == [step for number in entered for step in (f"in {number}", f"out {number}")]
