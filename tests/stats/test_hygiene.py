"""Awkward numbers: huge, tiny, constant, missing, infinite. The right number or a clear refusal, and never a bare NaN."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from trialflow.errors import StatisticsError
from trialflow.stats import (
    Gap,
    JointMoments,
    Moments,
    adjust,
    alpha_spent,
    asymptotic,
    boundaries,
    chi_square,
    difference_in_means,
    difference_in_proportions,
    difference_in_ratios,
    fixed_horizon,
    margin_contrast,
    mixture_sprt,
    next_boundary,
    normal_score,
    relative_effect,
    sequential_split,
)


def moments(n, mean, variance):
    return Moments.from_variance(n=float(n), mean=float(mean), variance=float(variance))


def joint(n, mean, covariance):
    m2 = np.asarray(covariance, dtype=float) * max(float(n) - 1.0, 0.0)
    return JointMoments(n=np.asarray(float(n)), mean=np.asarray(mean, dtype=float), m2=m2)


FINITE = moments(100, 5.0, 4.0)
ESTIMATORS = {"means": difference_in_means, "proportions": difference_in_proportions}


def test_ten_billion_units_keep_their_digits():
    estimate = difference_in_means(moments(1e10, 0.1, 0.09), moments(1e10, 0.100002, 0.09))
    # 2e-6 / sqrt(2 × .09 / 1e10) = .4714045...
    assert fixed_horizon(estimate, level=0.95).p_value == pytest.approx(0.63735, abs=1e-5)
    assert estimate.std_error == pytest.approx(np.sqrt(2.0 * 0.09 / 1e10), rel=1e-12)
    assert estimate.df == pytest.approx(2e10 - 2.0, rel=1e-9)


def test_shares_of_ten_billion_units_keep_their_digits():
    estimate = difference_in_proportions(
        Moments.from_proportion(n=1e10, successes=1e9), Moments.from_proportion(n=1e10, successes=1e9 + 30_000)
    )
    assert estimate.estimate == pytest.approx(3e-6, rel=1e-9)
    assert normal_score(estimate) == pytest.approx(3e-6 / np.sqrt(2.0 * 0.09 / 1e10), rel=1e-5)


def test_a_variance_of_one_survives_a_mean_of_a_billion():
    rows = 1e9 + np.tile([-1.0, 0.0, 1.0, 0.0], 250)
    one = Moments.from_rows(rows)
    assert one.variance == pytest.approx(float(exact_variance(rows)), rel=1e-9)
    halves = Moments.from_rows(rows[:333]) + Moments.from_rows(rows[333:])
    assert halves.variance == pytest.approx(float(exact_variance(rows)), rel=1e-6)
    assert halves.mean == one.mean


def exact_variance(rows):
    values = [Fraction(float(value)) for value in rows]
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def test_a_mean_of_a_billion_with_variance_one_is_refused_rather_than_guessed():
    # Summaries are rounded to 12 significant digits: beside a squared mean of 1e18 a variance of 1 is their rounding.
    estimate = difference_in_means(moments(1000, 1e9, 1.0), moments(1000, 1e9 + 0.5, 1.0))
    assert not estimate.estimable
    assert str(estimate.because) == Gap.BELOW_PRECISION.reason


def test_a_mean_of_a_hundred_thousand_with_variance_one_is_told_exactly():
    estimate = difference_in_means(moments(1000, 1e5, 1.0), moments(1000, 1e5 + 0.125, 1.0))
    assert estimate.estimate == 0.125
    assert estimate.std_error == pytest.approx(np.sqrt(0.002), rel=1e-12)


def test_covariates_of_a_billion_still_reduce_variance():
    generator = np.random.Generator(np.random.PCG64(5))
    before = generator.normal(size=(2, 4000))
    arms = []
    for arm in range(2):
        after = 0.8 * before[arm] + 0.6 * generator.normal(size=4000)
        arms.append(JointMoments.from_rows(np.stack([after, 1e4 + before[arm]], axis=1)))
    both = JointMoments(
        n=np.stack([arm.n for arm in arms]),
        mean=np.stack([arm.mean for arm in arms]),
        m2=np.stack([arm.m2 for arm in arms]),
    )
    assert adjust(both).theta == pytest.approx(0.8, abs=0.05)
    assert adjust(both).variance_reduction == pytest.approx(0.64, abs=0.05)


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    ("broken", "gap"),
    [
        (moments(0, 0.0, 0.0), Gap.TOO_FEW_UNITS),
        (moments(100, np.nan, 4.0), Gap.NO_VALUE),
        (moments(100, np.inf, 4.0), Gap.NO_VALUE),
        (moments(100, -np.inf, 4.0), Gap.NO_VALUE),
        (moments(100, 5.0, np.nan), Gap.NO_VALUE),
        (moments(100, 5.0, np.inf), Gap.NO_VALUE),
    ],
    ids=["empty", "missing mean", "infinite mean", "minus infinite mean", "missing variance", "infinite variance"],
)
def test_what_cannot_be_estimated_says_why(estimator, place, broken, gap):
    pair = [FINITE, FINITE]
    pair[place] = broken
    estimate = estimator(*pair)
    assert not estimate.estimable
    assert str(estimate.because) == gap.reason
    assert estimate.information == 0.0
    effect = fixed_horizon(estimate, level=0.95)
    assert not effect.estimable
    assert str(effect.because) == gap.reason
    assert np.isnan([effect.estimate, effect.p_value, effect.interval.lower, effect.interval.upper]).all()


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_units_for_a_variance_are_refused(n):
    assert str(difference_in_means(FINITE, moments(n, 5.0, 0.0)).because) == Gap.TOO_FEW_UNITS.reason
    pair = joint(100, [5.0, 2.0], [[4.0, 1.0], [1.0, 1.0]]), joint(n, [5.0, 2.0], [[0.0, 0.0], [0.0, 0.0]])
    assert str(difference_in_ratios(*pair).because) == Gap.TOO_FEW_UNITS.reason


def test_one_variant_without_variation_leaves_the_other_ones():
    estimate = difference_in_means(moments(50, 3.0, 0.0), moments(50, 3.4, 2.0))
    assert estimate.std_error == pytest.approx(np.sqrt(2.0 / 50.0))
    assert estimate.df == pytest.approx(49.0)


def test_no_variation_at_all_is_refused_and_not_infinitely_significant():
    estimate = difference_in_means(moments(50, 3.0, 0.0), moments(50, 3.4, 0.0))
    assert not estimate.estimable
    assert str(estimate.because) == Gap.NO_VARIATION.reason


def test_a_ratio_without_denominator_is_refused():
    covariance = [[4.0, 0.0], [0.0, 0.0]]
    estimate = difference_in_ratios(joint(100, [5.0, 0.0], covariance), joint(100, [5.0, 0.0], covariance))
    assert str(estimate.because) == Gap.NO_VALUE.reason


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_broken_pre_period_is_refused_and_not_taken_for_an_effect(bad):
    sound = joint(100, [5.0, 2.0], [[4.0, 1.0], [1.0, 1.0]])
    broken = joint(100, [5.0, bad], [[4.0, 1.0], [1.0, 1.0]])
    both = JointMoments(
        n=np.stack([sound.n, broken.n]), mean=np.stack([sound.mean, broken.mean]), m2=np.stack([sound.m2, broken.m2])
    )
    with np.errstate(invalid="ignore"):
        adjusted = adjust(both).moments
    estimate = difference_in_means(adjusted.take(0), adjusted.take(1))
    assert not estimate.estimable
    assert str(estimate.because) == Gap.NO_VALUE.reason


def test_a_gap_in_a_table_of_comparisons_harms_no_other():
    control = Moments(n=np.full(3, 100.0), mean=np.array([5.0, np.nan, 5.0]), m2=np.full(3, 400.0))
    treatment = Moments(n=np.array([100.0, 100.0, 0.0]), mean=np.full(3, 5.5), m2=np.array([400.0, 400.0, 0.0]))
    table = difference_in_means(control, treatment)
    alone = difference_in_means(moments(100, 5.0, 400.0 / 99.0), moments(100, 5.5, 400.0 / 99.0))
    assert table.estimable.tolist() == [True, False, False]
    assert table.std_error[0] == pytest.approx(alone.std_error, rel=1e-12)


def test_a_lift_over_nothing_is_unbounded_or_refused():
    around_zero = difference_in_means(moments(100, 0.01, 4.0), moments(100, 1.0, 4.0))
    lift = relative_effect(around_zero, critical=1.96, level=0.95)
    assert str(lift.because) == ""
    assert (lift.interval.lower, lift.interval.upper) == (-np.inf, np.inf)
    at_zero = relative_effect(difference_in_means(moments(100, 0.0, 4.0), FINITE), critical=1.96, level=0.95)
    assert not at_zero.estimable
    assert str(at_zero.because) == Gap.NO_VALUE.reason
    nobody = relative_effect(difference_in_means(moments(0, 0.0, 0.0), FINITE), critical=1.96, level=0.95)
    assert str(nobody.because) == Gap.TOO_FEW_UNITS.reason


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
def test_infinite_values_in_both_variants_are_a_gap_and_no_warning(estimator):
    endless = moments(np.inf, np.inf, 4.0)
    estimate = estimator(endless, endless)
    assert str(estimate.because) == Gap.NO_VALUE.reason


def test_a_number_that_a_caller_takes_away_is_not_left_without_a_reason():
    estimate = difference_in_means(FINITE, FINITE)
    blank = replace(estimate, estimate=np.asarray(np.nan), std_error=np.asarray(np.nan), estimable=np.asarray(False))
    assert str(blank.because) == str(fixed_horizon(blank, level=0.95).because) == Gap.NO_VALUE.reason


def test_a_margin_on_a_gap_stays_a_gap():
    moved = margin_contrast(difference_in_means(FINITE, moments(1, 5.0, 0.0)), direction_sign=1, relative=0.05)
    assert not moved.estimable
    assert str(moved.because) == Gap.TOO_FEW_UNITS.reason


def test_days_without_a_number_claim_nothing_in_a_sequence():
    days = Moments(n=np.array([0.0, 1.0, 500.0]), mean=np.array([0.0, 9.0, 5.0]), m2=np.array([0.0, 0.0, 2000.0]))
    path = difference_in_means(days, Moments(n=days.n, mean=days.mean + 3.0, m2=days.m2))
    for result in (
        asymptotic(path, n=2.0 * days.n, tuning_n=1000.0, alpha=0.05),
        mixture_sprt(path, mixing_variance=0.1, alpha=0.05),
    ):
        assert result.crossed.tolist() == [False, False, True]
        assert result.always_valid_p_value[:2].tolist() == [1.0, 1.0]
        assert result.always_valid_p_value[2] < 1e-6


def test_a_difference_beyond_every_tail_has_a_p_value_of_zero_and_a_finite_score():
    estimate = difference_in_means(moments(1e10, 0.0, 1.0), moments(1e10, 1.0, 1.0))
    assert fixed_horizon(estimate, level=0.95).p_value == 0.0
    # log P(|T| > t) ≈ −(df / 2) log(1 + t² / df), here with t² / df = 1/4 and df = 2e10 (Wallace 1959).
    assert normal_score(estimate) == pytest.approx(np.sqrt(2e10 * np.log(1.25)), rel=1e-6)


@pytest.mark.parametrize("units", [1e10, 1e7])
def test_a_split_of_billions_is_judged_by_its_own_digits(units):
    shift = 3.0 * np.sqrt(units * 0.25)
    even = np.array([0.5, 0.5])
    counts = np.round([units / 2 + shift, units / 2 - shift])
    # (2 × 3 sd / sd)² / … : z = 2 shift / √units = 3, so χ² = 9 with one degree of freedom.
    assert chi_square(counts, even).p_value == pytest.approx(0.0026998, rel=1e-3)
    assert np.isfinite(sequential_split(counts[None, :], even[None, :]).log_bayes_factor).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_counts_and_shares_that_are_none_are_refused(bad):
    with pytest.raises(StatisticsError):
        chi_square([100.0, bad], [0.5, 0.5])
    with pytest.raises(StatisticsError):
        sequential_split([[100.0, bad]], [[0.5, 0.5]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -1.0])
def test_information_that_is_none_is_refused(bad):
    with pytest.raises(StatisticsError):
        boundaries([0.5, bad], alpha=0.05)
    with pytest.raises(StatisticsError):
        next_boundary(
            past_information=[], past_boundaries=[], past_alpha_spent=[], information=bad, alpha_to_spend=0.05
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -0.1])
def test_spending_times_that_are_none_are_refused(bad):
    with pytest.raises(StatisticsError):
        alpha_spent("obrien_fleming", bad, 0.05)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, np.nan, 95.0])
def test_levels_outside_zero_and_one_are_refused(level):
    with pytest.raises(StatisticsError):
        fixed_horizon(difference_in_means(FINITE, FINITE), level=level)


def test_boundaries_do_not_depend_on_the_unit_of_information():
    fractions = np.array([0.2, 0.5, 1.0])
    for unit in (1e-12, 1.0, 1e12):
        assert boundaries(unit * fractions, alpha=0.05).z == pytest.approx(
            boundaries(fractions, alpha=0.05).z, rel=1e-9
        )
