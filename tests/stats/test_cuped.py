"""CUPED: less noise, same effect."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate
from tests.stats.reference import case, small_joint
from tests.strategies import Rows, awkward_moments, joint_moments, rows, same
from trialflow.stats import (
    CupedAdjustment,
    Estimate,
    JointMoments,
    Moments,
    adjust,
    difference_in_means,
    difference_in_ratios,
    fixed_horizon,
    relative_effect,
)
from trialflow.stats.cuped import adjust_ratios, pull, with_missing_indicator


def stacked(*variants: JointMoments) -> JointMoments:
    return JointMoments(
        n=np.stack([np.asarray(one.n) for one in variants]),
        mean=np.stack([one.mean for one in variants]),
        m2=np.stack([one.m2 for one in variants]),
    )


def contrast(adjusted: CupedAdjustment, treatment: int = 1) -> Estimate:
    return difference_in_means(adjusted.moments.take(..., 0), adjusted.moments.take(..., treatment))


@given(joint_moments(smallest=3), joint_moments(smallest=3), joint_moments(smallest=3))
def test_the_noise_within_variants_never_grows(first: JointMoments, second: JointMoments, third: JointMoments) -> None:
    both = stacked(first, second, third)
    adjusted = adjust(both)
    before, after = both.variable(0).m2.sum(), adjusted.moments.m2.sum()
    assert after <= before * (1.0 + 1e-9)
    assert 0.0 <= adjusted.variance_reduction <= 1.0
    same(adjusted.variance_reduction, 1.0 - after / before if before > 0.0 else 0.0, atol=1e-7)


@given(rows(columns=2, smallest=4), rows(columns=2, smallest=4), st.sampled_from([-50.0, 3.0]))
def test_a_constant_added_to_the_pre_period_changes_nothing(control: Rows, treatment: Rows, shift: float) -> None:
    before = contrast(adjust(stacked(JointMoments.from_rows(control), JointMoments.from_rows(treatment))))
    moved = np.asarray([0.0, shift])
    after = contrast(adjust(stacked(*(JointMoments.from_rows(arm + moved) for arm in (control, treatment)))))
    if bool(before.estimable & after.estimable):
        same(after.estimate, before.estimate, rtol=1e-5, atol=1e-5)
        same(after.std_error, before.std_error, rtol=1e-4, atol=1e-6)


@given(st.lists(awkward_moments(columns=2), min_size=2, max_size=4))
def test_nothing_becomes_nan(variants: list[JointMoments]) -> None:
    adjusted = adjust(stacked(*variants))
    parts = (adjusted.moments.n, adjusted.moments.mean, adjusted.moments.m2, adjusted.theta)
    assert all(np.isfinite(part).all() for part in (*parts, adjusted.variance_reduction, adjusted.shared_variance))


def test_without_a_pre_period_the_moments_come_back_unadjusted() -> None:
    variants = [JointMoments.from_rows([[value, 0.0] for value in values]) for values in ([1, 2, 4], [2, 3, 9])]
    adjusted = adjust(stacked(*variants))
    assert adjusted.theta == 0.0
    assert adjusted.variance_reduction == 0.0
    same(adjusted.moments.mean, [7 / 3, 14 / 3])
    same(adjusted.moments.m2, [one.m2[0, 0] for one in variants])


def test_theta_does_not_depend_on_the_effect() -> None:
    control, treatment = small_joint("minutes", "pre_minutes")
    harmed = JointMoments(n=treatment.n, mean=treatment.mean + np.asarray([500.0, 0.0]), m2=treatment.m2)
    same(adjust(stacked(control, treatment)).theta, adjust(stacked(control, harmed)).theta)


def test_the_control_mean_is_the_same_in_every_comparison() -> None:
    control, treatment = small_joint("minutes", "pre_minutes")
    third = JointMoments(n=treatment.n, mean=treatment.mean + np.asarray([1.0, 4.0]), m2=treatment.m2)
    adjusted = adjust(stacked(control, treatment, third))
    first, second = contrast(adjusted, 1), contrast(adjusted, 2)
    assert first.control == second.control
    direct = difference_in_means(adjusted.moments.take(1), adjusted.moments.take(2))
    same(second.estimate - first.estimate, direct.estimate)


@pytest.mark.parametrize(("case_id", "outcome"), [("small", "minutes"), ("small-spend", "spend")])
def test_the_standard_error_is_close_to_the_robust_one_of_ancova(case_id: str, outcome: str) -> None:
    # Another, asymptotically equal estimator in R (sandwich HC1): agreement within half a percent at 600 units.
    estimate = contrast(adjust(stacked(*small_joint(outcome, f"pre_{outcome}"))))
    same(estimate.std_error, case("cuped", case_id).expected["ancova_se_hc1"], rtol=5e-3)


def simulated(generator: np.random.Generator, *, runs: int, units: tuple[int, int], factor: float) -> JointMoments:
    """Two variants (run, variant) with pre-period correlation .8 and a treatment mean `factor` times control's."""
    arms = []
    for size, mean in zip(units, (5.0, 5.0 * factor), strict=True):
        pre = generator.normal(size=(runs, size))
        value = mean + 0.8 * pre + 0.6 * generator.normal(size=(runs, size))
        both = np.stack([value, pre + 2.0], axis=-1)
        arms.append((both.sum(axis=1), np.einsum("rui,ruj->rij", both, both)))
    counts = np.broadcast_to(np.asarray(units, dtype=float), (runs, 2))
    return JointMoments.from_sums(
        counts, np.stack([sums for sums, _ in arms], axis=1), np.stack([squares for _, squares in arms], axis=1)
    )


