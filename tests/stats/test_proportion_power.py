"""Plans for shares, by each formula."""

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
    Alternative,
    Moments,
    ProportionFormula,
    difference_in_proportions,
    fixed_horizon,
    margin_contrast,
    non_inferiority_share_units,
    non_inferiority_units,
    pooled_z_test,
    proportion_minimum_effect,
    proportion_power,
    proportion_std_dev,
    proportion_units,
    rule_of_sixteen,
    units_per_variant,
)
from trialflow.stats.proportion_intervals import score_test

SHARES = st.floats(min_value=0.02, max_value=0.6)
EFFECTS = st.floats(min_value=0.01, max_value=0.3)
RATIOS = st.sampled_from([0.1, 1.0, 4.0])
POWERS = st.sampled_from([0.6, 0.8, 0.95])
FORMULAS = st.sampled_from(list(ProportionFormula))


def arms(shares: tuple[float, float], sizes: tuple[float, float], seed: int, runs: int = 20_000) -> list[Moments]:
    generator = np.random.default_rng(seed)
    return [
        Moments.from_proportion(n=np.full(runs, float(round(n))), successes=generator.binomial(round(n), p, size=runs))
        for p, n in zip(shares, sizes, strict=True)
    ]


@given(SHARES, EFFECTS, ALPHAS, POWERS, SIDES, RATIOS, FORMULAS)
def test_units_power_and_effect_are_one_relation(
    p: float, effect: float, alpha: float, power: float, sides: int, ratio: float, formula: ProportionFormula
) -> None:
    rates: dict[str, Any] = {"alpha": alpha, "sides": sides, "ratio": ratio, "formula": formula}
    units = proportion_units(control=p, treatment=p + effect, power=power, **rates)
    same(proportion_power(control=p, treatment=p + effect, units=units, **rates), power, rtol=1e-7)
    same(proportion_minimum_effect(control=p, units=units, power=power, **rates), effect, rtol=1e-6)


@given(SHARES, EFFECTS, RATIOS, FORMULAS)
def test_renaming_success_and_failure_changes_nothing(
    p: float, effect: float, ratio: float, formula: ProportionFormula
) -> None:
    rates: dict[str, Any] = {"alpha": 0.05, "power": 0.8, "ratio": ratio, "formula": formula}
    same(
        proportion_units(control=1.0 - p, treatment=1.0 - p - effect, **rates),
        proportion_units(control=p, treatment=p + effect, **rates),
        rtol=1e-7,
    )
    fall = proportion_minimum_effect(control=1.0 - p, units=5e4, direction_sign=-1, **rates)
    same(fall, proportion_minimum_effect(control=p, units=5e4, **rates), rtol=1e-7)


def test_the_unpooled_formula_is_that_of_a_difference_of_means() -> None:
    same(
        proportion_units(control=0.1, treatment=0.13, alpha=0.05, power=0.9, ratio=0.5),
        units_per_variant(
            std_dev=proportion_std_dev(0.1),
            treatment_std_dev=proportion_std_dev(0.13),
            minimum_effect=0.03,
            alpha=0.05,
            power=0.9,
            ratio=0.5,
        ),
    )


def test_where_no_share_is_far_enough_there_is_no_effect_to_find() -> None:
    found = proportion_minimum_effect(control=[0.5, 0.5], units=[3.0, 3000.0], alpha=0.001, power=0.95)
    assert found[0] == np.inf
    assert 0.0 < found[1] < 0.1


@pytest.mark.parametrize("formula", [ProportionFormula.UNPOOLED, ProportionFormula.POOLED_NULL])
def test_the_plan_delivers_its_power_with_its_own_test(formula: ProportionFormula) -> None:
    units = float(proportion_units(control=0.1, treatment=0.12, alpha=0.05, power=0.8, ratio=0.25, formula=formula))
    control, treatment = arms((0.1, 0.12), (units, units / 4.0), seed=101)
    if formula is ProportionFormula.UNPOOLED:
        p_value = fixed_horizon(difference_in_proportions(control, treatment), level=0.95).p_value
    else:
        p_value = pooled_z_test(control, treatment).p_value
    assert_rate((p_value < 0.05) & (treatment.mean > control.mean), 0.8)


def test_the_score_test_of_non_inferiority_has_its_planned_power() -> None:
    units = float(non_inferiority_share_units(control=0.1, treatment=0.1, margin=0.02, alpha=0.05, power=0.8))
    control, treatment = arms((0.1, 0.1), (units, units), seed=102)
    assert_rate(score_test(control, treatment, null=-0.02, alternative=Alternative.GREATER).p_value < 0.05, 0.8)


def test_the_wald_test_of_non_inferiority_has_its_planned_power_with_a_true_difference() -> None:
    units = float(
        non_inferiority_units(
            std_dev=proportion_std_dev(0.2),
            treatment_std_dev=proportion_std_dev(0.19),
            absolute=0.03,
            true_difference=-0.01,
            alpha=0.05,
            power=0.8,
            ratio=2.0,
        )
    )
    control, treatment = arms((0.2, 0.19), (units, 2.0 * units), seed=103)
    margin = margin_contrast(difference_in_proportions(control, treatment), direction_sign=1, absolute=0.03)
    assert_rate(fixed_horizon(margin, level=0.9, alternative=Alternative.GREATER).p_value < 0.05, 0.8)


def test_less_is_better_is_the_mirror_of_more_is_better() -> None:
    plan: dict[str, Any] = {"margin": 0.02, "alpha": 0.05, "power": 0.8, "ratio": 0.5}
    same(
        non_inferiority_share_units(control=0.1, treatment=0.11, direction_sign=-1, **plan),
        non_inferiority_share_units(control=0.9, treatment=0.89, **plan),
        rtol=1e-7,
    )


def test_the_rule_of_sixteen_asks_for_too_few() -> None:
    assert rule_of_sixteen(control=0.1, minimum_effect=0.02) < proportion_units(
        control=0.1, treatment=0.12, alpha=0.05, power=0.8
    )


@pytest.mark.parametrize("arguments", [{"control": 0.0}, {"treatment": 1.0}, {"treatment": 0.1}, {"ratio": 0.0}])
def test_senseless_shares_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(StatisticsError):
        proportion_units(**({"control": 0.1, "treatment": 0.12, "alpha": 0.05, "power": 0.8} | arguments))


def test_a_truth_beyond_the_margin_cannot_be_planned_for() -> None:
    with pytest.raises(StatisticsError, match="margin"):
        non_inferiority_share_units(control=0.1, treatment=0.07, margin=0.02, alpha=0.05, power=0.8)
    with pytest.raises(StatisticsError, match="margin"):
        non_inferiority_units(std_dev=1.0, absolute=0.1, true_difference=-0.1, alpha=0.05, power=0.8)
