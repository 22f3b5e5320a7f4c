"""Sample ratio mismatch, at one look and on every day."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from tests.stats.calibration import Array, assert_rate
from tests.strategies import SEEDS, same, shares
from trialflow.errors import StatisticsError
from trialflow.stats import chi_square, ramp_shares, sequential_split

HALVES = np.asarray([[0.5, 0.5]])


@pytest.mark.parametrize(
    ("counts", "concentration", "log_factor", "p_value"),
    [
        # Lindon & Malek's closed form, computed independently.
        ([50_500, 49_500], 100.0, 1.5383, 0.2148),
        ([50_500, 49_500], 10_000.0, 3.3466, 0.0352),
        ([52_000, 48_000], 100.0, 76.4853, 0.0),
        ([33_900, 33_050, 33_050], 100.0, 0.2823, 0.7540),
    ],
)
def test_log_bayes_factors_of_one_day(
    counts: list[int], concentration: float, log_factor: float, p_value: float
) -> None:
    equal = np.full((1, len(counts)), 1.0 / len(counts))
    path = sequential_split([counts], equal, concentration=concentration)
    same(path.log_bayes_factor, [log_factor], rtol=0.0, atol=6e-5)
    same(path.p_value, [p_value], rtol=0.0, atol=6e-5)


@pytest.mark.parametrize(("n", "p_value"), [(100, 0.69), (1000, 0.21), (2000, 0.074), (5000, 0.0047), (10_000, 6e-5)])
def test_fifty_two_to_forty_eight_is_not_a_threshold(n: int, p_value: float) -> None:
    same(chi_square([0.52 * n, 0.48 * n], [0.5, 0.5]).p_value, p_value, rtol=0.06)


def test_an_arm_without_a_share_is_not_a_degree_of_freedom() -> None:
    with_it = chi_square([480, 520, 0], [0.5, 0.5, 0.0])
    without = chi_square([480, 520], [0.5, 0.5])
    same([with_it.df, with_it.p_value], [without.df, without.p_value])


def test_a_unit_in_an_arm_without_a_share_is_an_alarm_by_itself() -> None:
    assert chi_square([500, 500, 1], [0.5, 0.5, 0.0]).p_value == 0.0
    path = sequential_split([[5, 5, 0], [5, 5, 1], [5, 5, 0]], np.tile([0.5, 0.5, 0.0], (3, 1)))
    assert path.p_value.tolist() == [1.0, 0.0, 0.0]


def test_no_units_are_no_evidence() -> None:
    assert chi_square([0, 0], [0.5, 0.5]).p_value == 1.0
    assert sequential_split([[0, 0], [0, 0]], np.tile(HALVES, (2, 1))).p_value.tolist() == [1.0, 1.0]
    assert sequential_split(np.zeros((0, 2)), np.zeros((0, 2))).p_value.shape == (0,)


@given(shares(), SEEDS)
def test_the_order_of_the_variants_does_not_matter(planned: Array, seed: int) -> None:
    counts = np.random.default_rng(seed).poisson(400.0 * planned, size=(5, 3))
    order = [2, 0, 1]
    one = sequential_split(counts, np.tile(planned, (5, 1)))
    other = sequential_split(counts[:, order], np.tile(planned[order], (5, 1)))
    same(one.log_bayes_factor, other.log_bayes_factor, atol=1e-7)
    same(chi_square(counts[0], planned).p_value, chi_square(counts[0][order], planned[order]).p_value)


@given(shares(), SEEDS)
def test_days_without_change_of_shares_can_be_merged(planned: Array, seed: int) -> None:
    counts = np.random.default_rng(seed).poisson(4000.0 * planned, size=(6, 3))
    daily = sequential_split(counts, np.tile(planned, (6, 1)))
    at_once = sequential_split(counts.sum(axis=0)[None], planned[None])
    same(daily.log_bayes_factor[-1], at_once.log_bayes_factor[-1], atol=1e-6)


@given(SEEDS)
def test_the_p_value_never_rises(seed: int) -> None:
    counts = np.random.default_rng(seed).poisson(300.0, size=(10, 2))
    p_value = sequential_split(counts, np.tile(HALVES, (10, 1))).p_value
    assert (np.diff(p_value) <= 0.0).all()
    assert ((p_value >= 0.0) & (p_value <= 1.0)).all()


def test_a_ramp_multiplies_the_evidence_of_its_stages() -> None:
    counts = np.asarray([[950, 40], [940, 70], [480, 540], [505, 495]])
    planned = np.asarray([[0.95, 0.05], [0.95, 0.05], [0.5, 0.5], [0.5, 0.5]])
    whole = sequential_split(counts, planned).log_bayes_factor
    first, second = (sequential_split(counts[part], planned[part]).log_bayes_factor for part in (slice(2), slice(2, 4)))
    same(whole, [*first, *(first[-1] + second)], atol=1e-9)


def test_many_splits_are_one_call_whatever_the_days_of_their_ramps() -> None:
    generator = np.random.default_rng(6)
    planned = np.empty((2, 3, 8, 2))
    for ramp, step in zip(planned.reshape(6, 8, 2), (0, 1, 3, 5, 7, 8), strict=True):
        ramp[:step], ramp[step:] = [0.9, 0.1], [0.5, 0.5]
    counts = generator.multinomial(2_000, planned).astype(float)
    counts[1, 2, 4] = [900.0, 1_100.0]
    together = sequential_split(counts, planned, concentration=(100.0, 10_000.0))
    assert together.p_value.shape == (2, 3, 8)
    for place in np.ndindex(2, 3):
        alone = sequential_split(counts[place], planned[place], concentration=(100.0, 10_000.0))
        for name in ("log_bayes_factor", "p_value", "imbalance"):
            same(getattr(together, name)[place], getattr(alone, name))
    same(sequential_split(counts, planned[0, 0]).p_value[0, 0], sequential_split(counts[0, 0], planned[0, 0]).p_value)


def test_counts_without_days_are_refused() -> None:
    with pytest.raises(StatisticsError, match="per day"):
        sequential_split([5.0, 5.0], [0.5, 0.5])


def test_expected_shares_of_a_ramp_weigh_its_days_by_their_traffic() -> None:
    same(ramp_shares([[90, 10], [250, 250]], [[0.9, 0.1], [0.5, 0.5]]), [340 / 600, 260 / 600])
    same(ramp_shares([[0, 0]], [[0.9, 0.1]]), [0.9, 0.1])


@pytest.mark.parametrize("planned", [[0.5, 0.6], [1.5, -0.5], [0.5, float("nan")]])
def test_shares_that_are_none_are_refused(planned: list[float]) -> None:
    with pytest.raises(StatisticsError, match="shares"):
        chi_square([10, 10], planned)


def test_negative_counts_are_refused() -> None:
    with pytest.raises(StatisticsError, match="observed"):
        chi_square([10, -1], [0.5, 0.5])


def test_the_fixed_test_holds_its_level() -> None:
    counts = np.random.default_rng(31).multinomial(5000, [0.2, 0.3, 0.5], size=20_000)
    assert_rate(chi_square(counts, [0.2, 0.3, 0.5]).p_value < 0.05, 0.05)


def _four_weeks(generator: np.random.Generator, drawn: Array, promised: Array, *, units: int) -> float:
    counts = np.stack([generator.multinomial(units, share) for share in drawn])
    return float(sequential_split(counts, promised).p_value[-1])


def test_watching_the_split_for_four_weeks_of_a_ramp_rarely_alarms() -> None:
    generator = np.random.default_rng(32)
    promised = np.repeat([[0.95, 0.05], [0.8, 0.2], [0.5, 0.5]], [4, 4, 20], axis=0)
    p_values = np.asarray([_four_weeks(generator, promised, promised, units=10_000) for _ in range(600)])
    assert (p_values <= 0.05).mean() < 0.05


def test_half_a_point_of_imbalance_is_found_within_four_weeks() -> None:
    # Independent simulation: detected by day 28 with probability .965 at 10,000 units a day, alpha .01.
    generator = np.random.default_rng(33)
    promised = np.tile(HALVES, (28, 1))
    drawn = np.tile([0.505, 0.495], (28, 1))
    found = np.asarray([_four_weeks(generator, drawn, promised, units=10_000) for _ in range(400)]) <= 0.01
    assert_rate(found, 0.965)


def test_a_mean_over_concentrations_sees_gross_breaks_early_and_small_ones_late() -> None:
    gross = np.full((7, 2), [90, 54])  # four in ten of the treatment's exposures lost, a thousand units in a week
    assert sequential_split(gross, [0.5, 0.5], concentration=10_000.0).p_value[-1] > 0.001
    assert sequential_split(gross, [0.5, 0.5], concentration=(100.0, 10_000.0)).p_value[-1] < 0.001
    small = np.full((28, 2), [5_050, 4_950])  # half a point
    alone = sequential_split(small, [0.5, 0.5], concentration=100.0).p_value
    together = sequential_split(small, [0.5, 0.5], concentration=(100.0, 10_000.0)).p_value
    assert (together <= 0.001).argmax() < (alone <= 0.001).argmax()


def test_a_mean_over_concentrations_is_the_mean_of_the_bayes_factors() -> None:
    count = np.asarray([[120, 90], [300, 310], [80, 20]])
    shares = np.asarray([[0.5, 0.5], [0.5, 0.5], [0.8, 0.2]])
    alone = [sequential_split(count, shares, concentration=k).log_bayes_factor for k in (100.0, 10_000.0)]
    together = sequential_split(count, shares, concentration=(100.0, 10_000.0)).log_bayes_factor
    np.testing.assert_allclose(np.exp(together), np.mean(np.exp(alone), axis=0), rtol=1e-12)
