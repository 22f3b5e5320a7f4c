"""The standard deviation to plan with, for every kind of metric."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from tests.stats.test_reference import stacked
from tests.strategies import Rows, rows, same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    JointMoments,
    Moments,
    adjust,
    count_std_dev,
    critical_value,
    cuped_variance_ratio,
    design_effect,
    difference_in_means,
    difference_in_ratios,
    pilot_std_dev,
    quantile_std_dev,
    ratio_std_dev,
    ratio_variance,
    relative_effect,
    relative_std_devs,
)


@given(rows(columns=2, smallest=3))
def test_a_ratios_plan_uses_the_standard_error_it_will_have(values: Rows) -> None:
    values = np.abs(values) + np.asarray([0.0, 1.0])
    moments = JointMoments.from_rows(values)
    estimate = difference_in_ratios(moments, moments)
    if bool(estimate.estimable):
        pilot = pilot_std_dev(std_error=estimate.control_std_error, units=moments.n)
        same(ratio_std_dev(moments), pilot, rtol=1e-6)


def test_counts_spread_as_poisson_and_negative_binomial_do() -> None:
    generator = np.random.default_rng(121)
    same(count_std_dev(3.0), generator.poisson(3.0, 400_000).std(), rtol=0.01)
    # numpy's n is 1 / φ, its p is n / (n + μ).
    overdispersed = generator.negative_binomial(2.0, 2.0 / 5.0, 400_000)
    same(count_std_dev(3.0, dispersion=0.5), overdispersed.std(), rtol=0.01)


def test_a_quantile_spreads_as_one_over_the_density() -> None:
    draws = np.quantile(np.random.default_rng(122).exponential(size=(4000, 2001)), 0.9, axis=1)
    same(quantile_std_dev(share=0.9, density=0.1), draws.std() * np.sqrt(2001), rtol=0.05)
    same(quantile_std_dev(share=0.9, density=0.1, cluster_effect=4.0), 2.0 * quantile_std_dev(share=0.9, density=0.1))


def test_a_relative_plan_counts_the_control_mean_as_an_estimate() -> None:
    control = Moments.from_variance(n=1e6, mean=10.0, variance=4.0)
    treatment = Moments.from_variance(n=1e6, mean=11.0, variance=9.0)
    lift = relative_effect(
        difference_in_means(control, treatment), critical=float(critical_value(np.asarray(np.inf), 0.95)), level=0.95
    )
    deviations = relative_std_devs(std_dev=2.0, mean=10.0, lift=0.1, treatment_std_dev=3.0)
    same(np.hypot(*deviations) / 1e3, lift.std_error, rtol=1e-6)


def test_cuped_leaves_the_variance_that_was_planned_with() -> None:
    generator = np.random.default_rng(123)
    pre = generator.normal(size=(2, 100_000))
    post = 0.7 * pre + np.sqrt(1.0 - 0.49) * generator.normal(size=pre.shape)
    arms = [JointMoments.from_rows(np.column_stack([post[arm], pre[arm]])) for arm in (0, 1)]
    same(1.0 - adjust(stacked(*arms)).variance_reduction, cuped_variance_ratio(0.7), rtol=0.02)


def test_units_without_a_pre_period_keep_their_variance() -> None:
    same(cuped_variance_ratio(0.7, covered=0.6), 0.6 * cuped_variance_ratio(0.7) + 0.4)


def test_clusters_of_one_cost_nothing_and_alike_units_cost_all() -> None:
    assert design_effect(mean_cluster_size=1.0, icc=0.3) == 1.0
    same(design_effect(mean_cluster_size=40.0, icc=1.0), 40.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: count_std_dev(-1.0),
        lambda: quantile_std_dev(share=1.0, density=1.0),
        lambda: cuped_variance_ratio(1.0),
        lambda: cuped_variance_ratio(0.5, covered=1.5),
        lambda: design_effect(mean_cluster_size=5.0, icc=1.5),
        lambda: ratio_variance(
            mean_numerator=1.0, mean_denominator=0.0, var_numerator=1.0, var_denominator=1.0, covariance=0.0
        ),
        lambda: ratio_std_dev(JointMoments.from_rows(np.ones((4, 3)))),
        lambda: relative_std_devs(std_dev=1.0, mean=0.0, lift=0.1),
    ],
)
def test_what_no_data_can_have_is_refused(call) -> None:
    with pytest.raises(StatisticsError):
        call()
