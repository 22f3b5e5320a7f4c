"""The exact confidence sequence of a share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import ALPHAS, same
from trialflow.errors import StatisticsError
from trialflow.stats import bernoulli_sequence


@given(st.integers(0, 400), st.integers(0, 400), ALPHAS)
def test_it_holds_the_share_and_mirrors_with_it(hits: int, misses: int, alpha: float) -> None:
    one = bernoulli_sequence(hits, hits + misses, alpha=alpha, tuning_n=300.0)
    other = bernoulli_sequence(misses, hits + misses, alpha=alpha, tuning_n=300.0)
    share = hits / max(hits + misses, 1)
    assert 0.0 <= one.lower <= share or hits + misses == 0
    assert one.upper <= 1.0
    assert one.upper >= share
    same(one.lower, 1.0 - other.upper, rtol=1e-7, atol=1e-7)


def test_nothing_is_known_before_the_first_trial() -> None:
    interval = bernoulli_sequence(0, 0, alpha=0.05, tuning_n=100.0)
    assert (interval.lower, interval.upper) == (0.0, 1.0)


def test_watched_after_every_trial_it_misses_the_share_less_often_than_alpha() -> None:
    generator = np.random.default_rng(91)
    trials = np.arange(1, 301)
    hits = np.cumsum(generator.random((500, 300)) < 0.05, axis=1)
    interval = bernoulli_sequence(hits, trials, alpha=0.1, tuning_n=200.0)
    missed = ((interval.lower > 0.05) | (interval.upper < 0.05)).any(axis=1).mean()
    assert 0.01 < missed < 0.1


@pytest.mark.parametrize(("hits", "trials", "tuning"), [(3, 2, 100.0), (-1, 2, 100.0), (1, 2, 0.0)])
def test_what_cannot_be_is_refused(hits: int, trials: int, tuning: float) -> None:
    with pytest.raises(StatisticsError):
        bernoulli_sequence(hits, trials, alpha=0.05, tuning_n=tuning)
