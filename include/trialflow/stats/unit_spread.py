"""The standard deviation of one unit, for every kind of metric: what `power` plans with.

A plan needs one number per variant, the σ for which σ / √n is the standard error of the variant's value with n units.
For shares it is `power.proportion_std_dev`. What a pilot or the pre-period measured is better than any of these formulas:
std_error × √n, whatever the metric (`pilot_std_dev`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import not_negative, positive
from trialflow.stats.moments import Floats, JointMoments


def pilot_std_dev(*, std_error: ArrayLike, units: ArrayLike) -> Floats:
    """σ of a metric whose value had `std_error` among `units` units of one variant, whatever the metric."""
    return positive("std_error", std_error) * np.sqrt(positive("units", units))


def count_std_dev(mean: ArrayLike, *, dispersion: ArrayLike = 0.0) -> Floats:
    """σ of a count: √(μ + φ μ²), Poisson at `dispersion` φ = 0, negative binomial above (Hilbe 2011, ch. 8)."""
    centre = positive("mean", mean)
    return np.sqrt(centre + not_negative("dispersion", dispersion) * centre**2)


def ratio_variance(
    *,
    mean_numerator: ArrayLike,
    mean_denominator: ArrayLike,
    var_numerator: ArrayLike,
    var_denominator: ArrayLike,
    covariance: ArrayLike,
) -> Floats:
    """σ² of a ratio ΣY / ΣN per randomisation unit: [Var Y − 2R Cov + R² Var N] / E[N]².

    Deng, Knoblich & Lu (KDD 2018, arXiv 1803.06336), with R = E[Y] / E[N]. Raises StatisticsError for a mean
    denominator that is not positive and for moments that no data can have.
    """
    denominator = positive("mean_denominator", mean_denominator)
    ratio = np.asarray(mean_numerator, dtype=np.float64) / denominator
    spread = (
        not_negative("var_numerator", var_numerator)
        - 2.0 * ratio * np.asarray(covariance, dtype=np.float64)
        + ratio**2 * not_negative("var_denominator", var_denominator)
    )
    return not_negative("variance of the ratio", spread / denominator**2)


def ratio_std_dev(moments: JointMoments) -> Floats:
    """σ of a ratio from joint moments S + (2,) of numerator and denominator, for example of the pre-period."""
    if moments.mean.shape[-1] != 2:
        raise StatisticsError(f"moments of {moments.mean.shape[-1]} variables: need numerator and denominator")
    covariance = moments.m2 / positive("n - 1", moments.n - 1.0)[..., None, None]
    variance = ratio_variance(
        mean_numerator=moments.mean[..., 0],
        mean_denominator=moments.mean[..., 1],
        var_numerator=covariance[..., 0, 0],
        var_denominator=covariance[..., 1, 1],
        covariance=covariance[..., 0, 1],
    )
    return np.sqrt(variance)


def quantile_std_dev(*, share: ArrayLike, density: ArrayLike, cluster_effect: ArrayLike = 1.0) -> Floats:
    """σ of the quantile at `share`: √(p (1 − p)) / f with the `density` f of the values at the quantile.

    For event-level quantiles units are events and `cluster_effect` is how many times larger the variance is because
    events of one unit resemble each other (Deng, Knoblich & Lu 2018, §4.2). Raises StatisticsError for a share outside
    (0, 1).
    """
    p = np.asarray(share, dtype=np.float64)
    if not np.all((p > 0.0) & (p < 1.0)):
        raise StatisticsError(f"share = {share!r} must lie strictly between 0 and 1")
    effect = positive("cluster_effect", cluster_effect)
    return np.sqrt(p * (1.0 - p) * effect) / positive("density", density)


def relative_std_devs(
    *, std_dev: ArrayLike, mean: ArrayLike, lift: ArrayLike, treatment_std_dev: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """σ of control and treatment for a plan in relative terms, where the minimum effect is `lift` itself.

    By the delta method the control mean counts as the estimate it is: ((1 + lift) σ_C / μ, σ_T / μ). Dividing an
    absolute plan by the control mean forgets the factor and asks for too few units.
    """
    centre = positive("mean", np.abs(np.asarray(mean, dtype=np.float64)))
    control = positive("std_dev", std_dev)
    treated = control if treatment_std_dev is None else positive("treatment_std_dev", treatment_std_dev)
    return np.abs(1.0 + np.asarray(lift, dtype=np.float64)) * control / centre, treated / centre


def cuped_variance_ratio(correlation: ArrayLike, *, covered: ArrayLike = 1.0) -> Floats:
    """What CUPED leaves of the variance, hence of the units: 1 − c ρ² (Deng, Xu, Kohavi & Walker, WSDM 2013).

    `correlation` ρ between pre-period and in-experiment value among units that have a pre-period, c the share of units
    that are `covered` by one; units without it gain nothing. Raises StatisticsError for correlations outside (−1, 1) and
    shares outside [0, 1].
    """
    rho, share = np.asarray(correlation, dtype=np.float64), not_negative("covered", covered)
    if not np.all(np.abs(rho) < 1.0) or np.any(share > 1.0):
        raise StatisticsError(
            f"correlation = {correlation!r} must lie strictly between -1 and 1 and covered = {covered!r} between 0 and 1"
        )
    return np.asarray(1.0 - share * rho**2, dtype=np.float64)


def design_effect(*, mean_cluster_size: ArrayLike, icc: ArrayLike, size_variation: ArrayLike = 0.0) -> Floats:
    """How many times more units randomised clusters need than randomised units: 1 + ((1 + cv²) m − 1) ρ.

    `icc` ρ is the intra-cluster correlation, `size_variation` cv the coefficient of variation of cluster sizes
    (Eldridge, Ashby & Kerry, International Journal of Epidemiology 35, 2006). Raises StatisticsError for an icc outside
    [0, 1].
    """
    correlation = not_negative("icc", icc)
    if np.any(correlation > 1.0):
        raise StatisticsError(f"icc = {icc!r} must lie between 0 and 1")
    size = positive("mean_cluster_size", mean_cluster_size) * (
        1.0 + not_negative("size_variation", size_variation) ** 2
    )
    return np.asarray(1.0 + (size - 1.0) * correlation, dtype=np.float64)
