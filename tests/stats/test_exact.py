"""Exact tests for small counts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.strategies import same
from trialflow.errors import StatisticsError
from trialflow.stats import Alternative, Moments
from trialflow.stats.exact import binomial_test, fisher_exact


def share(hits: float, n: float) -> Moments:
    return Moments.from_proportion(n=n, successes=hits)


def test_the_lady_tasting_tea() -> None:
    # Fisher 1935: 3 of 4 cups right, one-sided (16 + 1) / 70.
    same(fisher_exact(share(1.0, 4.0), share(3.0, 4.0), alternative=Alternative.GREATER), 17 / 70)


def test_four_days_of_twenty_three() -> None:
    tail = sum(math.comb(23, k) for k in range(5)) / 2.0**23
    same(binomial_test(4, 23), 2.0 * tail)


def test_cells_are_tested_one_by_one_and_empty_ones_are_never_significant() -> None:
    control = Moments.from_proportion(n=[10.0, 0.0], successes=[0.0, 0.0])
    found = fisher_exact(control, share(10.0, 10.0))
    assert found[0] < 1e-4
    assert found[1] == 1.0
    assert binomial_test(0, 0) == 1.0


def test_the_level_is_kept_at_any_share() -> None:
    # All outcomes of 12 against 15 units, weighted by their chance: exact tests never reject too often.
    hits_c, hits_t = np.meshgrid(np.arange(13.0), np.arange(16.0), indexing="ij")
    control = Moments.from_proportion(n=np.full(hits_c.shape, 12.0), successes=hits_c)
    treatment = Moments.from_proportion(n=np.full(hits_c.shape, 15.0), successes=hits_t)
    rejected = fisher_exact(control, treatment) <= 0.05
    for rate in (0.05, 0.3, 0.5):
        chance = [
            [math.comb(12, c) * math.comb(15, t) * rate ** (c + t) * (1 - rate) ** (27 - c - t) for t in range(16)]
            for c in range(13)
        ]
        assert (np.asarray(chance) * rejected).sum() <= 0.05


def test_values_that_are_not_shares_are_refused() -> None:
    with pytest.raises(StatisticsError, match="zeros and ones"):
        fisher_exact(Moments.from_rows([0.5, 3.0, 4.0]), share(1.0, 3.0))


def test_more_successes_than_trials_are_refused() -> None:
    with pytest.raises(StatisticsError, match="between 0 and trials"):
        binomial_test(4, 3)
