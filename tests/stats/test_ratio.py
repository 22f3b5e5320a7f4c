"""Ratios of sums over randomised units."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate
from tests.stats.test_means import assert_marked
from tests.strategies import Rows, awkward_moments, rows, same
from trialflow.stats import JointMoments, difference_in_means, difference_in_ratios, fixed_horizon


@given(rows(), rows())
def test_with_a_denominator_of_one_a_ratio_is_a_mean(control: Rows, treatment: Rows) -> None:
    with_ones = [JointMoments.from_rows(np.column_stack([arm, np.ones(len(arm))])) for arm in (control, treatment)]
    ratio = difference_in_ratios(*with_ones)
    mean = difference_in_means(*(joint.variable(0) for joint in with_ones))
    if bool(ratio.estimable & mean.estimable):
        same(ratio.estimate, mean.estimate, rtol=1e-7)
        same(ratio.std_error, mean.std_error, rtol=1e-7)
        same(ratio.df, mean.df, rtol=1e-6)


@given(rows(columns=2), rows(columns=2), st.sampled_from([0.01, 5.0]), st.sampled_from([0.2, 1000.0]))
def test_units_of_measure_pass_through(control: Rows, treatment: Rows, above: float, below: float) -> None:
    before = difference_in_ratios(*(JointMoments.from_rows(np.abs(arm) + 0.1) for arm in (control, treatment)))
    scale = np.asarray([above, below])
    after = difference_in_ratios(*(JointMoments.from_rows((np.abs(arm) + 0.1) * scale) for arm in (control, treatment)))
    same(after.estimate, before.estimate * above / below, rtol=1e-6)
    same(after.std_error, before.std_error * above / below, rtol=1e-6)


@given(awkward_moments(columns=2), awkward_moments(columns=2))
def test_no_number_is_missing_without_a_mark(control: JointMoments, treatment: JointMoments) -> None:
    assert_marked(difference_in_ratios(control, treatment))


def test_a_numerator_that_is_a_multiple_of_the_denominator_has_no_noise_to_estimate() -> None:
    sessions = np.arange(1.0, 40.0)
    proportional = JointMoments.from_rows(np.column_stack([0.3 * sessions, sessions]))
    assert not difference_in_ratios(proportional, proportional).estimable


def test_the_level_holds_when_units_have_several_sessions() -> None:
    generator = np.random.default_rng(11)
    runs, units = 4000, 300
    sessions = 1.0 + generator.poisson(3.0, size=(2, runs, units))
    taste = generator.beta(2.0, 6.0, size=(2, runs, units))
    orders = generator.binomial(sessions.astype(int), taste)
    values = np.stack([orders, sessions], axis=-1)
    sums, products = values.sum(axis=2), np.einsum("arui,aruj->arij", values, values)
    control, treatment = (JointMoments.from_sums(np.full(runs, units), sums[arm], products[arm]) for arm in (0, 1))
    effect = fixed_horizon(difference_in_ratios(control, treatment), level=0.95)
    assert_rate(effect.p_value < 0.05, 0.05)
