"""Families of tests."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate
from tests.strategies import SEEDS, same
from trialflow.stats import bonferroni, holm

FAMILIES = st.lists(st.floats(min_value=0.0, max_value=1.0), min_size=1, max_size=12)


@given(FAMILIES)
def test_holm_lies_between_the_raw_p_value_and_bonferroni(p_values: list[float]) -> None:
    adjusted, largest = holm(p_values), bonferroni(p_values)
    assert (np.asarray(p_values) <= adjusted).all()
    assert (adjusted <= largest).all()
    assert (largest <= 1.0).all()
    same(adjusted.min(), largest.min())


@given(FAMILIES, SEEDS)
def test_the_order_of_the_family_does_not_matter(p_values: list[float], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(p_values))
    same(holm(np.asarray(p_values)[order]), holm(p_values)[order])


@given(FAMILIES)
def test_adjustment_keeps_the_order_of_evidence(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0.0).all()


def test_a_test_without_a_result_still_belongs_to_the_family() -> None:
    for adjust in (bonferroni, holm):
        same(adjust([0.01, np.nan, 0.5]), [0.03, np.nan, 1.0])


def test_families_lie_along_the_last_axis() -> None:
    both = holm([[0.01, 0.04], [0.5, 0.02]])
    same(both, [[0.02, 0.04], [0.5, 0.04]])


def test_six_published_p_values_leave_one_discovery() -> None:
    published = [0.03, 0.08, 0.001, 0.04, 0.2, 0.015]
    assert (bonferroni(published) <= 0.05).tolist() == [False, False, True, False, False, False]


def test_the_family_wise_error_holds_when_all_nulls_are_true() -> None:
    p_values = np.random.default_rng(81).uniform(size=(20_000, 5))
    promised = 1.0 - (1.0 - 0.05 / 5) ** 5
    assert_rate((holm(p_values) <= 0.05).any(axis=-1), promised)
