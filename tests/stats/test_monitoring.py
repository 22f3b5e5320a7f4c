"""What is likely to happen, said during the run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats.calibration import Array, assert_rate
from tests.strategies import information, same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    achieved_power,
    boundaries,
    conditional_power,
    decision_time,
    exit_probabilities,
    expected_information,
    power_over_time,
    predictive_power,
    remaining_exits,
)
from trialflow.stats.confidence_sequence import boundary
from trialflow.stats.power import drift

SCORES = st.floats(min_value=-3.0, max_value=4.0)
AT = np.asarray([0.25, 0.5, 0.75, 1.0])


def sums_of_noise(at: Array, *, effect: float, seed: int, runs: int = 40_000) -> Array:
    """z-statistics (run, look) with their exact joint distribution."""
    steps = np.diff(at, prepend=0.0)
    noise = np.random.default_rng(seed).normal(size=(runs, len(at)))
    return np.cumsum(noise * np.sqrt(steps) + effect * steps, axis=1) / np.sqrt(at)


def first_index(happened: Array) -> Array:
    """The first look at which it happened, one after the last where it never did."""
    return np.where(happened.any(axis=1), happened.argmax(axis=1), happened.shape[1])


@given(SCORES, st.floats(min_value=0.05, max_value=0.95), st.floats(min_value=-1.0, max_value=5.0))
def test_one_look_to_come_is_the_closed_form(z: float, fraction: float, effect: float) -> None:
    closed = conditional_power(z=z, information=fraction, final_information=1.0, final_boundary=2.0, effect=effect)
    exits = remaining_exits(
        z=z, information=fraction, boundary_z=[2.0], remaining_information=[1.0], effect=effect, sides=1
    )
    same(exits.upper[0], closed, rtol=1e-9, atol=1e-12)


@given(information(most=5), st.floats(min_value=-1.0, max_value=3.0))
@settings(max_examples=10, deadline=None)
def test_averaged_over_the_first_look_it_is_the_power_of_the_plan(at: Array, effect: float) -> None:
    if len(at) < 2:
        return
    bound = boundaries(at, alpha=0.05).z
    whole = exit_probabilities(bound, at, effect=effect)
    low, high = max(-bound[0], effect * np.sqrt(at[0]) - 8.0), min(bound[0], effect * np.sqrt(at[0]) + 8.0)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    z, weights = 0.5 * (high + low) + 0.5 * (high - low) * nodes, 0.5 * (high - low) * weights
    rest = [
        remaining_exits(
            z=float(one), information=at[0], boundary_z=bound[1:], remaining_information=at[1:], effect=effect
        ).upper.sum()
        for one in z
    ]
    density = np.exp(-0.5 * (z - effect * np.sqrt(at[0])) ** 2) / np.sqrt(2.0 * np.pi)
    same(weights @ (density * np.asarray(rest)), whole.upper[1:].sum(), rtol=0.0, atol=1e-5)


def test_given_the_data_so_far_the_rest_happens_as_often_as_said() -> None:
    bound, effect = boundaries(AT, alpha=0.05).z, 2.8
    z = sums_of_noise(AT, effect=effect, seed=51, runs=400_000)
    near = (np.abs(z[:, 1] - 1.4) < 0.02) & (np.abs(z[:, 0]) < bound[0])
    exits = remaining_exits(z=1.4, information=0.5, boundary_z=bound[2:], remaining_information=AT[2:], effect=effect)
    assert near.sum() > 3000
    assert_rate((z[near][:, 2:] >= bound[2:]).any(axis=1), float(exits.upper.sum()))


def test_predictive_power_averages_over_what_the_data_say() -> None:
    effects = np.random.default_rng(52).normal(1.5 / np.sqrt(0.5), 1.0 / np.sqrt(0.5), size=200_000)
    powers = conditional_power(z=1.5, information=0.5, final_information=1.0, final_boundary=1.96, effect=effects)
    predicted = predictive_power(z=1.5, information=0.5, final_information=1.0, final_boundary=1.96)
    same(powers.mean(), predicted, rtol=0.0, atol=3e-3)


def test_without_information_left_the_matter_is_settled() -> None:
    arguments: dict[str, Any] = {"information": 1.0, "final_information": 1.0, "final_boundary": 2.0}
    assert conditional_power(z=[1.9, 2.0, 2.1], **arguments).tolist() == [0.0, 1.0, 1.0]
    assert predictive_power(z=[1.9, 2.1], **arguments).tolist() == [0.0, 1.0]
    assert np.isnan(conditional_power(z=np.nan, **arguments))


def test_a_single_planned_look_has_the_power_of_the_fixed_test() -> None:
    same(
        power_over_time([1.959963984540054], [4.0], effect=1.3),
        achieved_power(effect=1.3, information=4.0, alpha=0.05),
    )


def test_power_over_time_of_a_confidence_sequence_agrees_with_noise() -> None:
    n = np.arange(1, 15) * 1000.0
    at, critical = n / n[-1], boundary(n, 14_000.0, 0.05)
    z = sums_of_noise(at, effect=3.5, seed=53, runs=20_000)
    power = power_over_time(critical, at, effect=3.5)
    assert_rate((z[:, :7] >= critical[:7]).any(axis=1), float(power[6]))
    assert_rate((z >= critical).any(axis=1), float(power[-1]))


@pytest.mark.parametrize(("alpha", "days"), [(0.025, 364), (0.01, 182), (0.01, 364), (0.001, 364)])
def test_power_over_a_year_of_daily_reading_agrees_with_noise(alpha: float, days: int) -> None:
    n = np.arange(1, days + 1) * 1000.0
    at, critical = n / n[-1], boundary(n, float(n[-1]), alpha)
    effect = float(critical[-1]) + 0.8
    z = sums_of_noise(at, effect=effect, seed=57, runs=10_000)
    power = power_over_time(critical, at, effect=effect)
    for day in (days // 2, days - 1):
        assert_rate((z[:, : day + 1] >= critical[: day + 1]).any(axis=1), float(power[day]))


@given(st.floats(0.0005, 0.2), st.integers(2, 364), st.floats(0.1, 1.0), st.floats(0.0, 20.0))
@settings(max_examples=40)
def test_no_chance_of_daily_reading_is_above_one(alpha: float, days: int, tuned: float, effect: float) -> None:
    n = np.arange(1, days + 1) * 1000.0
    power = power_over_time(boundary(n, float(n[-1]) * tuned, alpha), n / n[-1], effect=effect)
    assert power[-1] <= 1.0 + 2e-4


def test_the_expected_end_agrees_with_noise() -> None:
    bound, days = boundaries(AT, alpha=0.05).z, np.asarray([7.0, 14.0, 21.0, 28.0])
    when = decision_time(exit_probabilities(bound, AT, effect=3.0), days)
    z = sums_of_noise(AT, effect=3.0, seed=54)
    ends = days[np.minimum(first_index(np.abs(z) >= bound), 3)]
    same(when.expected, ends.mean(), rtol=0.0, atol=4.0 * ends.std() / 200.0)
    assert when.median == np.median(ends)
    assert when.by_then[-1] == 1.0


def test_fourteen_looks_without_inflation_have_the_power_and_length_computed_independently() -> None:
    # O'Brien–Fleming type, two-sided .05, information of a fixed test with power .8: by simulation power .784, length .76.
    at = np.arange(1, 15) / 14
    exits = exit_probabilities(boundaries(at, alpha=0.05).z, at, effect=drift(alpha=0.05, power=0.8))
    same(exits.upper.sum(), 0.784, rtol=0.0, atol=2e-3)
    same(expected_information(exits, at), 0.76, rtol=0.0, atol=6e-3)


def test_a_test_that_cannot_stop_early_ends_with_its_last_look() -> None:
    exits = exit_probabilities([np.inf, 2.0], [1.0, 2.0])
    assert decision_time(exits, [3.0, 9.0]).expected == 9.0
    same(expected_information(exits, [1.0, 2.0]), 2.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: conditional_power(z=1.0, information=2.0, final_information=1.0, final_boundary=2.0),
        lambda: predictive_power(z=1.0, information=2.0, final_information=1.0, final_boundary=2.0),
        lambda: remaining_exits(z=1.0, information=1.0, boundary_z=[2.0], remaining_information=[1.0]),
        lambda: remaining_exits(z=np.nan, information=1.0, boundary_z=[2.0], remaining_information=[2.0]),
        lambda: decision_time(exit_probabilities([2.0], [1.0]), [1.0, 2.0]),
        lambda: exit_probabilities([2.0], [1.0], lower_z=[3.0]),
    ],
)
def test_what_cannot_be_is_refused(call: Any) -> None:
    with pytest.raises(StatisticsError):
        call()
