"""The light path stays light: daily tasks pay for every import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

INCLUDE = Path(__file__).parents[2] / "include"


def test_the_statistics_import_nothing_slow() -> None:
    heavy = (
        "scipy.stats",
        "scipy.optimize",
        "scipy.integrate",
        "pandas",
        "statsmodels",
        "matplotlib",
        "duckdb",
        "airflow",
    )
    script = f"import sys; import trialflow.stats; print([name for name in {heavy!r} if name in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(INCLUDE)}
    )
    assert ran.stdout.strip() == "[]"
