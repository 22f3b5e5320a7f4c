"""Relative effects (lifts) with Fieller's interval, which knows that the control mean is uncertain too."""

from __future__ import annotations

import numpy as np

from trialflow.stats.contrast import masked
from trialflow.stats.fixed_horizon import fixed_horizon
from trialflow.stats.moments import Bools, Floats
from trialflow.stats.results import Effect, Estimate, Interval, Scale


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
    base, effect = estimate, fixed_horizon(estimate, level=level)
    common = np.asarray(shared_variance, dtype=np.float64)
    v_control, v_treatment = base.control_std_error**2 + common, base.treatment_std_error**2 + common
    c = np.asarray(critical, dtype=np.float64)
    lower, upper = _fieller(base.control, base.treatment, v_control, v_treatment, common, c)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = base.treatment / base.control
        variance = (v_treatment - 2.0 * ratio * common + ratio**2 * v_control) / base.control**2
    estimable: Bools = base.estimable & (base.control != 0.0)
    return Effect(
        estimate=masked(ratio - 1.0, estimable),
        std_error=masked(np.sqrt(np.maximum(variance, 0.0)), estimable),
        df=masked(base.df, estimable),
        p_value=masked(effect.p_value, estimable),
        interval=Interval(lower=masked(lower, estimable), upper=masked(upper, estimable), level=level),
        scale=Scale.RELATIVE,
        method=f"{base.method}, Fieller",
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
