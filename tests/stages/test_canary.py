"""A canary: the gate of a small share before the experiment; what is not quiet there does not start."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.stages.worlds import FIRST, SLUG, begin, fill, promise, shop, world
from trialflow.registry import Registry, Stage
from trialflow.simulation import Arm, Change, Loss, SimulationSpec
from trialflow.stages.watch import rolling, watch
from trialflow.stages.workspace import Workspace

EVE = FIRST - timedelta(days=1)
BEGIN = FIRST - timedelta(days=3)
TODAY = BEGIN - timedelta(days=1)


def canary_world(**given: Any) -> SimulationSpec:
    values: dict[str, Any] = {
        "slug": f"{SLUG}-canary",
        "first_day": BEGIN,
        "last_day": EVE,
        "units": 3000,
        "arms": (Arm(name="control", weight=0.9), Arm(name="treatment", weight=0.1)),
        "follow_days": 0,
        "repeats": 0.0,
        **given,
    }
    return world(**values)


def begun(root: Path, **given: Any) -> Workspace:
    # The canary's world alone has a past of visits; three days of it are enough for a promise that states its baselines.
    text = promise(
        decision={"canary": {"share": 0.1, "days": 3}},
        analysis={"aa": {"waived": "a test of the canary"}},
        baselines={"views_3d": {"mean": 2.9, "std_dev": 2.6}, "complained_1d": {"mean": 0.03, "std_dev": 0.17}},
    )
    return begin(fill(shop(root), canary_world(**given)), text, today=TODAY)


def stage(registry: Registry, on: date) -> Stage:
    return registry.life(SLUG, on).stage


def test_a_quiet_canary_lets_the_experiment_start(tmp_path: Path) -> None:
    space = begun(tmp_path)
    assert rolling(space, TODAY) == ()
    assert rolling(space, BEGIN) == rolling(space, EVE) == (SLUG,)
    last = watch(space, SLUG, EVE)
    assert "canary is over: 3 quiet days" in last.headline
    assert rolling(space, FIRST) == ()
    with space.registry() as registry:
        assert stage(registry, FIRST) is Stage.RUNNING
        assert {one.as_of for one in registry.findings(SLUG, check="canary")} == {BEGIN, BEGIN + timedelta(days=1), EVE}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"changes": (Change(variant="treatment", behaviour="complaint", absolute=0.6),)}, "harms complained_1d"),
        ({"arms": (Arm(name="control", weight=0.9), Arm(name="treatment", weight=0.1, logged=0.3))}, "split is broken"),
        ({"losses": (Loss(table="exposures", day=EVE),)}, "No unit was exposed"),
    ],
)
def test_a_canary_that_is_not_quiet_blocks_the_start(tmp_path: Path, given: dict[str, Any], why: str) -> None:
    space = begun(tmp_path, **given)
    watch(space, SLUG, EVE)
    with space.registry() as registry:
        (blocked,) = {event.detail["why"] for event in registry.events(SLUG) if event.key == "canary"}
        assert why in blocked
        assert stage(registry, FIRST) is Stage.BLOCKED
