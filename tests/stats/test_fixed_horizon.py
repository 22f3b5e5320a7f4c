"""The test and the interval of one planned look."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate, normal_moments
from tests.strategies import LEVELS, awkward_moments, estimates, same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    Alternative,
    Estimate,
    JointMoments,
    critical_value,
    difference_in_means,
    fixed_horizon,
)


@given(estimates(), LEVELS, st.floats(min_value=-4.0, max_value=4.0))
def test_the_interval_inverts_the_test(estimate: Estimate, level: float, distance: float) -> None:
    null = float(estimate.estimate + distance * estimate.std_error)
    effect = fixed_horizon(estimate, level=level, null=null)
    outside = null < effect.interval.lower or null > effect.interval.upper
    if abs(float(effect.p_value) - (1.0 - level)) > 1e-9:
        assert outside == (effect.p_value < 1.0 - level)


@given(estimates(), LEVELS)
def test_a_null_on_the_end_of_the_interval_has_the_p_value_of_its_level(estimate: Estimate, level: float) -> None:
    end = fixed_horizon(estimate, level=level).interval.upper
    same(fixed_horizon(estimate, level=level, null=end).p_value, 1.0 - level, rtol=1e-7)


@given(estimates())
def test_the_two_sides_share_the_doubt(estimate: Estimate) -> None:
    greater, less, both = (
        fixed_horizon(estimate, level=0.9, alternative=side).p_value
        for side in (Alternative.GREATER, Alternative.LESS, Alternative.TWO_SIDED)
    )
    same(greater + less, 1.0)
    same(both, 2.0 * min(greater, less))


@given(estimates())
def test_a_one_sided_test_keeps_the_two_sided_interval(estimate: Estimate) -> None:
    one, two = (
        fixed_horizon(estimate, level=0.9, alternative=side) for side in (Alternative.GREATER, Alternative.TWO_SIDED)
    )
    same([one.interval.lower, one.interval.upper], [two.interval.lower, two.interval.upper])


@given(awkward_moments(), awkward_moments())
def test_no_number_is_missing_without_a_mark(control: JointMoments, treatment: JointMoments) -> None:
    effect = fixed_horizon(difference_in_means(control.variable(0), treatment.variable(0)), level=0.95)
    for value in (effect.estimate, effect.p_value, effect.interval.lower, effect.interval.upper):
        assert (np.isfinite(value) == effect.estimable).all()


def test_critical_values_of_the_tables() -> None:
    # Student's t .975 quantiles as printed in every statistical table, the normal one for infinite df.
    same(critical_value(np.asarray([1.0, 10.0, 30.0, np.inf]), 0.95), [12.706, 2.228, 2.042, 1.960], atol=5e-4)
    assert np.isnan(critical_value(np.asarray(np.nan), 0.95))


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, float("nan")])
def test_a_level_outside_0_and_1_is_refused(level: float) -> None:
    estimate = difference_in_means(*(normal_moments(np.random.default_rng(k), runs=1, n=5) for k in (0, 1)))
    with pytest.raises(StatisticsError, match="level"):
        fixed_horizon(estimate, level=level)


def test_the_interval_covers_as_promised() -> None:
    generator = np.random.default_rng(3)
    control = normal_moments(generator, runs=20_000, n=12)
    treatment = normal_moments(generator, runs=20_000, n=12, mean=0.5)
    interval = fixed_horizon(difference_in_means(control, treatment), level=0.9).interval
    assert_rate((interval.lower <= 0.5) & (interval.upper >= 0.5), 0.9)
