"""A stage that is killed with SIGKILL at any moment and run again leaves the record of a run that nobody disturbed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.stages.conftest import Lakes
from tests.stages.killing import DAY
from tests.stages.ramps import fill_with, ramp_world, rollout_promise, signed
from tests.stages.worlds import SLUG, TODAY, begin, promise, shop, world
from trialflow.simulation import Arm
from trialflow.stages.monitoring import monitor
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
BROKEN = (Arm(name="control", weight=0.5), Arm(name="treatment", weight=0.5, logged=0.4))


def sweep(workspace: Workspace, job: str, *, points: int) -> dict[str, Any]:
    """Kill the job at `points` of its steps, evenly spread from the first to the last."""
    root = workspace.include.parent
    done = subprocess.run(
        [sys.executable, "-m", "tests.stages.killing", str(root), str(workspace.lake_root), job, str(points)],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'include'}", "PATH": os.environ["PATH"]},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def judge(found: dict[str, Any], *, points: int) -> None:
    wanted = found["undisturbed"]
    assert len(found["killed"]) == points
    for one in found["killed"]:
        assert one["signal"] == signal.SIGKILL, one["step"]
        assert one["digest"] == wanted["digest"], f"killed at step {one['step']} of {found['steps']}"
        assert one["messages"] == wanted["messages"], f"killed at step {one['step']} of {found['steps']}"
        assert one["memos"] == wanted["memos"]


@pytest.mark.slow
def test_a_killed_day_is_recorded_whole_by_the_retry(tmp_path: Path, lakes: Lakes) -> None:
    workspace = begin(shop(tmp_path / "shop", lake=lakes(world(arms=BROKEN))))
    found = sweep(workspace, "monitor", points=6)
    judge(found, points=6)
    alerts = [key for key in found["undisturbed"]["messages"] if key.startswith("alert|")]
    assert alerts == [f"alert|{SLUG}|srm|{DAY}|fail"]


@pytest.mark.slow
def test_a_killed_analysis_decides_once(tmp_path: Path, lakes: Lakes) -> None:
    workspace = begin(shop(tmp_path / "shop", lake=lakes(world(effect=0.25))))
    monitor(workspace, SLUG, DAY)
    found = sweep(workspace, "analyse", points=6)
    judge(found, points=6)
    assert len([key for key in found["undisturbed"]["messages"] if key.startswith("decision|")]) == 1
    assert len(found["undisturbed"]["memos"]) == 6


@pytest.mark.slow
def test_a_killed_registration_is_finished_by_the_retry(tmp_path: Path, lakes: Lakes) -> None:
    workspace = shop(tmp_path / "shop", lake=lakes(world(effect=0.25)))
    found = sweep(workspace, "register", points=6)
    judge(found, points=6)
    assert found["undisturbed"]["messages"] == [f"registered|{SLUG}|1"]


@pytest.mark.slow
def test_a_killed_amendment_is_finished_by_the_retry(tmp_path: Path, lakes: Lakes) -> None:
    workspace = shop(tmp_path / "shop", lake=lakes(world(effect=0.25)))
    register(workspace, Offer(where="a test", text=promise()), by="ada", today=TODAY)
    found = sweep(workspace, "amend", points=6)
    judge(found, points=6)
    assert found["undisturbed"]["messages"] == [f"registered|{SLUG}|{version}" for version in (1, 2)]


@pytest.mark.slow
def test_a_killed_gate_goes_on_where_an_undisturbed_one_stands(tmp_path: Path) -> None:
    workspace = signed(begin(fill_with(shop(tmp_path / "shop"), ramp_world()), rollout_promise()))
    found = sweep(workspace, "gate", points=6)
    judge(found, points=6)
    assert [key for key in found["undisturbed"]["messages"] if key.startswith("rollout|")]
