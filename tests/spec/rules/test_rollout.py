"""Rules about the canary, the ramp and the watch."""

from __future__ import annotations

from typing import Any

import pytest

from tests.spec.documents import MOMENTS_SOURCE, TODAY
from tests.spec.rules.complaints import complaints
from tests.spec.rules.test_not_yet import ON_MOMENTS

GATE = {"metric": "searches_per_user", "margin": {"relative": 0.05}}


def test_a_rollout_only_grows() -> None:
    (problem,) = complaints({"decision.rollout": [{"share": 0.5, "days": 1}, {"share": 0.5, "days": 1}]})
    assert problem.field == "decision.rollout.1.share"


def test_what_is_not_rolled_out_cannot_be_watched() -> None:
    (problem,) = complaints({"decision.rollout": [], "decision.watch_days": 14})
    assert (problem.field, problem.value) == ("decision.watch_days", "14")
    assert complaints({"decision.watch_days": 14}) == ()


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, True),
        ({"decision.rollout": []}, False),
        ({"replay": True}, False),
        ({"replay": True, "decision.rollout_key": "old-rollout"}, True),
        ({"decision.rollout": [], "decision.canary": {"share": 0.01, "days": 2}}, True),
    ],
)
def test_a_ramp_is_gated_on_units_unless_nothing_is_rolled_out(changes: dict[str, Any], refused: bool) -> None:
    found = complaints(ON_MOMENTS | changes, published=MOMENTS_SOURCE)
    told = [problem for problem in found if "is gated on unit-level exposures" in problem.message]
    assert bool(told) is refused


def test_a_system_guardrail_is_one_more_role_of_a_metric() -> None:
    freed: dict[str, Any] = {"metrics.diagnostics": []}
    assert complaints(freed | {"decision.system_guardrails": [GATE]}) == ()
    (twice,) = complaints({"decision.system_guardrails": [GATE]})
    assert (twice.field, twice.value) == ("decision.system_guardrails.0.metric", "'searches_per_user'")
    (vague,) = complaints(freed | {"decision.system_guardrails": [GATE | {"margin": {}}]})
    assert vague.field == "decision.system_guardrails.0.margin"


def test_a_canary_begins_in_the_future() -> None:
    (problem,) = complaints({"decision.canary": {"share": 0.01, "days": 28}})
    assert problem.field == "decision.canary.days"
    assert str(TODAY) in problem.message
    assert complaints({"decision.canary": {"share": 0.01, "days": 1}}) == ()
