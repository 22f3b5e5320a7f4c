"""A real Airflow for tests: its own home, its own SQLite, this checkout's dags and plugins.

Import this before anything of Airflow: Airflow reads its settings at its first import, and never again.
"""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = Path(tempfile.mkdtemp(prefix="trialflow-airflow-"))

os.environ.update(
    AIRFLOW_HOME=str(HOME),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__CORE__UNIT_TEST_MODE="True",
    AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{HOME / 'airflow.db'}",
    AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
)


@functools.cache
def make_database() -> None:
    """Airflow's tables, once per process."""
    from airflow.utils import db

    db.initdb()
