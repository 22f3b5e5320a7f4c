"""Plans for small samples of means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats.calibration import normal_moments
from tests.strategies import ALPHAS, SIDES, same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    difference_in_means,
    fixed_horizon,
    student_minimum_effect,
    student_power,
    student_units,
    units_per_variant,
)

EFFECTS = st.floats(min_value=0.02, max_value=2.0)


@given(EFFECTS, ALPHAS, SIDES, st.sampled_from([0.2, 1.0, 3.0]), st.sampled_from([0.6, 0.9]))
@settings(max_examples=30, deadline=None)
def test_units_power_and_effect_are_one_relation(
    effect: float, alpha: float, sides: int, ratio: float, power: float
) -> None:
    rates: dict[str, Any] = {"std_dev": 3.0, "alpha": alpha, "sides": sides, "ratio": ratio}
    units = student_units(minimum_effect=3.0 * effect, power=power, **rates)
    same(student_power(effect=3.0 * effect, units=units, **rates), power, rtol=1e-6)
    same(student_minimum_effect(units=units, power=power, **rates), 3.0 * effect, rtol=1e-6)
    assert units > units_per_variant(minimum_effect=3.0 * effect, power=power, **rates)


def test_large_samples_need_no_t() -> None:
    plan: dict[str, Any] = {"std_dev": 1.0, "minimum_effect": 0.001, "alpha": 0.05, "power": 0.8}
    same(student_units(**plan), units_per_variant(**plan), rtol=1e-6)


def test_the_plan_delivers_its_power() -> None:
    units = int(np.ceil(student_units(std_dev=1.0, minimum_effect=1.2, alpha=0.05, power=0.8)))
    generator = np.random.default_rng(111)
    control, treatment = (normal_moments(generator, runs=40_000, n=units, mean=mean) for mean in (0.0, 1.2))
    effect = fixed_horizon(difference_in_means(control, treatment), level=0.95)
    promised = float(student_power(std_dev=1.0, effect=1.2, units=units, alpha=0.05))
    assert promised >= 0.8
    # The test is Welch's, whose degrees of freedom are a little fewer with twelve units a variant.
    assert abs(float((effect.p_value < 0.05).mean()) - promised) < 0.01


@pytest.mark.parametrize("units", [1.0, 0.0, -5.0])
def test_without_a_degree_of_freedom_there_is_no_power(units: float) -> None:
    with pytest.raises(StatisticsError):
        student_power(std_dev=1.0, effect=1.0, units=units, alpha=0.05)
