"""Engines and transactions for the two databases: SQLite (one file) and PostgreSQL.

A writing transaction holds a lock before it reads, so what it read is still true when it writes: on SQLite the file's
write lock (BEGIN IMMEDIATE), on PostgreSQL an advisory lock per name, which also works before the experiment has a row.
"""

from __future__ import annotations

import fcntl
import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction
from sqlalchemy.pool import NullPool

from trialflow.errors import NoRecordError, NotSupportedError, RegistryError

BUSY_TIMEOUT_S = 60
WRITES = "trialflow_writes"


class AppendOnlySession(Session):
    """A session that only adds rows."""


@event.listens_for(AppendOnlySession, "before_flush")
def _refuse_changes(session: Session, _context: UOWTransaction, _instances: Any) -> None:  # noqa: ANN401 (any sequence)
    changed = [row for row in session.dirty if session.is_modified(row)] + list(session.deleted)
    if changed:
        message = f"the record is append-only: {type(changed[0]).__name__} cannot be changed or deleted; add a new row"
        raise RegistryError(message)


@event.listens_for(AppendOnlySession, "do_orm_execute")
def _refuse_statements(state: ORMExecuteState) -> None:
    if state.is_update or state.is_delete:
        message = "the record is append-only: UPDATE and DELETE are refused; add a new row"
        raise RegistryError(message)


def engine_of(url: str | URL, *, read_only: bool = False) -> Engine:
    """An engine for the record; one that is `read_only` makes no file and changes none.

    Raises NotSupportedError for other databases and for SQLite in memory, NoRecordError where a `read_only` one has no
    file to read.
    """
    parsed = make_url(url)
    if parsed.drivername == "postgres":  # the spelling of Airflow's connections
        parsed = parsed.set(drivername="postgresql")
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite(parsed, read_only=read_only)
    if backend == "postgresql":
        options = {"postgresql_readonly": True} if read_only else {}
        return create_engine(parsed, isolation_level="READ COMMITTED", pool_pre_ping=True, execution_options=options)
    message = f"a registry on {backend!r} is not supported; use sqlite:///<file> or postgresql://<host>/<database>"
    raise NotSupportedError(message)


def _sqlite(url: URL, *, read_only: bool) -> Engine:
    if not url.database or url.database == ":memory:":
        message = f"a registry in memory ({url}) would be lost; use sqlite:///<file>"
        raise NotSupportedError(message)
    file = Path(url.database).absolute()
    if read_only:
        return _sqlite_to_read(url, file)
    file.parent.mkdir(parents=True, exist_ok=True)
    # No pool: a connection must not be carried over a fork, and opening a file is quick.
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_S})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "connect", _write_ahead)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _sqlite_to_read(url: URL, file: Path) -> Engine:
    if not file.is_file():
        message = f"there is no record {url} yet; `trialflow registry migrate` makes an empty one"
        raise NoRecordError(message)
    address = f"{file.as_uri()}?mode=ro"

    def connect() -> sqlite3.Connection:
        # Sessions of a web server move between threads, one at a time.
        return sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False)

    engine = create_engine(url, poolclass=NullPool, creator=connect)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def empty_engine(tables: MetaData) -> Engine:
    """An engine whose every connection has these tables to itself, in memory, with nothing in them."""
    # No pool: the emptiness of a connection goes with it. Sessions of a web server move between threads, one at a time.
    engine = create_engine("sqlite://", poolclass=NullPool, connect_args={"check_same_thread": False})
    event.listen(engine, "begin", lambda connection: tables.create_all(connection, checkfirst=False))
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin on its own: `_begin_sqlite` does
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    connection.execute("PRAGMA foreign_keys = ON")


def _write_ahead(connection: sqlite3.Connection, _record: object) -> None:
    """Switch the file to WAL once; SQLite does not wait for a lock here by itself."""
    give_up = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.05)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that sees one snapshot of the record from its first query to its last."""
    snapshot = (
        engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="REPEATABLE READ")
    )
    with Session(snapshot) as session:
        yield session


@contextmanager
def writing(engine: Engine, lock: str) -> Iterator[Session]:
    """One transaction under the lock of that name: committed at the end, rolled back on any error."""
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        hold(connection, lock)
        with AppendOnlySession(connection, expire_on_commit=False) as session:
            yield session
            session.flush()


def hold(connection: Connection, name: str) -> None:
    """Wait for the lock of that name and hold it until the transaction ends (SQLite holds the file's already)."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _number(name)})


@contextmanager
def alone(engine: Engine, name: str) -> Iterator[None]:
    """Wait for the lock of that name and hold it until the block ends, outside any transaction.

    All processes that use the record wait for each other: on PostgreSQL by an advisory lock of the session, on SQLite by a
    lock on a file beside the record's. Both are given up when a process dies.
    """
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": _number(name)})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": _number(name)})
        return
    with Path(f"{engine.url.database}.{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"trialflow:{name}".encode()).digest()[:8], signed=True)
