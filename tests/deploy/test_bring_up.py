"""The scripts of the compose file, run for real against a PostgreSQL server with the compose file's own environment."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import Server
from .test_compose import SECRET_NAME

pytestmark = pytest.mark.slow

ONLY_WITH_PASSWORDS = "local all postgres trust\nlocal all all scram-sha-256\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The machine at hand in the place of the containers: its programs, and the environment they would have."""

    environment: dict[str, str]
    secrets: Mapping[str, str]
    server: Server
    home: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program as a container would."""
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def query(self, user: str, database: str, sql: str) -> subprocess.CompletedProcess[str]:
        """Ask the server something as one of the users that docker/postgres-init.sh made."""
        password = self.secrets.get(f"{user.upper()}_DB_PASSWORD", "")
        return subprocess.run(
            [str(self.server.programs / "psql"), "--no-psqlrc", "--tuples-only", "--no-align", "--command", sql],
            env={"PGHOST": str(self.server.socket), "PGUSER": user, "PGDATABASE": database, "PGPASSWORD": password},
            capture_output=True,
            text=True,
            check=False,
        )


def on_this_machine(value: str, root: Path, home: Path, server: Server) -> str:
    """Turn a value made for the containers into one that is right here: paths, and the address of the database."""
    for folder in ("lake", "memos", "auth"):
        value = value.replace(f"/opt/trialflow/{folder}", str(home / folder))
    value = value.replace("/opt/trialflow", str(root))
    for database in ("airflow", "trialflow"):
        value = value.replace(f"@postgres/{database}", f"@/{database}?host={server.socket}")
    return value


def secrets_in(result: subprocess.CompletedProcess[str], variables: Mapping[str, str]) -> list[str]:
    """Return the names of the secrets that a program printed."""
    printed = result.stdout + result.stderr
    return [name for name, value in variables.items() if SECRET_NAME.search(name) and value in printed]


@pytest.fixture(scope="module")
def host(
    compose: dict[str, Any],
    secrets_made: dict[str, str],
    postgres: Server,
    root: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Host:
    """Run docker/postgres-init.sh, demand passwords from then on, and give the environment of airflow-init."""
    home = tmp_path_factory.mktemp("airflow")
    (home / "auth").mkdir()
    (home / "bin").mkdir()
    (home / "bin" / "trialflow").symlink_to(root / "docker" / "trialflow")
    programs = {"PATH": f"{home / 'bin'}:{Path(sys.executable).parent}:{postgres.programs}:{os.environ['PATH']}"}
    database = compose["services"]["postgres"]["environment"]
    subprocess.run(
        ["bash", str(root / "docker" / "postgres-init.sh")],
        env={**programs, **database, "PGHOST": str(postgres.socket)},
        check=True,
    )
    environment = compose["services"]["airflow-init"]["environment"]
    host = Host(
        environment={
            **programs,
            **{name: on_this_machine(value, root, home, postgres) for name, value in environment.items()},
            "AIRFLOW_HOME": str(home),
            "HOME": str(home),
        },
        secrets=secrets_made,
        server=postgres,
        home=home,
    )
    (postgres.data / "pg_hba.conf").write_text(ONLY_WITH_PASSWORDS)
    assert host.query("postgres", "postgres", "SELECT pg_reload_conf()").returncode == 0
    return host


@pytest.fixture(scope="module")
def started(host: Host, root: Path) -> Host:
    """Run docker/init.sh, the command of airflow-init."""
    result = host.run("bash", str(root / "docker" / "init.sh"))
    assert result.returncode == 0, result.stdout + result.stderr
    return host


@pytest.mark.parametrize(("user", "other"), [("airflow", "trialflow"), ("trialflow", "airflow")])
def test_each_owner_enters_its_own_database_and_not_the_others(host: Host, user: str, other: str) -> None:
    assert host.query(user, user, "SELECT current_user").stdout.strip() == user
    assert "permission denied" in host.query(user, other, "SELECT 1").stderr


def test_the_owners_are_let_in_by_their_passwords_alone(host: Host) -> None:
    stranger = Host(environment={}, secrets={"AIRFLOW_DB_PASSWORD": "guess"}, server=host.server, home=host.home)
    assert "authentication failed" in stranger.query("airflow", "airflow", "SELECT 1").stderr


def test_airflow_reaches_and_migrates_its_database_with_the_one_driver(host: Host) -> None:
    assert host.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg://airflow:")
    for command in (("db", "check"), ("db", "migrate")):
        result = host.run("airflow", *command)
        assert result.returncode == 0, result.stdout + result.stderr
    tables = host.query("airflow", "airflow", "SELECT count(*) FROM pg_tables WHERE tableowner = 'airflow'")
    assert int(tables.stdout) > 50


def test_the_init_script_migrates_the_registry_into_its_own_database(started: Host) -> None:
    tables = started.query("trialflow", "trialflow", "SELECT tablename FROM pg_tables WHERE tableowner = 'trialflow'")
    assert {"promises", "events", "summaries", "looks", "findings", "decisions", "memos"} <= set(tables.stdout.split())
    leaked = started.query("airflow", "airflow", "SELECT count(*) FROM pg_tables WHERE tablename = 'promises'")
    assert leaked.stdout.strip() == "0"


def test_the_init_script_creates_the_pool_and_the_login(started: Host) -> None:
    slots = started.query("airflow", "airflow", "SELECT slots FROM slot_pool WHERE pool = 'trialflow'")
    assert slots.stdout.strip() == started.secrets["TRIALFLOW_POOL_SLOTS"]
    passwords = json.loads((started.home / "auth" / "passwords.json").read_text())
    assert passwords == {"admin": started.secrets["TRIALFLOW_ADMIN_PASSWORD"]}


def test_the_init_script_may_run_before_every_start_and_prints_no_secret(started: Host, root: Path) -> None:
    result = started.run("bash", str(root / "docker" / "init.sh"))
    assert result.returncode == 0, result.stdout + result.stderr
    assert secrets_in(result, started.secrets) == []


@pytest.mark.parametrize("database", ["airflow", "trialflow"])
def test_a_schema_newer_than_the_image_stops_the_start(started: Host, root: Path, database: str) -> None:
    named = "SELECT table_name FROM information_schema.columns WHERE column_name = 'version_num'"
    table = started.query(database, database, named).stdout.strip()
    before = started.query(database, database, f"SELECT version_num FROM {table}").stdout.strip()
    started.query(database, database, f"UPDATE {table} SET version_num = 'from_the_future'")
    try:
        result = started.run("bash", str(root / "docker" / "init.sh"))
    finally:
        started.query(database, database, f"UPDATE {table} SET version_num = '{before}'")
    assert before
    assert result.returncode != 0
    assert "trialflow-init: done" not in result.stdout
    assert secrets_in(result, started.secrets) == []


def test_a_dump_of_the_registry_restores_into_an_empty_database(started: Host, root: Path, tmp_path: Path) -> None:
    """The commands of docs/deployment.md, with the programs of the server at hand in place of its container's."""
    page = (root / "docs" / "deployment.md").read_text()
    block = next(text for text in page.split("```sh\n") if text.startswith("# back up")).split("```")[0]
    commands = re.sub(r"docker compose (stop|up).*\n", "", block).replace("docker compose exec -T postgres ", "")
    inventory = "SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    before = started.query("trialflow", "trialflow", inventory).stdout
    result = subprocess.run(
        ["bash", "-ec", commands],
        env={"PATH": f"{started.server.programs}:{os.environ['PATH']}", "PGHOST": str(started.server.socket)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "trialflow.dump").stat().st_size > 0
    assert before
    assert started.query("trialflow", "trialflow", inventory).stdout == before
    assert "permission denied" in started.query("airflow", "trialflow", "SELECT 1").stderr
