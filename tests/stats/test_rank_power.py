"""Plans for Mann–Whitney's test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate
from tests.strategies import ALPHAS, SIDES, same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    RankSpread,
    ValueCounts,
    mann_whitney,
    mann_whitney_minimum_effect,
    mann_whitney_power,
    mann_whitney_units,
)

POWERS = st.sampled_from([0.6, 0.8, 0.95])
RATIOS = st.sampled_from([0.25, 1.0, 3.0])
# Seizures of 28 patients (Thall & Vail, Biometrics 46, 1990), the example of Happ, Bathke & Brunner (2019).
SEIZURES = np.array([3, 3, 5, 4, 21, 7, 2, 12, 5, 0, 22, 4, 2, 12, 9, 5, 3, 29, 5, 7, 4, 4, 5, 8, 25, 1, 2, 12.0])


@given(st.floats(min_value=0.51, max_value=0.75), ALPHAS, POWERS, SIDES, RATIOS, st.sampled_from([0.0, 0.4]))
def test_units_power_and_effect_are_one_relation(
    probability: float, alpha: float, power: float, sides: int, ratio: float, ties: float
) -> None:
    spread = RankSpread.noether(probability, ratio=ratio, ties=ties)
    units = mann_whitney_units(spread, alpha=alpha, power=power, sides=sides)
    same(mann_whitney_power(spread, units=units, alpha=alpha, sides=sides), power, rtol=1e-8)
    found = mann_whitney_minimum_effect(
        units=units, alpha=alpha, power=power, sides=sides, ratio=ratio, ties=ties, inflation=1.0
    )
    same(found, probability, rtol=1e-8)


def test_noethers_formula_by_hand() -> None:
    # (1.959964 + .841621)² / (12 · ½ · ½ · (2/3 − ½)²) = 94.187 units in all
    spread = RankSpread.noether(2 / 3)
    assert 2 * float(mann_whitney_units(spread, alpha=0.05, power=0.8)) == pytest.approx(94.187, abs=1e-3)
    assert 2 * float(mann_whitney_units(spread, alpha=0.05, power=0.8, inflation=1.1)) == pytest.approx(
        103.605, abs=1e-3
    )


@pytest.mark.parametrize(("ratio", "rtol"), [(1.0, 1e-9), (0.5, 0.01), (3.0, 0.01)])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_a_plan_from_distributions_is_that_of_statsmodels(ratio: float, rtol: float, power: float) -> None:
    """statsmodels 0.15's samplesize_rank_compare_onetail.

    It pools the two samples half and half for the variance under the null whatever the allocation, and takes a wrong effect
    from samples of unequal sizes; with an unequal allocation it therefore agrees to 1 % only.
    """
    from statsmodels.stats.nonparametric import samplesize_rank_compare_onetail

    hoped = np.floor(SEIZURES / 2)
    reference = samplesize_rank_compare_onetail(hoped, SEIZURES, alpha=0.05, power=power, nobs_ratio=1.0 / ratio)
    spread = RankSpread.of(ValueCounts.from_rows(SEIZURES), ValueCounts.from_rows(hoped), ratio=ratio)
    control = float(mann_whitney_units(spread, alpha=0.05, power=power))
    assert float(spread.probability) == pytest.approx(reference.relative_effect, rel=1e-12)
    assert control == pytest.approx(reference.nobs_ref, rel=rtol)
    assert control * ratio == pytest.approx(reference.nobs_treat, rel=rtol)


@pytest.mark.parametrize("ratio", [1.0, 0.4])
def test_the_plan_delivers_its_power_on_counts_with_many_equal_values(ratio: float) -> None:
    low, high = (np.array([0.55, 0.25, 0.12, 0.08]), np.array([0.45, 0.27, 0.16, 0.12]))
    values = np.arange(4.0)
    spread = RankSpread.of(
        ValueCounts(values=values, counts=1e4 * low), ValueCounts(values=values, counts=1e4 * high), ratio=ratio
    )
    units = int(np.ceil(mann_whitney_units(spread, alpha=0.05, power=0.8)))
    generator = np.random.default_rng(8)
    control = generator.multinomial(units, low, size=20_000).astype(float)
    treatment = generator.multinomial(round(units * ratio), high, size=20_000).astype(float)
    test = mann_whitney(
        ValueCounts(values=values, counts=control), ValueCounts(values=values, counts=treatment), level=0.95
    )
    assert_rate((test.p_value <= 0.05) & (test.z > 0), 0.8, sds=5.0)
    # Noether with the share of ties is near; without it a quarter more units than needed would be asked for.
    pooled = (low + ratio * high) / (1 + ratio)
    tied = RankSpread.noether(spread.probability, ratio=ratio, ties=(pooled**3).sum())
    same(mann_whitney_units(tied, alpha=0.05, power=0.8), units, rtol=0.02)
    assert mann_whitney_units(RankSpread.noether(spread.probability, ratio=ratio), alpha=0.05, power=0.8) > 1.1 * units


def test_the_planned_power_is_that_of_scipys_test() -> None:
    """scipy.stats.mannwhitneyu on normal values shifted by .5: P(T > C) = Φ(.5 / √2)."""
    from scipy.stats import mannwhitneyu, norm

    spread = RankSpread.noether(norm.cdf(0.5 / np.sqrt(2.0)))
    units = int(np.ceil(mann_whitney_units(spread, alpha=0.05, power=0.8)))
    generator = np.random.default_rng(9)
    p = mannwhitneyu(
        generator.normal(0.5, size=(4_000, units)),
        generator.normal(size=(4_000, units)),
        axis=1,
        method="asymptotic",
        use_continuity=False,
    ).pvalue
    assert_rate(p <= 0.05, 0.8, sds=4.0)


def test_variants_that_never_overlap_need_hardly_any_units() -> None:
    spread = RankSpread.of(ValueCounts.from_rows([0.0, 1.0]), ValueCounts.from_rows([2.0, 3.0]))
    assert float(spread.probability) == 1.0
    assert mann_whitney_power(spread, units=[1.0, 50.0], alpha=0.05).tolist() == [0.0, 1.0]


def test_too_few_units_find_nothing() -> None:
    assert mann_whitney_minimum_effect(units=3.0, alpha=0.05, power=0.8) == np.inf


@pytest.mark.parametrize("arguments", [{"probability": 0.5}, {"probability": 1.1}, {"probability": 0.6, "ties": 1.0}])
def test_senseless_effects_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(StatisticsError):
        RankSpread.noether(**arguments)


def test_distributions_without_a_difference_or_without_units_are_refused() -> None:
    some = ValueCounts.from_rows([1.0, 2.0, 3.0])
    with pytest.raises(StatisticsError, match="probability"):
        RankSpread.of(some, some)
    with pytest.raises(StatisticsError, match="units"):
        RankSpread.of(ValueCounts.from_rows([]), some)
