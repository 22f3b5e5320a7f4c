"""The record's schema over time. Alembic is imported only when there is something to migrate."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, inspect, text

from trialflow.errors import NoRecordError, SchemaError
from trialflow.registry.connection import WRITES, hold

REVISIONS = ("r0001", "r0002")
"""Every schema this version knows, oldest first; the last is the one it works with."""

VERSION_TABLE = "trialflow_version"
"""Not Alembic's default name, so that the record can share a database with Airflow."""


def prepare(engine: Engine, *, migrate: bool) -> None:
    """Bring the database to the newest schema, or refuse.

    Raises SchemaError when the database is newer than this version, or older while `migrate` is off; then NoRecordError
    for an empty one.
    """
    with engine.connect() as connection:
        found = current(connection)
    _refuse_newer(found, engine)
    if found == REVISIONS[-1]:
        return
    if not migrate:
        cure = f"this version needs {REVISIONS[-1]}; run `trialflow registry migrate`"
        if found is None:
            raise NoRecordError(f"the registry {engine.url!r} is empty, {cure}")
        raise SchemaError(f"the registry {engine.url!r} is at schema {found}, {cure}")
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        hold(connection, "migration")
        _refuse_newer(current(connection), engine)
        upgrade(connection)


def current(connection: Connection) -> str | None:
    """The schema of the database; None for an empty one."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    return version


def _refuse_newer(found: str | None, engine: Engine) -> None:
    if found is not None and found not in REVISIONS:
        message = f"the registry {engine.url!r} has schema {found}, newer than {REVISIONS[-1]}; upgrade trialflow"
        raise SchemaError(message)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the missing migrations up to a revision in the connection's transaction: all of them or none."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "trialflow.registry:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
