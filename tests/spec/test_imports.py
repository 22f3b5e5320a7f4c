"""The spec stays light: DAG files import it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

INCLUDE = Path(__file__).resolve().parents[2] / "include"
HEAVY = ["numpy", "scipy", "pandas", "duckdb", "sqlalchemy", "pyarrow", "matplotlib", "statsmodels", "airflow"]
PROGRAM = f"""
import importlib, pkgutil, sys
import trialflow.spec
for module in pkgutil.walk_packages(trialflow.spec.__path__, "trialflow.spec."):
    importlib.import_module(module.name)
print(",".join(sorted(set({HEAVY!r}) & set(sys.modules))))
"""


def test_importing_all_of_spec_loads_nothing_heavy() -> None:
    environment = {**os.environ, "PYTHONPATH": str(INCLUDE)}
    done = subprocess.run(  # the interpreter of this test with a program of ours
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == ""
