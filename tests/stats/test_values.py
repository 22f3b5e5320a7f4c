"""Counts of values: what ranks, quantiles and caps are made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import same
from trialflow.errors import StatisticsError
from trialflow.stats import Moments
from trialflow.stats.values import Interpolation, ValueCounts

ROWS = st.lists(st.integers(min_value=-5, max_value=30), min_size=1, max_size=60)
SHARES = st.sampled_from([0.01, 0.1, 0.25, 0.5, 0.9, 0.99])


@given(ROWS, ROWS)
def test_merging_is_counting_the_pooled_rows(one: list[int], other: list[int]) -> None:
    merged, pooled = ValueCounts.from_rows(one) + ValueCounts.from_rows(other), ValueCounts.from_rows([*one, *other])
    same(merged.values, pooled.values)
    same(merged.counts, pooled.counts)


@given(ROWS)
def test_the_moments_are_those_of_the_rows(rows: list[int]) -> None:
    got, expected = ValueCounts.from_rows(rows).moments(), Moments.from_rows(rows)
    same([got.n, got.mean, got.m2], [expected.n, expected.mean, expected.m2])


@given(ROWS, SHARES)
def test_both_quantiles_are_those_of_numpy(rows: list[int], share: float) -> None:
    values = ValueCounts.from_rows(rows)
    same(values.quantile(share), np.quantile(rows, share))
    # numpy's inverted_cdf takes 0.1 × 30 = 3.0000000000000004 for the fourth rank; R does not, nor do we.
    exact = np.quantile(rows, share - 1e-12, method="inverted_cdf")
    same(values.quantile(share, Interpolation.INVERTED), exact)


def test_an_empty_variant_has_no_quantile() -> None:
    values = ValueCounts(values=np.asarray([1.0, 2.0]), counts=np.asarray([[0.0, 0.0], [1.0, 1.0]]))
    same(values.quantile(0.5), [np.nan, 1.5])


@pytest.mark.parametrize("values", [[2.0, 1.0], [1.0, 1.0], [1.0, np.nan], [1.0, np.inf]])
def test_values_that_do_not_ascend_are_refused(values: list[float]) -> None:
    with pytest.raises(StatisticsError, match="ascend"):
        ValueCounts(values=np.asarray(values), counts=np.ones(2))


def test_negative_counts_are_refused() -> None:
    with pytest.raises(StatisticsError, match="at least 0"):
        ValueCounts(values=np.asarray([1.0]), counts=np.asarray([-1.0]))
