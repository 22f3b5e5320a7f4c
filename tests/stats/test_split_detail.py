"""Small splits exactly, and where a split is broken."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import same, shares
from trialflow.errors import StatisticsError
from trialflow.stats import chi_square, exact_split, sequential_split, split_by_group
from trialflow.stats.multiplicity import holm


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.5, 0.2, 0.9]))
def test_two_variants_are_the_exact_binomial_test(control: int, treatment: int, share: float) -> None:
    from scipy.stats import binomtest

    n = control + treatment
    known = binomtest(control, n, share).pvalue if n else 1.0
    same(exact_split([control, treatment], [share, 1.0 - share]), known, rtol=1e-9)


@given(st.lists(st.integers(0, 6), min_size=3, max_size=3), shares())
@settings(max_examples=30, deadline=None)
def test_three_variants_sum_the_multinomial_chances_of_what_is_no_likelier(counts: list[int], planned) -> None:
    from scipy.stats import multinomial

    n = sum(counts)
    law = multinomial(n, planned)
    outcomes = [(a, b, n - a - b) for a in range(n + 1) for b in range(n + 1 - a)]
    chances = law.pmf(outcomes)
    known = chances[chances <= law.pmf(counts) * (1.0 + 1e-7)].sum()
    same(exact_split(counts, planned), known, rtol=1e-7)


def test_the_exact_test_rejects_no_more_often_than_it_says_where_chi_square_does() -> None:
    counts = np.random.default_rng(96).multinomial(12, [0.9, 0.05, 0.05], size=3000)
    exact = np.asarray([exact_split(row, [0.9, 0.05, 0.05]) for row in counts])
    assert (exact <= 0.01).mean() <= 0.01 + 4.0 * np.sqrt(0.01 * 0.99 / 3000)
    assert (chi_square(counts, [0.9, 0.05, 0.05]).p_value <= 0.01).mean() > 0.02


def test_an_arm_without_a_share_must_stay_empty() -> None:
    assert exact_split([4, 5, 0], [0.5, 0.5, 0.0]) == exact_split([4, 5], [0.5, 0.5])
    assert exact_split([4, 5, 1], [0.5, 0.5, 0.0]) == 0.0


def test_the_size_stands_beside_the_p_value() -> None:
    test = chi_square([[52, 48], [5200, 4800], [0, 0]], [0.5, 0.5])
    same(test.imbalance, [0.02, 0.02, 0.0])
    assert test.p_value[0] > 0.5 > 1e-4 > test.p_value[1]
    same(test.observed_share[1], [0.52, 0.48])


def test_over_a_ramp_the_size_is_measured_against_the_shares_in_force() -> None:
    path = sequential_split([[90, 10], [0, 0], [60, 40]], [[0.9, 0.1], [0.9, 0.1], [0.5, 0.5]])
    same(path.imbalance, [0.0, 0.0, 10.0 / 200.0])


def test_weighted_counts_are_left_to_the_approximation() -> None:
    found = split_by_group([[1.5, 2.5]], [0.5, 0.5])
    assert not found.exact[0]
    same(found.p_value, chi_square([1.5, 2.5], [0.5, 0.5]).p_value)


def test_the_drill_down_finds_the_group_that_lost_units() -> None:
    counts = [[500, 500], [510, 490], [500, 350], [3, 2], [0, 0]]
    found = split_by_group(counts, [0.5, 0.5])
    assert np.flatnonzero(found.adjusted_p_value < 0.01).tolist() == [2]
    assert found.exact.tolist() == [False, False, False, True, False]
    same(found.adjusted_p_value, holm(found.p_value))
    same(found.excess.sum(axis=1), 0.0)
    same(found.excess[2], [75.0, -75.0])
    assert found.p_value[3] == exact_split([3, 2], [0.5, 0.5])


def test_sound_groups_raise_no_more_alarms_than_alpha_together() -> None:
    generator = np.random.default_rng(97)
    alarms = [
        (split_by_group(generator.multinomial(4000, [0.3, 0.7], size=8), [0.3, 0.7]).adjusted_p_value < 0.05).any()
        for _ in range(1000)
    ]
    assert 0.02 < np.mean(alarms) < 0.05 + 4.0 * np.sqrt(0.05 * 0.95 / 1000)


@pytest.mark.parametrize("counts", [[1.5, 2.0], [[1, 2], [3, 4]], [10**6, 10**6, 10**6]])
def test_what_cannot_be_listed_is_refused(counts) -> None:
    with pytest.raises(StatisticsError):
        exact_split(counts, np.full(np.shape(counts)[-1], 1.0 / np.shape(counts)[-1]))


def test_a_drill_down_needs_groups() -> None:
    with pytest.raises(StatisticsError, match="one row of counts per group"):
        split_by_group([5, 5], [0.5, 0.5])
