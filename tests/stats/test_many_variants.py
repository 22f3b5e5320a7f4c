"""Several treatments against one control."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate
from tests.strategies import ALPHAS, SIDES, same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    VariantCorrection,
    comparison_alpha,
    critical_value,
    dunnett_critical,
    square_root_ratio,
    total_units,
    units_per_variant,
)

COUNTS = st.integers(min_value=1, max_value=12)


@pytest.mark.parametrize(("treatments", "critical"), [(2, 2.21), (3, 2.35), (4, 2.44), (5, 2.51), (9, 2.69)])
def test_dunnetts_table(treatments: int, critical: float) -> None:
    # Dunnett (Biometrics 20, 1964), table II, two-sided .05, infinite degrees of freedom.
    same(dunnett_critical(treatments=treatments, alpha=0.05), critical, rtol=0.0, atol=5.1e-3)


@given(COUNTS, ALPHAS, SIDES, st.sampled_from([0.2, 1.0, 5.0]))
def test_corrections_are_ordered_and_one_treatment_needs_none(
    count: int, alpha: float, sides: int, ratio: float
) -> None:
    found = [
        comparison_alpha(treatments=count, alpha=alpha, sides=sides, ratio=ratio, correction=correction)
        for correction in (
            VariantCorrection.BONFERRONI,
            VariantCorrection.SIDAK,
            VariantCorrection.DUNNETT,
            VariantCorrection.NONE,
        )
    ]
    assert all(one <= other * (1.0 + 1e-7) for one, other in pairwise(found))
    if count == 1:
        same(found, [alpha] * 4, rtol=1e-7)


@pytest.mark.parametrize("sides", [1, 2])
def test_dunnetts_level_is_that_of_three_treatments_with_one_control(sides: int) -> None:
    generator, ratio = np.random.default_rng(131), 0.5
    control = generator.normal(size=(40_000, 1))
    treatments = generator.normal(size=(40_000, 3)) / np.sqrt(ratio)
    z = (treatments - control) / np.sqrt(1.0 + 1.0 / ratio)
    critical = dunnett_critical(treatments=3, alpha=0.05, sides=sides, ratio=ratio)
    assert_rate(((np.abs(z) if sides == 2 else z) >= critical).any(axis=1), 0.05)


@given(COUNTS)
def test_the_square_root_rule_needs_the_fewest_units(count: int) -> None:
    def total(ratio: float) -> float:
        units = units_per_variant(std_dev=1.0, minimum_effect=0.1, alpha=0.05, power=0.8, ratio=ratio)
        return float(total_units(control_units=units, treatments=count, ratio=ratio))

    best = square_root_ratio(count)
    assert total(best) <= min(total(best * 0.9), total(best * 1.1), total(1.0)) * (1.0 + 1e-12)


def test_a_single_treatment_has_the_fixed_critical_value() -> None:
    same(dunnett_critical(treatments=1, alpha=0.05), critical_value(np.asarray(np.inf), 0.95), rtol=1e-8)


@pytest.mark.parametrize("treatments", [0, -2])
def test_a_plan_needs_a_treatment(treatments: int) -> None:
    with pytest.raises(StatisticsError, match="treatments"):
        comparison_alpha(treatments=treatments, alpha=0.05)
    with pytest.raises(StatisticsError, match="treatments"):
        square_root_ratio(treatments)
