"""Differences of quantiles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate
from tests.strategies import SEEDS, same
from trialflow.errors import StatisticsError
from trialflow.stats import Gap, JointMoments, fixed_horizon
from trialflow.stats.quantile import (
    QuantileSummary,
    difference_in_quantiles,
    mid_quantile_of_units,
    order_ranks,
    quantile_of_events,
    quantile_of_units,
)
from trialflow.stats.values import ValueCounts


def lognormal(seed: int, units: int = 400) -> np.ndarray:
    return np.round(np.random.default_rng(seed).lognormal(3.0, 0.8, size=units), 3)


@given(SEEDS, SEEDS, st.sampled_from([0.25, 0.5, 0.9]), st.sampled_from([0.5, 20.0]))
def test_a_change_of_unit_scales_and_swapping_flips(one: int, other: int, share: float, factor: float) -> None:
    control, treatment = (ValueCounts.from_rows(lognormal(seed)) for seed in (one, other))
    scaled = (ValueCounts(values=values.values * factor, counts=values.counts) for values in (treatment, control))
    before = difference_in_quantiles(*(quantile_of_units(one, probability=share) for one in (control, treatment)))
    after = difference_in_quantiles(*(quantile_of_units(one, probability=share) for one in scaled))
    same(after.estimate, -factor * before.estimate)
    same(after.std_error, factor * before.std_error)


def test_too_extreme_a_quantile_is_refused_by_name() -> None:
    few, many = (quantile_of_units(ValueCounts.from_rows(lognormal(1, n)), probability=0.99) for n in (200, 2000))
    estimate = difference_in_quantiles(few, many)
    assert not estimate.estimable
    assert np.isnan(estimate.std_error)
    assert "too extreme" in str(estimate.because)
    assert bool(difference_in_quantiles(many, many).estimable)


def test_a_quantile_in_a_heap_of_equal_values_has_no_number() -> None:
    heap = quantile_of_units(ValueCounts.from_rows([3] * 90 + [7] * 10), probability=0.5)
    estimate = difference_in_quantiles(heap, heap)
    assert not estimate.estimable
    assert estimate.because == Gap.TIES.reason


def test_one_variant_in_a_heap_is_enough_to_refuse() -> None:
    spread = quantile_of_units(ValueCounts.from_rows(lognormal(4)), probability=0.5)
    heap = quantile_of_units(ValueCounts.from_rows([20.0] * 300 + [21.0] * 100), probability=0.5)
    for pair in ((spread, heap), (heap, spread)):
        assert difference_in_quantiles(*pair).because == Gap.TIES.reason


def null_rejections(
    draws: np.ndarray, share: float, quantile: Callable[..., QuantileSummary] = quantile_of_units
) -> tuple[np.ndarray, float]:
    """Of runs (2, run, unit) without an effect: which ones reject, and the share that had a number."""
    values = np.arange(draws.max() + 1.0)
    counts = np.apply_along_axis(np.bincount, -1, draws, minlength=len(values)).astype(float)
    arms = [quantile(ValueCounts(values=values, counts=one), probability=share) for one in counts]
    estimate = difference_in_quantiles(*arms)
    return fixed_horizon(estimate, level=0.95).p_value < 0.05, float(estimate.estimable.mean())


def assert_no_more_than_promised(rejected: np.ndarray) -> None:
    assert rejected.mean() <= 0.05 + 3.0 * np.sqrt(0.05 * 0.95 / len(rejected))


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("mean", [1.5, 3.0, 4.5, 6.0, 8.0, 20.0, 60.0])
def test_counts_with_many_ties_reject_no_more_than_promised(mean: float, share: float) -> None:
    generator = np.random.default_rng(11)
    rejected, told = null_rejections(generator.negative_binomial(2, 2.0 / (2.0 + mean), size=(2, 1000, 1000)), share)
    assert_no_more_than_promised(rejected)
    # A mean of 60 has steps that are small beside the spread: refusing everything would be no cure.
    assert told > 0.9 if mean == 60.0 else told < 0.9


@pytest.mark.parametrize("mean", [10.0, 20.0, 30.0, 60.0])
def test_medians_that_have_a_number_in_spite_of_ties_err_no_more_than_promised(mean: float) -> None:
    """Some 20 to 40 different values in all used to err in 6.2 %: the interval's width came in whole steps of a few."""
    generator = np.random.default_rng(13)
    draws = np.stack([generator.geometric(1.0 / (mean + 1.0), size=(4000, 1000)) - 1 for _ in range(2)])
    rejected, _ = null_rejections(draws, 0.5)
    assert_no_more_than_promised(rejected)


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("mean", [3.0, 4.5, 6.0, 8.0, 20.0])
def test_mid_quantiles_have_a_number_for_counts_and_reject_no_more_than_promised(mean: float, share: float) -> None:
    generator = np.random.default_rng(14)
    draws = generator.negative_binomial(2, 2.0 / (2.0 + mean), size=(2, 1000, 1000))
    rejected, told = null_rejections(draws, share, mid_quantile_of_units)
    assert_no_more_than_promised(rejected)
    assert told == 1.0


def test_a_mid_quantile_finds_the_shift_of_a_count_that_a_plain_one_cannot_see() -> None:
    generator = np.random.default_rng(15)
    control, treatment = (ValueCounts.from_rows(generator.poisson(mean, size=20_000)) for mean in (21.0, 21.3))
    plain = difference_in_quantiles(*(quantile_of_units(one, probability=0.5) for one in (control, treatment)))
    assert plain.because == Gap.TIES.reason
    mid = difference_in_quantiles(*(mid_quantile_of_units(one, probability=0.5) for one in (control, treatment)))
    assert abs(float(mid.estimate) - 0.3) < 3.0 * float(mid.std_error)
    assert fixed_horizon(mid, level=0.95).p_value < 0.01


