from __future__ import annotations

import json
import subprocess
import sys

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

from tests.dags.conftest import ROOT
from trialflow_operators.failing import tell_of_failure

DAG_IDS = {
    "preregistration",
    "aa_validation",
    "daily_monitoring",
    "novelty_decay",
    "final_analysis",
    "rollout",
    "retest",
    "quarterly_holdout",
    "notifications",
}
HEAVY = ("numpy", "scipy", "pandas", "duckdb", "statsmodels", "matplotlib", "sqlalchemy.dialects.postgresql.psycopg")


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(str(ROOT / "dags"))


def test_every_stage_of_a_life_has_its_dag(bag):
    assert bag.import_errors == {}
    assert set(bag.dags) == DAG_IDS


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_a_dag_survives_serialisation(bag, dag_id):
    dag = bag.dags[dag_id]
    again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    assert set(again.task_dict) == set(dag.task_dict)
    assert type(again.timetable).__name__ == type(dag.timetable).__name__
    assert set(again.params) == set(dag.params)


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_a_dag_says_who_owns_it_and_what_to_do(bag, dag_id):
    dag = bag.dags[dag_id]
    assert "trialflow" in dag.tags
    assert dag.doc_md is not None
    assert "When it looks wrong but is not" in dag.doc_md
    assert "When to act" in dag.doc_md
    for task in dag.tasks:
        assert task.owner == "trialflow"
        assert task.retries >= 1, task.task_id


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_a_failed_task_fails_its_run(bag, dag_id):
    """The only leaf is a task that is upstream_failed by any failure; `tell` alone would hide one."""
    leaves = [task for task in bag.dags[dag_id].tasks if not task.downstream_task_ids]
    assert [leaf.task_id for leaf in leaves] == ["done"]
    assert leaves[0].trigger_rule == "none_failed"
    assert leaves[0].upstream_task_ids >= {"tell"}
    assert len(leaves[0].upstream_task_ids) >= 2


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_every_task_tells_when_it_fails_also_after_serialisation(bag, dag_id):
    dag = bag.dags[dag_id]
    for task in dag.tasks:
        callbacks = task.partial_kwargs["on_failure_callback"] if task.is_mapped else task.on_failure_callback
        assert list(callbacks) == [tell_of_failure], task.task_id
    again = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(dag))))
    assert set(again.task_dict) == set(dag.task_dict)
    assert [task.task_id for task in again.tasks if not task.has_on_failure_callback] == []


def test_importing_the_dag_files_loads_nothing_heavy():
    """Heavy imports would be paid at every parse and in every task."""
    program = f"""
import json, sys, runpy
import airflow.sdk, airflow.providers.standard.operators.empty
before = set(sys.modules)
sys.path[:0] = [{str(ROOT / "include")!r}, {str(ROOT / "plugins")!r}]
import pathlib
for path in sorted(pathlib.Path({str(ROOT / "dags")!r}).glob("*.py")):
    runpy.run_path(str(path), run_name=path.stem)
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.strip().splitlines()[-1])
    assert [name for name in loaded if name in HEAVY or name.startswith("trialflow.stats")] == []
    assert "trialflow.spec.form" in loaded


def test_the_plugin_loader_is_kept_off_the_packages():
    """It would execute every file under its bare name."""
    ignored = (ROOT / "plugins" / ".airflowignore").read_text().split()
    packages = {path.name for path in (ROOT / "plugins").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert packages <= set(ignored)
