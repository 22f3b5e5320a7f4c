"""A/A validation by re-randomising buckets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from tests.strategies import SEEDS, same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    Estimate,
    JointMoments,
    difference_in_means,
    difference_in_ratios,
    rerandomise,
)
from trialflow.stats.aa import rate_interval, uniformity


def means(control: JointMoments, treatment: JointMoments) -> Estimate:
    return difference_in_means(control.variable(0), treatment.variable(0))


def overconfident(control: JointMoments, treatment: JointMoments) -> Estimate:
    """A broken estimator: its standard error is a quarter too small."""
    estimate = means(control, treatment)
    return replace(estimate, std_error=0.75 * estimate.std_error)


def buckets(seed: int, *, count: int = 1024, units: int = 40_000, columns: int = 1) -> JointMoments:
    """Units with heavy tails, hashed into buckets."""
    generator = np.random.default_rng(seed)
    values = 5.0 + generator.gamma(0.7, 3.0, size=(units, columns))
    home = generator.integers(0, count, size=units)
    n = np.bincount(home, minlength=count).astype(float)
    sums = np.stack([np.bincount(home, values[:, k], minlength=count) for k in range(columns)], axis=-1)
    products = np.stack(
        [
            np.stack([np.bincount(home, values[:, k] * values[:, j], minlength=count) for j in range(columns)], axis=-1)
            for k in range(columns)
        ],
        axis=-1,
    )
    return JointMoments.from_sums(n, sums, products)


def test_a_sound_metric_is_rejected_as_often_as_promised() -> None:
    result = rerandomise(buckets(61), splits=4000, share=0.5, seed=1, estimator=means, alpha=0.05)
    assert result.splits == 4000
    assert result.interval.lower <= 0.05 <= result.interval.upper
    assert result.uniformity_p > 0.001
    assert abs(result.z_std_dev - 1.0) < 0.06


def test_a_sound_ratio_with_unequal_shares_is_too() -> None:
    made = buckets(62, columns=2)
    result = rerandomise(made, splits=2000, share=0.2, seed=2, estimator=difference_in_ratios, alpha=0.05)
    assert result.interval.lower <= 0.05 <= result.interval.upper


def test_a_standard_error_that_is_too_small_is_found() -> None:
    result = rerandomise(buckets(61), splits=2000, share=0.5, seed=1, estimator=overconfident, alpha=0.05)
    assert result.interval.lower > 1.2 * 0.05
    assert result.uniformity_p < 0.001
    assert result.z_std_dev > 1.2


def test_the_same_seed_gives_the_same_result_and_another_seed_another() -> None:
    made = buckets(63, count=256, units=5000)
    first, again, other = (
        rerandomise(made, splits=300, share=0.5, seed=seed, estimator=means, alpha=0.2) for seed in (5, 5, 6)
    )
    assert (first.rejections, first.z_std_dev, first.uniformity_p) == (
        again.rejections,
        again.z_std_dev,
        again.uniformity_p,
    )
    assert first.z_std_dev != other.z_std_dev


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_every_split_deals_out_all_units(seed: int) -> None:
    made = buckets(seed, count=64, units=500, columns=2)
    whole = JointMoments.from_rows(np.zeros((0, 2)))
    for bucket in range(64):
        whole += made.take(bucket)

    def watched(control: JointMoments, treatment: JointMoments) -> Estimate:
        both = control + treatment
        same(both.n, np.full(20, whole.n))
        same(both.mean, np.tile(whole.mean, (20, 1)))
        same(both.m2, np.tile(whole.m2, (20, 1, 1)), rtol=1e-8)
        return means(control, treatment)

    rerandomise(made, splits=20, share=0.3, seed=seed, estimator=watched, alpha=0.05)


def test_large_values_keep_their_digits() -> None:
    small = buckets(64, count=128, units=3000)
    large = JointMoments(n=small.n, mean=np.where(small.n[:, None] > 0, small.mean + 1e5, 0.0), m2=small.m2)
    one, other = (
        rerandomise(made, splits=200, share=0.5, seed=3, estimator=means, alpha=0.1) for made in (small, large)
    )
    same(one.z_std_dev, other.z_std_dev, rtol=1e-6)


def test_a_metric_that_never_varies_has_no_estimable_split() -> None:
    constant = JointMoments(n=np.full(64, 10.0), mean=np.full((64, 1), 3.0), m2=np.zeros((64, 1, 1)))
    result = rerandomise(constant, splits=50, share=0.5, seed=1, estimator=means, alpha=0.05)
    assert not result.estimable
    same([result.interval.lower, result.interval.upper], [0.0, 1.0])
    assert np.isnan(result.rate)


def test_an_exact_interval_of_nothing_or_everything_reaches_the_end() -> None:
    assert rate_interval(0, 50, 0.95).lower == 0.0
    assert rate_interval(50, 50, 0.95).upper == 1.0


def test_uniformity_of_no_p_values_is_unknown() -> None:
    assert np.isnan(uniformity([])[1])


@pytest.mark.parametrize("arguments", [{"splits": 0}, {"share": 1.0}, {"alpha": 0.0}])
def test_senseless_arguments_are_refused(arguments: dict[str, Any]) -> None:
    sound: dict[str, Any] = {"splits": 10, "share": 0.5, "alpha": 0.05, "seed": 1}
    with pytest.raises(StatisticsError):
        rerandomise(buckets(1, count=8, units=80), estimator=means, **(sound | arguments))
