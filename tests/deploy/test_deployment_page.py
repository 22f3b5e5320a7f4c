"""docs/deployment.md: what it tells people to type is run here as far as it needs no Docker engine."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .test_compose import parse_with_airflow


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    """Return the page as written."""
    return (root / "docs" / "deployment.md").read_text()


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)


def block_with(page: str, language: str, marker: str) -> str:
    """Return the one code block that holds the marker."""
    (block,) = (block for block in blocks(page, language) if marker in block)
    return block


def write_rows(lake: Path, table: str, day: str, columns: dict[str, list[object]]) -> Path:
    """Write one day of one table where the lake keeps it."""
    path = lake / table / f"day={day}" / "part-0.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table(columns), path)
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Read one file, without the column that its folder's name would add."""
    with pq.ParquetFile(path) as file:
        rows: list[dict[str, Any]] = file.read().to_pylist()
    return rows


def test_every_service_that_a_command_names_exists(page: str, compose: dict[str, Any]) -> None:
    named = re.findall(r"docker compose (?:exec(?: -T)?|logs|run --rm) ([a-z-]+)", page)
    stopped = re.findall(r"docker compose stop ((?:[a-z-]+ ?)+)", page)
    assert named
    assert {*named, *" ".join(stopped).split()} <= set(compose["services"])


def test_every_airflow_command_on_the_page_is_one_that_airflow_knows(page: str, tmp_path: Path) -> None:
    texts = re.findall(r"docker compose (?:exec|run)[^\n`]*? (airflow [^\n`]+)", page)
    commands = [shlex.split(text)[1:] for text in texts]
    assert [command[0] for command in commands] == ["rotate-fernet-key", "db"]
    result = parse_with_airflow(commands, tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_forgetting_a_unit_removes_its_rows_everywhere_and_no_others(page: str, tmp_path: Path) -> None:
    events = write_rows(tmp_path, "events", "2026-01-05", {"unit_id": ["u1", "u2", "u1"], "amount": [1.0, 2.0, 3.0]})
    exposures = write_rows(tmp_path, "exposures", "2026-01-04", {"unit_id": ["u2"], "variant": ["control"]})
    moments = write_rows(tmp_path, "moments", "2026-01-04", {"variant": ["control"], "n": [7]})
    untouched = {path: path.read_bytes() for path in (exposures, moments)}
    result = subprocess.run(
        [sys.executable, "-", "u1"],
        input=block_with(page, "python", "forget.py"),
        env={**os.environ, "TRIALFLOW_LAKE": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert rows_of(events) == [{"unit_id": "u2", "amount": 2.0}]
    assert {path: path.read_bytes() for path in untouched} == untouched
    assert list(tmp_path.rglob("*.draft")) == []


def test_forgetting_finds_units_whose_identifiers_are_numbers(page: str, tmp_path: Path) -> None:
    path = write_rows(tmp_path, "events", "2026-01-05", {"unit_id": [17, 170]})
    subprocess.run(
        [sys.executable, "-", "17"],
        input=block_with(page, "python", "forget.py"),
        env={**os.environ, "TRIALFLOW_LAKE": str(tmp_path)},
        text=True,
        check=True,
    )
    assert rows_of(path) == [{"unit_id": 170}]


def test_dropping_old_days_keeps_the_named_day_and_later_ones(page: str, tmp_path: Path) -> None:
    for day in ("2025-12-31", "2026-01-01", "2026-01-02"):
        write_rows(tmp_path, "events", day, {"unit_id": ["u"]})
    command = shlex.split(block_with(page, "sh", "day="))
    assert command[:5] == ["docker", "compose", "exec", "scheduler", "bash"]
    subprocess.run(command[4:], env={**os.environ, "TRIALFLOW_LAKE": str(tmp_path)}, check=True)
    assert sorted(path.name for path in (tmp_path / "events").iterdir()) == ["day=2026-01-01", "day=2026-01-02"]


def test_the_page_says_what_was_never_run(page: str) -> None:
    assert "the images were never built and the stack was never started with\nDocker" in page
