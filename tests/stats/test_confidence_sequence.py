"""Confidence sequences may be looked at on every day."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate
from tests.stats.test_reference import unit_estimate
from tests.strategies import ALPHAS, Rows, awkward_moments, estimates, rows, same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    Alternative,
    Estimate,
    Gap,
    JointMoments,
    Moments,
    asymptotic,
    critical_value,
    difference_in_means,
    fixed_horizon,
)
from trialflow.stats.confidence_sequence import boundary

SIZES = st.floats(min_value=1.0, max_value=1e9)


def test_multipliers_of_the_standard_error() -> None:
    # Closed form evaluated independently; Eppo's GAVI boundary with the same tuning is identical.
    same(boundary([1000, 5000, 20_000, 100_000], 20_000, 0.05), [4.7188, 3.2643, 3.0352, 3.1530], rtol=0.0, atol=6e-5)
    same([boundary(n, 5000, 0.05) for n in (2e5, 1e6, 1e7)], [3.434, 3.657, 3.958], rtol=0.0, atol=6e-4)


@given(SIZES, SIZES, ALPHAS)
def test_it_is_always_wider_than_the_fixed_interval(n: float, tuning: float, alpha: float) -> None:
    assert boundary(n, tuning, alpha) > critical_value(np.asarray(np.inf), 1.0 - alpha)


@given(estimates(), ALPHAS, st.integers(min_value=200, max_value=10**6))
def test_the_sequence_contains_the_fixed_interval(estimate: Estimate, alpha: float, n: int) -> None:
    normal = unit_estimate(estimate.estimate, estimate.std_error)
    wide = asymptotic(normal, n=n, tuning_n=5000.0, alpha=alpha).interval
    narrow = fixed_horizon(normal, level=1.0 - alpha).interval
    assert wide.lower < narrow.lower
    assert narrow.upper < wide.upper


@given(SIZES, st.sampled_from([0.2, 5.0]))
def test_it_is_near_its_tightest_where_it_was_tuned(tuning: float, elsewhere: float) -> None:
    assert boundary(tuning * elsewhere, tuning, 0.05) > boundary(tuning, tuning, 0.05)


def test_nothing_is_claimed_before_the_burn_in() -> None:
    effect = asymptotic(unit_estimate([50.0, 50.0]), n=[199, 200], tuning_n=1000.0, alpha=0.05)
    assert effect.crossed.tolist() == [False, True]
    assert (effect.interval.lower[0], effect.interval.upper[0]) == (-np.inf, np.inf)


@given(awkward_moments(), awkward_moments())
def test_what_cannot_be_estimated_never_crosses(control: JointMoments, treatment: JointMoments) -> None:
    estimate = difference_in_means(control.variable(0), treatment.variable(0))
    effect = asymptotic(estimate, n=control.n + treatment.n, tuning_n=1000.0, alpha=0.05)
    assert not (effect.crossed & ~estimate.estimable).any()
    assert (np.isnan(effect.boundary_z) == ~estimate.estimable).all()


@given(rows(), rows())
def test_crossing_and_interval_agree(control: Rows, treatment: Rows) -> None:
    moments = (JointMoments.from_rows(arm).variable(0) for arm in (control, treatment))
    effect = asymptotic(difference_in_means(*moments), n=500.0, tuning_n=1000.0, alpha=0.1)
    assert effect.crossed == bool((effect.interval.lower > 0.0) | (effect.interval.upper < 0.0))


@pytest.mark.parametrize(("tuning", "alpha"), [(0.0, 0.05), (1000.0, 0.0), (1000.0, 1.0)])
def test_senseless_tuning_is_refused(tuning: float, alpha: float) -> None:
    with pytest.raises(StatisticsError):
        boundary(100.0, tuning, alpha)


def test_fourteen_looks_reject_the_null_as_rarely_as_published() -> None:
    # Type I error .0098 in an independent simulation of 14 equal looks up to the tuned size.
    generator = np.random.default_rng(21)
    looks = np.arange(1, 15)
    z = np.cumsum(generator.normal(size=(60_000, 14)), axis=1) / np.sqrt(looks)
    crossed = np.abs(z) > boundary(looks * 20_000 / 14, 20_000, 0.05)
    assert_rate(crossed.any(axis=1), 0.0098)


def test_watching_every_step_stays_below_alpha() -> None:
    generator = np.random.default_rng(22)
    steps = np.arange(1, 1001)
    z = np.cumsum(generator.normal(size=(4000, 1000)), axis=1) / np.sqrt(steps)
    rate = (np.abs(z) > boundary(steps * 100.0, 20_000, 0.05)).any(axis=1).mean()
    assert 0.005 < rate < 0.05


@given(SIZES, SIZES, ALPHAS)
def test_one_side_alone_is_cheaper_but_no_fixed_look(n: float, tuning: float, alpha: float) -> None:
    one = boundary(n, tuning, alpha, sides=1)
    assert one > critical_value(np.asarray(np.inf), 1.0 - 2.0 * alpha)
    assert boundary(tuning, tuning, alpha, sides=1) < boundary(tuning, tuning, alpha)


def test_one_side_watched_at_every_step_stays_below_alpha() -> None:
    generator = np.random.default_rng(23)
    steps = np.arange(1, 1001)
    estimate = np.cumsum(generator.normal(size=(4000, 1000)), axis=1) / steps
    path = unit_estimate(estimate, steps**-0.5)
    effect = asymptotic(path, n=steps, tuning_n=300.0, alpha=0.1, minimum_n=20.0, alternative=Alternative.LESS)
    rate = effect.crossed.any(axis=1).mean()
    assert 0.03 < rate < 0.1
    assert (effect.interval.lower == -np.inf).all()
    assert ((effect.always_valid_p_value[:, -1] < 0.1) == effect.crossed.any(axis=1)).all()


@pytest.mark.parametrize("n", [-5, np.nan, np.inf, 1000.5])
def test_a_number_of_units_that_is_none_is_refused(n: float) -> None:
    with pytest.raises(StatisticsError, match="n = "):
        asymptotic(unit_estimate([1.0, 2.0]), n=[500, n], tuning_n=1000.0, alpha=0.05)


@pytest.mark.parametrize("n", [-5.0, np.nan, np.inf])
def test_there_is_no_boundary_for_a_number_of_units_that_is_none(n: float) -> None:
    with pytest.raises(StatisticsError, match="n = "):
        boundary(n, 1000.0, 0.05)


def test_a_day_without_a_number_keeps_its_reason() -> None:
    days = Moments.from_variance(n=[0.0, 500.0], mean=[0.0, 1.0], variance=[0.0, 1.0])
    effect = asymptotic(difference_in_means(days, days), n=[0, 1000], tuning_n=1000.0, alpha=0.05)
    assert effect.because.tolist() == [Gap.TOO_FEW_UNITS.reason, ""]
    assert effect.estimable.tolist() == [False, True]
