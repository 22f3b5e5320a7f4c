"""A launched winner that serves another model asks for a new test, once per version."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from tests.stages.conftest import Lakes
from tests.stages.ramps import day, rollout_promise, signed
from tests.stages.worlds import FINAL, SLUG, begin, shop, world
from trialflow.errors import PromiseError
from trialflow.registry import EventKind
from trialflow.spec import admit
from trialflow.stages.retest import retest
from trialflow.stages.workspace import Workspace

VARIANTS = [
    {"name": "control", "role": "control", "weight": 0.5, "model_version": "ranker-6"},
    {"name": "treatment", "role": "treatment", "weight": 0.5, "model_version": "ranker-7"},
]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory, lakes: Lakes) -> Workspace:
    root = tmp_path_factory.mktemp("shipped")
    text = yaml.safe_dump(yaml.safe_load(rollout_promise()) | {"variants": VARIANTS}, sort_keys=False)
    return signed(begin(shop(root, lake=lakes(world(effect=0.25))), text))


def due(workspace: Workspace) -> list[str]:
    with workspace.registry() as registry:
        return [event.key for event in registry.events(SLUG) if event.kind is EventKind.RETEST_DUE]


def test_another_version_is_told_once_to_the_thread(shipped: Workspace) -> None:
    first = retest(shipped, SLUG, "ranker-8", as_of=day(3), by="deploy")
    again = retest(shipped, SLUG, "ranker-8", as_of=day(3), by="deploy")
    assert first == again
    assert first.due
    assert due(shipped) == ["ranker-8"]
    with shipped.registry() as registry:
        (message,) = [one.message for one in registry.messages(SLUG) if one.message.key.startswith("retest|")]
    assert message.thread == f"registered|{SLUG}|1"
    assert "ranker-8" in str(message.payload)


def test_its_skeleton_is_a_promise_that_can_be_registered(shipped: Workspace) -> None:
    text = retest(shipped, SLUG, "ranker-8", as_of=day(3)).skeleton
    promise = admit(text, "skeleton.yaml", catalog=shipped.catalog(), today=day(3))
    control, treatment = promise.experiment.variants
    assert (control.model_version, treatment.model_version) == ("ranker-7", "ranker-8")
    assert promise.experiment.calendar.first_day.weekday() == 0
    assert promise.experiment.calendar.first_day > day(3)


def test_nothing_is_due_for_the_version_that_was_tested_or_before_the_ramp(shipped: Workspace) -> None:
    before = due(shipped)
    assert retest(shipped, SLUG, "ranker-7", as_of=day(3)).note == "ranker-7 is what was tested"
    assert not retest(shipped, SLUG, "ranker-9", as_of=FINAL).due
    assert due(shipped) == before


def test_a_slug_and_a_version_are_needed(shipped: Workspace) -> None:
    with pytest.raises(PromiseError) as refused:
        retest(shipped, "smal_shop", " ", as_of=date(2026, 2, 1))
    assert [problem.field for problem in refused.value.problems] == ["slug", "model_version"]
    assert refused.value.problems[0].cure == f"did you mean {SLUG}?"


def test_a_promise_without_versions_cannot_tell(tmp_path: Path, lakes: Lakes) -> None:
    space = signed(begin(shop(tmp_path, lake=lakes(world(effect=0.25))), rollout_promise()))
    assert "states no model_version" in retest(space, SLUG, "ranker-8", as_of=day(3)).note
