"""The novelty contrast."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from tests.stats.calibration import Array, assert_rate
from tests.strategies import moments, same
from trialflow.stats import Moments, difference_in_means, fixed_horizon, novelty_contrast


@given(moments(), moments())
def test_it_is_a_difference_of_differences_under_its_own_name(control: Moments, treatment: Moments) -> None:
    contrast, plain = novelty_contrast(control, treatment), difference_in_means(control, treatment)
    same([contrast.estimate, contrast.std_error], [plain.estimate, plain.std_error])
    assert contrast.method != plain.method


def contrasts(generator: np.random.Generator, *, runs: int, effect: Array) -> Moments:
    """Late minus early of 80 users over 14 days: habits of their own, a weekend season and an effect by day."""
    season = np.where(np.arange(14) % 7 >= 5, 3.0, 0.0)
    habit = generator.normal(size=(runs, 80, 1))
    days = habit + season + effect + generator.normal(size=(runs, 80, 14))
    late_minus_early = days[:, :, -3:].mean(axis=2) - days[:, :, :3].mean(axis=2)
    n = np.full(runs, 80.0)
    return Moments.from_variance(n=n, mean=late_minus_early.mean(axis=1), variance=late_minus_early.var(axis=1, ddof=1))


def test_a_lasting_effect_under_a_season_is_no_novelty() -> None:
    generator = np.random.default_rng(51)
    control = contrasts(generator, runs=2500, effect=np.zeros(14))
    treatment = contrasts(generator, runs=2500, effect=np.full(14, 0.8))
    assert_rate(fixed_horizon(novelty_contrast(control, treatment), level=0.95).p_value < 0.05, 0.05)


def test_an_effect_that_fades_shows_below_zero_by_as_much_as_it_faded() -> None:
    generator = np.random.default_rng(52)
    fading = 0.2 + 1.0 * np.exp(-np.arange(14) / 3.0)
    control = contrasts(generator, runs=500, effect=np.zeros(14))
    effect = fixed_horizon(novelty_contrast(control, contrasts(generator, runs=500, effect=fading)), level=0.95)
    faded = fading[-3:].mean() - fading[:3].mean()
    covered = (effect.interval.lower <= faded) & (effect.interval.upper >= faded)
    assert_rate(covered, 0.95)
    assert faded < 0.0
    assert effect.estimate.mean() < 0.0
