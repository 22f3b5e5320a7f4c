"""The Dockerfile and its build context, checked as far as that is possible without a Docker engine."""

from __future__ import annotations

import fnmatch
import re
import shlex
from pathlib import Path
from typing import Any

import pytest


def instructions(root: Path) -> list[tuple[str, str]]:
    """Return (keyword, rest) of every instruction of the Dockerfile, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", (root / "Dockerfile").read_text(), flags=re.MULTILINE))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def copied(root: Path) -> list[str]:
    """Return every path of the build context that the Dockerfile copies."""
    words = (shlex.split(rest) for keyword, rest in instructions(root) if keyword == "COPY")
    return [word for line in words for word in line[:-1] if not word.startswith("--")]


def in_context(root: Path, path: str) -> bool:
    """Tell whether .dockerignore lets a path through: the last pattern that fits the path or a parent decides."""
    parents = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
    let_through = True
    for line in (root / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if pattern and not pattern.startswith("#") and any(_fits(parent, pattern) for parent in parents):
            let_through = line.startswith("!")
    return let_through


def _fits(path: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return any(fnmatch.fnmatchcase(part, pattern.removeprefix("**/")) for part in Path(path).parts)
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def test_everything_that_is_copied_exists_and_is_in_the_build_context(root: Path) -> None:
    assert {"requirements.txt", "dags", "plugins", "include", "docker/init.sh"} <= set(copied(root))
    assert [path for path in copied(root) if not (root / path).exists()] == []
    assert [path for path in copied(root) if not in_context(root, path)] == []


@pytest.mark.parametrize(
    "path", [".env", "docker/connections.env", ".git/config", ".venv/bin/python", "include/.env", "tests/deploy/x.py"]
)
def test_secrets_and_everything_else_stay_out_of_the_build_context(root: Path, path: str) -> None:
    assert not in_context(root, path)


def test_the_image_runs_as_airflow_and_not_as_root(root: Path) -> None:
    assert [rest for keyword, rest in instructions(root) if keyword == "USER"] == ["root", "airflow"]


def test_no_secret_is_baked_into_the_image(root: Path) -> None:
    settings = " ".join(rest for keyword, rest in instructions(root) if keyword in {"ENV", "ARG"})
    assert not re.search(r"PASSWORD|SECRET|FERNET|TOKEN", settings)


def test_the_folders_of_all_named_volumes_belong_to_the_user_before_they_are_mounted(
    root: Path, compose: dict[str, Any]
) -> None:
    prepared = shlex.split(next(rest for keyword, rest in instructions(root) if keyword == "RUN"))
    services = (service for name, service in compose["services"].items() if name != "postgres")
    mounts = {volume for service in services for volume in service["volumes"] if not volume.startswith(".")}
    assert "--owner=airflow" in prepared
    assert {mount.split(":")[1] for mount in mounts} <= set(prepared)


def test_the_library_is_found_where_the_services_look_for_it(root: Path) -> None:
    settings = " ".join(rest for keyword, rest in instructions(root) if keyword == "ENV")
    assert 'PYTHONPATH="/opt/trialflow/include"' in settings
    assert "PYTHONPATH: /opt/trialflow/include\n" in (root / "docker-compose.yaml").read_text()
