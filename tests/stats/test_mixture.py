"""The mixture test may be looked at as often as one likes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.test_reference import unit_estimate
from tests.strategies import ALPHAS, SIDES, awkward_moments, same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    Alternative,
    JointMoments,
    asymptotic,
    critical_value,
    difference_in_means,
    fixed_horizon,
    mixing_variance,
    mixture_sprt,
)
from trialflow.stats.confidence_sequence import tuned_rho
from trialflow.stats.mixture import log_ratio, mixture_boundary

SCORES = st.floats(min_value=-8.0, max_value=8.0)
SCALES = st.floats(min_value=1e-4, max_value=1e6)
ALTERNATIVES = st.sampled_from(list(Alternative))


@pytest.mark.parametrize(("tau", "p_value"), [(1e-5, 0.3092), (4e-6, 0.3778)])
def test_p_values_computed_independently(tau: float, p_value: float) -> None:
    effect = mixture_sprt(unit_estimate(0.004, 0.0017941), mixing_variance=tau, alpha=0.05)
    same(effect.always_valid_p_value, p_value, rtol=0.0, atol=6e-5)


@given(SCORES, SCALES, ALPHAS, ALTERNATIVES)
def test_the_p_value_is_below_alpha_exactly_when_the_interval_excludes_the_null(
    z: float, tau: float, alpha: float, alternative: Alternative
) -> None:
    effect = mixture_sprt(unit_estimate(z), mixing_variance=tau, alpha=alpha, alternative=alternative)
    excluded = bool((effect.interval.lower > 0.0) | (effect.interval.upper < 0.0))
    assert bool(effect.crossed) == excluded
    assert bool(effect.always_valid_p_value < alpha) == excluded or abs(effect.always_valid_p_value - alpha) < 1e-9


@given(SCALES, ALPHAS, SIDES)
def test_on_the_boundary_the_ratio_is_one_over_alpha(m: float, alpha: float, sides: int) -> None:
    same(log_ratio(mixture_boundary(m, alpha, sides=sides), m, sides=sides), -np.log(alpha), rtol=1e-9)


@given(SCALES, ALPHAS)
def test_looking_at_one_side_only_is_narrower_and_wider_than_a_fixed_look(m: float, alpha: float) -> None:
    one = mixture_boundary(m, alpha, sides=1)
    assert one < mixture_boundary(m, alpha, sides=2)
    assert one > critical_value(np.asarray(np.inf), 1.0 - 2.0 * alpha)


@given(SCORES, SCALES)
def test_the_one_sided_ratio_lies_below_that_of_the_half_normal_mixture(z: float, m: float) -> None:
    # Λ of mixing over the positive half: 2 (1 + m)^−½ e^x Φ(√(2x)) for Z > 0.
    from scipy.special import log_ndtr

    if z > 0.0:
        x = 0.5 * z**2 * m / (1.0 + m)
        exact = np.log(2.0) - 0.5 * np.log1p(m) + x + log_ndtr(np.sqrt(2.0 * x))
        assert log_ratio(z, m, sides=1) <= exact + 1e-9


@given(SCORES, ALTERNATIVES)
def test_swapping_the_variants_turns_everything_round(z: float, alternative: Alternative) -> None:
    other_way = {Alternative.GREATER: Alternative.LESS, Alternative.LESS: Alternative.GREATER}
    one = mixture_sprt(unit_estimate(z), mixing_variance=0.7, alpha=0.05, alternative=alternative)
    other = mixture_sprt(
        unit_estimate(-z), mixing_variance=0.7, alpha=0.05, alternative=other_way.get(alternative, alternative)
    )
    same(other.always_valid_p_value, one.always_valid_p_value)
    same(other.interval.lower, -one.interval.upper)


@given(SCORES, st.integers(min_value=300, max_value=10**6))
def test_it_is_the_confidence_sequence_with_the_same_scale(z: float, n: int) -> None:
    sequence = asymptotic(unit_estimate(z), n=n, tuning_n=5000.0, alpha=0.05)
    test = mixture_sprt(unit_estimate(z), mixing_variance=n * tuned_rho(5000.0, 0.05) ** 2, alpha=0.05)
    same(sequence.interval.lower, test.interval.lower)
    same(sequence.always_valid_p_value, test.always_valid_p_value)


def test_the_p_value_never_rises_and_days_without_a_number_carry_it_on() -> None:
    estimate = unit_estimate([0.0, 5.0, 1.0, 2.0])
    gap = np.asarray([True, True, False, True])
    broken = type(estimate)(
        **{
            name: np.where(gap, getattr(estimate, name), np.nan)
            if name in ("estimate", "std_error", "df")
            else getattr(estimate, name)
            for name in ("estimate", "std_error", "df", "control", "treatment", "scale", "method")
        },
        control_std_error=estimate.control_std_error,
        treatment_std_error=estimate.treatment_std_error,
        estimable=gap,
    )
    p_value = mixture_sprt(broken, mixing_variance=1.0, alpha=0.05).always_valid_p_value
    assert p_value[0] == 1.0
    assert p_value[1] == p_value[2] == p_value[3] < 0.05
    apart = mixture_sprt(broken, mixing_variance=1.0, alpha=0.05, axis=None).always_valid_p_value
    assert apart[2] == 1.0 > apart[3] > apart[1]


@given(awkward_moments(), awkward_moments(), ALTERNATIVES)
def test_what_cannot_be_estimated_is_no_evidence(
    control: JointMoments, treatment: JointMoments, alternative: Alternative
) -> None:
    estimate = difference_in_means(control.variable(0), treatment.variable(0))
    effect = mixture_sprt(estimate, mixing_variance=1.0, alpha=0.05, alternative=alternative)
    assert not np.isnan(effect.always_valid_p_value).any()
    assert bool(estimate.estimable) or effect.always_valid_p_value == 1.0
    assert (np.isnan(effect.interval.lower) == ~estimate.estimable).all()
    assert (np.isnan(effect.interval.upper) == ~estimate.estimable).all()


def test_it_is_always_wider_than_the_fixed_interval() -> None:
    estimate = unit_estimate(np.zeros(3), [0.1, 1.0, 10.0])
    effect, fixed = mixture_sprt(estimate, mixing_variance=1.0, alpha=0.05), fixed_horizon(estimate, level=0.95)
    assert (effect.interval.upper > fixed.interval.upper).all()


def test_a_tuning_that_follows_the_data_is_refused() -> None:
    with pytest.raises(StatisticsError, match="fixed before data"):
        mixture_sprt(unit_estimate([1.0, 2.0]), mixing_variance=[1.0, 0.5], alpha=0.05)
    with pytest.raises(StatisticsError):
        mixture_sprt(unit_estimate(1.0), mixing_variance=0.0, alpha=0.05)


def test_the_mixture_is_about_the_effect_worth_finding() -> None:
    same(mixing_variance([-0.2, 0.5]), [0.04, 0.25])


@pytest.mark.parametrize("alternative", [Alternative.TWO_SIDED, Alternative.GREATER])
def test_watched_at_every_step_it_stays_below_alpha(alternative: Alternative) -> None:
    generator = np.random.default_rng(81)
    steps = np.arange(1.0, 1501.0)
    estimate = np.cumsum(generator.normal(size=(3000, 1500)), axis=1) / steps
    effect = mixture_sprt(
        unit_estimate(estimate, steps**-0.5), mixing_variance=0.01, alpha=0.1, alternative=alternative
    )
    ever = effect.crossed.any(axis=1)
    assert 0.03 < ever.mean() <= 0.1  # the horizon is finite, so not all of alpha is used
    assert (ever == (effect.always_valid_p_value[:, -1] < 0.1)).all()
