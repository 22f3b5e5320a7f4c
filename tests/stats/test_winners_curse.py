"""What an effect that was selected is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr

from tests.stats.calibration import assert_rate
from tests.stats.registries import shrunken_coverage
from tests.strategies import SEEDS, same
from trialflow.errors import StatisticsError
from trialflow.stats.results import Gap
from trialflow.stats.winners_curse import (
    MINIMUM_EXPERIMENTS,
    FlatIn,
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
    assert found.gap.tolist() == [Gap.NOT_SELECTED, Gap.NOT_SELECTED, Gap.NO_VALUE]
    assert np.isnan(found.lower).all()


@pytest.mark.parametrize("beyond", [1e-1, 1e-2, 1e-4, 1e-7, 1e-10])
@pytest.mark.parametrize("critical", [1.96, 3.0])
def test_just_beyond_the_threshold_the_ends_are_the_true_ones_and_not_where_a_search_gave_up(
    beyond: float, critical: float
) -> None:
    found = conditional_band(critical + beyond, critical=critical, level=0.9)
    a = critical - float(found.estimate)
    # Far below the threshold the excess Z − c, given Z > c, is exponential with rate c − μ, up to the rate's square.
    same(a * beyond, 1.0, rtol=3.0 / a**2 + 1e-5)
    for end, tail in ((found.interval.lower, 0.05), (found.interval.upper, 0.95)):
        a = critical - float(end)
        if a > 30.0:
            same(a * beyond, -np.log(tail), rtol=3.0 / a**2 + beyond / a + 1e-5, atol=beyond**2)
    assert found.lower == 0.0


@pytest.mark.parametrize("z", [1.97, 2.1, 3.0, 6.0])
def test_the_conditional_interval_is_the_inverse_of_the_conditional_tail(z: float) -> None:
    found = conditional_band(z, critical=1.96, level=0.95)
    for end, tail in ((found.interval.lower, 0.025), (found.interval.upper, 0.975)):
        same(stats.norm.logsf(z - end) - stats.norm.logsf(1.96 - end), np.log(tail), rtol=0.0, atol=1e-8)


def test_a_set_without_end_is_told_as_one() -> None:
    found = conditional_band(1e-310, critical=0.0)
    assert (found.estimate, found.interval.lower) == (-np.inf, -np.inf)
    assert bool(found.estimable)


@pytest.mark.parametrize(
    ("critical", "sides"), [(np.nan, 1), (np.inf, 1), (-np.inf, 2), (-1.96, 2), (1.96, 0), (1.96, 3)]
)
def test_thresholds_that_select_nothing_sensible_are_refused(critical: float, sides: int) -> None:
    with pytest.raises(StatisticsError):
        conditional_band(2.5, critical=critical, sides=sides)


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


def test_effects_no_wider_than_their_errors_are_not_taken_for_equal() -> None:
    effects = np.linspace(-0.1, 0.1, 20)
    prior = effect_prior(effects, np.ones(20))
    assert prior.std_dev == 0.0
    found = shrink(effects, 1.0, prior)
    assert (np.abs(found.estimate) < 0.2 * np.abs(effects)).all()
    # The common mean alone is known to 1 / √20, and nobody knows that the effects are one.
    assert (found.std_error > 1.0 / np.sqrt(20)).all()
    assert (found.interval.upper - found.interval.lower > 2 * 1.96 / np.sqrt(20)).all()


def test_with_the_mean_given_an_effect_is_still_not_known_for_sure() -> None:
    prior = effect_prior(np.linspace(-0.1, 0.1, 8), np.ones(8), mean=0.0)
    found = shrink(0.1, 1.0, prior)
    assert found.interval.lower < 0.0 < found.interval.upper
    assert found.interval.upper - found.interval.lower > 0.3


def test_too_few_experiments_teach_nothing() -> None:
    prior = effect_prior([0.1] * (MINIMUM_EXPERIMENTS - 1) + [np.nan], [1.0] * MINIMUM_EXPERIMENTS)
    assert prior.gap is Gap.TOO_FEW_EXPERIMENTS
    found = shrink([0.3, 0.4], 0.1, prior)
    assert found.because.tolist() == [Gap.TOO_FEW_EXPERIMENTS.reason] * 2
    assert np.isnan([found.estimate, found.std_error, found.interval.lower]).all()


def test_an_effect_without_a_number_keeps_its_place_and_its_reason() -> None:
    prior = effect_prior(np.linspace(-1.0, 1.0, 9), np.ones(9))
    found = shrink([0.3, np.nan, 0.3, 0.3], [0.1, 0.1, np.inf, 0.0], prior)
    assert found.gap.tolist() == [Gap.NONE, Gap.NO_VALUE, Gap.NO_VALUE, Gap.NO_VARIATION]
    assert np.isnan(found.estimate).tolist() == [False, True, True, True]


# Effects and standard errors of coaching in eight schools (Rubin, J. Educ. Statist. 6, 1981; Gelman et al., Bayesian Data
# Analysis, 3rd ed. 2013, table 5.2), and the posterior that the RStan wiki prints in "RStan Getting Started" for the same
# model with a flat prior on τ (4 chains, 2,000 draws, 20 September 2018): mean, its Monte Carlo error, deviation, quantiles.
SCHOOLS = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0], [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0]
STAN = np.array(
    [
        [11.11, 0.19, 8.01, -1.82, 30.80],
        [7.77, 0.14, 6.20, -4.23, 20.92],
        [6.16, 0.17, 7.52, -10.37, 20.35],
        [7.68, 0.15, 6.72, -5.93, 21.27],
        [5.10, 0.14, 6.21, -9.10, 15.66],
        [6.06, 0.15, 6.64, -7.58, 18.50],
        [10.65, 0.15, 6.68, -1.39, 25.74],
        [8.31, 0.18, 7.88, -8.13, 24.51],
    ]
).T


def test_eight_schools_are_shrunk_as_stan_does() -> None:
    mean, error, deviation, lower, upper = STAN
    prior = effect_prior(*SCHOOLS, flat_in=FlatIn.STD_DEV)
    assert prior.std_dev == 0.0  # and yet its posterior, as the wiki prints it, has mean 6.53 ± .20
    same(prior.weights @ prior.spreads, 6.53, rtol=0.0, atol=4 * 0.20)
    same(prior.weights @ prior.centres, 7.67, rtol=0.0, atol=4 * 0.15)
    found = shrink(*SCHOOLS, prior)
    assert (np.abs(found.estimate - mean) < 4.0 * error).all()
    same(found.std_error, deviation, rtol=0.08)
    same(found.interval.lower, lower, rtol=0.0, atol=1.5)
    same(found.interval.upper, upper, rtol=0.0, atol=1.5)


@given(SEEDS, st.integers(6, 12), st.sampled_from([0.0, 1.0, 3.0]), st.sampled_from(list(FlatIn)))
def test_the_posterior_is_that_of_a_plain_sum_over_many_spreads(
    seed: int, experiments: int, spread: float, flat_in: FlatIn
) -> None:
    generator = np.random.default_rng(seed)
    errors = generator.uniform(0.5, 2.0, size=experiments)
    effects = generator.normal(0.3, np.hypot(errors, spread))
    found = shrink(effects, errors, effect_prior(effects, errors, flat_in=flat_in))
    # τ = s u / (1 − u) for u evenly on (0, 1); BDA eq. 5.17, 5.20 and 5.21 as printed.
    u = (np.arange(8_000) + 0.5) / 8_000
    tau = 3.0 * u / (1.0 - u)
    precision = 1.0 / (errors**2 + tau[:, None] ** 2)
    v_mu = 1.0 / precision.sum(axis=1)
    mu = v_mu * (precision * effects).sum(axis=1)
    log_p = 0.5 * np.log(v_mu) + 0.5 * np.log(precision).sum(axis=1)
    log_p = log_p - 0.5 * (precision * (effects - mu[:, None]) ** 2).sum(axis=1)
    weight = np.exp(log_p - log_p.max()) / (1.0 - u) ** 2 * (tau if flat_in is FlatIn.VARIANCE else 1.0)
    weight = (weight / weight.sum())[:, None]
    own = 1.0 / (1.0 / errors**2 + 1.0 / tau[:, None] ** 2)
    centre = own * (effects / errors**2 + mu[:, None] / tau[:, None] ** 2)
    variance = own + (own / tau[:, None] ** 2) ** 2 * v_mu[:, None]
    mean = (weight * centre).sum(axis=0)
    same(found.estimate, mean, rtol=1e-5, atol=1e-5)
    same(found.std_error, np.sqrt((weight * (variance + (centre - mean) ** 2)).sum(axis=0)), rtol=1e-5)
    for end, chance in ((found.interval.lower, 0.025), (found.interval.upper, 0.975)):
        same((weight * ndtr((end - centre) / np.sqrt(variance))).sum(axis=0), chance, rtol=0.0, atol=1e-6)


@given(SEEDS, st.sampled_from([0.0, 1.0]))
def test_an_effect_that_the_prior_has_not_seen_teaches_it_first(seed: int, spread: float) -> None:
    generator = np.random.default_rng(seed)
    errors = generator.uniform(0.5, 2.0, size=9)
    effects = generator.normal(0.3, np.hypot(errors, spread))
    with_it = shrink(effects[0], errors[0], effect_prior(effects, errors))
    new = shrink(effects[0], errors[0], effect_prior(effects[1:], errors[1:]), included=False)
    for one, other in (
        (new.estimate, with_it.estimate),
        (new.std_error, with_it.std_error),
        (new.interval.lower, with_it.interval.lower),
        (new.interval.upper, with_it.interval.upper),
    ):
        same(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("experiments", "spread"), [(6, 0.0), (6, 1.0), (20, 0.0), (20, 2.0)])
def test_few_experiments_are_covered_though_their_prior_is_learnt(experiments: int, spread: float) -> None:
    runs = 300
    everywhere, winner, plain, plugged = shrunken_coverage(experiments, spread)(np.random.default_rng(91), runs)
    # A prior that is flat in τ² errs to the safe side where the effects are one, so coverage is bounded from below.
    assert everywhere.mean() > 0.95 - 4.0 * max(everywhere.std() / np.sqrt(runs), 0.002)
    assert winner.mean() > 0.95 - 4.0 * np.sqrt(0.95 * 0.05 / runs)
    assert plugged.mean() < winner.mean()
    assert plain.mean() < winner.mean()


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


def test_nothing_may_stop_on_what_was_learnt() -> None:
    prior = effect_prior(np.linspace(-1.0, 1.0, 9), np.ones(9))
    found = shrink(0.3, 0.1, prior)
    for one in (prior, found, found.interval):
        assert one.stop_safe is False
        assert one.label == "not stop-safe"


def test_lists_that_do_not_match_are_refused() -> None:
    with pytest.raises(StatisticsError, match="mean = "):
        effect_prior([1.0] * 6, [1.0] * 6, mean=np.nan)
    with pytest.raises(StatisticsError, match="critical"):
        selected_total([1.0], [1.0], critical=np.nan)
    with pytest.raises(StatisticsError, match="one length"):
        effect_prior([1.0, 2.0], [1.0])
    with pytest.raises(StatisticsError, match="finite"):
        selected_total([np.nan], [1.0], critical=1.96)
