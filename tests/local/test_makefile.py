"""The front door: what `make` says before anything is installed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def make(tmp_path):
    """Run make in a fresh copy of the little it needs."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}

    def run(*arguments):
        return subprocess.run(
            ["make", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return run


def test_help_explains_every_target(make):
    targets = re.search(r"(?ms)^\.PHONY.*", (ROOT / "Makefile").read_text()).group()
    names = set(re.findall(r"^\.PHONY: ([a-z0-9-]+)$", targets, flags=re.MULTILINE))
    explained = set(re.findall(r"^  make ([a-z0-9-]+) +\S", make("help").stdout, flags=re.MULTILINE))
    assert explained == names
    assert {"demo", "up", "down", "clean", "test", "check", "lock", "golden", "schema", "e2e", "help"} <= explained


def test_help_is_what_make_alone_does(make):
    assert make().stdout == make("help").stdout


def test_a_missing_python_is_told_with_the_cure(make):
    answer = make("demo", "PYTHON=python3.11-that-is-not-there")
    assert answer.returncode != 0
    assert "Trialflow needs Python 3.11" in answer.stderr
    assert "apt-get install python3.11" in answer.stderr


def test_a_python_without_venv_is_told_with_the_cure(make, tmp_path):
    crippled = tmp_path / "python"
    crippled.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\n')
    crippled.chmod(0o755)
    answer = make("demo", f"PYTHON={crippled}")
    assert answer.returncode != 0
    assert "cannot make virtual environments" in answer.stderr
    assert "apt-get install python3.11-venv" in answer.stderr


def test_stopping_what_was_never_started_is_no_error(make):
    answer = make("down")
    assert (answer.returncode, answer.stdout) == (0, "nothing is running\n")
