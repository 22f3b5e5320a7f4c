"""What the memo says about a stop and about the looks to come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.memo.scenes import ship
from trialflow.checks.finding import Status
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


DECAY = {
    "long_run_effect": {"estimate": 0.0009, "lower": 0.0002, "upper": 0.0016},
    "first_day_excess": {"estimate": 0.002, "lower": 0.001, "upper": 0.003},
    "half_life_days": {"estimate": 2.31, "lower": 1.0, "upper": 6.0},
    "level": 0.95,
    "why_not": "",
}


def with_decay(decay: dict[str, Any], status: Status) -> str:
    scene = ship()
    (found,) = [one for one in scene.findings if one.check == "novelty"]
    rows = [{**found.evidence["variants"][0], "decay": decay}]
    changed = replace(found, status=status, evidence={**found.evidence, "variants": rows})
    others = (one for one in scene.findings if one.check != "novelty")
    return markdown(replace(scene, findings=(*others, changed)).memo)


def test_a_fading_effect_says_where_it_settles_as_far_as_the_days_tell() -> None:
    told = with_decay(DECAY, Status.FAIL)
    assert "settles at +0.090 percentage points a day (95% interval +0.020 to +0.160)" in told
    assert "half of the change is over after 2.3 days" in told
    unknown = {"long_run_effect": None, "half_life_days": None, "level": 0.95, "why_not": "the speed is not identified"}
    assert "settles cannot be told: the speed is not identified." in with_decay(unknown, Status.WARN)
    assert "settles" not in with_decay(DECAY, Status.PASS)
