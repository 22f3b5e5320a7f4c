"""CUPED: variance reduction with a value from before the experiment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trialflow.stats.contrast import SPREAD_FLOOR
from trialflow.stats.moments import Floats, JointMoments, Moments


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CupedAdjustment:
    """Adjusted moments of all variants, S + (variants,), with the one `theta` behind them, S.

    `variance_reduction` (S, in [0, 1]) is the share of the within-variant variance removed; 0 where nothing was
    adjusted. `shared_variance` (S) is the variance of the part that all adjusted means have in common, θ² Var(X̄): it
    cancels from differences, and relative effects need it.
    """

    moments: Moments
    theta: Floats
    variance_reduction: Floats
    shared_variance: Floats


def adjust(moments: JointMoments) -> CupedAdjustment:
    """Ȳ_j − θ (X̄_j − X̄) for every variant j, from moments of shape S + (variants,) with variables (value, pre).

    θ = Σ_j S_xy,j / Σ_j S_xx,j is one for all variants and estimated within them, so that neither the effect nor a
    chance imbalance of X leaks into it and rankings stay transitive (Deng, Xu, Kohavi & Walker, WSDM 2013, eq. 4;
    this is the ANCOVA slope). X̄ is the mean over all units of all variants. θ is treated as fixed, right for many
    more units than covariates. Where the pre-period does not vary θ is 0 and the moments come back unadjusted.
    """
    n, mean = moments.n, moments.mean
    s_yy, s_xy, s_xx = moments.m2[..., 0, 0], moments.m2[..., 0, 1], moments.m2[..., 1, 1]
    total = n.sum(axis=-1)
    pooled_xx = _without_dust(s_xx.sum(axis=-1), (n * mean[..., 1] ** 2).sum(axis=-1))
    theta = _quotient(s_xy.sum(axis=-1), pooled_xx)
    pre_mean = _quotient((n * mean[..., 1]).sum(axis=-1), total)
    slope = theta[..., None]
    residual = _without_dust(s_yy - 2.0 * slope * s_xy + slope**2 * s_xx, s_yy + slope**2 * s_xx)
    shift = np.where(n > 0.0, slope * (mean[..., 1] - pre_mean[..., None]), 0.0)
    freedom = np.maximum(n - 1.0, 0.0).sum(axis=-1)
    return CupedAdjustment(
        moments=Moments(n=n, mean=mean[..., 0] - shift, m2=residual),
        theta=theta,
        variance_reduction=_reduction(residual.sum(axis=-1), s_yy.sum(axis=-1)),
        shared_variance=theta**2 * _quotient(_quotient(pooled_xx, freedom), total),
    )


def _without_dust(square: Floats, scale: Floats) -> Floats:
    """`square`, 0 where it does not rise above the rounding error of squares of size `scale`."""
    return np.where(square > SPREAD_FLOOR * scale, square, 0.0)


def _quotient(numerator: Floats, denominator: Floats) -> Floats:
    """The quotient, 0 where the denominator is 0."""
    positive = denominator > 0.0
    return np.where(positive, numerator / np.where(positive, denominator, 1.0), 0.0)


def _reduction(after: Floats, before: Floats) -> Floats:
    positive = before > 0.0
    return np.where(positive, np.clip(1.0 - after / np.where(positive, before, 1.0), 0.0, 1.0), 0.0)