def test_the_level_holds_and_rho_squared_of_the_variance_goes() -> None:
    adjusted = adjust(simulated(np.random.default_rng(5), runs=5000, units=(200, 100), factor=1.0))
    assert_rate(fixed_horizon(contrast(adjusted), level=0.95).p_value < 0.05, 0.05)
    assert abs(float(adjusted.variance_reduction.mean()) - 0.64) < 0.005


def test_the_lift_interval_covers_when_the_shared_mean_counts() -> None:
    adjusted = adjust(simulated(np.random.default_rng(6), runs=5000, units=(120, 120), factor=4.0))
    arguments = {"critical": 1.959963984540054, "level": 0.95}
    with_it = relative_effect(contrast(adjusted), shared_variance=adjusted.shared_variance, **arguments).interval
    without = relative_effect(contrast(adjusted), **arguments).interval
    assert_rate((with_it.lower <= 3.0) & (with_it.upper >= 3.0), 0.95)
    assert np.mean((without.lower <= 3.0) & (without.upper >= 3.0)) < 0.93


@given(rows(columns=3, smallest=6), rows(columns=3, smallest=6))
def test_several_covariates_are_the_regression_on_the_rows(control: Rows, treatment: Rows) -> None:
    both = stacked(JointMoments.from_rows(control), JointMoments.from_rows(treatment))
    adjusted = adjust(both)
    units = np.concatenate([control, treatment])
    arm = np.repeat([0.0, 1.0], [len(control), len(treatment)])
    design = np.column_stack([np.ones(len(units)), arm, units[:, 1:] - units[:, 1:].mean(axis=0)])
    if np.linalg.cond(design / np.maximum(np.abs(design).max(axis=0), 1e-12)) > 1e4:
        return
    fit = np.linalg.lstsq(design, units[:, 0], rcond=None)[0]
    same(adjusted.theta, fit[2:], rtol=1e-5, atol=1e-6)
    scale = np.abs(units).max()
    same(adjusted.moments.mean[1] - adjusted.moments.mean[0], fit[1], rtol=1e-5, atol=1e-6 * scale)


@given(rows(columns=2, smallest=4), rows(columns=2, smallest=4))
def test_a_covariate_named_twice_changes_nothing(control: Rows, treatment: Rows) -> None:
    once = adjust(stacked(*(JointMoments.from_rows(arm) for arm in (control, treatment))))
    twice = adjust(stacked(*(JointMoments.from_rows(arm[:, [0, 1, 1]]) for arm in (control, treatment))))
    same(twice.moments.mean, once.moments.mean, rtol=1e-6, atol=1e-6)
    same(twice.theta.sum(), once.theta.sum(), rtol=1e-6, atol=1e-6)


def test_units_without_a_pre_period_stay_in_and_bias_nothing() -> None:
    # New users (40 %) profit three times as much; leaving them out would show their effect to nobody.
    generator, runs, units = np.random.default_rng(21), 400, 600
    kept, dropped = [], []
    for _ in range(runs):
        arms, known_only = [], []
        for effect in (0.0, 1.0):
            known = generator.uniform(size=units) < 0.6
            pre = generator.normal(size=units)
            value = np.where(known, pre, 3.0) + effect * np.where(known, 0.5, 1.5) + 0.5 * generator.normal(size=units)
            observed = JointMoments.from_rows(np.column_stack([value, pre])[known])
            known_only.append(observed)
            arms.append(with_missing_indicator(observed, Moments.from_rows(value[~known])))
        kept.append(fixed_horizon(contrast(adjust(stacked(*arms))), level=0.95).interval)
        dropped.append(contrast(adjust(stacked(*known_only))).estimate)
    truth = 0.6 * 0.5 + 0.4 * 1.5
    assert_rate([one.lower <= truth <= one.upper for one in kept], 0.95)
    assert np.mean(dropped) < 0.6 < truth


def test_an_indicator_that_knows_everybody_is_plain_cuped() -> None:
    control, treatment = small_joint("minutes", "pre_minutes")
    nobody = Moments(n=np.asarray(0.0), mean=np.asarray(0.0), m2=np.asarray(0.0))
    with_it = adjust(stacked(*(with_missing_indicator(one, nobody) for one in (control, treatment))))
    plain = adjust(stacked(control, treatment))
    same(with_it.theta, [plain.theta[0], 0.0])
    same(with_it.moments.mean, plain.moments.mean)


