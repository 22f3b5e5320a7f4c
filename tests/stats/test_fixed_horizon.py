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
    Scale,
    critical_value,
    difference_in_means,
    fixed_horizon,
    normal_score,
    student_quantile,
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


def scored(t: float, df: float) -> float:
    one, many = np.asarray(1.0), np.asarray(df)
    estimate = Estimate(
        estimate=np.asarray(t),
        std_error=one,
        df=many,
        control=one,
        treatment=one,
        control_std_error=one,
        treatment_std_error=one,
        estimable=np.asarray(True),
        scale=Scale.ABSOLUTE,
        method="given",
    )
    return float(normal_score(estimate))


@pytest.mark.parametrize(("t", "df"), [(2.571, 5), (2.228, 10), (2.042, 30), (12.706, 1)])
def test_students_two_sided_five_per_cent_points_score_as_the_normal_one(t: float, df: float) -> None:
    # two-sided 5 % points of Student's t from its published tables
    assert scored(t, df) == pytest.approx(1.96, abs=2e-3)
    assert scored(-t, df) == pytest.approx(-1.96, abs=2e-3)


@given(estimates(), LEVELS)
def test_a_score_beyond_the_normal_critical_value_is_a_p_value_below_its_level(
    estimate: Estimate, level: float
) -> None:
    effect, normal = fixed_horizon(estimate, level=level), float(critical_value(np.asarray(np.inf), level))
    if abs(float(effect.p_value) - (1.0 - level)) > 1e-9:
        assert (abs(float(normal_score(estimate))) > normal) == (float(effect.p_value) < 1.0 - level)


def test_with_infinite_freedom_the_score_is_the_plain_ratio() -> None:
    assert scored(-40.0, np.inf) == -40.0


@given(st.floats(min_value=0.0, max_value=60.0), st.floats(min_value=1.0, max_value=1e7))
def test_scores_are_finite_and_grow_with_the_statistic(t: float, df: float) -> None:
    assert 0.0 <= scored(t, df) < scored(t * 1.01 + 0.01, df) < np.inf


@given(st.floats(min_value=0.1, max_value=7.9), st.floats(min_value=2.0, max_value=1e6))
def test_a_quantile_is_the_inverse_of_the_score(score: float, df: float) -> None:
    assert scored(float(student_quantile(score, np.asarray(df))), df) == pytest.approx(score, rel=1e-6)


def test_a_boundary_that_cannot_be_reached_has_no_finite_quantile() -> None:
    assert float(student_quantile(99.0, np.asarray(5.0))) == np.inf
    assert float(student_quantile(2.0, np.asarray(np.inf))) == 2.0


def test_nothing_estimable_scores_nothing() -> None:
    empty = difference_in_means(*(JointMoments.from_rows(np.zeros((0, 1))).variable(0) for _ in range(2)))
    assert np.isnan(normal_score(empty))