@given(SEEDS, st.sampled_from([0.1, 0.5, 0.9]))
def test_without_ties_a_mid_quantile_is_the_plain_one(seed: int, share: float) -> None:
    values = ValueCounts.from_rows(np.random.default_rng(seed).normal(size=300))
    plain, mid = (one(values, probability=share) for one in (quantile_of_units, mid_quantile_of_units))
    same([mid.point, mid.lower, mid.upper], [plain.point, plain.lower, plain.upper], rtol=1e-9)


def test_the_mid_quantile_of_the_worked_definition() -> None:
    # 1, 2, 2, 3: the middles lie at ranks .5, 2 and 3.5; the median, at rank 2 of 4, is 2. With another 3 it lies at 2.5.
    assert float(mid_quantile_of_units(ValueCounts.from_rows([1, 2, 2, 3]), probability=0.5).point) == 2.0
    found = mid_quantile_of_units(ValueCounts.from_rows([1, 2, 2, 3, 3]), probability=0.5).point
    assert float(found) == pytest.approx(2.25)  # a quarter of the way from 2 (at 2) to 3 (at 4)


def test_a_median_among_many_zeros_has_no_mid_quantile_either() -> None:
    zeros = mid_quantile_of_units(ValueCounts.from_rows([0.0] * 600 + list(range(1, 401))), probability=0.5)
    assert difference_in_quantiles(zeros, zeros).because == Gap.TIES.reason
    nobody = mid_quantile_of_units(ValueCounts.from_rows([]), probability=0.5)
    assert np.isnan(nobody.point)


def test_a_plain_and_a_mid_quantile_are_not_compared() -> None:
    values = ValueCounts.from_rows(lognormal(2))
    with pytest.raises(StatisticsError, match="same method"):
        difference_in_quantiles(
            quantile_of_units(values, probability=0.5), mid_quantile_of_units(values, probability=0.5)
        )


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize(("zeros", "location"), [(0.2, 1.0), (0.2, 2.0), (0.2, 3.0), (0.6, 1.0), (0.6, 3.0)])
def test_rounded_amounts_with_many_zeros_reject_no_more_than_promised(
    zeros: float, location: float, share: float
) -> None:
    generator, size = np.random.default_rng(12), (2, 1000, 1000)
    amounts = np.minimum(np.round(generator.lognormal(location, 1.0, size=size)), 2_000.0)
    rejected, _ = null_rejections(np.where(generator.random(size) < zeros, 0.0, amounts).astype(int), share)
    assert_no_more_than_promised(rejected)


def test_the_ranks_of_the_worked_definition() -> None:
    # 304 values, median: 152 ∓ 1.96 √76 = 134.9 … 169.1, rounded outwards, and one more above.
    same(order_ranks(np.asarray(304.0), probability=0.5, level=0.95), [134.0, 171.0])


def test_different_quantiles_are_not_compared() -> None:
    values = ValueCounts.from_rows(lognormal(2))
    with pytest.raises(StatisticsError, match="same probability"):
        difference_in_quantiles(quantile_of_units(values, probability=0.5), quantile_of_units(values, probability=0.9))


def events(generator: np.random.Generator, users: int, share: float) -> tuple[QuantileSummary, QuantileSummary]:
    """Requests of users who differ from one another: a summary of one variant, quantile taken over requests."""
    requests = generator.integers(5, 15, size=users)
    level = generator.normal(size=users)
    owner = np.repeat(np.arange(users), requests)
    latency = np.round(level[owner] + 0.5 * generator.normal(size=len(owner)), 4)
    values = ValueCounts.from_rows(latency)
    below = np.bincount(owner, weights=latency <= values.quantile(share), minlength=users)
    moments = JointMoments.from_rows(np.column_stack([below, requests]))
    return quantile_of_events(values, moments, probability=share), quantile_of_units(values, probability=share)


def test_users_with_many_requests_widen_the_ranks_and_the_level_holds() -> None:
    generator, clustered, naive = np.random.default_rng(9), [], []
    for _ in range(400):
        (control, wrong_control), (treatment, wrong_treatment) = (events(generator, 200, 0.9) for _ in range(2))
        clustered.append(fixed_horizon(difference_in_quantiles(control, treatment), level=0.95).p_value < 0.05)
        wrong = difference_in_quantiles(wrong_control, wrong_treatment)
        naive.append(fixed_horizon(wrong, level=0.95).p_value < 0.05)
    assert_rate(clustered, 0.05, sds=4.0)
    assert np.mean(naive) > 0.25


def test_rows_of_another_summary_are_refused() -> None:
    values = ValueCounts.from_rows(lognormal(3))
    with pytest.raises(StatisticsError, match="summarise the same rows"):
        quantile_of_events(values, JointMoments.from_rows([[1.0, 2.0], [0.0, 3.0]]), probability=0.5)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_level_holds_for_skewed_units(share: float) -> None:
    generator, runs = np.random.default_rng(10), 2000
    grid = np.exp(np.linspace(-4.0, 4.0, 801))
    weights = np.diff(np.concatenate([[0.0], np.linspace(0, 1, 801)[1:], [1.0]]))
    drawn = [generator.multinomial(n, weights / weights.sum(), size=runs).astype(float) for n in (300, 500)]
    arms = [quantile_of_units(ValueCounts(values=grid, counts=counts), probability=share) for counts in drawn]
    assert_rate(fixed_horizon(difference_in_quantiles(*arms), level=0.95).p_value < 0.05, 0.05, sds=5.0)
