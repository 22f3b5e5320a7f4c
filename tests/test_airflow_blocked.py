"""The library without Airflow: it imports, it runs a whole life, and a day's run stays light."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

BLOCK = """
import sys

class NoAirflow:
    def find_spec(self, name, path=None, target=None):
        if name == "airflow" or name.startswith("airflow."):
            raise ModuleNotFoundError(f"{name} is blocked", name=name)
        return None

sys.meta_path.insert(0, NoAirflow())
try:
    import airflow
except ModuleNotFoundError:
    pass
else:
    raise SystemExit("Airflow is not blocked")
"""

EVERYTHING = """
import importlib, pkgutil
import trialflow
for module in pkgutil.walk_packages(trialflow.__path__, "trialflow."):
    if ".migrations" not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""

LIFE = """
import sys
from pathlib import Path
from datetime import date
from tests.stages.worlds import SLUG, TODAY, fill, promise, shop, world
from trialflow.stages.aa_validation import validate
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import monitor
from trialflow.stages.novelty import watch_novelty
from trialflow.stages.preregistration import register, waiting
from trialflow.stages.rollout import roll_out
from trialflow.stages.sign import sign
from trialflow.stages.telling import intend_digest

workspace = fill(shop(Path(sys.argv[1]), text=promise()), world(units=2000, effect=0.3))
for offer in waiting(workspace):
    register(workspace, offer, by="ada", today=TODAY)
validate(workspace, SLUG)
due = ()
for day in (date(2026, 1, 11), date(2026, 1, 18)):
    due = monitor(workspace, SLUG, day).due
    watch_novelty(workspace, SLUG, day)
decision = analyse(workspace, SLUG, due[0]).decision
sign(workspace, SLUG, due[0], verdict=decision.verdict, by="ada", signed_on=due[0])
steps = roll_out(workspace, SLUG, due[0]).steps
print(decision.verdict, len(steps), intend_digest(workspace, due[0], "#all"))
"""

LIGHT = """
import sys
import trialflow.stages.monitoring
print(sorted({"airflow", "matplotlib", "pandas", "scipy.stats", "statsmodels"} & set(sys.modules)))
"""


def run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={
            "PYTHONPATH": f"{ROOT / 'include'}:{ROOT}",
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_module_of_the_library_imports_without_airflow() -> None:
    run(BLOCK + EVERYTHING)


def test_an_experiment_lives_without_airflow(tmp_path: Path) -> None:
    assert run(BLOCK + LIFE, str(tmp_path)) == "SHIP 2 1"


def test_a_day_s_run_loads_nothing_that_it_does_not_need() -> None:
    assert run(LIGHT) == "[]"
