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
from trialflow.stats.results import Gap

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
        assert not found.estimable
        assert np.isnan([found.p_value, found.statistic, found.df, found.df_within]).all()


UNITS = np.full(3, 5000.0)
SOUND = Moments(n=UNITS, mean=np.asarray([0.0, 1.0, 1.01]), m2=np.asarray([4e3, 5e3, 5e3]))


@pytest.mark.parametrize(
    ("mean", "m2", "gap"),
    [
        ((0.0, 1.0, 1.01), (0.0, 5e3, 5e3), Gap.NO_VARIATION),
        ((0.0, 1.0, 1.0), (0.0, 0.0, 0.0), Gap.NO_VARIATION),
        ((0.0, 1.0, 1.0), (50.0, np.nan, 50.0), Gap.NO_VALUE),
        ((0.0, np.inf, 1.0), (50.0, 50.0, 50.0), Gap.NO_VALUE),
    ],
    ids=["one constant", "all constant", "variance missing", "mean infinite"],
)
def test_welch_s_test_leaves_no_variant_out_unsaid(mean: tuple[float], m2: tuple[float], gap: Gap) -> None:
    odd = Moments(n=UNITS, mean=np.asarray(mean), m2=np.asarray(m2))
    both = Moments(**{name: np.stack([getattr(one, name) for one in (odd, SOUND)]) for name in ("n", "mean", "m2")})
    found = welch_anova(both)
    assert found.estimable.tolist() == [False, True]
    assert found.gap[0] == gap
    for values in (found.statistic, found.df, found.df_within, found.p_value):
        assert np.isnan(values).tolist() == [True, False]
    same(found.p_value[1], welch_anova(SOUND).p_value)


def test_a_single_unit_has_no_spread_of_its_own() -> None:
    single = Moments(n=np.asarray([40.0, 1.0, 40.0]), mean=np.zeros(3), m2=np.asarray([40.0, 0.0, 40.0]))
    assert welch_anova(single).gap == Gap.TOO_FEW_UNITS
    assert anova(single).estimable


@pytest.mark.parametrize("test", [anova, welch_anova, chi_square_of_shares])
def test_a_variant_without_units_is_not_compared_whatever_stands_there(test) -> None:
    shares = Moments.from_proportion(n=[900.0, 800.0], successes=[90.0, 110.0])
    parts = {name: np.append(getattr(shares, name), value) for name, value in (("n", 0.0), ("mean", np.nan), ("m2", 0))}
    same(test(Moments(**parts)).p_value, test(shares).p_value)


@pytest.mark.parametrize("test", [anova, chi_square_of_shares])
def test_pooled_tests_take_one_constant_variant_but_none_with_a_missing_value(test) -> None:
    shares = Moments.from_proportion(n=[100.0, 100.0, 100.0], successes=[0.0, 5.0, 12.0])
    assert test(shares).estimable
    assert 0.0 < test(shares).p_value < 0.01
    missing = Moments(n=shares.n, mean=np.asarray([0.0, np.nan, 0.12]), m2=shares.m2)
    assert test(missing).gap == Gap.NO_VALUE
    assert test(Moments.from_proportion(n=[100.0] * 3, successes=[100.0] * 3)).gap == Gap.NO_VARIATION


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
