"""What an effect that was selected is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate
from tests.strategies import SEEDS, same
from trialflow.errors import StatisticsError
from trialflow.stats.winners_curse import (
    MINIMUM_EXPERIMENTS,
    conditional_band,
    effect_prior,
    selected_total,
    shrink,
)


@pytest.mark.parametrize(("z", "expected"), [(2.2295, -1.24), (2.5, 1.03), (3.0, 2.52), (3.5, 3.33), (4.0, 3.94)])
def test_the_published_conditional_estimates(z: float, expected: float) -> None:
    # Zhong & Prentice 2008, one-sided threshold 1.96.
    found = conditional_band(z, critical=1.959963984540054)
    same(found.estimate, expected, atol=0.005)
    same([found.lower, found.upper], [max(expected, 0.0), z], atol=0.005)


def test_within_the_threshold_there_is_nothing_to_correct() -> None:
    found = conditional_band([1.0, -3.0, np.nan], critical=1.96)
    assert not found.estimable.any()
    assert np.isnan(found.lower).all()


@given(st.floats(min_value=2.0, max_value=9.0))
def test_two_sided_bands_mirror_and_end_at_what_was_seen(z: float) -> None:
    up, down = conditional_band(z, critical=1.96, sides=2), conditional_band(-z, critical=1.96, sides=2)
    same([up.lower, up.upper, up.estimate], [-down.upper, -down.lower, -down.estimate], atol=1e-9)
    same([up.interval.lower, up.interval.upper], [-down.interval.upper, -down.interval.lower], atol=1e-9)
    assert 0.0 <= up.lower <= up.upper == z


@pytest.mark.parametrize("sides", [1, 2])
def test_the_conditional_interval_covers_among_the_winners_where_the_plain_one_does_not(sides: int) -> None:
    z = np.random.default_rng(5).normal(1.0, 1.0, size=60_000)
    won = z[z > 1.96] if sides == 1 else z[np.abs(z) > 1.96]
    found = conditional_band(won, critical=1.96, sides=sides)
    assert_rate((found.interval.lower <= 1.0) & (found.interval.upper >= 1.0), 0.95)
    assert np.mean(np.abs(won - 1.0) <= 1.96) < 0.9


@given(SEEDS, st.sampled_from([0.1, 20.0]), st.sampled_from([-3.0, 4.0]))
def test_the_prior_follows_scale_and_shift(seed: int, factor: float, shift: float) -> None:
    generator = np.random.default_rng(seed)
    errors = generator.uniform(0.5, 2.0, size=40)
    effects = generator.normal(0.5, 2.0, size=40) + errors * generator.normal(size=40)
    one, other = effect_prior(effects, errors), effect_prior(factor * effects + shift, factor * errors)
    same([other.mean, other.std_dev], [factor * one.mean + shift, factor * one.std_dev], rtol=1e-4, atol=1e-4 * factor)


def test_effects_no_wider_than_their_errors_are_shrunk_to_one_value() -> None:
    prior = effect_prior(np.linspace(-0.1, 0.1, 20), np.ones(20))
    assert prior.std_dev == 0.0
    same(shrink([0.1, 5.0], 1.0, prior).estimate, [0.0, 0.0], atol=1e-12)


def test_too_few_experiments_teach_nothing() -> None:
    prior = effect_prior([0.1] * (MINIMUM_EXPERIMENTS - 1) + [np.nan], [1.0] * MINIMUM_EXPERIMENTS)
    assert not prior.estimable
    found = shrink(0.3, 0.1, prior)
    assert not found.estimable
    assert np.isnan(found.estimate)


def test_shrunken_winners_are_right_on_average_and_raw_ones_are_not() -> None:
    generator = np.random.default_rng(6)
    truth = generator.normal(0.1, 0.5, size=20_000)
    errors = generator.uniform(0.3, 1.0, size=20_000)
    seen = truth + errors * generator.normal(size=20_000)
    prior = effect_prior(seen, errors)
    same([prior.mean, prior.std_dev], [0.1, 0.5], atol=0.02)
    found = shrink(seen, errors, prior)
    won = seen > 1.96 * errors
    assert abs((found.estimate - truth)[won].mean()) < 0.02
    assert (seen - truth)[won].mean() > 0.4
    assert_rate(((found.interval.lower <= truth) & (found.interval.upper >= truth))[won], 0.95)


def test_the_total_of_all_winners_is_corrected() -> None:
    # Lee & Shen 2018, §3: with the true effects in place of a_i the expectation is exact; plugged in, it is close.
    generator, gaps = np.random.default_rng(7), []
    for _ in range(400):
        truth = generator.normal(0.5, 1.5, size=100)
        seen = truth + generator.normal(size=100)
        total = selected_total(seen, np.ones(100), critical=1.96)
        won = seen > 1.96
        gaps.append((total.observed - truth[won].sum(), total.overestimate))
        same(total.corrected, total.observed - total.overestimate)
    actual, expected = np.mean(gaps, axis=0)
    assert actual > 5.0
    assert abs(expected - actual) < 0.35 * actual


def test_lists_that_do_not_match_are_refused() -> None:
    with pytest.raises(StatisticsError, match="one length"):
        effect_prior([1.0, 2.0], [1.0])
    with pytest.raises(StatisticsError, match="finite"):
        selected_total([np.nan], [1.0], critical=1.96)
