"""Bayesian comparisons of one look."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln

from tests.stats.calibration import assert_rate, normal_moments
from tests.strategies import estimates, same
from trialflow.errors import StatisticsError
from trialflow.stats import Estimate, Gap, Moments, difference_in_means, fixed_horizon
from trialflow.stats.bayes import (
    BetaPosterior,
    best_of_normal,
    beta_posterior,
    compare_normal,
    compare_shares,
    probability_best,
)
from trialflow.stats.results import Believed

WHOLE = st.integers(min_value=1, max_value=60)
SIZES = st.sampled_from([1.0, 40.0, 2000.0])


def beta(alpha: float, other: float) -> BetaPosterior:
    return BetaPosterior(alpha=np.asarray(float(alpha)), beta=np.asarray(float(other)))


@given(WHOLE, WHOLE, WHOLE, WHOLE, SIZES)
def test_the_chance_to_be_better_is_the_closed_sum(a: int, b: int, c: int, d: int, size: float) -> None:
    # Miller 2015: Σ_i B(α_A + i, β_A + β_B) / ((β_B + i) B(1 + i, β_B) B(α_A, β_A)) over i < α_B.
    low, high = beta(a * size, b * size), beta(c, d)
    i = np.arange(c)
    terms = betaln(low.alpha + i, low.beta + d) - np.log(d + i) - betaln(1.0 + i, d) - betaln(low.alpha, low.beta)
    same(compare_shares(low, high).probability_better, np.exp(terms).sum(), atol=1e-8)


@given(WHOLE, WHOLE, WHOLE, WHOLE)
def test_swapping_the_variants_mirrors_everything(a: int, b: int, c: int, d: int) -> None:
    one, other = compare_shares(beta(a, b), beta(c, d)), compare_shares(beta(c, d), beta(a, b))
    same(one.probability_better, 1.0 - other.probability_better, atol=1e-9)
    same(one.loss_of_treatment, other.loss_of_control, rtol=1e-7, atol=1e-12)
    same([one.interval.lower, one.interval.upper], [-other.interval.upper, -other.interval.lower], atol=1e-6)
    # What one gains over the other is the expected difference.
    same(one.loss_of_control - one.loss_of_treatment, one.difference, atol=1e-9)
    assert one.interval.lower < one.difference < one.interval.upper


def test_cells_of_any_shape_are_compared_at_once() -> None:
    alpha = np.asarray([[3.0, 30.0], [300.0, 3.0]])
    all_at_once = compare_shares(BetaPosterior(alpha=alpha, beta=alpha + 5.0), beta(10, 12))
    alone = compare_shares(beta(300.0, 305.0), beta(10, 12))
    same(all_at_once.probability_better[1, 0], alone.probability_better)
    same(all_at_once.interval.upper[1, 0], alone.interval.upper, atol=1e-8)


def test_very_unequal_sizes_keep_their_digits() -> None:
    # Against a share known to be one half the answer is a tail of Beta(6, 5): 638 / 1024.
    same(compare_shares(beta(1e10, 1e10), beta(6, 5)).probability_better, 638 / 1024, atol=1e-8)


@given(st.lists(st.tuples(WHOLE, WHOLE), min_size=2, max_size=5))
def test_somebody_is_best(pairs: list[tuple[int, int]]) -> None:
    alpha, other = np.asarray(pairs, dtype=float).T
    best = probability_best(BetaPosterior(alpha=alpha, beta=other)).probability
    same(best.sum(), 1.0)
    if len(pairs) == 2:
        same(best[1], compare_shares(beta(*pairs[0]), beta(*pairs[1])).probability_better, atol=1e-8)


def test_the_best_of_normal_means() -> None:
    same(best_of_normal([0.0, 0.0, 0.0], 1.0).probability, np.full(3, 1 / 3))
    drawn = np.random.default_rng(1).normal([0.0, 0.3, -1.0], [1.0, 0.2, 3.0], size=(400_000, 3)).argmax(axis=1)
    found = best_of_normal([0.0, 0.3, -1.0], [1.0, 0.2, 3.0]).probability
    same(found, np.bincount(drawn) / 400_000, atol=0.004)


@given(estimates())
def test_a_flat_prior_gives_the_confidence_interval(estimate: Estimate) -> None:
    posterior = compare_normal(estimate)
    frequent = fixed_horizon(Estimate(**{**_fields(estimate), "df": np.asarray(np.inf)}), level=0.95)
    same([posterior.interval.lower, posterior.interval.upper], [frequent.interval.lower, frequent.interval.upper])
    shrunk = compare_normal(estimate, prior_std_dev=float(estimate.std_error))
    same(shrunk.difference, estimate.estimate / 2.0)


def _fields(estimate: Estimate) -> dict[str, object]:
    return {name: getattr(estimate, name) for name in estimate.__dataclass_fields__}


def test_nothing_may_stop_on_it() -> None:
    family = BetaPosterior(alpha=np.array([2.0, 3.0]), beta=np.array([3.0, 3.0]))
    shares = compare_shares(beta(2, 3), beta(3, 3))
    normal = compare_normal(difference_in_means(*[normal_moments(np.random.default_rng(1), runs=1, n=9)] * 2))
    believed = (
        family,
        family.interval(0.9),
        shares,
        shares.interval,
        normal,
        normal.interval,
        probability_best(family),
        best_of_normal([0.0, 1.0], 1.0),
    )
    for one in believed:
        assert isinstance(one, Believed)
        assert one.stop_safe is False
        assert one.label == "not stop-safe"
        with pytest.raises((AttributeError, TypeError)):
            one.stop_safe = True  # type: ignore[misc]
        with pytest.raises(TypeError):
            type(one)(stop_safe=True)  # type: ignore[call-arg]


def test_the_best_of_several_is_not_known_while_one_has_no_number() -> None:
    shares = BetaPosterior(alpha=np.array([[2.0, 3.0], [2.0, np.nan]]), beta=np.full((2, 2), 4.0))
    for found in (probability_best(shares), best_of_normal([[0.0, 1.0], [0.0, np.inf]], 1.0)):
        assert found.because.tolist() == ["", Gap.NO_VALUE.reason]
        assert np.isnan(found.probability).tolist() == [[False, False], [True, True]]
    assert best_of_normal([0.0, 1.0], [1.0, 0.0]).gap == Gap.NO_VALUE
    with pytest.raises(StatisticsError, match="negative"):
        best_of_normal([0.0, 1.0], [1.0, -1.0])


def test_a_posterior_of_nothing_is_marked_and_its_interval_blank() -> None:
    missing = Moments(n=np.asarray([10.0, np.inf, 10.0]), mean=np.asarray([0.3, 0.5, np.nan]), m2=np.zeros(3))
    posterior = beta_posterior(missing)
    assert posterior.gap.tolist() == [Gap.NONE, Gap.NO_VALUE, Gap.NO_VALUE]
    assert np.isnan(posterior.interval(0.9).lower).tolist() == [False, True, True]


def test_an_empty_variant_keeps_its_prior_and_a_missing_effect_its_mark() -> None:
    empty = beta_posterior(Moments.from_proportion(n=0.0, successes=0.0), prior_alpha=2.0, prior_beta=7.0)
    assert (empty.alpha, empty.beta) == (2.0, 7.0)
    nothing = Moments.from_variance(n=[0.0, 9.0], mean=[0.0, 1.0], variance=[0.0, 1.0])
    found = compare_normal(difference_in_means(nothing, nothing))
    assert found.estimable.tolist() == [False, True]
    for value in (found.difference, found.probability_better, found.loss_of_control, found.interval.lower):
        assert np.isnan(value).tolist() == [True, False]


def test_missing_shares_are_marked() -> None:
    missing = Moments(n=np.asarray([10.0, 10.0]), mean=np.asarray([0.3, np.nan]), m2=np.asarray([2.1, np.nan]))
    found = compare_shares(beta(3, 7), beta_posterior(missing))
    assert found.estimable.tolist() == [True, False]
    for value in (found.difference, found.probability_better, found.loss_of_treatment, found.interval.upper):
        assert np.isnan(value).tolist() == [False, True]


@pytest.mark.parametrize("prior", [0.0, -1.0, np.nan])
def test_a_prior_that_is_none_is_refused(prior: float) -> None:
    with pytest.raises(StatisticsError):
        beta_posterior(Moments.from_proportion(n=4.0, successes=1.0), prior_alpha=prior)
    with pytest.raises(StatisticsError):
        compare_normal(
            difference_in_means(*[normal_moments(np.random.default_rng(1), runs=1, n=9)] * 2), prior_std_dev=prior
        )


def test_when_the_prior_is_true_the_interval_covers_and_looking_daily_breaks_it() -> None:
    generator, runs = np.random.default_rng(2), 600
    truth = generator.beta(20.0, 80.0, size=(runs, 2))
    hits = generator.binomial(300, truth).astype(float)
    arms = [Moments.from_proportion(n=np.full(runs, 300.0), successes=hits[:, arm]) for arm in (0, 1)]
    found = compare_shares(*(beta_posterior(one, prior_alpha=20.0, prior_beta=80.0) for one in arms))
    gap = truth[:, 1] - truth[:, 0]
    assert_rate((found.interval.lower <= gap) & (found.interval.upper >= gap), 0.95)
    # 28 daily looks at no effect (methods, §3: .278 with a flat prior; a normal one is the same to a point).
    path = np.cumsum(generator.normal(size=(4000, 28)), axis=1) / np.sqrt(np.arange(1.0, 29.0))
    assert 0.25 < (np.abs(path) > 1.959964).any(axis=1).mean() < 0.31
