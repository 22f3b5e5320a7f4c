"""Intervals for two shares where counts are small."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.strategies import LEVELS, same
from trialflow.errors import StatisticsError
from trialflow.stats import Alternative, Gap, Moments, pooled_z_test
from trialflow.stats.proportion_intervals import agresti_caffo, newcombe, score_interval, score_test

COUNTS = st.integers(min_value=1, max_value=200).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
METHODS = [newcombe, agresti_caffo, score_interval]


def share(count: tuple[int, int]) -> Moments:
    return Moments.from_proportion(n=float(count[0]), successes=float(count[1]))


@given(COUNTS, COUNTS)
def test_at_no_difference_the_score_test_is_the_pooled_one(
    control: tuple[int, int], treatment: tuple[int, int]
) -> None:
    arms = share(control), share(treatment)
    one, other = score_test(*arms, corrected=False), pooled_z_test(*arms)
    same(one.statistic, other.statistic, rtol=1e-6, atol=1e-6)
    same(one.p_value, other.p_value, rtol=1e-5, atol=1e-9)


@given(COUNTS, COUNTS, st.sampled_from(METHODS), LEVELS)
def test_the_interval_holds_the_difference_and_flips_with_the_variants(
    control: tuple[int, int], treatment: tuple[int, int], method, level: float
) -> None:
    one, other = (method(share(a), share(b), level=level) for a, b in ((control, treatment), (treatment, control)))
    same([one.lower, one.upper], [-other.upper, -other.lower], atol=1e-7)
    assert -1.0 <= one.lower <= one.upper <= 1.0
    if method is not agresti_caffo:  # which is centred elsewhere, at the shares after four more units
        gap = treatment[1] / treatment[0] - control[1] / control[0]
        assert one.lower - 1e-9 <= gap <= one.upper + 1e-9


@given(COUNTS, COUNTS, st.booleans())
def test_the_score_interval_inverts_the_score_test(
    control: tuple[int, int], treatment: tuple[int, int], corrected: bool
) -> None:
    arms = share(control), share(treatment)
    interval = score_interval(*arms, level=0.9, corrected=corrected)
    for end in (float(interval.lower), float(interval.upper)):
        if abs(end) < 1.0 - 1e-6:
            test = score_test(*arms, null=end, corrected=corrected)
            same(test.p_value, 0.1, rtol=1e-4)


def test_yates_is_the_corrected_chi_square_of_scipy() -> None:
    for low, high in (((30, 4), (25, 9)), ((200, 50), (180, 60)), ((20, 5), (20, 5))):
        table = [[high[1], high[0] - high[1]], [low[1], low[0] - low[1]]]
        expected = stats.chi2_contingency(table, correction=True)
        got = pooled_z_test(share(low), share(high), yates=True)
        same([got.statistic**2, got.p_value], [expected.statistic, expected.pvalue])


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_variant_has_no_interval_and_no_significance(method) -> None:
    empty = Moments.from_proportion(n=0.0, successes=0.0)
    interval = method(empty, share((10, 3)), level=0.95)
    assert np.isnan(interval.lower)
    test = score_test(empty, share((10, 3)), null=-0.1)
    assert np.isnan(test.p_value)
    assert str(test.because) == Gap.TOO_FEW_UNITS.reason


def test_the_score_interval_inverts_the_score_test_as_both_are_called_by_default() -> None:
    arms = share((20, 3)), share((30, 11))
    interval = score_interval(*arms, level=0.95)
    same(score_test(*arms, null=float(interval.lower)).p_value, 0.05, rtol=1e-6)
    same(score_test(*arms, null=float(interval.upper)).p_value, 0.05, rtol=1e-6)


@pytest.mark.parametrize("null", [-1.2, 3.0, np.nan])
def test_a_null_that_no_difference_of_shares_can_be_is_refused(null: float) -> None:
    with pytest.raises(StatisticsError, match="difference of two shares"):
        score_test(share((20, 3)), share((30, 11)), null=null)


@pytest.mark.parametrize(("method", "lowest"), [(newcombe, 0.935), (agresti_caffo, 0.935), (score_interval, 0.935)])
def test_small_samples_are_covered_where_wald_is_not(method, lowest: float) -> None:
    # Exact coverage: all outcomes of 20 against 30 units, weighted by their chance, shares .05 and .15.
    hits_c, hits_t = np.meshgrid(np.arange(21.0), np.arange(31.0), indexing="ij")
    chance = stats.binom.pmf(hits_c, 20, 0.05) * stats.binom.pmf(hits_t, 30, 0.15)
    control = Moments.from_proportion(n=np.full(hits_c.shape, 20.0), successes=hits_c)
    treatment = Moments.from_proportion(n=np.full(hits_c.shape, 30.0), successes=hits_t)
    interval = method(control, treatment, level=0.95)
    covered = ((interval.lower <= 0.1) & (interval.upper >= 0.1)) * chance
    assert covered.sum() > lowest


def test_non_inferiority_at_the_margin_is_claimed_only_alpha_of_the_time() -> None:
    hits_c, hits_t = np.meshgrid(np.arange(401.0), np.arange(401.0), indexing="ij")
    chance = stats.binom.pmf(hits_c, 400, 0.2) * stats.binom.pmf(hits_t, 400, 0.15)
    arms = [Moments.from_proportion(n=np.full(hits_c.shape, 400.0), successes=hits) for hits in (hits_c, hits_t)]
    test = score_test(*arms, null=-0.05, alternative=Alternative.GREATER)
    assert abs(((test.p_value < 0.05) * chance).sum() - 0.05) < 0.003
