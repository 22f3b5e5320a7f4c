"""Mann–Whitney and Kolmogorov–Smirnov from counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.stats.calibration import assert_rate
from tests.strategies import same
from trialflow.stats import Alternative, Gap
from trialflow.stats.ranks import kolmogorov_smirnov, mann_whitney
from trialflow.stats.values import ValueCounts

ROWS = st.lists(st.integers(min_value=0, max_value=12), min_size=2, max_size=40)


def both(control: list[int], treatment: list[int]) -> tuple[ValueCounts, ValueCounts]:
    return ValueCounts.from_rows(control), ValueCounts.from_rows(treatment)


@given(ROWS, ROWS, st.sampled_from(list(Alternative)), st.booleans())
def test_the_test_is_that_of_scipy_on_the_rows(
    control: list[int], treatment: list[int], alternative: Alternative, continuity: bool
) -> None:
    got = mann_whitney(*both(control, treatment), level=0.95, alternative=alternative, continuity=continuity)
    if len({*control, *treatment}) == 1:
        assert np.isnan(got.p_value)
        assert str(got.because) == Gap.NO_VARIATION.reason
        return
    expected = stats.mannwhitneyu(
        treatment, control, method="asymptotic", alternative=alternative.value, use_continuity=continuity
    )
    same(got.statistic, expected.statistic)
    same(got.p_value, expected.pvalue, rtol=1e-7)


@given(ROWS, ROWS)
def test_swapping_the_variants_turns_the_probability_round(control: list[int], treatment: list[int]) -> None:
    one, other = (mann_whitney(*pair, level=0.9) for pair in (both(control, treatment), both(treatment, control)))
    same(one.probability, 1.0 - other.probability)
    same(one.z, -other.z)
    same(one.interval.lower, 1.0 - other.interval.upper)
    assert one.interval.lower <= one.probability <= one.interval.upper


@given(ROWS, ROWS)
def test_only_the_order_of_values_matters(control: list[int], treatment: list[int]) -> None:
    stretched = both([value**3 for value in control], [value**3 for value in treatment])
    plain = both(control, treatment)
    same(mann_whitney(*stretched, level=0.9).p_value, mann_whitney(*plain, level=0.9).p_value)
    got, expected = kolmogorov_smirnov(*stretched), stats.ks_2samp(treatment, control, method="asymp")
    same([got.distance, got.p_value], [expected.statistic, expected.pvalue])


def test_an_empty_variant_has_no_p_value_and_says_so() -> None:
    empty = ValueCounts(values=np.asarray([1.0, 2.0]), counts=np.zeros(2))
    for found in (mann_whitney(empty, ValueCounts.from_rows([1, 2]), level=0.95), kolmogorov_smirnov(empty, empty)):
        assert str(found.because) == Gap.TOO_FEW_UNITS.reason
        assert np.isnan(found.p_value)


def counts(generator: np.random.Generator, weights: list[float], units: int, runs: int) -> ValueCounts:
    drawn = generator.multinomial(units, weights, size=runs).astype(float)
    return ValueCounts(values=np.arange(float(len(weights))), counts=drawn)


def test_the_level_holds_with_heavy_ties_and_unequal_sizes() -> None:
    generator, weights = np.random.default_rng(3), [0.7, 0.1, 0.1, 0.05, 0.05]
    found = mann_whitney(counts(generator, weights, 60, 8000), counts(generator, weights, 240, 8000), level=0.95)
    assert_rate(found.p_value < 0.05, 0.05, sds=5.0)
    assert_rate((found.interval.lower <= 0.5) & (found.interval.upper >= 0.5), 0.95, sds=6.0)


def test_the_distance_of_equal_distributions_is_rarely_significant() -> None:
    generator, weights = np.random.default_rng(4), list(np.full(200, 1 / 200))
    found = kolmogorov_smirnov(counts(generator, weights, 300, 3000), counts(generator, weights, 300, 3000))
    assert 0.02 < np.mean(found.p_value < 0.05) < 0.06
