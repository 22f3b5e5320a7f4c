"""Repeated p-values are the boundaries seen from the other side."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats.calibration import Array, assert_rate
from tests.stats.test_monitoring import sums_of_noise
from tests.strategies import ALPHAS, SIDES, information, same
from trialflow.errors import StatisticsError
from trialflow.stats import SpendingFunction, boundaries, repeated_p_values

SPENDINGS = st.sampled_from(list(SpendingFunction))


@given(information(most=4), ALPHAS, SIDES, SPENDINGS)
@settings(max_examples=15, deadline=None)
def test_on_the_boundary_the_p_value_is_alpha(at: Array, alpha: float, sides: int, spending: SpendingFunction) -> None:
    z, fractions = boundaries(at, alpha=alpha, sides=sides, spending=spending).z, at / at[-1]
    stoppable = np.isfinite(z)
    found = repeated_p_values(
        np.where(stoppable, z, 0.0), at, fractions=fractions, sides=sides, spending=spending
    ).repeated_p_value
    same(found[stoppable], alpha, rtol=1e-6)


@given(st.lists(st.floats(min_value=-4.0, max_value=9.0), min_size=3, max_size=3), ALPHAS, SIDES)
@settings(max_examples=25, deadline=None)
def test_it_is_at_most_alpha_exactly_when_the_design_stops(scores: list[float], alpha: float, sides: int) -> None:
    at = np.asarray([0.4, 0.7, 1.0])
    z = np.asarray(scores)
    found = repeated_p_values(z, at, sides=sides)
    crossed = (np.abs(z) if sides == 2 else z) >= boundaries(at, alpha=alpha, sides=sides).z
    near = np.abs(found.repeated_p_value - alpha) < 1e-6
    assert ((found.repeated_p_value <= alpha) == crossed)[~near].all()
    same(found.always_valid_p_value, np.minimum.accumulate(found.repeated_p_value))


def test_a_last_look_alone_gives_the_fixed_p_value() -> None:
    same(repeated_p_values([2.2], [5.0], fractions=[1.0]).repeated_p_value, 0.027806895, rtol=1e-6)


def test_far_beyond_every_table_it_is_still_a_number() -> None:
    found = repeated_p_values([0.0, 30.0], [1.0, 2.0]).repeated_p_value
    assert found[0] == 1.0
    assert 0.0 < found[1] < 1e-100


def test_a_look_without_a_number_is_no_evidence() -> None:
    assert repeated_p_values([np.nan, 2.5], [1.0, 2.0]).always_valid_p_value[0] == 1.0


def test_its_minimum_is_below_alpha_as_often_as_alpha_says() -> None:
    at = np.asarray([0.5, 1.0])
    z = sums_of_noise(at, effect=0.0, seed=71, runs=600)
    smallest = np.asarray([repeated_p_values(run, at).always_valid_p_value[-1] for run in z])
    assert_rate(smallest <= 0.1, 0.1)


def test_a_single_look_must_say_how_far_it_is() -> None:
    with pytest.raises(StatisticsError, match="fractions"):
        repeated_p_values([2.0], [1.0])


def test_fractions_that_fall_would_spend_twice_and_are_refused() -> None:
    with pytest.raises(StatisticsError, match=r"fractions = .* must not fall"):
        repeated_p_values([1.0, 2.0, 2.5], [1.0, 2.0, 3.0], fractions=[0.5, 0.2, 1.0])
