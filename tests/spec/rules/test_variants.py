"""Rules about arms, weights and the ramp."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spec.rules.complaints import complaints


def arm(name: str, role: str, weight: float) -> dict[str, object]:
    return {"name": name, "role": role, "weight": weight}


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        (["control", "control", "treatment"], "has 2 controls"),
        (["treatment", "treatment"], "has no control"),
        (["holdout", "holdout", "treatment"], "has no control"),
        (["control", "holdout", "holdout", "treatment"], "has 2 holdouts"),
        (["control", "holdout"], "has no treatment"),
    ],
)
def test_there_is_one_variant_to_compare_with_and_one_to_compare(roles: list[str], says: str) -> None:
    arms = [arm(f"arm{index}", role, 1 / len(roles)) for index, role in enumerate(roles)]
    found = complaints({"variants": arms, "calendar.ramp": []})
    assert [problem.message for problem in found] == [says]
    assert found[0].field == "variants"


def test_a_holdout_can_stand_for_the_control() -> None:
    arms = [arm("held", "holdout", 0.1), arm("everybody", "treatment", 0.9)]
    assert complaints({"variants": arms, "calendar.ramp": []}) == ()


def test_a_name_is_used_once() -> None:
    arms = [arm("a", "control", 0.5), arm("a", "treatment", 0.5)]
    (problem,) = complaints({"variants": arms, "calendar.ramp": []})
    assert problem.field == "variants.1.name"


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.01, 1.0), min_size=2, max_size=6))
def test_shares_of_one_whole_are_accepted_whatever_their_rounding(sizes: list[float]) -> None:
    total = sum(sizes)
    arms = [arm(f"a{i}", "treatment" if i else "control", size / total) for i, size in enumerate(sizes)]
    assert complaints({"variants": arms, "calendar.ramp": []}) == ()


@pytest.mark.parametrize("weights", [(0.5, 0.4), (0.5, 0.50000001), (1.0, 1.0)])
def test_weights_that_do_not_sum_to_one_are_told_with_their_sum(weights: tuple[float, float]) -> None:
    arms = [arm("a", "control", weights[0]), arm("b", "treatment", weights[1])]
    (problem,) = complaints({"variants": arms, "calendar.ramp": []})
    assert problem.field == "variants"
    assert f"{sum(weights):.12g}" in problem.message


def test_a_ramp_lies_inside_the_calendar_in_order_and_sums_to_one() -> None:
    steps = [
        {"day": "2026-03-05", "weights": {"control": 0.9, "two_towr": 0.1}},
        {"day": "2026-03-05", "weights": {"control": 0.5, "two_tower": 0.4}},
        {"day": "2026-04-01", "weights": {"control": 0.5, "two_tower": 0.5}},
    ]
    found = {problem.field: problem for problem in complaints({"calendar.ramp": steps})}
    assert set(found) == {
        "calendar.ramp.0.weights.two_towr",
        "calendar.ramp.1.day",
        "calendar.ramp.1.weights",
        "calendar.ramp.2.day",
    }
    assert found["calendar.ramp.0.weights.two_towr"].cure == "did you mean two_tower?"
    assert "2026-03-29" in found["calendar.ramp.2.day"].cure


def test_a_variant_may_wait_at_zero_during_a_ramp() -> None:
    assert complaints({"calendar.ramp": [{"day": "2026-03-02", "weights": {"control": 1.0, "two_tower": 0.0}}]}) == ()
