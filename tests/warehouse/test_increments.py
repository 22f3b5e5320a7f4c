"""Rounding, noise and fingerprints of sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialflow.warehouse.increments import fingerprint, moments, rounded, square


def test_numbers_keep_twelve_digits_so_that_the_order_of_a_sum_does_not_show() -> None:
    one, other = np.asarray([0.1 + 0.2 + 0.3]), np.asarray([0.3 + 0.2 + 0.1])
    assert one[0] != other[0]
    assert rounded(one)[0] == rounded(other)[0] == 0.6
    assert rounded(np.asarray([[1234567890123.4]])).tolist() == [[1234567890120.0]]


@given(value=st.floats(0.001, 1e6), units=st.integers(2, 10_000))
def test_equal_values_have_no_variance_at_all(value: float, units: int) -> None:
    n, sums = np.asarray(float(units)), rounded(np.asarray([value * units]))
    found = moments(n, sums, rounded(np.asarray([[value * value * units]])))
    assert found.m2[0, 0] == 0.0


def test_a_spread_of_a_ten_thousandth_of_the_mean_is_kept() -> None:
    rows = 1000.0 + np.tile([-0.1, 0.1], 500)
    found = moments(np.asarray(1000.0), rounded(np.asarray([rows.sum()])), rounded(np.asarray([[rows @ rows]])))
    assert found.m2[0, 0] == pytest.approx(10.0, rel=1e-3)


def test_products_are_laid_out_row_by_row_of_the_upper_triangle() -> None:
    sums, products = square(np.arange(5.0), 2)
    assert sums.tolist() == [0.0, 1.0]
    assert products.tolist() == [[2.0, 3.0], [3.0, 4.0]]


def test_a_fingerprint_knows_names_shapes_and_numbers() -> None:
    numbers = np.arange(4.0)
    variations = [[("a", numbers)], [("b", numbers)], [("a", numbers.reshape(2, 2))], [("a", numbers + 1e-9)]]
    assert len({fingerprint(arrays) for arrays in variations}) == 4
    assert fingerprint([("a", numbers)]) == fingerprint([("a", numbers.copy())])
