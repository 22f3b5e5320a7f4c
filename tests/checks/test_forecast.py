"""How likely a benefit still is, and when it would be decided."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from tests.checks.test_effects import UNITS, five_weeks, flat, peaked
from tests.fakes import a_promise, day, path_of_z, summary_of_moments
from trialflow.checks.effects import primary_paths
from trialflow.checks.forecast import forecast
from trialflow.checks.history import History
from trialflow.spec.promise import MetricPlan, Plan, Promise


def told(promise: Promise, summary: Any) -> dict[str, Any] | None:
    (path,) = primary_paths(promise, summary, History())
    return forecast(promise, summary, path)


def one_look(**fields: Any) -> Promise:
    promise = a_promise(
        calendar={"first_day": day(1), "last_day": day(28)}, analysis={"stopping": {"policy": "fixed", "looks": []}}
    )
    plan = Plan(metrics=(MetricPlan(metric="value", baseline_mean=1.0, baseline_std_dev=1.0, **fields),))
    return Promise(experiment=promise.experiment, metrics=promise.metrics, sources=promise.sources, plan=plan)


def test_with_one_look_left_it_is_the_textbook_formula() -> None:
    promise = one_look(minimum_effect=0.01)
    found = told(
        promise, summary_of_moments(promise, {"value": path_of_z(promise, np.full(14, 1.5), units_a_day=UNITS)})
    )
    assert found is not None
    # Half of the information with z = 1.5: B(½) = 1.5 √½, the trend brings as much again (Lan & Wittes 1988).
    trend = norm.sf((1.959964 - 2 * 1.5 * np.sqrt(0.5)) / np.sqrt(0.5))
    assert found["conditional_power"] == pytest.approx(trend, rel=1e-4)
    drift = 0.01 * np.sqrt(UNITS * 28 / 2)
    least = norm.sf((1.959964 - 1.5 * np.sqrt(0.5) - drift / 2) / np.sqrt(0.5))
    assert found["conditional_power_planned"] == pytest.approx(least, rel=1e-4)
    assert found["expected_decision"] == found["last_look"] == day(28).isoformat()


def test_without_a_planned_effect_only_the_trend_is_told() -> None:
    promise = one_look()
    found = told(promise, flat(promise, 7))
    assert found is not None
    assert found["conditional_power_planned"] is None


def test_a_strong_effect_is_expected_to_be_decided_at_the_next_look() -> None:
    promise = five_weeks()
    strong, weak = (told(promise, peaked(promise, 13, on_13=z)) for z in (4.5, 0.1))
    assert strong is not None
    assert weak is not None
    assert strong["median_decision"] == strong["next_look"] == day(14).isoformat()
    assert strong["conditional_power"] > 0.99
    assert weak["median_decision"] == weak["last_look"] == day(35).isoformat()
    assert weak["conditional_power"] < 0.1


@pytest.mark.parametrize(("days", "z"), [(9, {"on_7": 6.0}), (35, {})])
def test_after_a_benefit_or_the_last_look_there_is_nothing_to_forecast(days: int, z: dict[str, float]) -> None:
    assert told(five_weeks(), peaked(five_weeks(), days, **z)) is None


def test_a_harmful_trend_has_no_chance_however_far_from_zero() -> None:
    found = told(five_weeks(), flat(five_weeks(), 13, z=-4.0))
    assert found is not None
    assert found["conditional_power"] < 1e-6
