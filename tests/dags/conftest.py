"""A real Airflow for the tests of DAGs and operators."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.airflow_home import HOME, ROOT, make_database


@pytest.fixture(scope="session", autouse=True)
def airflow_database() -> Iterator[None]:
    make_database()
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
