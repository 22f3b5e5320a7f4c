"""One effect from several strata."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import StratifiedTable

from tests.stats.calibration import assert_rate, normal_moments
from tests.stats.test_means import assert_marked
from tests.strategies import Rows, awkward_moments, rows, same
from trialflow.stats import Gap, JointMoments, Moments, difference_in_means, fixed_horizon
from trialflow.stats.stratified import heterogeneity, mantel_haenszel, post_stratified

STRATA = st.lists(st.tuples(rows(), rows()), min_size=1, max_size=4)
TABLES = st.lists(st.tuples(*(st.integers(min_value=1, max_value=40) for _ in range(4))), min_size=1, max_size=4)


def stacked(arms: list[Moments]) -> Moments:
    parts = {name: np.stack([np.asarray(getattr(one, name)) for one in arms], axis=-1) for name in ("n", "mean", "m2")}
    return Moments(**parts)


def both(strata: list[tuple[Rows, Rows]]) -> tuple[Moments, Moments]:
    control, treatment = (stacked([Moments.from_rows(pair[arm][:, 0]) for pair in strata]) for arm in (0, 1))
    return control, treatment


@given(STRATA)
def test_swapping_the_variants_flips_the_sign(strata: list[tuple[Rows, Rows]]) -> None:
    control, treatment = both(strata)
    one, other = post_stratified(control, treatment), post_stratified(treatment, control)
    same(one.estimate, -other.estimate)
    same(one.std_error, other.std_error)
    same(one.df, other.df)


@given(rows(), rows())
def test_a_single_stratum_is_welch_s_contrast(control: Rows, treatment: Rows) -> None:
    arms = both([(control, treatment)])
    one, other = post_stratified(*arms), difference_in_means(arms[0].take(0), arms[1].take(0))
    same([one.estimate, one.std_error, one.df], [other.estimate, other.std_error, other.df], rtol=1e-7)


@given(st.lists(st.tuples(awkward_moments(), awkward_moments()), min_size=1, max_size=4))
def test_no_number_is_missing_without_a_mark(strata: list[tuple[JointMoments, JointMoments]]) -> None:
    control, treatment = (stacked([pair[arm].variable(0) for pair in strata]) for arm in (0, 1))
    estimate = post_stratified(control, treatment)
    assert_marked(estimate)
    assert (estimate.because == "") == estimate.estimable
    found = heterogeneity(difference_in_means(control, treatment))
    assert bool(found.estimable) == bool(0.0 <= found.p_value <= 1.0) == bool(0.0 <= found.i_squared <= 1.0)
    assert bool(found.estimable) == (difference_in_means(control, treatment).estimable.sum() > 1)
    assert np.isnan(found.estimate) == np.isnan(found.std_error)


def test_a_stratum_of_one_variant_only_is_named() -> None:
    control = Moments.from_variance(n=[50.0, 20.0], mean=[0.0, 1.0], variance=[1.0, 1.0])
    treatment = Moments.from_variance(n=[50.0, 0.0], mean=[0.0, 0.0], variance=[1.0, 1.0])
    assert post_stratified(control, treatment).because == "a stratum has units in one variant only"
    assert bool(post_stratified(control, treatment, shares=[1.0, 0.0]).estimable)


@given(TABLES)
def test_the_common_odds_ratio_is_that_of_statsmodels(cells: list[tuple[int, int, int, int]]) -> None:
    tables = [np.asarray([[a, b], [c, d]], dtype=float) for a, b, c, d in cells]
    expected = StratifiedTable(tables)
    counts = np.asarray(cells, dtype=float)
    treatment = Moments.from_proportion(n=counts[:, 0] + counts[:, 1], successes=counts[:, 0])
    control = Moments.from_proportion(n=counts[:, 2] + counts[:, 3], successes=counts[:, 2])
    got = mantel_haenszel(control, treatment, level=0.95)
    same(got.odds_ratio, expected.oddsratio_pooled)
    same([got.interval.lower, got.interval.upper], expected.oddsratio_pooled_confint())
    same(got.p_value, expected.test_null_odds().pvalue)


def test_strata_that_tell_nothing_are_marked() -> None:
    never = Moments.from_proportion(n=[10.0, 5.0], successes=[0.0, 0.0])
    found = mantel_haenszel(never, never, level=0.95)
    assert str(found.because) == Gap.NO_VARIATION.reason
    assert np.isnan([found.odds_ratio, found.p_value, found.statistic]).all()
    nobody = Moments.from_proportion(n=[0.0, 0.0], successes=[0.0, 0.0])
    assert str(mantel_haenszel(nobody, never, level=0.95).because) == Gap.TOO_FEW_UNITS.reason
    missing = Moments(n=never.n, mean=np.asarray([np.nan, 0.5]), m2=never.m2)
    assert str(mantel_haenszel(missing, never, level=0.95).because) == Gap.NO_VALUE.reason


def test_one_effect_alone_is_not_called_alike_with_itself() -> None:
    control = Moments.from_variance(n=[[50.0, 60.0], [50.0, 0.0], [0.0, 0.0]], mean=0.0, variance=1.0)
    treatment = Moments.from_variance(n=control.n, mean=[[0.0, 1.0]] * 3, variance=1.0)
    found = heterogeneity(difference_in_means(control, treatment))
    assert found.gap.tolist() == [Gap.NONE, Gap.TOO_FEW_EFFECTS, Gap.TOO_FEW_EFFECTS]
    for value in (found.statistic, found.df, found.p_value, found.i_squared):
        assert np.isnan(value).tolist() == [False, True, True]
    assert np.isnan(found.estimate).tolist() == [False, False, True]


def drawn(generator: np.random.Generator, effects: tuple[float, ...]) -> tuple[Moments, Moments]:
    levels = (0.0, 5.0, -3.0)
    control = stacked([normal_moments(generator, runs=8000, n=60, mean=level) for level in levels])
    treatment = stacked(
        [
            normal_moments(generator, runs=8000, n=n, mean=level + effect, std_dev=1.5)
            for n, level, effect in zip((60, 40, 25), levels, effects, strict=True)
        ]
    )
    return control, treatment


def test_levels_hold_and_different_effects_are_found() -> None:
    generator = np.random.default_rng(14)
    alike = drawn(generator, (0.2, 0.2, 0.2))
    effect = fixed_horizon(post_stratified(*alike), level=0.95)
    assert_rate((effect.interval.lower <= 0.2) & (effect.interval.upper >= 0.2), 0.95)
    assert_rate(heterogeneity(difference_in_means(*alike)).p_value < 0.05, 0.05, sds=8.0)
    unlike = heterogeneity(difference_in_means(*drawn(generator, (0.2, 1.5, -1.0))))
    assert np.mean(unlike.p_value < 0.05) > 0.95
    assert unlike.i_squared.mean() > 0.7


def test_the_common_odds_ratio_covers_with_sparse_strata() -> None:
    generator, runs, odds = np.random.default_rng(15), 4000, 1.8
    base = np.asarray([0.05, 0.2, 0.5, 0.7, 0.1])
    lifted = odds * base / (1.0 - base + odds * base)
    sizes = np.asarray([[40.0, 60.0, 25.0, 30.0, 80.0], [60.0, 30.0, 25.0, 50.0, 40.0]])
    control, treatment = (
        Moments.from_proportion(
            n=np.broadcast_to(n, (runs, 5)), successes=generator.binomial(n.astype(int), p, (runs, 5))
        )
        for n, p in zip(sizes, (base, lifted), strict=True)
    )
    found = mantel_haenszel(control, treatment, level=0.95)
    assert_rate((found.interval.lower <= odds) & (found.interval.upper >= odds), 0.95, sds=5.0)
    null = Moments.from_proportion(n=treatment.n, successes=generator.binomial(sizes[1].astype(int), base, (runs, 5)))
    assert_rate(mantel_haenszel(control, null, level=0.95).p_value < 0.05, 0.05, sds=5.0)
