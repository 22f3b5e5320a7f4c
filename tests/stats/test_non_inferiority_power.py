"""Plans of non-inferiority: what margin can be shown with how many units."""

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
    Alternative,
    difference_in_means,
    fixed_horizon,
    inflation,
    margin_contrast,
    non_inferiority_power,
    non_inferiority_share_power,
    non_inferiority_share_units,
    non_inferiority_units,
    proportion_std_dev,
    smallest_margin,
    smallest_relative_margin,
    student_minimum_effect,
    student_units,
)

POWERS = st.sampled_from([0.6, 0.8, 0.95])
SIGNS = st.sampled_from([-1, 1])
RATIOS = st.sampled_from([0.25, 1.0, 3.0])
MARGINS = st.floats(min_value=0.01, max_value=0.6)


@given(MARGINS, ALPHAS, POWERS, SIGNS, RATIOS, st.sampled_from([-10.0, 10.0]), st.sampled_from([-0.05, 0.0, 0.3]))
def test_units_power_and_relative_margin_are_one_relation(
    margin: float, alpha: float, power: float, sign: int, ratio: float, mean: float, gain: float
) -> None:
    plan: dict[str, Any] = {
        "std_dev": 3.0,
        "treatment_std_dev": 4.0,
        "mean": mean,
        "direction_sign": sign,
        "ratio": ratio,
        "true_difference": sign * gain,
    }
    units = non_inferiority_units(relative=margin, alpha=alpha, power=power, **plan)
    same(non_inferiority_power(relative=margin, units=units, alpha=alpha, **plan), power, rtol=1e-9)
    same(smallest_relative_margin(units=units, alpha=alpha, power=power, **plan), margin, rtol=1e-7)


@given(MARGINS, ALPHAS, POWERS, SIGNS, RATIOS)
def test_units_power_and_absolute_margin_are_one_relation(
    margin: float, alpha: float, power: float, sign: int, ratio: float
) -> None:
    plan: dict[str, Any] = {"std_dev": 3.0, "direction_sign": sign, "ratio": ratio, "true_difference": sign * -0.005}
    units = non_inferiority_units(absolute=margin, alpha=alpha, power=power, inflation=1.1, **plan)
    same(smallest_margin(units=units, alpha=alpha, power=power, inflation=1.1, **plan), margin, rtol=1e-9)
    same(non_inferiority_power(absolute=margin, units=units / 1.1, alpha=alpha, **plan), power, rtol=1e-9)


@pytest.mark.parametrize(
    ("case", "wald", "farrington_manning"),
    [
        (({"control": 0.1, "margin": 0.01}, 0.025, 0.8), 14127.983521828364, 14144.710279816958),
        (({"control": 0.2, "margin": 0.02}, 0.05, 0.9), 6851.077880534383, 6854.071740311881),
    ],
)
def test_the_power_at_the_sizes_of_other_programs_is_theirs(case: Any, wald: float, farrington_manning: float) -> None:
    """Sizes by rpact 3.3.4 and closed forms (tests/reference/sample_size_power.json: noninf-ni1, noninf-ni2)."""
    given_shares, alpha, power = case
    share, margin = given_shares["control"], given_shares["margin"]
    same(
        non_inferiority_power(std_dev=proportion_std_dev(share), absolute=margin, units=wald, alpha=alpha),
        power,
        rtol=1e-8,
    )
    same(
        non_inferiority_share_power(
            control=share, treatment=share, margin=margin, units=farrington_manning, alpha=alpha
        ),
        power,
        rtol=1e-8,
    )


def test_the_plan_of_a_relative_margin_has_the_power_of_its_test() -> None:
    """A true loss of 1 % against a margin of 5 %, where less is better."""
    plan: dict[str, Any] = {"std_dev": 3.0, "relative": 0.05, "mean": 10.0, "direction_sign": -1, "alpha": 0.05}
    generator = np.random.default_rng(5)
    control, treatment = (normal_moments(generator, runs=20_000, n=900, mean=m, std_dev=3.0) for m in (10.0, 10.1))
    moved = margin_contrast(difference_in_means(control, treatment), direction_sign=-1, relative=0.05)
    shown = fixed_horizon(moved, level=0.9, alternative=Alternative.GREATER).p_value <= 0.05
    assert_rate(shown, float(non_inferiority_power(units=900, true_difference=0.1, **plan)))


def test_on_the_margin_the_chance_is_alpha_and_beyond_it_less() -> None:
    plan: dict[str, Any] = {"std_dev": 1.0, "absolute": 0.1, "units": 1e4, "alpha": 0.05}
    same(non_inferiority_power(true_difference=[-0.1, -0.2], **plan), [0.05, 0.0], atol=1e-9)
    share: dict[str, Any] = {"control": 0.2, "margin": 0.02, "units": 1e4, "alpha": 0.05}
    same(non_inferiority_share_power(treatment=0.18, **share), 0.05, rtol=1e-6)
    assert non_inferiority_share_power(treatment=0.17, **share) < 0.05


def test_too_few_units_prove_no_relative_margin_and_a_large_gain_needs_none() -> None:
    plan: dict[str, Any] = {"std_dev": 1.0, "mean": 1.0, "alpha": 0.05, "power": 0.8}
    # Less is better: the bound moves away by δ while its error grows by δ z σ / √n, faster for n below (z + z)².
    assert smallest_relative_margin(units=[3.0, 6.0], direction_sign=-1, **plan).tolist() == [np.inf, np.inf]
    assert np.isfinite(smallest_relative_margin(units=7.0, direction_sign=-1, **plan))
    assert smallest_relative_margin(units=1e4, true_difference=0.5, **plan) == 0.0
    assert smallest_margin(std_dev=1.0, units=1e4, alpha=0.05, power=0.8, true_difference=0.5) == 0.0


def test_looks_raise_the_sizes_of_all_kinds() -> None:
    """Sizes of one look as in tests/reference/sample_size_power.json (rpact, base R), raised by the inflation of four."""
    raised = inflation(np.arange(1, 5) / 4, alpha=0.025, power=0.8, sides=1)
    share: dict[str, Any] = {"control": 0.1, "treatment": 0.1, "margin": 0.01, "alpha": 0.025, "power": 0.8}
    same(non_inferiority_share_units(inflation=raised, **share), 14144.710279816958 * raised, rtol=1e-8)
    plan: dict[str, Any] = {"std_dev": 1.0, "alpha": 0.05, "power": 0.8, "inflation": raised}
    same(student_units(minimum_effect=0.5, **plan), 63.7657637248468 * raised, rtol=1e-6)
    same(student_minimum_effect(units=63.7657637248468 * raised, **plan), 0.5, rtol=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"relative": 0.1}, {"absolute": 0.1, "relative": 0.1, "mean": 1.0}, {"absolute": 0.1, "direction_sign": 0}],
)
def test_a_margin_must_be_one_and_whole(arguments: dict[str, Any]) -> None:
    with pytest.raises(StatisticsError):
        non_inferiority_power(std_dev=1.0, alpha=0.05, units=100.0, **arguments)


def test_a_mean_of_zero_has_no_relative_margin() -> None:
    with pytest.raises(StatisticsError, match="mean"):
        smallest_relative_margin(std_dev=1.0, mean=0.0, units=100.0, alpha=0.05, power=0.8)
