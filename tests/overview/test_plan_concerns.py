"""What is not feasible is told with what would be, and following that advice mends it."""

from __future__ import annotations

import pytest

from tests.overview.test_planning import ASKED, BY_HAND, SEQUENTIAL, result
from tests.stages.worlds import shop
from trialflow.overview.plan_concerns import concerns
from trialflow.stages.workspace import Workspace

TIGHT = ASKED | BY_HAND | {"margin_1": "0.01", "weeks": "2"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return shop(tmp_path_factory.mktemp("shop"))


@pytest.mark.parametrize(
    "typed",
    [
        TIGHT,
        TIGHT | SEQUENTIAL,
        TIGHT | SEQUENTIAL | {"margin_1": "0.0062", "weeks": "3"},
        TIGHT | {"margin_1": "15%", "margin_scale_1": "relative"},
        TIGHT
        | {
            "margin_1": "",
            "guardrail_1": "",
            "guardrail_3": "orders_3d",
            "margin_3": "3%",
            "mean_3": "1",
            "std_dev_3": "1.5",
        },
    ],
)
def test_every_way_out_ends_in_a_feasible_plan(workspace: Workspace, typed: dict[str, str]) -> None:
    plan = result(workspace, **typed)
    (concern,) = concerns(plan)
    assert not plan.feasible
    assert len(concern.ways) == 2
    for way in concern.ways:
        assert result(workspace, **typed | dict(way.changes)).feasible, way.text


def test_too_short_a_calendar_for_the_primary_metric_is_one_too(workspace: Workspace) -> None:
    typed = ASKED | BY_HAND | {"mean": "2", "std_dev": "20", "weeks": "2"}
    plan = result(workspace, **typed)
    (concern,) = concerns(plan)
    assert "The traffic is too small" in concern.text
    assert result(workspace, **typed | dict(concern.ways[0].changes)).feasible


def test_what_no_calendar_proves_says_so(workspace: Workspace) -> None:
    (concern,) = concerns(result(workspace, **TIGHT | {"margin_1": "0.0001"}))
    assert "more traffic" in concern.ways[0].text
    assert concern.ways[0].changes == ()


def test_a_guardrail_without_a_baseline_is_one(workspace: Workspace) -> None:
    typed = {name: text for name, text in TIGHT.items() if name not in ("mean_1", "std_dev_1")}
    (concern,) = concerns(result(workspace, **typed))
    assert "complained_1d has no baseline" in concern.text
    assert "guardrail 1" in concern.ways[0].text


def test_a_feasible_plan_has_none(workspace: Workspace) -> None:
    plan = result(workspace, **ASKED | BY_HAND | {"weeks": "3"})
    assert plan.feasible
    assert list(concerns(plan)) == []
