"""Alpha-spending functions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import ALPHAS, SIDES, same
from trialflow.errors import StatisticsError
from trialflow.stats import SpendingFunction, alpha_spent

FUNCTIONS = st.sampled_from(list(SpendingFunction))
FRACTIONS = st.floats(min_value=0.0, max_value=1.0)


def test_five_equal_looks_of_obrien_fleming() -> None:
    # Lan & DeMets 1983 with a = .025 a side; ld98 and rpact print the same.
    spent = alpha_spent(SpendingFunction.OBRIEN_FLEMING, np.arange(1, 6) / 5, 0.05)
    same(spent, [1.0777e-6, 7.883e-4, 7.6161e-3, 0.0244236, 0.05], rtol=2e-5)


@given(FUNCTIONS, ALPHAS, SIDES)
def test_spending_starts_at_nothing_and_ends_at_alpha(function: SpendingFunction, alpha: float, sides: int) -> None:
    assert alpha_spent(function, 0.0, alpha, sides) == 0.0
    assert alpha_spent(function, 1.0, alpha, sides) == alpha
    assert alpha_spent(function, 1.7, alpha, sides) == alpha


@given(FUNCTIONS, ALPHAS, SIDES, FRACTIONS, FRACTIONS)
def test_spending_never_goes_back(
    function: SpendingFunction, alpha: float, sides: int, one: float, other: float
) -> None:
    spent = alpha_spent(function, sorted([one, other]), alpha, sides)
    assert 0.0 <= spent[0] <= spent[1] + 1e-15 <= alpha + 1e-14


@given(FUNCTIONS, FRACTIONS)
def test_two_sides_spend_twice_what_one_side_of_half_alpha_does(function: SpendingFunction, fraction: float) -> None:
    same(alpha_spent(function, fraction, 0.05, 2), 2.0 * alpha_spent(function, fraction, 0.025, 1), atol=1e-15)


@pytest.mark.parametrize("fraction", [-0.1, float("nan"), float("inf")])
def test_a_fraction_that_is_none_is_refused(fraction: float) -> None:
    with pytest.raises(StatisticsError, match="fraction"):
        alpha_spent(SpendingFunction.POCOCK, fraction, 0.05)


def test_the_families_with_a_parameter_spend_as_published() -> None:
    # Formulas of Hwang, Shih & DeCani 1990 and Kim & DeMets 1987 by hand.
    half = alpha_spent(SpendingFunction.HWANG_SHIH_DECANI, 0.5, 0.05, parameter=-4.0)
    same(half, 0.05 * (np.exp(2.0) - 1.0) / (np.exp(4.0) - 1.0))
    same(alpha_spent(SpendingFunction.HWANG_SHIH_DECANI, 0.3, 0.05, parameter=0.0), 0.015)
    same(alpha_spent(SpendingFunction.POWER, 0.5, 0.05, parameter=2.0), 0.0125)


@pytest.mark.parametrize("gamma", [-2000.0, -1e-9, 1e-9, 2000.0])
def test_extreme_families_do_not_overflow(gamma: float) -> None:
    spent = alpha_spent(SpendingFunction.HWANG_SHIH_DECANI, [0.0, 0.25, 0.5, 1.0], 0.05, parameter=gamma)
    assert (np.diff(spent) >= 0.0).all()
    assert (spent[0], spent[-1]) == (0.0, 0.05)


@pytest.mark.parametrize(
    ("function", "parameter"),
    [
        (SpendingFunction.OBRIEN_FLEMING, 1.0),
        (SpendingFunction.POWER, 0.0),
        (SpendingFunction.HWANG_SHIH_DECANI, float("nan")),
    ],
)
def test_a_parameter_that_means_nothing_is_refused(function: SpendingFunction, parameter: float) -> None:
    with pytest.raises(StatisticsError, match="parameter"):
        alpha_spent(function, 0.5, 0.05, parameter=parameter)
