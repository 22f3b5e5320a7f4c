"""Guardrails: not worse than a margin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate, normal_moments
from tests.stats.test_means import assert_marked
from tests.strategies import awkward_moments, estimates, same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    Alternative,
    Estimate,
    JointMoments,
    Moments,
    difference_in_means,
    difference_in_proportions,
    fixed_horizon,
    margin_contrast,
)

MARGINS = st.floats(min_value=0.0, max_value=0.9)
SIGNS = st.sampled_from([1, -1])


@pytest.mark.parametrize(("margin", "z", "p_value"), [(0.02, 2.7012, 0.00345), (0.05, 3.4251, 0.000307)])
def test_eleven_hundred_against_a_thousand(margin: float, z: float, p_value: float) -> None:
    # Schultzberg, Ankargren & Frånberg's statistic, computed independently: 1000/25000 against 1100/25000.
    arms = (Moments.from_proportion(n=25_000.0, successes=hits) for hits in (1000.0, 1100.0))
    contrast = margin_contrast(difference_in_proportions(*arms), direction_sign=1, relative=margin)
    same(contrast.estimate / contrast.std_error, z, rtol=0.0, atol=6e-5)
    same(fixed_horizon(contrast, level=0.9, alternative=Alternative.GREATER).p_value, p_value, rtol=2e-3)


@given(estimates(), SIGNS)
def test_without_a_margin_it_is_the_difference_in_the_good_direction(estimate: Estimate, sign: int) -> None:
    for none in ({"absolute": 0.0}, {"relative": 0.0}):
        contrast = margin_contrast(estimate, direction_sign=sign, **none)
        same(contrast.estimate, sign * estimate.estimate)
        same(contrast.std_error, estimate.std_error)


@given(estimates(), SIGNS, MARGINS, MARGINS)
def test_a_wider_margin_is_easier_to_keep(estimate: Estimate, sign: int, one: float, other: float) -> None:
    tight, wide = sorted([one, other])
    for kind in ("absolute", "relative"):
        kept = [margin_contrast(estimate, direction_sign=sign, **{kind: margin}).estimate for margin in (tight, wide)]
        assert kept[0] <= kept[1] + 1e-12 * abs(float(kept[1]))


@given(estimates(), SIGNS, MARGINS)
def test_a_relative_margin_is_a_share_of_the_size_of_the_control_mean(
    estimate: Estimate, sign: int, margin: float
) -> None:
    contrast = margin_contrast(estimate, direction_sign=sign, relative=margin)
    expected = sign * (estimate.treatment - estimate.control) + margin * abs(estimate.control)
    same(contrast.estimate, expected, rtol=1e-6, atol=1e-6 * float(abs(estimate.control) + 1.0))


@given(awkward_moments(), awkward_moments(), SIGNS)
def test_no_number_is_missing_without_a_mark(control: JointMoments, treatment: JointMoments, sign: int) -> None:
    estimate = difference_in_means(control.variable(0), treatment.variable(0))
    assert_marked(margin_contrast(estimate, direction_sign=sign, relative=0.05))


def test_a_margin_of_all_of_control_against_a_constant_treatment_says_that_nothing_varies() -> None:
    control = Moments.from_variance(n=[50.0, 50.0, 0.0], mean=[1.0, 1.0, 0.0], variance=[1.0, 1.0, 0.0])
    treatment = Moments.from_variance(n=[50.0] * 3, mean=[2.0] * 3, variance=[0.0, 1.0, 1.0])
    contrast = margin_contrast(difference_in_means(control, treatment), direction_sign=1, relative=1.0)
    assert contrast.estimable.tolist() == [False, True, False]
    assert contrast.because.tolist() == ["no value differs from another", "", "a variant has too few units"]


def test_the_guardrail_that_a_point_ratio_lets_pass_is_caught() -> None:
    # Latency 200 → 240 ms, less is better: "ratio below .95 is a violation" sees nothing.
    control = Moments.from_variance(n=1000.0, mean=200.0, variance=900.0)
    treatment = Moments.from_variance(n=1000.0, mean=240.0, variance=900.0)
    contrast = margin_contrast(difference_in_means(control, treatment), direction_sign=-1, relative=0.05)
    assert fixed_horizon(contrast, level=0.9, alternative=Alternative.GREATER).p_value > 0.999
    assert fixed_horizon(contrast, level=0.98, alternative=Alternative.LESS).p_value < 1e-6


@pytest.mark.parametrize(
    "arguments",
    [{}, {"absolute": 1.0, "relative": 0.1}, {"absolute": -1.0}, {"relative": float("nan")}],
    ids=["none", "both", "negative", "nan"],
)
def test_anything_but_one_margin_is_refused(arguments: dict[str, float]) -> None:
    moments = Moments.from_variance(n=10.0, mean=1.0, variance=1.0)
    with pytest.raises(StatisticsError):
        margin_contrast(difference_in_means(moments, moments), direction_sign=1, **arguments)


def test_a_direction_other_than_up_or_down_is_refused() -> None:
    moments = Moments.from_variance(n=10.0, mean=1.0, variance=1.0)
    with pytest.raises(StatisticsError, match="direction_sign"):
        margin_contrast(difference_in_means(moments, moments), direction_sign=0, absolute=1.0)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("margin", [0.05, 0.5])
def test_the_level_holds_exactly_on_the_margin(sign: int, margin: float) -> None:
    # Taking the control mean as known rejects .099 of the time at a margin of .5 where less is better.
    generator = np.random.default_rng(41)
    control = normal_moments(generator, runs=20_000, n=4000, mean=10.0)
    treatment = normal_moments(generator, runs=20_000, n=4000, mean=10.0 * (1.0 - sign * margin))
    contrast = margin_contrast(difference_in_means(control, treatment), direction_sign=sign, relative=margin)
    passed = fixed_horizon(contrast, level=0.9, alternative=Alternative.GREATER).p_value < 0.05
    assert_rate(passed, 0.05)
