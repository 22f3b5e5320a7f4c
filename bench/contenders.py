"""Who computes what: each function returns a call without arguments that gives the p-values of all comparisons.

Everything that turns the inputs into the form a library wants is done before the clock starts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gbstats.frequentist.tests as gb
import gbstats.models.statistics as gs
import numpy as np
import pandas as pd
import spotify_confidence as sc
import tea_tasting as tt
from inputs import COMPARISONS, Array, Side
from scipy.special import stdtr, stdtrit
from spotify_confidence.analysis.frequentist.sequential_bound_solver import bounds as spotify_bounds
from tea_tasting.aggr import Aggregates

from trialflow.stats import (
    JointMoments,
    adjust,
    boundaries,
    difference_in_means,
    difference_in_ratios,
    fixed_horizon,
)

Call = Callable[[], Array]
VALUE, DENOMINATOR, BEFORE = 0, 1, 2
LOOKS = np.arange(1, 29) / 28.0


def _joint(side: Side, *variables: int) -> JointMoments:
    index = np.array(variables)
    m2 = side.covariance[:, index[:, None], index] * (side.n - 1.0)[:, None, None]
    return JointMoments(n=side.n, mean=side.mean[:, index], m2=m2)


# --- Trialflow ----------------------------------------------------------------------------------------------------


def trialflow_welch(control: Side, treatment: Side) -> Call:
    """Welch."""
    low, high = _joint(control, VALUE).variable(0), _joint(treatment, VALUE).variable(0)
    return lambda: fixed_horizon(difference_in_means(low, high), level=0.95).p_value


def trialflow_ratio(control: Side, treatment: Side) -> Call:
    """Delta method."""
    low, high = (_joint(side, VALUE, DENOMINATOR) for side in (control, treatment))
    return lambda: fixed_horizon(difference_in_ratios(low, high), level=0.95).p_value


def trialflow_cuped(control: Side, treatment: Side) -> Call:
    """One slope within variants, then Welch."""
    low, high = (_joint(side, VALUE, BEFORE) for side in (control, treatment))
    both = JointMoments(
        n=np.stack([low.n, high.n], axis=-1),
        mean=np.stack([low.mean, high.mean], axis=-2),
        m2=np.stack([low.m2, high.m2], axis=-3),
    )

    def call() -> Array:
        adjusted = adjust(both).moments
        return fixed_horizon(difference_in_means(adjusted.take(..., 0), adjusted.take(..., 1)), level=0.95).p_value

    return call


def trialflow_boundaries() -> Call:
    """O'Brien–Fleming type, 28 looks; nothing is kept between calls."""
    return lambda: boundaries(LOOKS, alpha=0.05).z


# --- Bare numpy ---------------------------------------------------------------------------------------------------


def _t_test(difference: Array, a: Array, b: Array, n_a: Array, n_b: Array) -> Array:
    error = np.sqrt(a + b)
    df = (a + b) ** 2 / (a**2 / (n_a - 1.0) + b**2 / (n_b - 1.0))
    half = stdtrit(df, 0.975) * error
    lower, upper = difference - half, difference + half
    del lower, upper
    return 2.0 * stdtr(df, -np.abs(difference / error))


def numpy_welch(control: Side, treatment: Side) -> Call:
    """The textbook formula on arrays."""

    def call() -> Array:
        a, b = (side.covariance[:, VALUE, VALUE] / side.n for side in (control, treatment))
        return _t_test(treatment.mean[:, VALUE] - control.mean[:, VALUE], a, b, control.n, treatment.n)

    return call


def numpy_ratio(control: Side, treatment: Side) -> Call:
    """The delta method on arrays."""

    def call() -> Array:
        ratios, variances = [], []
        for side in (control, treatment):
            ratio = side.mean[:, VALUE] / side.mean[:, DENOMINATOR]
            spread = (
                side.covariance[:, VALUE, VALUE]
                - 2.0 * ratio * side.covariance[:, VALUE, DENOMINATOR]
                + ratio**2 * side.covariance[:, DENOMINATOR, DENOMINATOR]
            )
            ratios.append(ratio)
            variances.append(spread / (side.n * side.mean[:, DENOMINATOR] ** 2))
        return _t_test(ratios[1] - ratios[0], variances[0], variances[1], control.n, treatment.n)

    return call


def numpy_cuped(control: Side, treatment: Side) -> Call:
    """CUPED with one slope within variants on arrays."""

    def call() -> Array:
        freedom = control.n - 1.0, treatment.n - 1.0
        xy = freedom[0] * control.covariance[:, VALUE, BEFORE] + freedom[1] * treatment.covariance[:, VALUE, BEFORE]
        xx = freedom[0] * control.covariance[:, BEFORE, BEFORE] + freedom[1] * treatment.covariance[:, BEFORE, BEFORE]
        theta = xy / xx
        variances = [
            (
                side.covariance[:, VALUE, VALUE]
                - 2.0 * theta * side.covariance[:, VALUE, BEFORE]
                + theta**2 * side.covariance[:, BEFORE, BEFORE]
            )
            / side.n
            for side in (control, treatment)
        ]
        shift = theta * (treatment.mean[:, BEFORE] - control.mean[:, BEFORE])
        difference = treatment.mean[:, VALUE] - control.mean[:, VALUE] - shift
        return _t_test(difference, variances[0], variances[1], control.n, treatment.n)

    return call


# --- gbstats ------------------------------------------------------------------------------------------------------

ABSOLUTE = gb.FrequentistConfig(difference_type="absolute")


