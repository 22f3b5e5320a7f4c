from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialflow.errors import StatisticsError
from trialflow.stats.day_to_day import day_to_day
from trialflow.stats.moments import JointMoments


def test_the_statistic_is_cochran_s_q_and_the_mean_is_weighted():
    # By hand: weights 1, 4, 1; mean (1 + 8 + 6) / 6 = 2.5; Q = 2.25 + 4 × 0.25 + 12.25
    result = day_to_day([1.0, 2.0, 6.0], [1.0, 0.5, 1.0])
    assert result.mean == pytest.approx(2.5)
    assert result.statistic == pytest.approx(15.5)
    assert (result.df, result.days) == (2, 3)
    assert result.std_error == pytest.approx(6**-0.5)
    assert result.p_value == pytest.approx(np.exp(-15.5 / 2))  # chi-square with 2 degrees of freedom
    assert np.isnan(result.hac_std_error)


def test_without_lags_the_robust_error_is_white_s():
    """White's variance of a weighted mean: Σ w²e² / (Σ w)², times T / (T − 1); one lag adds twice its half-weighted term."""
    rng = np.random.default_rng(5)
    effect, error = rng.normal(size=30), rng.uniform(0.5, 1.5, size=30)
    weight = error**-2.0
    result = day_to_day(effect, error)
    residual = weight * (effect - result.mean)
    lagged = sum(
        (1 - lag / (result.lags + 1)) * 2 * (residual[lag:] * residual[:-lag]).sum()
        for lag in range(1, result.lags + 1)
    )
    expected = np.sqrt(((residual**2).sum() + lagged) * 30 / 29) / weight.sum()
    assert result.lags == 3
    assert result.hac_std_error == pytest.approx(expected, rel=1e-9)


def test_independent_days_are_over_dispersed_as_rarely_as_promised():
    rng = np.random.default_rng(11)
    error = rng.uniform(0.5, 2.0, size=(2_000, 14))
    effect = rng.normal(size=error.shape) * error
    rejected = sum(day_to_day(one, se).p_value < 0.01 for one, se in zip(effect, error, strict=True))
    assert 5 <= rejected <= 38  # 20 expected; 4 standard deviations to either side


def test_days_that_move_together_are_found():
    rng = np.random.default_rng(12)
    result = day_to_day(rng.normal(scale=3.0, size=28), np.ones(28))
    assert result.p_value < 1e-6
    assert result.dispersion > 4.0
    assert result.hac_std_error > 2.0 * result.std_error


def test_days_without_a_number_are_left_out():
    full = day_to_day([1.0, 2.0, 6.0], [1.0, 0.5, 1.0])
    gaps = day_to_day([np.nan, 1.0, 2.0, 9.0, 6.0], [1.0, 1.0, 0.5, 0.0, 1.0])
    assert (gaps.days, gaps.statistic) == (full.days, full.statistic)
    assert day_to_day([], []).days == 0
    assert [day_to_day([1.0] * days, [1.0] * days).estimable for days in (0, 1, 2)] == [False, False, True]
    with pytest.raises(StatisticsError):
        day_to_day([1.0, 2.0], [1.0])


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30),
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30),
)
def test_subtracting_moments_undoes_merging_them(first, second):
    early, late = JointMoments.from_rows(first), JointMoments.from_rows(second)
    again = (early + late) - early
    scale = max(1.0, float((early + late).m2.max()))
    np.testing.assert_allclose(again.n, late.n)
    np.testing.assert_allclose(again.mean, late.mean, atol=1e-9 * np.sqrt(scale) * len(first + second))
    np.testing.assert_allclose(again.m2, late.m2, atol=1e-9 * scale * len(first + second))
