"""Families of tests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate, normal_moments
from tests.strategies import SEEDS, same
from trialflow.errors import StatisticsError
from trialflow.stats import Moments, bonferroni, difference_in_means, fixed_horizon, holm
from trialflow.stats.multiplicity import (
    Correction,
    adjusted,
    adjusted_intervals,
    benjamini_hochberg,
    benjamini_yekutieli,
    fixed_sequence,
    hochberg,
    hommel,
    levels,
    selected_intervals,
    sidak,
    weighted_bonferroni,
    weighted_holm,
)

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


@given(FAMILIES)
def test_each_procedure_is_as_strict_as_its_assumptions_are_weak(p_values: list[float]) -> None:
    raw = np.asarray(p_values)
    chains = (
        (benjamini_hochberg, hommel, hochberg, holm, bonferroni),
        (benjamini_hochberg, benjamini_yekutieli),
        (sidak, bonferroni),
    )
    for chain in chains:
        smaller = raw
        for procedure in chain:
            larger = procedure(p_values)
            assert (smaller <= larger + 1e-12).all(), procedure
            assert (larger <= 1.0).all()
            smaller = larger


@given(FAMILIES, SEEDS, st.sampled_from(list(Correction)))
def test_no_procedure_depends_on_the_order(p_values: list[float], seed: int, correction: Correction) -> None:
    order = np.random.default_rng(seed).permutation(len(p_values))
    same(adjusted(np.asarray(p_values)[order], correction), adjusted(p_values, correction)[order])


@given(FAMILIES)
def test_hommel_is_the_closed_test_of_simes(p_values: list[float]) -> None:
    p = np.asarray(p_values[:6])
    expected = np.zeros(len(p))
    for subset in range(1, 2 ** len(p)):
        inside = np.flatnonzero([subset >> i & 1 for i in range(len(p))])
        ranked = np.sort(p[inside])
        simes = (len(inside) * ranked / np.arange(1, len(inside) + 1)).min()
        expected[inside] = np.maximum(expected[inside], simes)
    same(hommel(p), np.minimum(expected, 1.0))


@given(FAMILIES)
def test_equal_weights_weigh_nothing(p_values: list[float]) -> None:
    same(weighted_bonferroni(p_values, np.ones(len(p_values))), bonferroni(p_values))
    same(weighted_holm(p_values, np.full(len(p_values), 3.0)), holm(p_values))


@given(FAMILIES, SEEDS)
def test_weighted_steps_never_lose_against_one_step(p_values: list[float], seed: int) -> None:
    weights = np.random.default_rng(seed).uniform(0.1, 2.0, size=len(p_values))
    assert (weighted_holm(p_values, weights) <= weighted_bonferroni(p_values, weights) + 1e-12).all()


@pytest.mark.parametrize("correction", [one for one in Correction if one is not Correction.NONE])
def test_tests_without_a_result_stay_in_every_family(correction: Correction) -> None:
    found = adjusted([0.01, np.nan, 0.5], correction)
    assert np.isnan(found).tolist() == [False, True, False]
    same(found[0], adjusted([0.01, 1.0, 0.5], correction)[0])


def test_a_fixed_sequence_stops_at_its_first_failure() -> None:
    same(fixed_sequence([0.01, 0.2, 0.001]), [0.01, 0.2, 0.2])
    same(fixed_sequence([0.01, np.nan, 0.001]), [0.01, np.nan, 1.0])


def test_alpha_is_split_by_weight() -> None:
    same(levels([2.0, 1.0, 1.0], 0.04), [0.02, 0.01, 0.01])
    with pytest.raises(StatisticsError, match="weights"):
        levels([1.0, 0.0], 0.05)


@pytest.mark.parametrize("procedure", [hochberg, hommel, sidak])
def test_the_family_wise_error_holds_for_independent_tests(procedure) -> None:
    p_values = np.random.default_rng(82).uniform(size=(20_000, 5))
    rate = (procedure(p_values) <= 0.05).any(axis=-1)
    assert_rate(rate, 0.05 if procedure is not hochberg else 1.0 - (1.0 - 0.05 / 5) ** 5, sds=5.0)


@pytest.mark.parametrize("procedure", [benjamini_hochberg, benjamini_yekutieli])
def test_few_of_the_discoveries_are_false(procedure) -> None:
    generator = np.random.default_rng(83)
    null = generator.uniform(size=(5000, 15))
    found = procedure(np.concatenate([null, generator.beta(0.05, 1.0, size=(5000, 5))], axis=1)) <= 0.1
    false = found[:, :15].sum(axis=1) / np.maximum(found.sum(axis=1), 1)
    assert false.mean() <= 0.1 * 15 / 20 + 4.0 * false.std() / np.sqrt(5000)


def family(runs: int) -> tuple[Moments, Moments]:
    generator = np.random.default_rng(84)
    arms = []
    for _ in range(2):
        parts = [normal_moments(generator, runs=runs, n=12) for _ in range(4)]
        arms.append(Moments(**{k: np.stack([getattr(one, k) for one in parts], axis=-1) for k in ("n", "mean", "m2")}))
    return arms[0], arms[1]


def test_bonferroni_s_intervals_invert_its_test_and_cover_together() -> None:
    estimate = difference_in_means(*family(5000))
    interval = adjusted_intervals(estimate, Correction.BONFERRONI, level=0.95)
    excluded = (interval.lower > 0.0) | (interval.upper < 0.0)
    same(excluded, bonferroni(fixed_horizon(estimate, level=0.95).p_value) < 0.05)
    assert_rate(~excluded.any(axis=-1), 1.0 - (1.0 - (1.0 - 0.05 / 4) ** 4), sds=5.0)
    narrower = adjusted_intervals(estimate, Correction.SIDAK, level=0.95)
    assert (narrower.upper < interval.upper).all()
    assert_rate(((narrower.lower <= 0.0) & (narrower.upper >= 0.0)).all(axis=-1), 0.95, sds=5.0)


def test_discovery_rates_have_intervals_of_the_selected_only() -> None:
    estimate = difference_in_means(*family(10))
    with pytest.raises(StatisticsError, match="selected_intervals"):
        adjusted_intervals(estimate, Correction.BENJAMINI_HOCHBERG, level=0.95)
    everything = selected_intervals(estimate, np.ones((10, 4), dtype=bool), level=0.95)
    same(everything.lower, fixed_horizon(estimate, level=0.95).interval.lower)
    assert np.isnan(selected_intervals(estimate, np.zeros((10, 4), dtype=bool), level=0.95).lower).all()


@pytest.mark.parametrize("correction", list(Correction))
def test_every_procedure_works_on_many_families_at_once(correction: Correction) -> None:
    p_values = np.random.default_rng(85).uniform(size=(3, 4, 5))
    together = adjusted(p_values, correction)
    same(together[2, 1], adjusted(p_values[2, 1], correction))


@pytest.mark.parametrize("wrong", [-0.01, 1.5, np.inf, 5.0])
@pytest.mark.parametrize("correction", list(Correction))
def test_what_is_no_p_value_is_refused(correction: Correction, wrong: float) -> None:
    with pytest.raises(StatisticsError, match="between 0 and 1"):
        adjusted([0.01, wrong, np.nan], correction)
    for weighted in (weighted_bonferroni, weighted_holm):
        with pytest.raises(StatisticsError, match="between 0 and 1"):
            weighted([0.01, wrong], [1.0, 1.0])
    with pytest.raises(StatisticsError, match="between 0 and 1"):
        fixed_sequence([0.01, wrong])
