"""Relative effects (lifts): Fieller's, the delta method's and the log ratio's interval.

All three know that the control mean is uncertain too; an absolute interval divided by the control mean does not.
"""

from __future__ import annotations

import numpy as np

from trialflow.stats.contrast import masked, welch_df
from trialflow.stats.fixed_horizon import fixed_horizon
from trialflow.stats.moments import Bools, Floats, Moments
from trialflow.stats.results import Effect, Estimate, Gap, Interval, Scale, gap_codes


def relative_effect(
    estimate: Estimate, *, critical: float | Floats, level: float, shared_variance: float | Floats = 0.0
) -> Effect:
    """μ_T / μ_C − 1 with Fieller's confidence set at `critical` standard errors, whose coverage is `level`.

    The set is {ρ: (μ_T − ρ μ_C)² ≤ c² (V_T − 2 ρ V_TC + ρ² V_C)} − 1 (Fieller, JRSS B 16, 1954). Where the control
    mean is within `critical` standard errors of 0 the set is unbounded and its hull (−inf, inf) is returned.
    `shared_variance` is the variance of what both means have in common (CUPED's overall pre-period mean). `std_error`
    is the delta method's; `p_value` is the fixed-horizon one of "no difference", which does not belong beside a
    sequential `critical`.
    """
    v_control, v_treatment, common = _variances(estimate, shared_variance)
    c = np.asarray(critical, dtype=np.float64)
    lower, upper = _fieller(estimate.control, estimate.treatment, v_control, v_treatment, common, c)
    known: Bools = estimate.estimable & (estimate.control != 0.0)
    return _lift(estimate, known, (lower, upper), level, shared_variance, "Fieller")


def delta_lift(
    estimate: Estimate, *, critical: float | Floats, level: float, shared_variance: float | Floats = 0.0
) -> Effect:
    """μ_T / μ_C − 1 ± c √(V_T / μ_C² + μ_T² V_C / μ_C⁴), the delta method; arguments as for `relative_effect`.

    Too narrow on one side and too wide on the other where the control mean is within some five standard errors of 0;
    (−inf, inf) where `critical` is infinite.
    """
    known: Bools = estimate.estimable & (estimate.control != 0.0)
    v_control, v_treatment, common = _variances(estimate, shared_variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, variance = _delta(estimate, v_control, v_treatment, common)
        half = np.where(np.isfinite(critical), critical * np.sqrt(np.maximum(variance, 0.0)), np.inf)
    return _lift(estimate, known, (ratio - 1.0 - half, ratio - 1.0 + half), level, shared_variance, "delta method")


def log_lift(
    estimate: Estimate, *, critical: float | Floats, level: float, shared_variance: float | Floats = 0.0
) -> Effect:
    """exp(log(μ_T / μ_C) ± c √(V_T / μ_T² + V_C / μ_C²)) − 1, above −100 %; arguments as for `relative_effect`.

    For proportions this is Katz's interval (Biometrics 34, 1978). Not estimable where the two means do not have the
    same sign. A critical value from t wants the degrees of freedom of `log_ratio_df`.
    """
    known: Bools = estimate.estimable & (estimate.control * estimate.treatment > 0.0)
    v_control, v_treatment, common = _variances(estimate, shared_variance)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio, variance = _delta(estimate, v_control, v_treatment, common)
        half = np.where(np.isfinite(critical), critical * np.sqrt(np.maximum(variance, 0.0)) / np.abs(ratio), np.inf)
        ends = np.expm1(np.log(ratio) - half), np.expm1(np.log(ratio) + half)
    return _lift(estimate, known, ends, level, shared_variance, "log ratio")


def log_ratio_df(control: Moments, treatment: Moments) -> Floats:
    """Welch–Satterthwaite degrees of freedom of the log ratio of two means, S: those of the variances over the means²."""
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [arm.variance / arm.n / arm.mean**2 for arm in (control, treatment)]
    return welch_df(parts[0], parts[1], control.n, treatment.n)


def fieller_g(estimate: Estimate, *, critical: float | Floats) -> Floats:
    """c² V_C / μ_C², S: how uncertain the control mean is. Fieller's set is bounded below 1, delta is fair below .05."""
    with np.errstate(divide="ignore", invalid="ignore"):
        g = np.asarray(critical) ** 2 * estimate.control_std_error**2 / estimate.control**2
    return masked(g, estimate.estimable)


def _variances(estimate: Estimate, shared_variance: float | Floats) -> tuple[Floats, Floats, Floats]:
    """Variances of the two means and their covariance."""
    common = np.asarray(shared_variance, dtype=np.float64)
    return estimate.control_std_error**2 + common, estimate.treatment_std_error**2 + common, common


def _delta(estimate: Estimate, v_control: Floats, v_treatment: Floats, common: Floats) -> tuple[Floats, Floats]:
    ratio = estimate.treatment / estimate.control
    return ratio, (v_treatment - 2.0 * ratio * common + ratio**2 * v_control) / estimate.control**2


def _lift(
    base: Estimate,
    estimable: Bools,
    ends: tuple[Floats, Floats],
    level: float,
    shared_variance: float | Floats,
    method: str,
) -> Effect:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, variance = _delta(base, *_variances(base, shared_variance))
    return Effect(
        estimate=masked(ratio - 1.0, estimable),
        std_error=masked(np.sqrt(np.maximum(variance, 0.0)), estimable),
        df=masked(base.df, estimable),
        p_value=masked(fixed_horizon(base, level=level).p_value, estimable),
        interval=Interval(lower=masked(ends[0], estimable), upper=masked(ends[1], estimable), level=level),
        scale=Scale.RELATIVE,
        method=f"{base.method}, {method}",
        gap=np.where(base.estimable & ~estimable, Gap.NO_VALUE, gap_codes(base.gap, base.estimable)).astype(np.int8),
    )


def _fieller(
    control: Floats, treatment: Floats, v_control: Floats, v_treatment: Floats, covariance: Floats, critical: Floats
) -> tuple[Floats, Floats]:
    """Ends of the set of ratios − 1; ±inf where it is unbounded."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        c2 = critical**2
        a = control**2 - c2 * v_control
        b = treatment * control - c2 * covariance
        # b² − a c written without the cancellation of the large fourth powers.
        spread = control**2 * v_treatment + treatment**2 * v_control - 2.0 * treatment * control * covariance
        discriminant = c2 * (spread - c2 * (v_treatment * v_control - covariance**2))
        root = np.sqrt(np.maximum(discriminant, 0.0))
        bounded = np.isfinite(critical) & (a > 0.0)
        lower = np.where(bounded, (b - root) / a - 1.0, -np.inf)
        upper = np.where(bounded, (b + root) / a - 1.0, np.inf)
    return lower, upper
