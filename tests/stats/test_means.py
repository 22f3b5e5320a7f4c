"""Welch's contrast of two means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.stats.calibration import assert_rate, normal_moments
from tests.strategies import Rows, awkward_moments, moments, rows, same
from trialflow.stats import Estimate, JointMoments, Moments, difference_in_means, fixed_horizon
from trialflow.stats.means import difference_in_means_equal_variance, paired_difference

FIELDS = ("estimate", "std_error", "df", "control", "treatment", "control_std_error", "treatment_std_error")


def assert_marked(estimate: Estimate) -> None:
    """Every number is finite (df may be infinite) where estimable and NaN everywhere else."""
    for name in FIELDS:
        values = np.asarray(getattr(estimate, name))
        assert values.shape == np.shape(estimate.estimable), name
        assert (np.isnan(values) == ~estimate.estimable).all(), name


@given(moments(), moments())
def test_swapping_the_variants_flips_the_sign(control: Moments, treatment: Moments) -> None:
    one, other = difference_in_means(control, treatment), difference_in_means(treatment, control)
    same(one.estimate, -other.estimate)
    same(one.std_error, other.std_error)
    same(one.df, other.df)


@given(rows(), rows(), st.sampled_from([-100.0, 3.0, 1e4]))
def test_a_constant_added_to_everybody_changes_nothing(control: Rows, treatment: Rows, shift: float) -> None:
    before = difference_in_means(Moments.from_rows(control), Moments.from_rows(treatment))
    after = difference_in_means(Moments.from_rows(control + shift), Moments.from_rows(treatment + shift))
    if bool(before.estimable & after.estimable):
        same(after.estimate, before.estimate, atol=1e-8)
        same(after.std_error, before.std_error, rtol=1e-6)
        same(after.df, before.df, rtol=1e-5)


@given(rows(), rows(), st.sampled_from([-7.0, 0.001, 60.0]))
def test_a_change_of_unit_scales_the_effect(control: Rows, treatment: Rows, factor: float) -> None:
    before = difference_in_means(Moments.from_rows(control), Moments.from_rows(treatment))
    after = difference_in_means(Moments.from_rows(control * factor), Moments.from_rows(treatment * factor))
    same(after.estimate, factor * before.estimate, rtol=1e-7)
    same(after.std_error, abs(factor) * before.std_error, rtol=1e-7)
    same(after.df, before.df, rtol=1e-6)


@given(awkward_moments(), awkward_moments())
def test_no_number_is_missing_without_a_mark(control: JointMoments, treatment: JointMoments) -> None:
    assert_marked(difference_in_means(control.variable(0), treatment.variable(0)))


@pytest.mark.parametrize(
    ("n", "variance"),
    [((0.0, 50.0), (0.0, 1.0)), ((1.0, 50.0), (np.nan, 1.0)), ((50.0, 50.0), (0.0, 0.0))],
    ids=["empty", "single unit", "nothing varies"],
)
def test_without_information_there_is_no_estimate(n: tuple[float, float], variance: tuple[float, float]) -> None:
    control, treatment = (Moments.from_variance(n=n[k], mean=1.0, variance=variance[k]) for k in (0, 1))
    estimate = difference_in_means(control, treatment)
    assert not estimate.estimable
    assert estimate.information == 0.0


def test_rounding_dust_of_a_constant_is_not_a_tiny_variance() -> None:
    n, value = 3000.0, 0.1
    total, square = float(f"{n * value:.12g}") * (1 + 2e-12), float(f"{n * value * value:.12g}")
    dusty = JointMoments.from_sums(n, [total], [[square]]).variable(0)
    other = Moments.from_variance(n=n, mean=value * (1 + 1e-9), variance=0.0)
    assert not difference_in_means(dusty, other).estimable


def test_a_variant_that_never_varies_still_can_be_compared() -> None:
    control = Moments.from_variance(n=50.0, mean=1.0, variance=0.0)
    estimate = difference_in_means(control, Moments.from_variance(n=20.0, mean=2.0, variance=4.0))
    same([estimate.std_error, estimate.df], [np.sqrt(4.0 / 20.0), 19.0])


def test_many_comparisons_are_one_call() -> None:
    generator = np.random.default_rng(1)
    control, treatment = (
        Moments.from_variance(n=np.full((4, 1, 3), 20.0), mean=generator.normal(size=(4, 1, 3)), variance=1.0),
        Moments.from_variance(n=np.full((4, 5, 1), 30.0), mean=generator.normal(size=(4, 5, 1)), variance=2.0),
    )
    together = difference_in_means(control, treatment)
    alone = difference_in_means(control.take(2, 0, 1), treatment.take(2, 3, 0))
    assert together.estimate.shape == (4, 5, 3)
    for name in FIELDS:
        same(getattr(together.take(2, 3, 1), name), getattr(alone, name))


def test_welch_holds_its_level_with_unequal_variances_and_sizes() -> None:
    generator = np.random.default_rng(20260101)
    control = normal_moments(generator, runs=20_000, n=60, std_dev=1.0)
    treatment = normal_moments(generator, runs=20_000, n=15, std_dev=3.0)
    effect = fixed_horizon(difference_in_means(control, treatment), level=0.95)
    assert_rate(effect.p_value < 0.05, 0.05)


@pytest.mark.filterwarnings("ignore:Precision loss occurred")
@given(rows(), rows())
def test_student_s_contrast_is_scipy_s(control: Rows, treatment: Rows) -> None:
    estimate = difference_in_means_equal_variance(Moments.from_rows(control), Moments.from_rows(treatment))
    if bool(estimate.estimable):
        expected = stats.ttest_ind(treatment[:, 0], control[:, 0])
        same([estimate.df, fixed_horizon(estimate, level=0.9).p_value], [expected.df, expected.pvalue], rtol=1e-6)


@given(rows(columns=2, smallest=3))
def test_the_paired_contrast_is_scipy_s(pairs: Rows) -> None:
    estimate = paired_difference(JointMoments.from_rows(pairs))
    if bool(estimate.estimable):
        expected = stats.ttest_rel(pairs[:, 1], pairs[:, 0])
        same([estimate.df, fixed_horizon(estimate, level=0.9).p_value], [expected.df, expected.pvalue], rtol=1e-5)


@given(awkward_moments(columns=2), awkward_moments(columns=2))
def test_the_other_contrasts_of_means_are_marked_too(control: JointMoments, treatment: JointMoments) -> None:
    assert_marked(difference_in_means_equal_variance(control.variable(0), treatment.variable(0)))
    assert_marked(paired_difference(control))


def test_where_there_is_no_number_the_estimate_says_why() -> None:
    control = Moments.from_variance(n=[9.0, 0.0, 9.0, 9.0], mean=[1.0, 0.0, 1.0, np.inf], variance=[1.0, 0.0, 0.0, 1.0])
    treatment = Moments.from_variance(n=[9.0] * 4, mean=[2.0, 1.0, 1.0, 1.0], variance=[1.0, 1.0, 0.0, 1.0])
    reasons = difference_in_means(control, treatment).because
    assert reasons.tolist() == [
        "",
        "a variant has too few units",
        "no value differs from another",
        "a denominator sums to 0 or a value is not finite",
    ]
    assert difference_in_means(control, treatment).take(1).because == "a variant has too few units"


def test_ten_milliard_units_are_counted_like_ten() -> None:
    control = Moments.from_variance(n=1e10, mean=5.0, variance=4.0)
    estimate = difference_in_means(control, Moments.from_variance(n=1e10, mean=5.0001, variance=4.0))
    same([estimate.estimate, estimate.std_error], [1e-4, np.sqrt(8e-10)], rtol=1e-7)
