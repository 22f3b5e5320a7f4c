"""What the memo says about a stop and about the looks to come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.memo.scenes import ship
from trialflow.memo.markdown import markdown


def with_rows(check: str, **rows: Any) -> str:
    scene = ship()
    findings = tuple(
        replace(one, evidence={**one.evidence, **rows}) if one.check == check else one for one in scene.findings
    )
    return markdown(replace(scene, findings=findings).memo)


STOP = {
    "variant": "v7",
    "stopped_on": "2026-03-15",
    "early": True,
    "looks_before": 1,
    "naive": 0.0021,
    "median_unbiased": 0.00204,
    "lower": 0.001,
    "upper": 0.0031,
    "level": 0.95,
    "stagewise_p_value": 0.0012,
}


def test_after_a_stop_the_naive_and_the_median_unbiased_estimate_stand_side_by_side() -> None:
    text = with_rows("effects", after_stop=[STOP])
    assert "A benefit was shown early, on 15 March 2026" in text
    assert "the naive estimate of that look is +0.21 percentage points, the median-unbiased one +0.20" in text
    assert "stage-wise p = 0.0012" in text


def test_a_stop_without_looks_before_needs_no_second_estimate() -> None:
    assert "median-unbiased" not in with_rows("effects", after_stop=[STOP | {"looks_before": 0}])


def test_while_looks_are_left_the_chance_of_a_benefit_is_told() -> None:
    row = {
        "variant": "v7",
        "conditional_power": 0.31,
        "conditional_power_planned": 0.84,
        "expected_decision": "2026-03-20",
        "last_look": "2026-03-22",
    }
    text = with_rows("information", forecast=[row])
    assert "still shows a benefit is 31% if the effect is what it looks like now, 84% if the smallest effect" in text
    assert "expected about 20 March 2026, on 22 March 2026 at the latest" in text
