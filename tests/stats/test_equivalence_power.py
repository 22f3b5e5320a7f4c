"""Plans of equivalence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate, normal_moments
from tests.strategies import ALPHAS, same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    difference_in_means,
    equivalence,
    equivalence_power,
    equivalence_units,
    smallest_equivalence_range,
    units_per_variant,
)

POWERS = st.sampled_from([0.6, 0.8, 0.95])
RATIOS = st.sampled_from([0.25, 1.0, 3.0])


@given(st.floats(min_value=0.05, max_value=2.0), st.floats(min_value=-0.9, max_value=0.9), ALPHAS, POWERS, RATIOS)
def test_the_units_have_the_power(half: float, place: float, alpha: float, power: float, ratio: float) -> None:
    plan: dict[str, Any] = {
        "std_dev": 2.0,
        "treatment_std_dev": 3.0,
        "low": -half,
        "high": half,
        "true_effect": half * place,
        "alpha": alpha,
        "ratio": ratio,
    }
    units = equivalence_units(power=power, **plan)
    same(equivalence_power(units=units, **plan), power, rtol=1e-6)
    same(equivalence_units(power=power, inflation=1.2, **plan), 1.2 * units)


@given(st.floats(min_value=0.05, max_value=2.0), ALPHAS, POWERS)
def test_the_smallest_range_is_the_one_planned_for(half: float, alpha: float, power: float) -> None:
    units = equivalence_units(std_dev=2.0, low=-half, high=half, alpha=alpha, power=power)
    same(smallest_equivalence_range(std_dev=2.0, units=units, alpha=alpha, power=power), half, rtol=1e-6)


@pytest.mark.parametrize(("truth", "nobs"), [(0.5, 400), (0.53, 800), (0.46, 1200)])
def test_the_power_is_that_of_statsmodels(truth: float, nobs: int) -> None:
    """statsmodels' power_ztost_prop for one share, whose variance is given: the same two tests on a normal estimate."""
    from statsmodels.stats.proportion import power_ztost_prop

    reference = power_ztost_prop(0.4, 0.6, nobs, truth, alpha=0.05, dist="norm", variance_prop=truth, discrete=False)[0]
    # One share has variance p q / n: half of σ² = p q is in each of two variants of n units.
    deviation = np.sqrt(truth * (1.0 - truth) / 2.0)
    same(
        equivalence_power(
            std_dev=deviation, low=0.4 - 0.5, high=0.6 - 0.5, true_effect=truth - 0.5, units=nobs, alpha=0.05
        ),
        reference,
        rtol=1e-9,
    )


def test_the_plan_delivers_its_power_with_its_own_test() -> None:
    plan: dict[str, Any] = {"std_dev": 1.0, "low": -0.2, "high": 0.2, "true_effect": 0.05, "alpha": 0.05, "ratio": 0.5}
    units = int(np.ceil(equivalence_units(power=0.8, **plan) / 2) * 2)
    generator = np.random.default_rng(12)
    control = normal_moments(generator, runs=20_000, n=units)
    treatment = normal_moments(generator, runs=20_000, n=units // 2, mean=0.05)
    shown = equivalence(difference_in_means(control, treatment), low=-0.2, high=0.2, alpha=0.05).p_value <= 0.05
    assert_rate(shown, float(equivalence_power(units=units, **plan)))


def test_a_range_narrower_than_the_noise_is_never_shown() -> None:
    assert equivalence_power(std_dev=1.0, low=-0.1, high=0.1, units=10.0, alpha=0.05) == 0.0


def test_a_far_away_limit_leaves_one_test() -> None:
    same(
        equivalence_units(std_dev=1.0, low=-0.1, high=50.0, alpha=0.05, power=0.8),
        units_per_variant(std_dev=1.0, minimum_effect=0.1, alpha=0.05, power=0.8, sides=1),
        rtol=1e-9,
    )


def test_several_plans_are_one_call() -> None:
    units = equivalence_units(std_dev=[[1.0], [2.0]], low=-0.1, high=[0.1, 0.2, 0.3], alpha=0.05, power=0.8)
    assert units.shape == (2, 3)
    same(units[1], 4.0 * units[0], rtol=1e-9)


@pytest.mark.parametrize("arguments", [{"low": 0.2}, {"true_effect": 0.2}, {"true_effect": -0.3}, {"std_dev": 0.0}])
def test_senseless_plans_are_refused(arguments: dict[str, Any]) -> None:
    sound: dict[str, Any] = {"std_dev": 1.0, "low": -0.2, "high": 0.2, "alpha": 0.05, "power": 0.8}
    with pytest.raises(StatisticsError):
        equivalence_units(**(sound | arguments))
