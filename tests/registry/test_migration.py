from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import trialflow
from trialflow.errors import RegistryError
from trialflow.registry import Registry
from trialflow.registry.connection import engine_of
from trialflow.registry.migration import REVISIONS, VERSION_TABLE, current, upgrade
from trialflow.registry.schema import Base

from . import samples


def test_the_migrations_build_exactly_the_tables_of_the_orm(registry: Registry, url: str) -> None:
    options = {"compare_type": True, "compare_server_default": True, "version_table": VERSION_TABLE}
    with engine_of(url).connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []
        assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, VERSION_TABLE}


def test_the_comparison_of_tables_sees_a_column_too_many(registry: Registry, url: str) -> None:
    with engine_of(url).begin() as connection:
        connection.execute(text("ALTER TABLE events ADD COLUMN colour TEXT"))
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert [difference[0] for difference in compare_metadata(context, Base.metadata)] == ["remove_column"]


def test_every_migration_is_known_by_name_and_they_stand_in_one_line() -> None:
    config = Config()
    config.set_main_option("script_location", "trialflow.registry:migrations")
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == REVISIONS


def test_a_newer_record_is_refused_and_left_alone(registry: Registry, url: str) -> None:
    samples.register(registry)
    engine = engine_of(url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = 'r9999'"))
    with pytest.raises(RegistryError, match=r"r9999, newer than .* upgrade trialflow"):
        Registry.open(url)
    with engine.connect() as connection:
        assert current(connection) == "r9999"


def test_a_record_of_the_first_schema_keeps_its_messages_and_their_threads(url: str) -> None:
    engine = engine_of(url).execution_options(trialflow_writes=True)
    with engine.begin() as connection:
        upgrade(connection, "r0001")
        for key in ("opener", "reply", "waiting"):
            values = f"('{key}', '#ranker', 'opener', '{{\"text\":\"{key}\"}}', '2026-03-02 08:00:00')"
            connection.execute(
                text(f"INSERT INTO messages (key, channel, thread, payload, intended_at) VALUES {values}")
            )
        for number, key in enumerate(("opener", "reply"), start=1):
            values = f"('{key}', '{number}.5', '2026-03-02 08:00:00')"
            connection.execute(text(f"INSERT INTO postings (key, ts, posted_at) VALUES {values}"))
    with Registry.open(url) as registry:
        assert [stored.message.key for stored in registry.outbox()] == ["waiting"]
        assert [(one.ts, one.place, one.thread_ts, one.problem) for one in registry.messages()] == [
            ("1.5", None, None, ""),
            ("2.5", None, None, ""),
            ("", None, None, ""),
        ]
        assert registry.thread_root("opener", "C1") == "1.5"


def test_an_empty_database_is_refused_where_migrating_is_off(url: str) -> None:
    with pytest.raises(RegistryError, match="is empty, this version needs"):
        Registry.open(url, migrate=False)
    with engine_of(url).connect() as connection:
        assert inspect(connection).get_table_names() == []


def test_a_migrated_record_opens_where_migrating_is_off(registry: Registry, url: str) -> None:
    samples.register(registry)
    with Registry.open(url, migrate=False) as reopened:
        assert reopened.slugs() == (samples.SLUG,)


def test_alembic_is_not_even_imported_where_there_is_nothing_to_migrate(registry: Registry, url: str) -> None:
    program = "import sys; from trialflow.registry import Registry; Registry.open(sys.argv[1]); print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(trialflow.__file__).parents[1])}
    command = [sys.executable, "-c", program, url]
    imported = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert "sqlalchemy" in imported
    assert not {"alembic", "pandas", "matplotlib"} & set(imported)


def test_a_migration_that_fails_leaves_nothing_behind(url: str) -> None:
    engine = engine_of(url).execution_options(trialflow_writes=True)

    def fail_half_way() -> None:
        with engine.begin() as connection:
            upgrade(connection)
            assert inspect(connection).has_table("events")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []


def test_the_password_of_the_database_is_not_shown(url: str) -> None:
    if url.startswith("postgresql"):
        with pytest.raises(RegistryError) as refused:
            Registry.open(url.replace("postgres:@", "postgres:secret@"), migrate=False)
        assert "secret" not in str(refused.value)
