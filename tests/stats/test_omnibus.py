"""Several variants at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.stats.calibration import assert_rate, normal_moments
from tests.strategies import Rows, rows, same
from trialflow.stats import Moments, bonferroni, difference_in_means, dunnett_critical, fixed_horizon
from trialflow.stats.omnibus import against_control, anova, chi_square_of_shares, dunnett, welch_anova

GROUPS = st.lists(rows(smallest=3, largest=25), min_size=2, max_size=4)


def stacked(*arms: Moments) -> Moments:
    parts = {name: np.stack([np.asarray(getattr(one, name)) for one in arms], axis=-1) for name in ("n", "mean", "m2")}
    return Moments(**parts)


def from_rows(groups: list[Rows]) -> Moments:
    return stacked(*(Moments.from_rows(group[:, 0]) for group in groups))


@given(GROUPS)
def test_both_analyses_of_variance_are_those_of_scipy(groups: list[Rows]) -> None:
    if any(np.ptp(group) < 1e-3 for group in groups):
        return
    moments, columns = from_rows(groups), [group[:, 0] for group in groups]
    for test, alike in ((anova, True), (welch_anova, False)):
        expected = stats.f_oneway(*columns, equal_var=alike).pvalue
        same(test(moments).p_value, 1.0 if np.isnan(expected) else expected, rtol=1e-6)  # NaN where all means agree


@given(rows(smallest=3), rows(smallest=3))
def test_two_variants_give_the_square_of_welch_s_t(control: Rows, treatment: Rows) -> None:
    moments = from_rows([control, treatment])
    estimate = difference_in_means(moments.take(0), moments.take(1))
    if bool(estimate.estimable) and np.ptp(control) > 0.0 and np.ptp(treatment) > 0.0:
        same(welch_anova(moments).p_value, fixed_horizon(estimate, level=0.9).p_value, rtol=1e-6, atol=1e-9)


def test_the_chi_square_of_a_table_is_scipy_s() -> None:
    shares = Moments.from_proportion(n=[1000.0, 900.0, 2000.0], successes=[100.0, 120.0, 250.0])
    expected = stats.chi2_contingency([[100, 900], [120, 780], [250, 1750]], correction=False)
    got = chi_square_of_shares(shares)
    same([got.statistic, got.df, got.p_value], [expected.statistic, expected.dof, expected.pvalue])


@pytest.mark.parametrize("test", [anova, welch_anova, chi_square_of_shares])
def test_nothing_to_compare_is_never_significant(test) -> None:
    nothing = [Moments(n=np.asarray(n), mean=np.zeros(2), m2=np.zeros(2)) for n in ([0.0, 0.0], [1.0, 0.0], [5.0, 5.0])]
    infinite = Moments(n=np.asarray([5.0, 5.0]), mean=np.asarray([1.0, np.inf]), m2=np.asarray([1.0, np.nan]))
    for moments in (*nothing, infinite):
        found = test(moments)
        assert found.p_value == 1.0
        assert found.statistic == 0.0


def test_dunnett_agrees_with_scipy_s_simulated_one() -> None:
    generator = np.random.default_rng(0)
    columns = [generator.normal(mean, 1.0, size=n) for mean, n in ((0.0, 12), (0.5, 15), (1.0, 9), (0.2, 11))]
    found = dunnett(against_control(stacked(*map(Moments.from_rows, columns)), pooled=True), level=0.95)
    expected = stats.dunnett(*columns[1:], control=columns[0], rng=np.random.default_rng(1))
    ends = expected.confidence_interval(0.95)
    same(found.p_value, expected.pvalue, atol=3e-4)
    same(found.interval.lower, ends.low, atol=3e-3)
    same(found.interval.upper, ends.high, atol=3e-3)


def test_dunnett_s_published_critical_value() -> None:
    # Dunnett (1964), two-sided 5 %, three treatments, 20 degrees of freedom, equal sizes: 2.54.
    moments = Moments.from_variance(n=[6.0] * 4, mean=[0.0, 1.0, 1.0, 1.0], variance=[1.0] * 4)
    critical = dunnett(against_control(moments, pooled=True), level=0.95).critical
    same(critical, np.full(3, 2.54), atol=0.005)


@pytest.mark.parametrize(("treatments", "ratio"), [(2, 1.0), (3, 1.0), (4, 0.5), (3, 2.0)])
def test_the_critical_value_is_the_one_that_is_planned_with(treatments: int, ratio: float) -> None:
    # Planning integrates with Gauss–Hermite nodes and one common allocation; the analysis with its own standard errors.
    sizes = [1e7, *[ratio * 1e7] * treatments]
    moments = Moments.from_variance(n=sizes, mean=np.zeros(treatments + 1), variance=np.ones(treatments + 1))
    critical = dunnett(against_control(moments), level=0.95).critical[0]
    same(critical, dunnett_critical(treatments=treatments, alpha=0.05, ratio=ratio), rtol=1e-6)


@given(GROUPS)
def test_dunnett_lies_between_the_raw_p_value_and_bonferroni(groups: list[Rows]) -> None:
    estimate = against_control(from_rows(groups), pooled=True)
    if not estimate.estimable.all():
        return
    p_value = fixed_horizon(estimate, level=0.95).p_value
    found = dunnett(estimate, level=0.95)
    assert (found.p_value >= p_value - 1e-6).all()
    assert (found.p_value <= bonferroni(p_value) + 1e-6).all()
    excluded = (found.interval.lower > 0.0) | (found.interval.upper < 0.0)
    clear = np.abs(found.p_value - 0.05) > 1e-4
    assert ((found.p_value < 0.05) == excluded)[clear].all()


def test_a_treatment_without_units_does_not_count() -> None:
    moments = Moments.from_variance(n=[50.0, 50.0, 0.0], mean=[0.0, 0.5, 0.0], variance=[1.0, 1.0, 1.0])
    found, alone = (dunnett(against_control(one), level=0.95) for one in (moments, moments.take(slice(0, 2))))
    assert np.isnan(found.p_value[1])
    same(found.p_value[0], alone.p_value[0])
    same(alone.p_value, fixed_horizon(against_control(moments.take(slice(0, 2))), level=0.95).p_value, atol=1e-7)


def test_the_family_wise_error_holds_for_unequal_sizes() -> None:
    generator = np.random.default_rng(6)
    arms = stacked(*(normal_moments(generator, runs=500, n=n) for n in (60, 30, 30, 20)))
    assert_rate((dunnett(against_control(arms, pooled=True), level=0.95).p_value < 0.05).any(axis=-1), 0.05)
    assert_rate(anova(arms).p_value < 0.05, 0.05)


def test_only_welch_holds_its_level_when_variances_differ() -> None:
    generator = np.random.default_rng(7)
    arms = stacked(
        *(normal_moments(generator, runs=20_000, n=n, std_dev=sd) for n, sd in ((100, 1.0), (30, 3.0), (30, 1.0)))
    )
    assert_rate(welch_anova(arms).p_value < 0.05, 0.05, sds=6.0)
    assert np.mean(anova(arms).p_value < 0.05) > 0.08
