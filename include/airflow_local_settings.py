"""Airflow imports this in every component, because this folder is on PYTHONPATH. Only the scheduler does something.

With the LocalExecutor tasks are forks of the scheduler. What is imported here once is there in every task, which saves
about 0.3 CPU seconds each. The price: a changed library is seen by tasks after a restart; `TRIALFLOW_PRELOAD=0` turns
this off for whoever works on the library with Airflow running. Nothing here opens a connection or starts a thread,
neither would survive the fork.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys

__all__: list[str] = []  # Airflow takes every public name of this module for a setting

MODULES = (
    "numpy",
    "scipy.special",
    "sqlalchemy.orm",
    "duckdb",
    "duckdb_sqlalchemy",
    "pandas",  # DuckDB looks for it at the first query that binds a value, 0.3 s
    "pyarrow.compute",
    "pyarrow.parquet",
    "sqlalchemy.dialects.sqlite",
    "trialflow.stages.preregistration",
    "trialflow.stages.aa_validation",
    "trialflow.stages.monitoring",
    "trialflow.stages.novelty",
    "trialflow.stages.final_analysis",
    "trialflow.stages.rollout",
    "trialflow.stages.watch",
    "trialflow.stages.retest",
    "trialflow.stages.holdout",
    "trialflow.stages.telling",
)


def _preload() -> None:
    for name in MODULES:
        try:
            importlib.import_module(name)
        except ImportError:
            # The task that needs it will fail with the same words; the scheduler must run all the same.
            logging.getLogger(__name__).exception("%s cannot be preloaded", name)


if "scheduler" in sys.argv and os.environ.get("TRIALFLOW_PRELOAD", "1") != "0":
    _preload()