def _sample(side: Side, place: int, variable: int) -> gs.SampleMeanStatistic:
    return gs.SampleMeanStatistic(
        n=int(side.n[place]),
        sum=float(side.sums[place, variable]),
        sum_squares=float(side.products[place, variable, variable]),
    )


def _tested(pairs: list[tuple[Any, Any]]) -> Call:
    return lambda: np.array([gb.TwoSidedTTest(a, b, ABSOLUTE).compute_result().p_value for a, b in pairs])


def gbstats_welch(control: Side, treatment: Side) -> Call:
    """TwoSidedTTest."""
    pairs = [(_sample(control, k, VALUE), _sample(treatment, k, VALUE)) for k in range(COMPARISONS)]
    return _tested(pairs)


def gbstats_ratio(control: Side, treatment: Side) -> Call:
    """TwoSidedTTest of RatioStatistic."""

    def one(side: Side, k: int) -> gs.RatioStatistic:
        return gs.RatioStatistic(
            n=int(side.n[k]),
            m_statistic=_sample(side, k, VALUE),
            d_statistic=_sample(side, k, DENOMINATOR),
            m_d_sum_of_products=float(side.products[k, VALUE, DENOMINATOR]),
        )

    return _tested([(one(control, k), one(treatment, k)) for k in range(COMPARISONS)])


def gbstats_cuped(control: Side, treatment: Side) -> Call:
    """Theta of the pair, then TwoSidedTTest."""

    def one(side: Side, k: int) -> gs.RegressionAdjustedStatistic:
        return gs.RegressionAdjustedStatistic(
            n=int(side.n[k]),
            post_statistic=_sample(side, k, VALUE),
            pre_statistic=_sample(side, k, BEFORE),
            post_pre_sum_of_products=float(side.products[k, VALUE, BEFORE]),
            theta=0.0,
        )

    pairs = [(one(control, k), one(treatment, k)) for k in range(COMPARISONS)]
    tested = _tested(pairs)

    def call() -> Array:
        for a, b in pairs:
            a.theta = b.theta = gs.compute_theta(a, b)
        return tested()

    return call


# --- tea-tasting --------------------------------------------------------------------------------------------------


def _aggregates(side: Side, k: int) -> Aggregates:
    names = ("value", "denominator", "before")
    return Aggregates(
        count_=int(side.n[k]),
        mean_={name: float(side.mean[k, i]) for i, name in enumerate(names)},
        var_={name: float(side.covariance[k, i, i]) for i, name in enumerate(names)},
        cov_={
            (one, other): float(side.covariance[k, i, j])
            for i, one in enumerate(names)
            for j, other in enumerate(names)
            if i != j
        },
    )


def _analysed(metric: Any, control: Side, treatment: Side) -> Call:
    pairs = [(_aggregates(control, k), _aggregates(treatment, k)) for k in range(COMPARISONS)]
    return lambda: np.array([metric.analyze_aggregates(a, b).pvalue for a, b in pairs])


def tea_welch(control: Side, treatment: Side) -> Call:
    """Mean.analyze_aggregates: its quickest way, an Experiment being quadratic in metrics."""
    return _analysed(tt.Mean("value", use_t=True, equal_var=False), control, treatment)


def tea_ratio(control: Side, treatment: Side) -> Call:
    """RatioOfMeans."""
    return _analysed(tt.RatioOfMeans("value", "denominator", use_t=True, equal_var=False), control, treatment)


def tea_cuped(control: Side, treatment: Side) -> Call:
    """Mean with a covariate."""
    return _analysed(tt.Mean("value", "before", use_t=True, equal_var=False), control, treatment)


# --- spotify-confidence -------------------------------------------------------------------------------------------


# Without them its regression takes one slope over all metrics.
PER_METRIC = {"metric_column": "metric", "treatment_column": "variant"}


def _frame(control: Side, treatment: Side) -> pd.DataFrame:
    parts = []
    for name, side in (("control", control), ("treatment", treatment)):
        sums, products = side.sums, side.products
        parts.append(
            pd.DataFrame(
                {
                    "variant": name,
                    "metric": [f"m{k:04d}" for k in range(COMPARISONS)],
                    "n": side.n.astype(int),
                    "value": sums[:, VALUE],
                    "value_squares": products[:, VALUE, VALUE],
                    "before": sums[:, BEFORE],
                    "before_squares": products[:, BEFORE, BEFORE],
                    "cross": products[:, VALUE, BEFORE],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _compared(test: Any) -> Call:
    def call() -> Array:
        found = test.difference(level_1="control", level_2="treatment", groupby="metric")
        return found.sort_values("metric")["p-value"].to_numpy()

    return call


def spotify_welch(control: Side, treatment: Side) -> Call:
    """StudentsTTest, which is Welch's."""
    frame = _frame(control, treatment)
    return _compared(sc.StudentsTTest(frame, "value", "value_squares", "n", ["variant", "metric"], **PER_METRIC))


def spotify_cuped(control: Side, treatment: Side) -> Call:
    """ZTestLinreg."""
    frame = _frame(control, treatment)
    columns = ("value", "value_squares", "n", "before", "before_squares", "cross")
    return _compared(sc.ZTestLinreg(frame, *columns, ["variant", "metric"], **PER_METRIC))


def spotify_boundaries() -> Call:
    """Its Lan–DeMets solver, spending α t² on each side."""
    return lambda: spotify_bounds(LOOKS, alpha=0.05, rho=2.0, ztrun=8.0, sides=2).df["zb"].to_numpy()
