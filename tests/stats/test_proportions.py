"""Differences of two shares."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate
from tests.stats.test_means import assert_marked
from tests.strategies import same
from trialflow.stats import Gap, Moments, difference_in_proportions, fixed_horizon, pooled_z_test, score_test

COUNTS = st.integers(min_value=0, max_value=300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


def share(count: tuple[int, int]) -> Moments:
    return Moments.from_proportion(n=float(count[0]), successes=float(count[1]))


@given(COUNTS, COUNTS)
def test_swapping_the_variants_flips_the_sign(control: tuple[int, int], treatment: tuple[int, int]) -> None:
    one = difference_in_proportions(share(control), share(treatment))
    other = difference_in_proportions(share(treatment), share(control))
    same(one.estimate, -other.estimate)
    same(one.std_error, other.std_error)


@given(COUNTS, COUNTS)
def test_no_number_is_missing_without_a_mark(control: tuple[int, int], treatment: tuple[int, int]) -> None:
    assert_marked(difference_in_proportions(share(control), share(treatment)))
    test = pooled_z_test(share(control), share(treatment))
    assert (test.because == "") == np.isfinite(test.statistic) == (0.0 <= test.p_value <= 1.0)


@given(COUNTS, COUNTS)
def test_counting_failures_instead_of_successes_flips_the_sign(
    control: tuple[int, int], treatment: tuple[int, int]
) -> None:
    successes = difference_in_proportions(share(control), share(treatment))
    failures = difference_in_proportions(*(share((n, n - hits)) for n, hits in (control, treatment)))
    same(successes.estimate, -failures.estimate)
    same(successes.std_error, failures.std_error)


def test_a_share_of_zero_in_both_variants_is_no_evidence() -> None:
    nobody = share((500, 0))
    assert not difference_in_proportions(nobody, nobody).estimable
    test = pooled_z_test(nobody, nobody)
    assert np.isnan([test.statistic, test.p_value]).all()
    assert str(test.because) == Gap.NO_VARIATION.reason


def test_each_pair_of_shares_without_a_test_says_why_and_keeps_its_place() -> None:
    control = Moments(n=np.full(5, 100.0), mean=np.asarray([0.3, 0.3, np.nan, 1.4, 1.0]), m2=np.zeros(5))
    treatment = Moments(
        n=np.asarray([90.0, 0.0, 90.0, 90.0, 90.0]), mean=np.asarray([0.4, 0, 0.4, 0.4, 1]), m2=np.zeros(5)
    )
    test = pooled_z_test(control, treatment)
    gaps = [Gap.NONE, Gap.TOO_FEW_UNITS, Gap.NO_VALUE, Gap.NOT_A_SHARE, Gap.NO_VARIATION]
    assert test.gap.tolist() == gaps
    assert np.isnan(test.p_value).tolist() == [False, True, True, True, True]
    assert score_test(control, treatment, null=-0.1).gap.tolist() == [*gaps[:4], Gap.NONE]


def test_the_often_printed_p_of_one_tenth_is_wrong() -> None:
    test = pooled_z_test(share((25_000, 1_000)), share((25_000, 1_100)))
    assert round(float(test.statistic), 4) == 2.2295
    assert round(float(test.p_value), 4) == 0.0258


def test_both_tests_hold_their_level() -> None:
    generator = np.random.default_rng(7)
    control, treatment = (
        Moments.from_proportion(n=np.full(20_000, n), successes=generator.binomial(int(n), 0.12, size=20_000))
        for n in (2000.0, 3000.0)
    )
    effect = fixed_horizon(difference_in_proportions(control, treatment), level=0.95)
    assert_rate(effect.p_value < 0.05, 0.05)
    assert_rate(pooled_z_test(control, treatment).p_value < 0.05, 0.05)
