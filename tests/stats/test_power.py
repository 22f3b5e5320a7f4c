"""Sample sizes and what they promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate
from tests.strategies import ALPHAS, SIDES, same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    Moments,
    achieved_power,
    difference_in_proportions,
    fixed_horizon,
    minimum_detectable_effect,
    non_inferiority_units,
    planned_information,
    power_per_test,
    proportion_std_dev,
    units_per_variant,
)

POWERS = st.sampled_from([0.6, 0.8, 0.95])
SIZES = st.floats(min_value=1e-3, max_value=1e3)


@given(SIZES, SIZES, ALPHAS, POWERS, SIDES, st.sampled_from([0.25, 1.0, 3.0]))
def test_the_effect_planned_for_is_the_one_detectable(
    std_dev: float, effect: float, alpha: float, power: float, sides: int, ratio: float
) -> None:
    rates: dict[str, Any] = {"alpha": alpha, "power": power, "sides": sides, "ratio": ratio, "inflation": 1.04}
    units = units_per_variant(std_dev=std_dev, minimum_effect=effect, **rates)
    same(minimum_detectable_effect(std_dev=std_dev, units_per_variant=units, **rates), effect)


@given(SIZES, ALPHAS, POWERS, SIDES)
def test_planned_information_has_the_planned_power(effect: float, alpha: float, power: float, sides: int) -> None:
    information = planned_information(minimum_effect=-effect, alpha=alpha, power=power, sides=sides)
    same(achieved_power(effect=effect, information=information, alpha=alpha, sides=sides), power)


@pytest.mark.parametrize(("relative", "units"), [(0.02, 727_218), (0.01, 2_938_100)])
def test_tight_margins_on_rare_events_need_millions(relative: float, units: int) -> None:
    # Shares of 4 percent, one-sided .05, power .8, no true change; computed independently.
    needed = non_inferiority_units(
        std_dev=proportion_std_dev(0.04), mean=0.04, relative=relative, alpha=0.05, power=0.8
    )
    assert abs(float(needed) - units) <= 1e-5 * units


def test_where_less_is_better_the_control_counts_for_more() -> None:
    arguments: dict[str, Any] = {"std_dev": 1.0, "mean": 10.0, "relative": 0.05, "alpha": 0.05, "power": 0.8}
    up, down = (non_inferiority_units(direction_sign=sign, **arguments) for sign in (1, -1))
    same(down / up, (1.0 + 1.05**2) / (1.0 + 0.95**2))


def test_the_exact_formula_needs_more_than_the_rule_of_sixteen() -> None:
    deviations = proportion_std_dev([0.10, 0.12])
    units = units_per_variant(
        std_dev=deviations[0], treatment_std_dev=deviations[1], minimum_effect=0.02, alpha=0.05, power=0.8
    )
    assert 3600 < np.ceil(units) == 3839
    for n, power in ((3600, 0.774), (2000, 0.525)):
        information = n / float((deviations**2).sum())
        same(achieved_power(effect=0.02, information=information, alpha=0.05), power, atol=1e-3)


def test_the_plan_delivers_its_power() -> None:
    generator = np.random.default_rng(71)
    control, treatment = (
        Moments.from_proportion(n=np.full(20_000, 3839.0), successes=generator.binomial(3839, share, size=20_000))
        for share in (0.10, 0.12)
    )
    effect = fixed_horizon(difference_in_proportions(control, treatment), level=0.95)
    assert_rate((effect.p_value < 0.05) & (effect.estimate > 0.0), 0.8)


@pytest.mark.parametrize(("guardrails", "each"), [(0, 0.8), (1, 0.9), (3, 0.95)])
def test_the_chance_to_miss_is_shared_out_over_the_success_metric_and_its_guardrails(
    guardrails: int, each: float
) -> None:
    assert power_per_test(0.8, guardrails=guardrails) == pytest.approx(each)


@pytest.mark.parametrize("correlation", [-0.45, 0.0, 0.9])
def test_all_tests_succeed_together_with_the_promised_power(correlation: float) -> None:
    from scipy.stats import multivariate_normal, norm  # an independent program for the joint chance

    # How far each of three statistics lies beyond its critical value on average; all of them have to be beyond.
    beyond = norm.ppf(power_per_test(0.8, guardrails=2))
    spread = np.full((3, 3), correlation) + (1.0 - correlation) * np.eye(3)
    together = multivariate_normal(mean=np.zeros(3), cov=spread, seed=1).cdf(np.full(3, beyond))
    assert 0.8 - 1e-4 <= together < 0.95


def test_a_negative_number_of_guardrails_is_refused() -> None:
    with pytest.raises(StatisticsError, match="guardrails"):
        power_per_test(0.8, guardrails=-1)


@pytest.mark.parametrize(
    "arguments",
    [{"std_dev": 0.0}, {"minimum_effect": 0.0}, {"alpha": 1.0}, {"power": 0.0}, {"sides": 3}, {"ratio": -1.0}],
)
def test_senseless_plans_are_refused(arguments: dict[str, Any]) -> None:
    sound: dict[str, Any] = {"std_dev": 1.0, "minimum_effect": 0.1, "alpha": 0.05, "power": 0.8}
    with pytest.raises(StatisticsError):
        units_per_variant(**(sound | arguments))


@pytest.mark.parametrize("arguments", [{}, {"relative": 0.1}, {"absolute": 0.1, "relative": 0.1, "mean": 1.0}])
def test_a_margin_must_be_one_and_whole(arguments: dict[str, Any]) -> None:
    with pytest.raises(StatisticsError):
        non_inferiority_units(std_dev=1.0, alpha=0.05, power=0.8, **arguments)


def test_a_share_above_one_is_refused() -> None:
    with pytest.raises(StatisticsError, match="share"):
        proportion_std_dev(1.2)
