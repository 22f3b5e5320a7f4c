"""Airflow loads the plugin in every process, each task's too: loading it must cost nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.airflow_home import HOME, make_database

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "numpy",
    "scipy",
    "pandas",
    "duckdb",
    "pyarrow",
    "matplotlib",
    "statsmodels",
    "jinja2",
    "sqlalchemy.dialects.postgresql",
)
LOADED = """
import json, sys
import airflow.plugins_manager
before = set(sys.modules)
import trialflow_plugin
print(json.dumps(sorted(set(sys.modules) - before)))
"""
AS_AIRFLOW_DOES = """
import json
from airflow import plugins_manager
plugins, errors = plugins_manager._get_plugins()
print(json.dumps({"plugins": [one.name for one in plugins], "errors": errors}))
"""


def run(program: str):
    """The JSON that a program prints in a process of its own."""
    environment = os.environ | {"AIRFLOW_HOME": str(HOME), "PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'plugins'}"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def loaded() -> list[str]:
    make_database()
    return run(LOADED)


def test_loading_the_plugin_loads_only_the_plugin(loaded):
    own = {name for name in loaded if name.partition(".")[0] in ("trialflow", "trialflow_ui", "trialflow_plugin")}
    assert own == {"trialflow_plugin", "trialflow_ui", "trialflow_ui.entry"}


@pytest.mark.parametrize("package", [*HEAVY, "fastapi", "starlette", "trialflow.registry"])
def test_loading_the_plugin_loads_nothing_heavy_that_airflow_has_not_loaded(loaded, package):
    assert not [name for name in loaded if name == package or name.startswith(f"{package}.")]


def test_airflow_loads_the_plugin_without_an_error():
    found = run(AS_AIRFLOW_DOES)
    assert "trialflow" in found["plugins"]
    assert found["errors"] == {}
