"""Boundaries of planned looks."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats.calibration import Array, assert_rate
from tests.stats.test_reference import unit_estimate
from tests.strategies import ALPHAS, SIDES, information, same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    Alternative,
    SpendingFunction,
    boundaries,
    critical_value,
    exit_probabilities,
    inflation,
    next_boundary,
    repeated_confidence,
)

SPENDINGS = st.sampled_from(list(SpendingFunction))

# Computed independently with numpy and scipy; up to five looks they agree with the published tables of Lan & DeMets.
EQUAL_LOOKS = {
    2: [2.9626, 1.9686],
    3: [3.7103, 2.5114, 1.9930],
    4: [4.3326, 2.9631, 2.3590, 2.0141],
    5: [4.8769, 3.3570, 2.6803, 2.2898, 2.0310],
    7: [5.8153, 4.0333, 3.2351, 2.7672, 2.4554, 2.2294, 2.0562],
}
LAST_LOOKS = {10: [2.0812], 14: [2.3790, 2.2751, 2.1838, 2.1026], 28: [2.1396]}


def equal(looks: int) -> Array:
    return np.arange(1, looks + 1) / looks


@pytest.mark.parametrize("looks", [*EQUAL_LOOKS, *LAST_LOOKS])
def test_equal_looks_have_the_known_boundaries(looks: int) -> None:
    z = boundaries(equal(looks), alpha=0.05).z
    known = EQUAL_LOOKS.get(looks) or LAST_LOOKS[looks]
    same(z[-len(known) :], known, rtol=0.0, atol=6e-5)


def test_the_first_of_many_looks_cannot_stop() -> None:
    assert np.isinf(boundaries(equal(14), alpha=0.05).z[0])
    same(boundaries(equal(10), alpha=0.05).z[0], 6.9913, atol=6e-5)
    same(boundaries(equal(14), alpha=0.05).z[1], 5.8153, atol=6e-5)


def test_uneven_looks_have_the_known_boundaries() -> None:
    same(boundaries([0.3, 0.55, 0.9, 1.0], alpha=0.05).z, [3.9286, 2.8079, 2.1120, 2.0597], rtol=0.0, atol=6e-5)


def test_a_single_look_is_the_fixed_test() -> None:
    same(boundaries([3.7], alpha=0.05).z, critical_value(np.asarray(np.inf), 0.95), rtol=1e-12)


@given(information(), ALPHAS, SIDES, SPENDINGS)
@settings(max_examples=40, deadline=None)
def test_all_the_alpha_is_spent_and_no_more(at: Array, alpha: float, sides: int, spending: SpendingFunction) -> None:
    bound = boundaries(at, alpha=alpha, sides=sides, spending=spending)
    exits = exit_probabilities(bound.z, at, sides=sides)
    same(np.cumsum(exits.upper + exits.lower), bound.alpha_spent, rtol=1e-6, atol=2e-12)
    same(bound.alpha_spent[-1], alpha)


@given(information(), ALPHAS, SIDES, SPENDINGS)
@settings(max_examples=40, deadline=None)
def test_look_by_look_gives_the_boundaries_of_the_whole_plan(
    at: Array, alpha: float, sides: int, spending: SpendingFunction
) -> None:
    bound = boundaries(at, alpha=alpha, sides=sides, spending=spending)
    for look in range(len(at)):
        z = next_boundary(
            past_information=at[:look],
            past_boundaries=bound.z[:look],
            past_alpha_spent=bound.alpha_spent[:look],
            information=at[look],
            alpha_to_spend=bound.alpha_spent[look],
            sides=sides,
        )
        same(z, bound.z[look], rtol=1e-9)


@given(information(), st.sampled_from([1e-9, 3.0, 1e12]))
@settings(max_examples=20, deadline=None)
def test_the_unit_of_information_does_not_matter(at: Array, factor: float) -> None:
    same(boundaries(at * factor, alpha=0.05).z, boundaries(at, alpha=0.05).z, rtol=1e-8)


@given(information(), st.floats(min_value=-3.0, max_value=3.0))
@settings(max_examples=20, deadline=None)
def test_an_effect_of_the_other_sign_swaps_the_sides(at: Array, effect: float) -> None:
    z = boundaries(at, alpha=0.05).z
    gain, loss = exit_probabilities(z, at, effect=effect), exit_probabilities(z, at, effect=-effect)
    same(gain.upper, loss.lower, rtol=1e-6, atol=1e-10)
    assert (gain.upper + gain.lower).sum() <= 1.0 + 1e-5


def test_exit_probabilities_agree_with_the_multivariate_normal_distribution() -> None:
    # scipy.stats.multivariate_normal (Genz) on the covariance of three looks.
    from scipy.stats import multivariate_normal

    at, z, effect = np.asarray([1.0, 1.7, 2.1]), np.asarray([2.6, 2.3, 2.0]), 0.8
    covariance = np.sqrt(np.minimum.outer(at, at) / np.maximum.outer(at, at))
    exits = exit_probabilities(z, at, effect=effect)
    for looks in (1, 2, 3):
        inside = multivariate_normal(mean=effect * np.sqrt(at[:looks]), cov=covariance[:looks, :looks])
        stay = inside.cdf(z[:looks], lower_limit=-z[:looks])
        same(1.0 - (exits.upper + exits.lower)[:looks].sum(), stay, atol=2e-5)


def test_looks_in_quick_succession_are_resolved() -> None:
    # Two looks with all but the same information are one look: c must barely fall for another hundredth of alpha.
    at = np.asarray([1.0, 1.0005])
    z = boundaries(at, fractions=[0.9, 1.0], alpha=0.05, spending=SpendingFunction.POCOCK).z
    exits = exit_probabilities(z, at)
    same((exits.upper + exits.lower).sum(), 0.05, atol=1e-7)
    from scipy.stats import multivariate_normal

    correlation = np.sqrt(at[0] / at[1])
    inside = multivariate_normal(mean=[0.0, 0.0], cov=[[1.0, correlation], [correlation, 1.0]])
    same(1.0 - inside.cdf(z, lower_limit=-z), 0.05, atol=2e-5)


def test_information_that_shrinks_is_a_look_without_news() -> None:
    first = boundaries([100.0], fractions=[0.5], alpha=0.05)
    past: dict[str, Any] = {
        "past_information": [100.0],
        "past_boundaries": first.z,
        "past_alpha_spent": first.alpha_spent,
    }
    shrunk, same_again = (next_boundary(**past, information=at, alpha_to_spend=0.01) for at in (97.0, 100.0))
    assert shrunk == same_again
    assert 2.0 < shrunk < float(first.z[0])


def test_a_look_that_spends_nothing_cannot_stop_and_leaves_the_next_one_alone() -> None:
    idle = next_boundary(
        past_information=[1.0], past_boundaries=[2.5], past_alpha_spent=[0.012], information=1.5, alpha_to_spend=0.012
    )
    assert np.isinf(idle)
    arguments: dict[str, Any] = {"information": 2.0, "alpha_to_spend": 0.05}
    after = next_boundary(
        past_information=[1.0, 1.5], past_boundaries=[2.5, idle], past_alpha_spent=[0.012, 0.012], **arguments
    )
    without = next_boundary(past_information=[1.0], past_boundaries=[2.5], past_alpha_spent=[0.012], **arguments)
    same(after, without, rtol=1e-9)


def test_a_history_with_a_gap_is_refused() -> None:
    with pytest.raises(StatisticsError, match="equal length, not 2, 1, 1"):
        next_boundary(
            past_information=[1.0, 2.0],
            past_boundaries=[3.0],
            past_alpha_spent=[0.01],
            information=3.0,
            alpha_to_spend=0.02,
        )


@pytest.mark.parametrize("at", [0.0, -1.0, float("nan"), float("inf")])
def test_a_look_without_information_is_refused(at: float) -> None:
    with pytest.raises(StatisticsError, match="information"):
        boundaries([at], alpha=0.05)


def test_fourteen_daily_looks_hold_their_level_on_sums_of_noise() -> None:
    generator = np.random.default_rng(14)
    score = np.cumsum(generator.normal(size=(40_000, 14)), axis=1)
    z = score / np.sqrt(np.arange(1, 15))
    assert_rate((np.abs(z) >= boundaries(equal(14), alpha=0.05).z).any(axis=1), 0.05)
    one_sided = boundaries(equal(14), alpha=0.01, sides=1).z
    assert_rate((z >= one_sided).any(axis=1), 0.01)


def test_the_inflated_plan_has_its_power_on_sums_of_noise() -> None:
    looks, power = 5, 0.8
    factor = inflation(equal(looks), alpha=0.05, power=power)
    drift = (1.959963984540054 + 0.8416212335729143) * np.sqrt(factor)
    generator = np.random.default_rng(15)
    score = np.cumsum(generator.normal(drift / looks, np.sqrt(1 / looks), size=(40_000, looks)), axis=1)
    z = score / np.sqrt(equal(looks))
    assert_rate((z >= boundaries(equal(looks), alpha=0.05).z).any(axis=1), power)


def test_fourteen_looks_cost_four_percent_more_units() -> None:
    same(inflation(equal(14), alpha=0.05, power=0.8), 1.043, atol=1e-3)


def test_the_repeated_interval_excludes_zero_exactly_when_the_boundary_is_crossed() -> None:
    bound = boundaries(equal(4), alpha=0.05)
    estimate = unit_estimate([4.5, -3.1, 2.3, 2.1])
    effect = repeated_confidence(estimate, boundary_z=bound.z, spent=bound.alpha_spent, level=0.95)
    assert effect.crossed.tolist() == [True, True, False, True]
    assert (((effect.interval.lower > 0.0) | (effect.interval.upper < 0.0)) == effect.crossed).all()
    less = repeated_confidence(
        estimate, boundary_z=bound.z, spent=bound.alpha_spent, level=0.95, alternative=Alternative.LESS
    )
    assert less.crossed.tolist() == [False, True, False, False]


def test_a_month_of_daily_looks_takes_milliseconds() -> None:
    boundaries(equal(28), alpha=0.05)
    fastest = min(_seconds_for_a_month() for _ in range(5))
    assert fastest < 0.05  # 4 ms on an idle core


def _seconds_for_a_month() -> float:
    start = time.perf_counter()
    boundaries(equal(28), alpha=0.05)
    return time.perf_counter() - start


def test_looks_that_fall_are_no_plan() -> None:
    with pytest.raises(StatisticsError, match=r"information = \[1.0, 0.5\] must not fall"):
        boundaries([1.0, 0.5], alpha=0.05)
    with pytest.raises(StatisticsError, match=r"fractions = .* must not fall"):
        boundaries([1.0, 2.0, 3.0], fractions=[0.5, 0.2, 1.0], alpha=0.05)
    with pytest.raises(StatisticsError, match="must not fall"):
        inflation([1.0, 0.5], alpha=0.05, power=0.8)
