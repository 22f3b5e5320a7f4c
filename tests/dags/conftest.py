"""A real Airflow for the tests of DAGs and operators: its own home, its own SQLite, this checkout's dags and plugins."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(tempfile.mkdtemp(prefix="trialflow-airflow-"))

# Airflow reads its settings at the first import, so they are set before any test module of this folder is imported.
os.environ.update(
    AIRFLOW_HOME=str(HOME),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__CORE__UNIT_TEST_MODE="True",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{HOME / 'airflow.db'}",
    AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
)


@pytest.fixture(scope="session", autouse=True)
def airflow_database() -> Iterator[None]:
    from airflow.utils import db

    db.initdb()
    yield
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A workspace of its own, seen by every task of the test."""
    from trialflow.stages.workspace import Workspace

    monkeypatch.setenv("TRIALFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TRIALFLOW_REGISTRY_URL", raising=False)
    monkeypatch.delenv("TRIALFLOW_LAKE", raising=False)
    return Workspace.from_environment()


@pytest.fixture
def run_dag():
    """Run one DAG to its end in this process, from a fresh DagBag: params of a run leak into the next one of a DAG object."""
    from airflow.dag_processing.dagbag import DagBag

    def run(dag_id: str, *, conf=None, logical_date=None):
        dag = DagBag(str(ROOT / "dags" / f"{dag_id}.py")).dags[dag_id]
        return dag.test(run_conf=conf or {}, logical_date=logical_date)

    return run


def states(dag_run) -> dict[str, list[str]]:
    """The states of all tasks of a run, by task id, in the order of their map index."""
    found: dict[str, list[str]] = {}
    for instance in sorted(dag_run.get_task_instances(), key=lambda one: (one.task_id, one.map_index)):
        found.setdefault(instance.task_id, []).append(str(instance.state))
    return found
