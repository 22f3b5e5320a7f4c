"""Classical boundaries of looks that happen as planned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats.calibration import Array, assert_rate
from tests.strategies import ALPHAS, SIDES, information, same
from trialflow.errors import StatisticsError
from trialflow.stats import critical_value, exit_probabilities, wang_tsiatis

# Jennison & Turnbull (2000), tables 2.1 and 2.3, two-sided alpha .05: the constants at K = 2, 3, 4, 5, 10.
POCOCK = {2: 2.178, 3: 2.289, 4: 2.361, 5: 2.413, 10: 2.555}
OBRIEN_FLEMING = {2: 1.977, 3: 2.004, 4: 2.024, 5: 2.040, 10: 2.087}


@pytest.mark.parametrize("looks", POCOCK)
def test_the_constants_are_those_of_the_tables(looks: int) -> None:
    at = np.arange(1.0, looks + 1.0)
    same(wang_tsiatis(at, shape=0.5, alpha=0.05).z, POCOCK[looks], rtol=0.0, atol=5.1e-4)
    same(wang_tsiatis(at, shape=0.0, alpha=0.05).z[-1], OBRIEN_FLEMING[looks], rtol=0.0, atol=5.1e-4)


@given(information(), st.floats(min_value=-0.5, max_value=0.9), ALPHAS, SIDES)
@settings(max_examples=25, deadline=None)
def test_all_looks_together_spend_alpha(at: Array, shape: float, alpha: float, sides: int) -> None:
    bound = wang_tsiatis(at, shape=shape, alpha=alpha, sides=sides)
    exits = exit_probabilities(bound.z, at, sides=sides)
    same((exits.upper + exits.lower).sum(), alpha, rtol=1e-8)
    same(bound.alpha_spent[-1], alpha, rtol=1e-8)
    same(bound.z / bound.z[-1], (at / at[-1]) ** (shape - 0.5), rtol=1e-9)


def test_a_single_look_is_the_fixed_test() -> None:
    same(wang_tsiatis([9.0], shape=0.25, alpha=0.05).z, critical_value(np.asarray(np.inf), 0.95), rtol=1e-9)


def test_it_holds_its_level_on_sums_of_noise() -> None:
    generator = np.random.default_rng(31)
    at = np.asarray([0.2, 0.5, 0.6, 1.0])
    score = np.cumsum(generator.normal(size=(40_000, 4)) * np.sqrt(np.diff(at, prepend=0.0)), axis=1)
    z = score / np.sqrt(at)
    assert_rate((np.abs(z) >= wang_tsiatis(at, shape=0.25, alpha=0.05).z).any(axis=1), 0.05)


@pytest.mark.parametrize(("at", "shape"), [([1.0, 1.0], 0.0), ([2.0, 1.0], 0.0), ([1.0, 2.0], np.nan)])
def test_senseless_plans_are_refused(at: list[float], shape: float) -> None:
    with pytest.raises(StatisticsError):
        wang_tsiatis(at, shape=shape, alpha=0.05)
