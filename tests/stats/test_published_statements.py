"""Figures that are often published, replayed with our functions: what is true of them, and how large it is.

Where a figure is a probability of a normal statistic it is computed, not simulated; published simulations agree with it
within their own error. Simulated figures are seeded and bounded by their Monte Carlo error. Where a published figure
lies further off than that, the test says so and docs/statistics.md ("Published figures") tells who is right.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from tests.stats.calibration import assert_rate
from trialflow.errors import StatisticsError
from trialflow.stats import (
    Alternative,
    Correction,
    Estimate,
    Moments,
    ProportionFormula,
    Scale,
    SpendingFunction,
    adjusted,
    alpha_spent,
    beta_posterior,
    boundaries,
    chi_square,
    compare_shares,
    delta_lift,
    difference_in_means,
    difference_in_proportions,
    exit_probabilities,
    fixed_horizon,
    log_lift,
    margin_contrast,
    mixture_sprt,
    pooled_z_test,
    proportion_power,
    proportion_units,
    relative_effect,
    rule_of_sixteen,
)
from trialflow.stats.confidence_sequence import boundary
from trialflow.stats.power import drift

Z = 1.959963984540054
PLANNED = 2.8  # expected z at the end of a run with power .8, as the published simulations had it


def equal_looks(looks: int) -> np.ndarray:
    return np.arange(1, looks + 1) / looks


def crossing(bound, looks: int, *, effect: float = 0.0) -> float:
    """Chance that |z| reaches the bound at any of equally spaced looks."""
    exits = exit_probabilities(np.broadcast_to(bound, (looks,)), equal_looks(looks), effect=effect)
    return float((exits.upper + exits.lower).sum())


def shares(hits, n: float) -> Moments:
    counts = np.asarray(hits, dtype=float)
    return Moments.from_proportion(n=np.full(counts.shape, float(n)), successes=counts)


# Peeking -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("looks", "published", "apart"),
    [
        (1, 0.048, 0.003),
        (2, 0.084, 0.003),
        (5, 0.140, 0.003),
        (10, 0.189, 0.005),  # .1934: the published simulation was a little low here
        (14, 0.218, 0.003),
        (20, 0.248, 0.003),
        (28, 0.28, 0.006),
        (50, 0.32, 0.003),
        (100, 0.376, 0.003),
        (200, 0.42, 0.005),
    ],
)
def test_peeking_costs_more_with_every_look(looks: int, published: float, apart: float) -> None:
    assert crossing(Z, looks) == pytest.approx(published, abs=apart)


@pytest.mark.parametrize(
    ("looks", "excludes_no_effect", "nearly_sure"),
    [(1, 0.050, 0.099), (7, 0.172, 0.303), (14, 0.219, 0.382), (28, 0.278, 0.469), (100, 0.369, 0.589)],
)
def test_a_belief_that_is_watched_is_a_test_that_is_watched(
    looks: int, excludes_no_effect: float, nearly_sure: float
) -> None:
    # A flat prior on two shares: the 95 % credible interval ever excludes 0, P(better) ever leaves (.05, .95).
    assert crossing(Z, looks) == pytest.approx(excludes_no_effect, abs=0.008)
    assert crossing(-ndtri(0.05), looks) == pytest.approx(nearly_sure, abs=0.008)


def test_a_flat_prior_leaves_the_interval_where_the_test_has_it() -> None:
    # What the test above takes for granted: at a few hundred conversions both exclude 0 on the same data.
    generator = np.random.default_rng(20)
    low, high = (shares(generator.binomial(5000, 0.1, size=60), 5000) for _ in range(2))
    believed = compare_shares(beta_posterior(low), beta_posterior(high), level=0.95)
    tested = fixed_horizon(difference_in_proportions(low, high), level=0.95)
    excluded = (believed.interval.lower > 0.0) | (believed.interval.upper < 0.0)
    assert np.mean(excluded != (tested.p_value < 0.05)) <= 0.02
    np.testing.assert_allclose(believed.probability_better, ndtr(tested.estimate / tested.std_error), atol=0.005)


@pytest.mark.parametrize(("alpha", "published"), [(0.05, 0.274), (0.01, 0.074), (0.001, 0.0088)])
def test_a_chi_square_of_the_split_on_28_days_alarms_without_a_cause(alpha: float, published: float) -> None:
    # With two variants it is a squared z: .2747, .0726, .0094 exactly.
    assert crossing(-ndtri(alpha / 2.0), 28) == pytest.approx(published, abs=0.0015)


def test_a_spending_function_taken_for_a_level_spends_the_wrong_amount() -> None:
    looks = 28
    spent = alpha_spent(SpendingFunction.OBRIEN_FLEMING, equal_looks(looks), 0.05)
    assert crossing(-ndtri(np.maximum(spent, 1e-300) / 2.0), looks) == pytest.approx(0.072, abs=0.001)
    # The increments as levels: .0186 at 14 looks (published .018), and the last of them asks for 2.58 (published 2.65).
    steps = np.diff(alpha_spent(SpendingFunction.OBRIEN_FLEMING, equal_looks(14), 0.05), prepend=0.0)
    bound = -ndtri(np.maximum(steps, 1e-300) / 2.0)
    assert crossing(bound, 14) == pytest.approx(0.0186, abs=0.0001)
    assert bound[-1] == pytest.approx(2.577, abs=0.001)


def test_the_price_of_a_confidence_sequence_at_fourteen_looks() -> None:
    # Published: type I .0098 and power .483, where O'Brien–Fleming-type spending has .784.
    always = boundary(20_000 * equal_looks(14), tuning_n=20_000.0, alpha=0.05)
    spending = boundaries(equal_looks(14), alpha=0.05).z
    assert crossing(always, 14) == pytest.approx(0.0098, abs=0.0001)
    assert crossing(always, 14, effect=PLANNED) == pytest.approx(0.483, abs=0.001)
    assert crossing(spending, 14, effect=PLANNED) == pytest.approx(0.784, abs=0.002)


# Always-valid tests that are not -----------------------------------------------------------------------------------


def _normal(value, std_error) -> Estimate:
    value, std_error = np.broadcast_arrays(np.asarray(value, dtype=float), np.asarray(std_error, dtype=float))
    zero = np.zeros(value.shape)
    return Estimate(
        estimate=value,
        std_error=std_error,
        df=zero + np.inf,
        control=zero,
        treatment=value,
        control_std_error=zero,
        treatment_std_error=std_error,
        estimable=zero == 0.0,
        scale=Scale.ABSOLUTE,
        method="normal",
    )


def test_a_mixture_that_follows_the_data_has_one_boundary_for_ever() -> None:
    # τ = 1.96² V / 2 at α / 2, as one vendor documents it: 3.584 standard errors whatever n.
    error = np.array([1.0, 0.1, 0.01])
    each = mixture_sprt(_normal(np.zeros(3), error), mixing_variance=1.96**2 / 2.0 * error**2, alpha=0.025, axis=None)
    np.testing.assert_allclose(each.interval.upper / error, 3.584, atol=0.001)
    # A constant boundary is crossed with certainty in the end: .0013 at 5 looks, .0044 at 50, .0072 at 200.
    assert 2.0 * crossing(3.584, 5) < crossing(3.584, 50) < 0.7 * crossing(3.584, 200)
    # Dropping it for 1.96 at the planned end spends a little more than 5 %: .0509 at 14 looks, .0515 at 28.
    assert crossing(np.append(np.full(13, 3.584), Z), 14) == pytest.approx(0.0509, abs=0.0001)
    assert 0.051 < crossing(np.append(np.full(27, 3.584), Z), 28) < 0.053
    # Along a path it is refused: a mixture is fixed before data.
    with pytest.raises(StatisticsError, match="mixing_variance"):
        mixture_sprt(_normal(np.zeros(3), error), mixing_variance=error**2, alpha=0.05)


# After a stop ------------------------------------------------------------------------------------------------------


def test_an_estimate_that_stopped_its_own_experiment_is_too_large() -> None:
    # Published for 14 looks of O'Brien–Fleming type: 1.117 times the truth over all runs, 1.28 given a rejection, 1.89
    # given one by half-time; the plain 95 % interval holds the truth in .940.
    generator = np.random.default_rng(14)
    at, bound = equal_looks(14), boundaries(equal_looks(14), alpha=0.05).z
    score = np.cumsum(generator.normal(PLANNED / 14, np.sqrt(1 / 14), size=(60_000, 14)), axis=1)
    crossed = np.abs(score / np.sqrt(at)) >= bound
    rejected = crossed.any(axis=1)
    stop = np.where(rejected, crossed.argmax(axis=1), 13)
    estimate = score[np.arange(len(stop)), stop] / at[stop]
    # Estimates spread by about half the truth: four standard errors of the simulation.
    assert estimate.mean() / PLANNED == pytest.approx(1.117, abs=0.008)
    assert estimate[rejected].mean() / PLANNED == pytest.approx(1.28, abs=0.008)
    assert estimate[rejected & (at[stop] <= 0.5)].mean() / PLANNED == pytest.approx(1.89, abs=0.02)
    assert_rate(np.abs(estimate - PLANNED) <= Z / np.sqrt(at[stop]), 0.940)
    assert at[stop].mean() == pytest.approx(0.76, abs=0.005)


# Splits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "published"), [(50_000, 0.34), (100_000, 0.81), (200_000, 0.997)])
def test_a_hundred_buckets_cannot_hold_three_equal_variants(n: int, published: float) -> None:
    # 34, 33 and 33 of 100 buckets, held against thirds at .001: an alarm that more data make certain.
    counts = np.random.default_rng(n).multinomial(n, [0.34, 0.33, 0.33], size=20_000)
    alarms = chi_square(counts, np.full(3, 1.0 / 3.0)).p_value <= 0.001
    assert_rate(alarms, published, sds=4.0 if published < 0.99 else 8.0)  # .9966 exactly
    # Held against the widths of the buckets there is nothing to find.
    assert_rate(chi_square(counts, np.array([0.34, 0.33, 0.33])).p_value <= 0.05, 0.05)


# Guardrails --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "published"), [(22_500, 0.13), (2_500, 0.36)])
def test_a_ratio_below_95_percent_violates_nothing(n: int, published: float) -> None:
    # A share of 4 % in both variants: "violated" in 13 to 36 % of experiments without any effect.
    control, treatment = np.random.default_rng(n).binomial(n, 0.04, size=(2, 40_000))
    assert np.mean(treatment / control < 0.95) == pytest.approx(published, abs=0.01)  # .133 and .355
    contrast = margin_contrast(
        difference_in_proportions(shares(control, n), shares(treatment, n)), direction_sign=1, relative=0.05
    )
    harmed = fixed_horizon(contrast, level=0.98, alternative=Alternative.LESS).p_value < 0.01
    assert np.mean(harmed) < 0.01


def test_a_ratio_below_95_percent_misses_a_third_of_true_harms() -> None:
    # A true loss of 6 % at 100,000 units: the ratio lies above .95 in one experiment of three, in .41 at 25,000.
    generator = np.random.default_rng(6)
    for n, missed in ((100_000, 0.32), (25_000, 0.41)):
        control, treatment = (generator.binomial(n, p, size=20_000) for p in (0.04, 0.0376))
        assert_rate(treatment / control >= 0.95, missed, sds=5.0)


@pytest.mark.parametrize(
    ("n", "not_significant", "shown"), [(1_000, 0.96, 0.037), (5_000, 0.93, 0.026), (20_000, 0.83, 0.012)]
)
def test_not_significantly_worse_is_not_shown_to_be_no_worse(n: int, not_significant: float, shown: float) -> None:
    # A true loss of 5 % of a 4 % share; non-inferiority with a margin of 2 %, one-sided .05.
    generator = np.random.default_rng(n)
    low, high = (shares(generator.binomial(n, p, size=40_000), n) for p in (0.04, 0.038))
    estimate = difference_in_proportions(low, high)
    worse = (fixed_horizon(estimate, level=0.95).p_value < 0.05) & (estimate.estimate < 0.0)
    moved = margin_contrast(estimate, direction_sign=1, relative=0.02)
    passed = fixed_horizon(moved, level=0.9, alternative=Alternative.GREATER).p_value < 0.05
    assert np.mean(~worse) == pytest.approx(not_significant, abs=0.009)  # published to two digits
    assert np.mean(passed) == pytest.approx(shown, abs=0.005)


@pytest.mark.parametrize(
    ("margin", "more_is_better", "less_is_better"), [(0.05, 0.0445, 0.054), (0.2, 0.035, 0.068), (0.5, 0.018, 0.099)]
)
def test_a_control_mean_taken_for_known_moves_the_level(
    margin: float, more_is_better: float, less_is_better: float
) -> None:
    # Equal variances, exactly on the margin: the shortcut's error is √(V_T + V_C), the right one √(V_T + (1 ∓ δ)² V_C).
    found = []
    for sign in (1, -1):
        unit = _normal(10.0 * (1.0 - sign * margin), 1.0)
        arms = Estimate(
            estimate=unit.estimate - 10.0,
            std_error=np.sqrt(2.0) * unit.std_error,
            df=unit.df,
            control=np.asarray(10.0),
            treatment=unit.estimate,
            control_std_error=np.asarray(1.0),
            treatment_std_error=np.asarray(1.0),
            estimable=unit.estimable,
            scale=Scale.ABSOLUTE,
            method="normal",
        )
        right = margin_contrast(arms, direction_sign=sign, relative=margin)
        assert right.estimate == pytest.approx(0.0, abs=1e-12)
        found.append(float(ndtr(ndtri(0.05) * arms.std_error / right.std_error)))
    # The first published figure, .0445, was a simulation; exactly it is .0458.
    assert found == pytest.approx([more_is_better, less_is_better], abs=0.0015)


# Relative effects --------------------------------------------------------------------------------------------------


def _lognormal(generator: np.random.Generator) -> Moments:
    values = np.exp(generator.normal(0.0, 1.5, size=(10_000, 200)))
    return Moments(n=np.full(10_000, 200.0), mean=values.mean(axis=1), m2=values.var(axis=1) * 200.0)


def _rare_share(generator: np.random.Generator) -> Moments:
    return shares(generator.binomial(2000, 0.02, size=10_000), 2000)


@pytest.mark.parametrize(
    ("draw", "estimator", "delta", "fieller", "log"),
    [
        (_lognormal, difference_in_means, 0.923, 0.958, 0.930),
        (_rare_share, difference_in_proportions, 0.951, 0.956, 0.957),
    ],
    ids=["lognormal(1.5), 200", "share .02, 2000"],
)
def test_intervals_of_a_lift_cover_as_published(draw, estimator, delta: float, fieller: float, log: float) -> None:
    generator = np.random.default_rng(18)
    estimate = estimator(draw(generator), draw(generator))
    for lift, published in ((delta_lift, delta), (relative_effect, fieller), (log_lift, log)):
        interval = lift(estimate, critical=Z, level=0.95).interval
        # Both sides are simulations: the published ones had some thousands of runs.
        assert_rate((interval.lower <= 0.0) & (interval.upper >= 0.0), published, sds=6.0)


# Sizes and p-values ------------------------------------------------------------------------------------------------


def test_the_quantile_for_80_percent_power_is_not_1_28() -> None:
    assert drift(alpha=0.05, power=0.8) - Z == pytest.approx(0.8416, abs=1e-4)
    assert drift(alpha=0.05, power=0.9) - Z == pytest.approx(1.2816, abs=1e-4)


def test_sixteen_times_the_variance_is_too_few() -> None:
    assert rule_of_sixteen(control=0.1, minimum_effect=0.02) == pytest.approx(3600.0)
    needed = {
        formula: float(np.ceil(proportion_units(control=0.1, treatment=0.12, alpha=0.05, power=0.8, formula=formula)))
        for formula in (ProportionFormula.UNPOOLED, ProportionFormula.POOLED_NULL, ProportionFormula.AVERAGE_RATE)
    }
    assert set(needed.values()) == {3839.0, 3841.0, 3843.0}
    power = proportion_power(control=0.1, treatment=0.12, units=np.array([3600.0, 2000.0]), alpha=0.05)
    np.testing.assert_allclose(power, [0.774, 0.525], atol=0.001)


@pytest.mark.parametrize(
    ("effect", "published", "unpooled", "fleiss"),
    [
        (0.010, 6_024, 6_743, 6_745),
        (0.005, 24_096, 25_549, 25_551),
        (0.002, 150_600, 154_302, 154_304),
        (0.001, 602_400, 610_008, 610_010),
    ],
)
def test_the_baseline_variance_alone_asks_for_too_few_units(
    effect: float, published: int, unpooled: int, fleiss: int
) -> None:
    def needed(formula: ProportionFormula) -> float:
        units = proportion_units(control=0.04, treatment=0.04 + effect, alpha=0.05, power=0.8, formula=formula)
        return float(np.ceil(units))

    assert needed(ProportionFormula.BASELINE_RATE) == pytest.approx(published, rel=0.001)
    assert needed(ProportionFormula.UNPOOLED) == unpooled
    assert needed(ProportionFormula.POOLED_NULL) == fleiss


def test_eleven_hundred_against_a_thousand_is_not_as_sure_as_published() -> None:
    # Published as p = .0023.
    test = pooled_z_test(shares(1000, 25_000), shares(1100, 25_000))
    assert test.statistic == pytest.approx(2.2295, abs=1e-4)
    assert test.p_value == pytest.approx(0.0258, abs=1e-4)


def test_four_point_two_percent_of_ten_thousand_users_may_be_chance() -> None:
    assert pooled_z_test(shares(200, 5_000), shares(210, 5_000)).p_value == pytest.approx(0.61, abs=0.005)


def test_one_and_two_of_six_p_values_survive_correction() -> None:
    p = np.array([0.03, 0.08, 0.001, 0.04, 0.20, 0.015])
    assert p[adjusted(p, Correction.BONFERRONI) <= 0.05].tolist() == [0.001]
    assert p[adjusted(p, Correction.BENJAMINI_HOCHBERG) <= 0.05].tolist() == [0.001, 0.015]


@pytest.mark.parametrize(
    ("n", "p_value"), [(100, 0.69), (1_000, 0.21), (2_000, 0.074), (5_000, 0.0047), (10_000, 6e-5)]
)
def test_fifty_two_to_forty_eight_is_a_mismatch_only_of_enough_units(n: int, p_value: float) -> None:
    found = chi_square(np.array([0.52, 0.48]) * n, np.array([0.5, 0.5])).p_value
    assert float(found) == pytest.approx(p_value, rel=0.06)
