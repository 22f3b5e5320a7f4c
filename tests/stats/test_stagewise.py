"""After a stop: right coverage, right p-value, no bias of the median."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats.calibration import Array, assert_rate
from tests.stats.test_monitoring import first_index, sums_of_noise
from tests.stats.test_reference import unit_estimate
from tests.strategies import information, same
from trialflow.errors import StatisticsError
from trialflow.stats import Alternative, JointMoments, boundaries, difference_in_means, fixed_horizon, stagewise
from trialflow.stats.stagewise import StagewiseEffect

SCORES = st.floats(min_value=-6.0, max_value=6.0)
SIDES = {Alternative.TWO_SIDED: 2, Alternative.GREATER: 1, Alternative.LESS: 1}


def stopped(
    z: float, at: Array, alternative: Alternative = Alternative.TWO_SIDED, null: float = 0.0
) -> StagewiseEffect:
    """The analysis at the last of the looks `at` of a design with twice as much information planned."""
    bound = boundaries(at, fractions=at / (2.0 * at[-1]), alpha=0.05, sides=SIDES[alternative]).z
    estimate = unit_estimate(z / np.sqrt(at[-1]), at[-1] ** -0.5)
    return stagewise(
        estimate,
        past_information=at[:-1],
        past_boundaries=bound[:-1],
        level=0.9,
        alternative=alternative,
        null=null,
    )


@given(SCORES, st.sampled_from(list(Alternative)))
def test_a_stop_at_the_first_look_is_the_fixed_analysis(z: float, alternative: Alternative) -> None:
    effect, fixed = stopped(z, np.asarray([4.0]), alternative), fixed_horizon(unit_estimate(z / 2.0, 0.5), level=0.9)
    same(effect.median_unbiased, z / 2.0, atol=1e-8)
    same([effect.interval.lower, effect.interval.upper], [fixed.interval.lower, fixed.interval.upper], atol=1e-8)
    one = fixed_horizon(unit_estimate(z / 2.0, 0.5), level=0.9, alternative=alternative)
    same(effect.stagewise_p_value, one.p_value, rtol=1e-8, atol=1e-12)


@given(SCORES, information(most=4))
@settings(max_examples=30, deadline=None)
def test_swapping_the_variants_turns_everything_round(z: float, at: Array) -> None:
    one, other = stopped(z, at), stopped(-z, at)
    same(other.median_unbiased, -one.median_unbiased)
    same(other.interval.lower, -one.interval.upper)
    same(other.stagewise_p_value, one.stagewise_p_value)
    up, down = stopped(z, at, Alternative.GREATER), stopped(-z, at, Alternative.LESS)
    same(down.median_unbiased, -up.median_unbiased)
    same(down.stagewise_p_value, up.stagewise_p_value)


@given(SCORES, information(most=4), st.floats(min_value=-2.0, max_value=2.0))
@settings(max_examples=30, deadline=None)
def test_the_interval_inverts_the_test(z: float, at: Array, null: float) -> None:
    estimate = unit_estimate(z / np.sqrt(at[-1]), at[-1] ** -0.5)
    rest = {"past_information": at[:-1], "past_boundaries": np.full(len(at) - 1, 2.5), "level": 0.9}
    interval = stagewise(estimate, **rest).interval
    # The looks went on around the tested null: boundaries belong to it, so only null = 0 has these past looks.
    p_value = float(stagewise(estimate, **rest).stagewise_p_value)
    assert (p_value < 0.1) == bool((interval.lower > 0.0) | (interval.upper < 0.0)) or abs(p_value - 0.1) < 1e-6
    shifted = stagewise(unit_estimate(float(estimate.estimate) + null, at[-1] ** -0.5), **rest, null=null)
    same(shifted.stagewise_p_value, p_value, rtol=1e-6, atol=1e-12)
    same(shifted.interval.lower, interval.lower + null, rtol=1e-6, atol=1e-6)


@given(information(most=4), st.sampled_from([1e-6, 1e6]))
@settings(max_examples=15, deadline=None)
def test_the_unit_of_the_effect_does_not_matter(at: Array, factor: float) -> None:
    one, other = stopped(2.2, at), stopped(2.2, at / factor**2)
    same(other.median_unbiased, factor * one.median_unbiased, rtol=1e-7)
    same(other.stagewise_p_value, one.stagewise_p_value, rtol=1e-7)


def test_a_loss_far_beyond_chance_keeps_its_digits() -> None:
    # The looks before hardly matter: the tail is that of the last look.
    effect = stopped(-9.0, np.asarray([1.0, 2.0]))
    same(effect.stagewise_p_value, stopped(9.0, np.asarray([1.0, 2.0])).stagewise_p_value)
    assert 1e-19 < effect.stagewise_p_value < 1e-3


def test_an_early_stop_pulls_the_estimate_down() -> None:
    effect = stopped(3.5, np.asarray([1.0, 1.2, 2.0]))
    assert effect.median_unbiased < effect.estimate
    assert effect.interval.lower < effect.median_unbiased < effect.interval.upper


@pytest.mark.parametrize("alternative", [Alternative.TWO_SIDED, Alternative.GREATER])
@pytest.mark.parametrize("truth", [0.0, 2.5])
def test_it_covers_and_halves_as_often_as_it_says(alternative: Alternative, truth: float) -> None:
    at = np.asarray([0.3, 0.6, 1.0])
    bound = boundaries(at, alpha=0.1, sides=SIDES[alternative]).z
    z = sums_of_noise(at, effect=truth, seed=61, runs=500)
    crossed = (np.abs(z) if alternative is Alternative.TWO_SIDED else z) >= bound
    ends = np.minimum(first_index(crossed), 2)
    effects = [
        stagewise(
            unit_estimate(z[run, look] / np.sqrt(at[look]), at[look] ** -0.5),
            past_information=at[:look],
            past_boundaries=bound[:look],
            level=0.9,
            alternative=alternative,
        )
        for run, look in enumerate(ends)
    ]
    lower, upper = (np.asarray([getattr(e.interval, end) for e in effects]) for end in ("lower", "upper"))
    assert_rate((lower <= truth) & (truth <= upper), 0.9)
    assert_rate(np.asarray([e.median_unbiased for e in effects]) > truth, 0.5)
    if truth == 0.0:
        p_values = np.asarray([e.stagewise_p_value for e in effects])
        assert_rate(p_values <= 0.1, 0.1)
        assert_rate(p_values <= 0.5, 0.5)


def test_after_over_running_the_recorded_looks_count_as_they_were() -> None:
    # Two looks took place; the third brought more than planned. Chances by scipy's multivariate normal distribution.
    from scipy.stats import multivariate_normal

    at, past, z = np.asarray([400.0, 700.0, 1150.0]), [3.36, 2.44], 2.2
    effect = stagewise(
        unit_estimate(z / np.sqrt(at[-1]), at[-1] ** -0.5),
        past_information=at[:2],
        past_boundaries=past,
        level=0.95,
    )
    covariance = np.sqrt(np.minimum.outer(at, at) / np.maximum.outer(at, at))
    both = multivariate_normal(mean=[0.0, 0.0, 0.0], cov=covariance)
    high, low = [*past, np.inf], [-past[0], -past[1], z]
    third = both.cdf(high, lower_limit=low)
    first_two = multivariate_normal(mean=[0.0, 0.0], cov=covariance[:2, :2])
    early = (1.0 - first_two.cdf(past, lower_limit=[-past[0], -past[1]])) / 2.0
    same(effect.stagewise_p_value, 2.0 * (early + third), rtol=0.0, atol=4e-5)


def test_where_nothing_can_be_estimated_there_is_no_number() -> None:
    constant = JointMoments.from_rows(np.full((5, 1), 3.0)).variable(0)
    effect = stagewise(difference_in_means(constant, constant), past_information=[], past_boundaries=[], level=0.95)
    assert not effect.estimable
    assert np.isnan([effect.median_unbiased, effect.stagewise_p_value, effect.interval.lower]).all()


def test_a_path_or_a_history_with_a_gap_is_refused() -> None:
    with pytest.raises(StatisticsError, match="one estimate"):
        stagewise(unit_estimate([1.0, 2.0]), past_information=[], past_boundaries=[], level=0.95)
    with pytest.raises(StatisticsError, match="1 informations and 0 boundaries"):
        stagewise(unit_estimate(1.0), past_information=[0.5], past_boundaries=[], level=0.95)
