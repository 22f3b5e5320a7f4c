"""A record that is opened only to read: nothing is made, changed or kept from those who write."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from tests.registry import samples
from trialflow.errors import NoRecordError, SchemaError
from trialflow.registry import Registry
from trialflow.registry.connection import engine_of
from trialflow.registry.migration import VERSION_TABLE, current, upgrade
from trialflow.registry.overview import promises_in_force


def test_where_no_record_is_none_is_made(tmp_path: Path) -> None:
    for name in ("nowhere/registry.db", "a # b?.db"):
        with pytest.raises(NoRecordError, match="trialflow registry migrate"):
            Registry.to_read(f"sqlite:///{tmp_path / name}")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_stays_empty(url: str) -> None:
    with engine_of(url).connect():
        pass
    with pytest.raises(NoRecordError):
        Registry.to_read(url)
    with engine_of(url).connect() as connection:
        assert current(connection) is None


def test_what_is_recorded_later_is_seen_without_opening_anew(registry: Registry, url: str) -> None:
    with Registry.to_read(url) as reading:
        assert reading.slugs() == ()
        samples.register(registry)
        assert reading.slugs() == (samples.SLUG,)


def test_a_record_beside_strange_signs_is_the_one_that_was_written(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a # b%20c/registry.db"
    with Registry.open(url) as written:
        samples.register(written)
    with Registry.to_read(url) as reading:
        assert reading.slugs() == (samples.SLUG,)


def test_nothing_can_be_written_through_it(registry: Registry, url: str) -> None:
    with Registry.to_read(url) as reading, pytest.raises(DBAPIError, match=r"readonly|read-only"):
        samples.register(reading)
    with Registry.to_read(url) as reading, reading.reading() as session, pytest.raises(DBAPIError):
        session.execute(text("CREATE TABLE more (id INTEGER)"))
    assert registry.slugs() == ()


def test_an_older_record_is_left_as_it_is_and_the_command_is_named(url: str) -> None:
    with engine_of(url).execution_options(trialflow_writes=True).begin() as connection:
        upgrade(connection, "r0001")
    with pytest.raises(SchemaError, match=r"at schema r0001, .* `trialflow registry migrate`"):
        Registry.to_read(url)
    with engine_of(url).connect() as connection:
        assert current(connection) == "r0001"


def test_a_newer_record_asks_for_a_newer_trialflow(registry: Registry, url: str) -> None:
    with engine_of(url).begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = 'r9999'"))
    with pytest.raises(SchemaError, match=r"r9999, newer than .* upgrade trialflow"):
        Registry.to_read(url)


def test_reading_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'registry.db'}"
    with Registry.open(url) as written:
        samples.register(written)
        before = Path(make_url(url).database or "").read_bytes()
        with Registry.to_read(url) as reading:
            assert reading.slugs() == (samples.SLUG,)
    assert Path(make_url(url).database or "").read_bytes() == before


def test_an_empty_record_answers_every_question_with_nothing() -> None:
    with Registry.empty() as nothing:
        assert nothing.slugs() == ()
        assert nothing.lives(date.max) == {}
        assert nothing.outbox() == ()
        with nothing.reading() as session:
            assert session.execute(text("SELECT count(*) FROM events")).scalar() == 0


@pytest.mark.parametrize("kind", ["a file", "nothing"])
def test_a_question_may_be_begun_asked_and_ended_by_three_threads(tmp_path: Path, kind: str) -> None:
    """A web server hands a request from one of its threads to another."""
    url = f"sqlite:///{tmp_path}/registry.db"
    Registry.open(url).close()
    with Registry.to_read(url) if kind == "a file" else Registry.empty() as record, ExitStack() as stack:
        first, second, third = (stack.enter_context(ThreadPoolExecutor(1)) for _ in range(3))
        for _ in range(2):  # the second question finds no trace of the first
            asking = record.reading()
            session = first.submit(asking.__enter__).result()
            assert first.submit(promises_in_force, session).result() == {}
            assert second.submit(promises_in_force, session).result() == {}
            third.submit(asking.__exit__, None, None, None).result()
