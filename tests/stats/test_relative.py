"""Lifts with Fieller's interval."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate
from tests.strategies import Rows, awkward_moments, estimates, rows, same
from trialflow.stats import (
    Estimate,
    JointMoments,
    Moments,
    Scale,
    difference_in_means,
    difference_in_proportions,
    relative_effect,
)
from trialflow.stats.relative import delta_lift, fieller_g, log_lift, log_ratio_df

CRITICAL = 1.959963984540054


def shares(control: float, treatment: float, n: float = 25_000.0) -> Estimate:
    arms = (Moments.from_proportion(n=n, successes=hits) for hits in (control, treatment))
    return difference_in_proportions(*arms)


def test_the_worked_example_in_percent() -> None:
    # Fieller by two derivations: 1.161 to 19.654 percent for 1000 and 1100 of 25000. Dividing the absolute interval by
    # the control mean would give 1.209 to 18.791.
    lift = relative_effect(shares(1000.0, 1100.0), critical=CRITICAL, level=0.95)
    assert lift.scale is Scale.RELATIVE
    same([lift.interval.lower, lift.interval.upper], [0.01161, 0.19654], atol=5e-6)
    same(lift.estimate, 0.1)


@given(rows(), rows(), st.sampled_from([1.0, 1.96, 3.5]))
def test_a_bounded_interval_excludes_zero_exactly_when_the_difference_is_significant(
    control: Rows, treatment: Rows, critical: float
) -> None:
    estimate = difference_in_means(Moments.from_rows(control), Moments.from_rows(treatment))
    if not bool(estimate.estimable):
        return
    lift = relative_effect(estimate, critical=critical, level=0.95)
    z = abs(float(estimate.estimate / estimate.std_error))
    bounded = np.isfinite(lift.interval.lower)
    assert bounded == (abs(estimate.control) > critical * estimate.control_std_error)
    if bounded and abs(z - critical) > 1e-6:
        assert (not lift.interval.lower <= 0.0 <= lift.interval.upper) == (z > critical)
        assert lift.interval.lower <= lift.estimate <= lift.interval.upper


@given(rows(), rows(), st.sampled_from([0.01, 250.0]))
def test_a_change_of_unit_leaves_a_lift_alone(control: Rows, treatment: Rows, factor: float) -> None:
    before, after = (
        relative_effect(
            difference_in_means(Moments.from_rows(control * by), Moments.from_rows(treatment * by)),
            critical=1.5,
            level=0.95,
        )
        for by in (1.0, factor)
    )
    same(after.estimate, before.estimate, rtol=1e-6)
    if np.isfinite(before.interval.lower) and abs(float(before.interval.lower)) < 1e6:
        same(after.interval.lower, before.interval.lower, rtol=1e-4, atol=1e-6)


@given(rows(smallest=3), rows(smallest=3))
def test_the_ends_are_the_ratios_that_just_cannot_be_rejected(control: Rows, treatment: Rows) -> None:
    estimate = difference_in_means(Moments.from_rows(control), Moments.from_rows(treatment))
    lift = relative_effect(estimate, critical=2.0, level=0.95)
    for end in (lift.interval.lower, lift.interval.upper):
        if np.isfinite(end) and abs(float(end)) < 1e3:
            ratio = 1.0 + end
            error = np.sqrt(estimate.treatment_std_error**2 + ratio**2 * estimate.control_std_error**2)
            same(abs(estimate.treatment - ratio * estimate.control), 2.0 * error, rtol=1e-4)


def test_a_control_mean_near_zero_gives_an_unbounded_interval_not_nan() -> None:
    control = Moments.from_variance(n=10.0, mean=0.1, variance=4.0)
    estimate = difference_in_means(control, Moments.from_variance(n=10.0, mean=5.0, variance=4.0))
    interval = relative_effect(estimate, critical=CRITICAL, level=0.95).interval
    same([interval.lower, interval.upper], [-np.inf, np.inf])


def test_a_look_that_cannot_stop_gives_an_unbounded_interval() -> None:
    interval = relative_effect(shares(1000.0, 1100.0), critical=np.inf, level=0.95).interval
    same([interval.lower, interval.upper], [-np.inf, np.inf])


@given(awkward_moments(), awkward_moments())
def test_no_number_is_missing_without_a_mark(control: JointMoments, treatment: JointMoments) -> None:
    lift = relative_effect(
        difference_in_means(control.variable(0), treatment.variable(0)), critical=CRITICAL, level=0.95
    )
    for value in (lift.estimate, lift.p_value, lift.interval.lower, lift.interval.upper):
        assert (np.isnan(value) == ~lift.estimable).all()


def test_the_interval_covers_with_a_noisy_control() -> None:
    generator = np.random.default_rng(12)
    runs, error = 20_000, 0.2
    control, treatment = generator.normal(1.0, error, runs), generator.normal(1.3, error, runs)
    template = shares(1000.0, 1100.0)
    estimate = replace(
        template,
        estimate=treatment - control,
        std_error=np.full(runs, error * np.sqrt(2.0)),
        df=np.full(runs, np.inf),
        control=control,
        treatment=treatment,
        control_std_error=np.full(runs, error),
        treatment_std_error=np.full(runs, error),
        estimable=np.ones(runs, dtype=bool),
    )
    lift = relative_effect(estimate, critical=1.6448536269514722, level=0.9)
    covered = (lift.interval.lower <= 0.3) & (lift.interval.upper >= 0.3)
    assert_rate(covered, 0.9, sds=5.0)


@pytest.mark.parametrize("lift", [delta_lift, log_lift, relative_effect])
def test_the_worked_example_by_all_three_methods(lift) -> None:
    # Methods, §18: delta .779 … 19.22 %, log 1.155 … 19.618 %, Fieller 1.161 … 19.654 %.
    expected = {delta_lift: (0.00779, 0.1922), log_lift: (0.01155, 0.19618), relative_effect: (0.01161, 0.19654)}
    found = lift(shares(1000.0, 1100.0), critical=CRITICAL, level=0.95)
    same([found.interval.lower, found.interval.upper], expected[lift], atol=1e-5)


@given(awkward_moments(), awkward_moments(), st.sampled_from([delta_lift, log_lift]))
def test_no_lift_is_missing_without_a_mark(control: JointMoments, treatment: JointMoments, lift) -> None:
    found = lift(difference_in_means(control.variable(0), treatment.variable(0)), critical=CRITICAL, level=0.95)
    for value in (found.estimate, found.p_value, found.interval.lower, found.interval.upper):
        assert (np.isnan(value) == ~found.estimable).all()


@given(rows(smallest=3), rows(smallest=3))
def test_on_logs_the_variants_are_exchanged_by_a_sign(control: Rows, treatment: Rows) -> None:
    arms = [Moments.from_rows(np.abs(one) + 1.0) for one in (control, treatment)]
    one, other = (log_lift(difference_in_means(*pair), critical=2.0, level=0.95) for pair in (arms, arms[::-1]))
    if bool(one.estimable):
        ends = np.log1p([float(one.interval.lower), float(one.interval.upper)])
        same(ends, -np.log1p([float(other.interval.upper), float(other.interval.lower)]), rtol=1e-6)
        same(log_ratio_df(*arms), log_ratio_df(*arms[::-1]))


def test_means_of_different_sign_have_no_log_ratio() -> None:
    control = Moments.from_variance(n=50.0, mean=-1.0, variance=1.0)
    found = log_lift(
        difference_in_means(control, Moments.from_variance(n=50.0, mean=1.0, variance=1.0)), critical=2.0, level=0.95
    )
    assert not found.estimable


@pytest.mark.parametrize("lift", [delta_lift, log_lift])
def test_a_look_that_cannot_stop_leaves_every_lift_open(lift) -> None:
    interval = lift(shares(1000.0, 1100.0), critical=np.inf, level=0.95).interval
    same([interval.lower, interval.upper], [-np.inf if lift is delta_lift else -1.0, np.inf])


@given(estimates(), st.sampled_from([1.0, 2.0]))
def test_the_set_is_bounded_exactly_where_g_is_below_one(estimate: Estimate, critical: float) -> None:
    g = fieller_g(estimate, critical=critical)
    interval = relative_effect(estimate, critical=critical, level=0.95).interval
    if abs(float(g) - 1.0) > 1e-9:
        assert np.isfinite(interval.lower) == bool(g < 1.0)


def test_lifts_of_skewed_metrics_cover_as_published() -> None:
    # Methods, §18, by simulation: exponential, n = 30: delta .930, Fieller .943, log .934.
    generator = np.random.default_rng(31)
    drawn = generator.exponential(size=(2, 20_000, 30))
    arms = [Moments(n=np.full(20_000, 30.0), mean=x.mean(axis=1), m2=x.var(axis=1) * 30.0) for x in drawn]
    estimate = difference_in_means(*arms)
    for lift, published in ((delta_lift, 0.930), (relative_effect, 0.943), (log_lift, 0.934)):
        interval = lift(estimate, critical=CRITICAL, level=0.95).interval
        assert_rate((interval.lower <= 0.0) & (interval.upper >= 0.0), published, sds=5.0)
