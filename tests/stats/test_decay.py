"""The novelty contrast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.stats.calibration import Array, assert_rate
from tests.stats.test_means import assert_marked
from tests.strategies import SEEDS, Rows, moments, same
from trialflow.errors import StatisticsError
from trialflow.stats import Gap, JointMoments, Moments, difference_in_means, fixed_horizon, novelty_contrast
from trialflow.stats.decay import (
    DailyEffects,
    daily_effects,
    fit_decay,
    late_minus_early,
    overall_mean,
    rank_correlation,
    slope,
)


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


DAYS = np.arange(1.0, 22.0)


def fading(generator: np.random.Generator, *, asymptote: float, amplitude: float, decay: float) -> DailyEffects:
    """Effects of 21 days whose errors are correlated as the days of the same users are."""
    covariance = 0.05**2 * (0.5 * np.eye(21) + 0.5)
    truth = asymptote + amplitude * np.exp(-(DAYS - 1.0) / decay)
    noise = np.linalg.cholesky(covariance) @ generator.normal(size=21)
    return DailyEffects(days=DAYS, effect=truth + noise, covariance=covariance)


def test_the_profile_intervals_cover_with_correlated_days() -> None:
    generator = np.random.default_rng(41)
    fits = [fit_decay(fading(generator, asymptote=0.2, amplitude=0.5, decay=4.0)) for _ in range(150)]
    assert all(fit.identified and fit.evident for fit in fits)
    for truth, name in ((0.2, "asymptote_interval"), (0.5, "amplitude_interval"), (4.0, "decay_interval")):
        ends = [getattr(fit, name) for fit in fits]
        assert_rate([one.lower <= truth <= one.upper for one in ends], 0.95)


def test_an_effect_that_does_not_fade_is_rarely_told_to_and_never_with_a_decay_time() -> None:
    generator = np.random.default_rng(42)
    fits = [fit_decay(fading(generator, asymptote=0.2, amplitude=0.0, decay=4.0)) for _ in range(150)]
    # Where there is no decay its time is no parameter at all, so the chi-square is a little too small for it.
    assert np.mean([fit.evident for fit in fits]) < 0.12
    assert np.mean([fit.identified for fit in fits]) < 0.3
    unknown = [fit for fit in fits if not fit.identified]
    assert all(np.isnan(fit.decay_days) and fit.reason for fit in unknown)
    assert all(fit.decay_interval.lower == 0.0 or fit.decay_interval.upper == np.inf for fit in unknown)


def test_primacy_has_a_negative_amplitude() -> None:
    fit = fit_decay(fading(np.random.default_rng(43), asymptote=0.4, amplitude=-0.6, decay=3.0))
    assert fit.amplitude < 0.0 < fit.asymptote
    assert fit.evident
    same(fit.half_life_days, np.log(2.0) * fit.decay_days)


@given(SEEDS, st.sampled_from([0.01, 30.0]), st.sampled_from([-2.0, 5.0]))
def test_a_change_of_unit_and_level_moves_the_fit_along(seed: int, factor: float, shift: float) -> None:
    effects = fading(np.random.default_rng(seed), asymptote=0.1, amplitude=0.4, decay=5.0)
    moved = DailyEffects(
        days=effects.days, effect=factor * effects.effect + shift, covariance=factor**2 * effects.covariance
    )
    one, other = slope(effects), slope(moved)
    same([other.estimate, other.std_error], [factor * one.estimate, factor * one.std_error], rtol=1e-6)
    halves = late_minus_early(effects), late_minus_early(moved)
    same(halves[1].estimate, factor * halves[0].estimate, rtol=1e-6, atol=1e-9)
    same(overall_mean(moved).estimate, factor * overall_mean(effects).estimate + shift, rtol=1e-6)


def test_a_fit_does_not_depend_on_the_unit() -> None:
    effects = fading(np.random.default_rng(44), asymptote=0.1, amplitude=0.4, decay=5.0)
    scaled = DailyEffects(days=DAYS, effect=100.0 * effects.effect, covariance=1e4 * effects.covariance)
    one, other = fit_decay(effects), fit_decay(scaled)
    same([other.decay_days, other.asymptote], [one.decay_days, 100.0 * one.asymptote], rtol=1e-5)


def test_daily_effects_hold_the_correlation_of_a_user_s_days() -> None:
    generator = np.random.default_rng(45)
    arms = [JointMoments.from_rows(generator.normal(size=(n, 1)) + generator.normal(size=(n, 5))) for n in (300, 200)]
    effects = daily_effects(*arms)
    same(effects.days, [1.0, 2.0, 3.0, 4.0, 5.0])
    same(effects.effect, arms[1].mean - arms[0].mean)
    same(effects.covariance, arms[0].covariance / 300 + arms[1].covariance / 200)
    trend = fixed_horizon(slope(effects), level=0.95)
    assert trend.p_value > 1e-4


def test_the_slope_keeps_its_level() -> None:
    generator = np.random.default_rng(46)
    found = [slope(fading(generator, asymptote=0.3, amplitude=0.0, decay=1.0)) for _ in range(2000)]
    z = [float(one.estimate / one.std_error) for one in found]
    assert_rate(np.abs(z) > 1.959964, 0.05)


def with_one(values: Rows, at: int | tuple[int, int], value: float) -> Rows:
    changed = np.array(values)
    changed[at] = value
    return changed


SOUND = fading(np.random.default_rng(47), asymptote=0.2, amplitude=0.5, decay=4.0)
FEW_UNITS = JointMoments.from_rows(np.random.default_rng(48).normal(size=(5, 8)))
ONE_DAY = DailyEffects.independent([3], [0.1], [0.2])
NO_DAY = DailyEffects.independent([], [], [])


@pytest.mark.parametrize(
    ("effects", "gap"),
    [
        (NO_DAY, Gap.TOO_FEW_DAYS),
        (ONE_DAY, Gap.TOO_FEW_DAYS),
        (replace(SOUND, effect=with_one(SOUND.effect, 4, np.nan)), Gap.NO_VALUE),
        (replace(SOUND, effect=with_one(SOUND.effect, 0, np.inf)), Gap.NO_VALUE),
        (replace(SOUND, covariance=with_one(SOUND.covariance, (2, 2), np.nan)), Gap.NO_VALUE),
        (replace(SOUND, covariance=np.ones((21, 21))), Gap.INSEPARABLE_DAYS),
        (daily_effects(FEW_UNITS, FEW_UNITS), Gap.INSEPARABLE_DAYS),
        (DailyEffects.independent([1, 2, 3, 4], [0.1] * 4, [0.1, 0.0, 0.1, 0.1]), Gap.INSEPARABLE_DAYS),
    ],
    ids=[
        "no day",
        "one day",
        "missing day",
        "infinite day",
        "missing covariance",
        "same days",
        "few units",
        "no error",
    ],
)
def test_days_that_tell_nothing_give_no_number_and_the_reason(effects: DailyEffects, gap: Gap) -> None:
    for estimate in (slope(effects), late_minus_early(effects)):
        assert_marked(estimate)
        assert str(estimate.because) == gap.reason
        assert str(fixed_horizon(estimate, level=0.95).because) == gap.reason
    fit = fit_decay(effects)
    assert fit.gap is gap
    assert not fit.identified
    assert not fit.evident
    assert fit.reason == gap.reason
    assert np.isnan([fit.asymptote, fit.amplitude, fit.decay_days, fit.asymptote_interval.lower]).all()


def test_days_whose_errors_lie_worlds_apart_have_no_slope() -> None:
    effects = DailyEffects.independent([1, 2, 3], [0.1, 0.2, 0.3], [1e-9, 1e6, 1e6])
    assert str(slope(effects).because) == Gap.BELOW_PRECISION.reason
    same(overall_mean(effects).estimate, 0.1)


def test_one_day_has_a_mean_and_three_days_no_decay() -> None:
    same(overall_mean(ONE_DAY).estimate, 0.1)
    assert str(overall_mean(NO_DAY).because) == Gap.TOO_FEW_DAYS.reason
    short = DailyEffects.independent([1, 2, 3], [0.1, 0.2, 0.3], [0.1, 0.1, 0.1])
    assert fit_decay(short).gap is Gap.TOO_FEW_DAYS
    assert bool(slope(short).estimable)


def test_what_is_no_series_of_days_is_refused() -> None:
    short = DailyEffects.independent([1, 2, 3], [0.1, 0.2, 0.3], [0.1, 0.1, 0.1])
    with pytest.raises(StatisticsError, match="two parts"):
        late_minus_early(short, early_days=2, late_days=2)
    for days in ([1, 1, 2], [1, np.nan, 3]):
        with pytest.raises(StatisticsError, match="ascend"):
            DailyEffects.independent(days, [0.1, 0.2, 0.3], [0.1, 0.1, 0.1])
    with pytest.raises(StatisticsError, match="shape"):
        DailyEffects.independent([1, 2, 3], [0.1, 0.2], [0.1, 0.1])
    one = JointMoments.from_rows(np.zeros((1, 4)))
    with pytest.raises(StatisticsError, match="two units"):
        daily_effects(one, one)


def test_a_series_without_a_rank_correlation_says_why() -> None:
    found = rank_correlation([[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, np.nan, 4]], [[10, 20, 20, 70], [5] * 4, [1, 2, 3, 4]])
    same(found.coefficient, [0.9486832980505138, np.nan, np.nan])
    assert found.gap.tolist() == [Gap.NONE, Gap.NO_VARIATION, Gap.NO_VALUE]
    assert str(rank_correlation([1], [2]).because) == Gap.TOO_FEW_DAYS.reason
    with pytest.raises(StatisticsError, match="one length"):
        rank_correlation([1, 2, 3], [1, 2])


@given(st.lists(st.integers(0, 5), min_size=3, max_size=12), SEEDS)
def test_the_rank_correlation_is_that_of_scipy(series: list[int], seed: int) -> None:
    other = np.random.default_rng(seed).integers(0, 5, size=len(series))
    found = rank_correlation(series, other)
    if bool(found.estimable):
        same(found.coefficient, stats.spearmanr(series, other).statistic)
    else:
        assert min(len({*series}), len({*other.tolist()})) == 1