def ratio_runs(generator: np.random.Generator, *, runs: int, units: int, lift: float) -> JointMoments:
    """Two variants (run, variant) of (clicks, views, earlier clicks, earlier views), a user's rate being stable."""
    arms = []
    for factor in (1.0, 1.0 + lift):
        rate = generator.beta(2.0, 8.0, size=(runs, units))
        views, before = generator.poisson(8.0, size=(runs, units)) + 1, generator.poisson(8.0, size=(runs, units)) + 1
        columns = [generator.binomial(views, rate * factor), views, generator.binomial(before, rate), before]
        x = np.stack(columns, axis=-1).astype(float)
        arms.append((np.full(runs, float(units)), x.sum(axis=1), np.einsum("rui,ruj->rij", x, x)))
    n, sums, squares = (np.stack(parts, axis=1) for parts in zip(*arms, strict=True))
    return JointMoments.from_sums(n, sums, squares)


def test_without_a_slope_adjusted_ratios_are_the_delta_method() -> None:
    moments = ratio_runs(np.random.default_rng(22), runs=3, units=50, lift=0.2)
    plain = adjust_ratios(moments, theta=np.zeros((3, 1))).moments
    one = difference_in_means(plain.take(..., 0), plain.take(..., 1))
    pairs = JointMoments(n=moments.n, mean=moments.mean[..., :2], m2=moments.m2[..., :2, :2])
    other = difference_in_ratios(pairs.take(slice(None), 0), pairs.take(slice(None), 1))
    same([one.estimate, one.std_error, one.df], [other.estimate, other.std_error, other.df])


def test_the_level_of_adjusted_ratios_holds_and_their_error_shrinks() -> None:
    moments = ratio_runs(np.random.default_rng(23), runs=2000, units=200, lift=0.1)
    adjusted = adjust_ratios(moments)
    estimate = contrast(adjusted)
    covered = fixed_horizon(estimate, level=0.95).interval
    truth = 0.2 * 0.1
    assert_rate((covered.lower <= truth) & (covered.upper >= truth), 0.95)
    assert adjusted.variance_reduction.mean() > 0.1


def test_a_denominator_that_sums_to_nothing_has_no_number() -> None:
    arm = JointMoments.from_rows([[1.0, 2.0, 1.0, 1.0], [0.0, 3.0, 2.0, 2.0], [2.0, 2.0, 0.0, 1.0]])
    empty = JointMoments.from_rows(np.zeros((3, 4)))
    estimate = contrast(adjust_ratios(stacked(arm, empty)))
    assert not estimate.estimable
    assert estimate.because == "a variant has too few units"


def test_the_pull_is_what_the_adjustment_changed_and_tells_broken_splits() -> None:
    control, treatment = small_joint("minutes", "pre_minutes", "pre_spend")
    adjusted = adjust(stacked(control, treatment))
    raw = difference_in_means(control.variable(0), treatment.variable(0))
    shift = pull(control, treatment, adjusted.theta)
    same(shift.estimate, raw.estimate - contrast(adjusted).estimate)
    broken = JointMoments(n=treatment.n, mean=treatment.mean + np.asarray([0.0, 9.0, 0.0]), m2=treatment.m2)
    assert fixed_horizon(pull(control, broken, adjusted.theta), level=0.95).p_value < 1e-6


def test_a_sound_split_is_rarely_pulled() -> None:
    moments = simulated(np.random.default_rng(24), runs=5000, units=(150, 100), factor=1.0)
    theta = adjust(moments).theta
    shift = pull(moments.take(slice(None), 0), moments.take(slice(None), 1), theta)
    assert_rate(fixed_horizon(shift, level=0.95).p_value < 0.05, 0.05)


def test_large_values_with_a_small_spread_keep_their_digits() -> None:
    generator = np.random.default_rng(25)
    rows_of = [generator.normal(size=(500, 2)) for _ in range(2)]
    small, large = (
        contrast(adjust(stacked(*(JointMoments.from_rows(arm + shift) for arm in rows_of)))) for shift in (0.0, 1e9)
    )
    # A spread of 1 on a mean of 1e9 lies below what sums rounded to 12 digits could hold: said, not guessed.
    assert bool(small.estimable)
    assert not large.estimable


def test_a_covariate_that_is_not_finite_is_marked_and_breaks_nobody_else() -> None:
    sound = stacked(*small_joint("minutes", "pre_minutes", "pre_spend"))
    mean, m2 = sound.mean.copy(), sound.m2.copy()
    mean[1, 2], m2[1, 2, :], m2[1, :, 2] = np.inf, np.nan, np.nan
    both = JointMoments(n=np.stack([sound.n] * 2), mean=np.stack([sound.mean, mean]), m2=np.stack([sound.m2, m2]))
    assert contrast(adjust(both)).estimable.tolist() == [True, False]
