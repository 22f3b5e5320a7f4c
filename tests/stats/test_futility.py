"""Futility bounds cost power, never type I error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from tests.stats.calibration import Array, assert_rate
from tests.stats.test_monitoring import first_index, sums_of_noise
from tests.strategies import ALPHAS, information, same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    SpendingFunction,
    boundaries,
    exit_probabilities,
    futility_bounds,
    futility_design,
    inflation,
)

AT = np.asarray([0.3, 0.5, 0.8, 1.0])


@given(information(most=5), ALPHAS)
@settings(max_examples=20, deadline=None)
def test_under_the_planned_effect_all_the_beta_is_spent_and_no_more(at: Array, alpha: float) -> None:
    design = futility_design(at, alpha=alpha, power=0.8)
    exits = exit_probabilities(
        design.efficacy_z, at / at[-1], effect=design.effect, sides=1, lower_z=np.minimum(design.futility_z, 99.0)
    )
    same(exits.upper.sum(), 0.8, rtol=1e-5)
    same(np.cumsum(exits.lower), design.beta_spent, rtol=1e-5, atol=2e-9)
    assert (design.futility_z <= design.efficacy_z).all()


@given(information(most=5), ALPHAS)
@settings(max_examples=20, deadline=None)
def test_the_efficacy_boundary_does_not_know_of_futility(at: Array, alpha: float) -> None:
    design = futility_design(at, alpha=alpha, power=0.9)
    same(design.efficacy_z, boundaries(at, alpha=alpha, sides=1).z)
    assert design.inflation >= inflation(at / at[-1], alpha=alpha, power=0.9, sides=1) * (1.0 - 1e-9)


def test_recorded_boundaries_and_the_planned_effect_give_the_bounds_of_the_plan() -> None:
    design = futility_design(AT, alpha=0.025, power=0.8)
    # The same plan in the unit of an effect of .3: information (drift / effect)².
    information_then = AT * (design.effect / 0.3) ** 2
    bounds = futility_bounds(design.efficacy_z, information_then, effect=0.3, power=0.8)
    same(bounds.z, design.futility_z, rtol=1e-6)


def test_a_look_that_spends_no_beta_cannot_stop() -> None:
    z = boundaries(AT, alpha=0.025, sides=1).z
    bounds = futility_bounds(z, AT, effect=3.0, power=0.8, fractions=[0.0, 0.5, 0.8, 1.0])
    assert bounds.z[0] == -np.inf


def test_obeyed_it_has_its_power_and_fewer_false_alarms_ignored_it_has_more_power() -> None:
    design = futility_design(AT, alpha=0.025, power=0.8, futility_spending=SpendingFunction.POCOCK)
    effect, null = sums_of_noise(AT, effect=design.effect, seed=41), sums_of_noise(AT, effect=0.0, seed=42)

    def wins(z: Array) -> Array:
        return first_index(z >= design.efficacy_z) < first_index(z <= np.where(AT < 1.0, design.futility_z, -np.inf))

    assert_rate(wins(effect), 0.8)
    assert (effect >= design.efficacy_z).any(axis=1).mean() > 0.8
    assert_rate((null >= design.efficacy_z).any(axis=1), 0.025)
    assert wins(null).mean() < 0.025


@pytest.mark.parametrize("effect", [0.0, -1.0, np.nan])
def test_a_plan_without_an_effect_is_refused(effect: float) -> None:
    with pytest.raises(StatisticsError, match="effect"):
        futility_bounds([3.0, 2.0], [1.0, 2.0], effect=effect, power=0.8)


@pytest.mark.parametrize("information", [[3.0, 2.0, 1.0], [], [[1.0, 2.0, 3.0]]])
def test_information_that_falls_is_refused(information: list[float]) -> None:
    with pytest.raises(StatisticsError, match=r"must not fall|list of looks"):
        futility_bounds(2.0, information, effect=1.5, power=0.8)
    with pytest.raises(StatisticsError, match=r"must not fall|list of looks"):
        futility_design(information, alpha=0.025, power=0.9)


def test_lists_of_looks_that_do_not_match_are_refused() -> None:
    with pytest.raises(StatisticsError, match="one for each"):
        futility_bounds([3.0, 2.0], [1.0, 2.0, 3.0], effect=1.5, power=0.8)
    with pytest.raises(StatisticsError, match="must not fall"):
        futility_bounds(2.5, [1.0, 2.0, 3.0], effect=1.5, power=0.8, fractions=[0.5, 0.2, 1.0])
