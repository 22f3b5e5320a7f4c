"""Caps that do not know the variants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import SEEDS, same
from trialflow.errors import StatisticsError
from trialflow.stats import Moments
from trialflow.stats.capping import pooled_threshold, winsorised
from trialflow.stats.values import ValueCounts


def stacked(*rows: np.ndarray) -> ValueCounts:
    whole = np.unique(np.concatenate(rows))
    return ValueCounts(values=whole, counts=np.stack([ValueCounts.from_rows(one).over(whole).counts for one in rows]))


@given(SEEDS, st.sampled_from([0.8, 0.95, 0.99]))
def test_the_cap_is_one_for_all_variants_and_the_moments_those_of_the_clipped_rows(seed: int, share: float) -> None:
    generator = np.random.default_rng(seed)
    arms = [np.round(generator.lognormal(size=n), 2) for n in (80, 50)]
    values = stacked(*arms)
    cap = pooled_threshold(values, share)
    same(cap, np.quantile(np.concatenate(arms), share - 1e-12, method="inverted_cdf"))
    got = winsorised(values, upper=cap[..., None])
    for index, rows in enumerate(arms):
        expected = Moments.from_rows(np.minimum(rows, cap))
        same([got.mean[index], got.m2[index]], [expected.mean, expected.m2], atol=1e-8)


def test_no_units_give_no_cap_and_nothing_is_capped() -> None:
    values = ValueCounts(values=np.asarray([1.0, 9.0]), counts=np.zeros((2, 2)))
    cap = pooled_threshold(values, 0.9)
    assert np.isnan(cap)
    same(winsorised(values, upper=cap[..., None]).mean, [0.0, 0.0])


def test_one_variant_alone_has_no_pooled_cap() -> None:
    with pytest.raises(StatisticsError, match="variants"):
        pooled_threshold(ValueCounts.from_rows([1, 2]), 0.9)


def test_bounds_that_cross_are_refused() -> None:
    with pytest.raises(StatisticsError, match="must not lie above"):
        winsorised(ValueCounts.from_rows([1, 2]), lower=3.0, upper=2.0)
