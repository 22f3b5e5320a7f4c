"""Wald's test of the planned effect against none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.test_reference import unit_estimate
from tests.strategies import awkward_moments, same
from trialflow.errors import StatisticsError
from trialflow.stats import JointMoments, difference_in_means, planned_information, sprt

STEPS = np.arange(1.0, 801.0)


def paths(effect: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(effect, 1.0, size=(2000, len(STEPS)))
    return np.cumsum(noise, axis=1) / STEPS


@given(st.floats(min_value=-3.0, max_value=3.0), st.sampled_from([-1.0, 0.5]))
def test_the_ratio_is_that_of_two_normal_densities(estimate: float, effect: float) -> None:
    from scipy.stats import norm

    found = sprt(unit_estimate(estimate, 0.7), effect=effect, alpha=0.05, power=0.8).log_likelihood_ratio
    same(found, norm.logpdf(estimate, effect, 0.7) - norm.logpdf(estimate, 0.0, 0.7))


def test_it_errs_no_more_often_than_it_says_and_is_quicker_than_a_fixed_test() -> None:
    plan = {"effect": 0.2, "alpha": 0.05, "power": 0.8}
    null, real = (sprt(unit_estimate(paths(truth, 95), STEPS**-0.5), **plan) for truth in (0.0, 0.2))
    assert 0.02 < null.rejected[:, -1].mean() <= 0.05
    assert 0.1 < real.accepted[:, -1].mean() <= 0.2
    assert not (null.rejected & null.accepted).any()
    ended = (real.rejected | real.accepted).argmax(axis=1) + 1.0
    assert ended.mean() < planned_information(minimum_effect=0.2, alpha=0.05, power=0.8, sides=1)
    assert (null.rejected[:, -1] <= (null.always_valid_p_value[:, -1] <= 0.05)).all()


def test_what_was_decided_stays_decided() -> None:
    # Log ratios of an effect of 1 with variance ¼ are 4 × estimate − 2: −2 lies below log .2, 10 above log 20.
    plan = {"effect": 1.0, "alpha": 0.05, "power": 0.8}
    against = sprt(unit_estimate([0.0, 3.0, 9.0], 0.5), **plan)
    assert against.accepted.all()
    assert not against.rejected.any()
    in_favour = sprt(unit_estimate([0.5, 3.0, -9.0], 0.5), **plan)
    assert in_favour.rejected.tolist() == [False, True, True]
    assert not in_favour.accepted.any()


@given(awkward_moments(), awkward_moments())
def test_what_cannot_be_estimated_decides_nothing(control: JointMoments, treatment: JointMoments) -> None:
    estimate = difference_in_means(control.variable(0), treatment.variable(0))
    path = sprt(estimate, effect=1.0, alpha=0.05, power=0.8)
    assert not np.isnan(path.log_likelihood_ratio).any()
    assert bool(estimate.estimable) or path.log_likelihood_ratio == 0.0
    assert path.always_valid_p_value.shape == estimate.estimate.shape


@pytest.mark.parametrize("effect", [0.0, np.nan, np.inf])
def test_no_effect_to_look_for_is_refused(effect: float) -> None:
    with pytest.raises(StatisticsError, match="effect"):
        sprt(unit_estimate(1.0), effect=effect, alpha=0.05, power=0.8)
