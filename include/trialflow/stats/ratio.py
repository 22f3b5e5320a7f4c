"""Difference of two ratios of sums over the randomised units, by the delta method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trialflow.stats.contrast import SPREAD_FLOOR, difference, welch_df
from trialflow.stats.moments import Floats, JointMoments
from trialflow.stats.results import Estimate

METHOD = "ratio, delta method"


def difference_in_ratios(control: JointMoments, treatment: JointMoments) -> Estimate:
    """Treatment − control of R = S̄ / N̄, the variables being (numerator S, denominator N) of each randomised unit.

    Var(R) ≈ [Var(S) − 2 R Cov(S, N) + R² Var(N)] / (n N̄²) (Deng, Knoblich & Lu, KDD 2018, eq. 3), with n − 1 in all
    three sample moments; degrees of freedom are Welch–Satterthwaite's, which matter only where the units are few
    clusters. Not estimable where a variant has fewer than two units or a denominator that sums to 0.
    """
    low, high = ratio_of_sums(control), ratio_of_sums(treatment)
    return difference(
        control=low.value,
        treatment=high.value,
        control_variance=low.variance,
        treatment_variance=high.variance,
        dust=low.dust + high.dust,
        df=welch_df(low.variance, high.variance, control.n, treatment.n),
        known=(control.n >= 2.0) & (treatment.n >= 2.0),
        method=METHOD,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ratio:
    """One ratio of sums, its variance and how much of that may be rounding, S; NaN where the denominator sums to 0."""

    value: Floats
    variance: Floats
    dust: Floats


def ratio_of_sums(moments: JointMoments) -> Ratio:
    """S̄ / N̄ of the variables (numerator, denominator) with its delta-method variance."""
    numerator, denominator = moments.mean[..., 0], moments.mean[..., 1]
    safe = np.where(denominator != 0.0, denominator, np.nan)
    ratio = numerator / safe
    covariance = moments.covariance
    from_numerator = covariance[..., 0, 0]
    from_denominator = ratio**2 * covariance[..., 1, 1]
    linearised = from_numerator - 2.0 * ratio * covariance[..., 0, 1] + from_denominator
    # The three terms cancel where the numerator is a multiple of the denominator: what is left is rounding.
    size = from_numerator + from_denominator + numerator**2
    scale = np.maximum(moments.n, 1.0) * safe**2
    return Ratio(value=ratio, variance=np.maximum(linearised, 0.0) / scale, dust=SPREAD_FLOOR * size / scale)
