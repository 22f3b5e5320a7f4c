"""CUPED: variance reduction with values from before the experiment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trialflow.errors import StatisticsError
from trialflow.stats.contrast import SPREAD_FLOOR
from trialflow.stats.means import difference_in_means
from trialflow.stats.moments import Floats, JointMoments, Moments
from trialflow.stats.results import Estimate

PULL = "pull of the pre-period"
# Covariates whose correlation matrix has an eigenvalue below this say the same thing twice.
_COLLINEAR = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CupedAdjustment:
    """Adjusted moments of all variants, S + (variants,), with the one `theta` behind them, S + (p,) for p covariates.

    `variance_reduction` (S, in [0, 1]) is the share of the within-variant variance removed; 0 where nothing was
    adjusted. `shared_variance` (S) is the variance of the part that all adjusted means have in common, θ′ Var(X̄) θ: it
    cancels from differences, and relative effects need it.
    """

    moments: Moments
    theta: Floats
    variance_reduction: Floats
    shared_variance: Floats


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def adjust(moments: JointMoments, *, theta: Floats | None = None, centre: Floats | None = None) -> CupedAdjustment:
    """Ȳ_j − θ′ (X̄_j − X̄) for every variant j, from moments S + (variants,) with variables (value, pre_1, …, pre_p).

    θ is `within_slope` unless given: one for all variants, so that rankings stay transitive (Deng, Xu, Kohavi & Walker,
    WSDM 2013, eq. 4). X̄ is the mean over all units of all variants unless given as `centre` (S + (p,)). θ is treated
    as fixed, right for many more units than covariates. Where no covariate varies θ is 0 and the moments come back
    unadjusted. Units without a pre-period belong in as `with_missing_indicator` says, never left out.
    """
    n, mean = moments.n, moments.mean
    s_yy, s_xy, s_xx = moments.m2[..., 0, 0], moments.m2[..., 0, 1:], moments.m2[..., 1:, 1:]
    total = n.sum(axis=-1)
    slope = within_slope(moments) if theta is None else np.asarray(theta, dtype=np.float64)
    middle = _quotient((n[..., None] * mean[..., 1:]).sum(axis=-2), total[..., None]) if centre is None else centre
    per_variant = slope[..., None, :]
    shift = np.where(n > 0.0, ((mean[..., 1:] - middle[..., None, :]) * per_variant).sum(axis=-1), 0.0)
    explained = _form(per_variant, s_xx)
    residual = _without_dust(s_yy - 2.0 * (per_variant * s_xy).sum(axis=-1) + explained, s_yy + explained)
    freedom = np.maximum(n - 1.0, 0.0).sum(axis=-1)
    return CupedAdjustment(
        moments=Moments(n=n, mean=mean[..., 0] - shift, m2=residual),
        theta=slope,
        variance_reduction=_reduction(residual.sum(axis=-1), s_yy.sum(axis=-1)),
        shared_variance=_quotient(_quotient(_form(slope, s_xx.sum(axis=-3)), freedom), total),
    )


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def within_slope(moments: JointMoments) -> Floats:
    """θ = (Σ_j S_xx,j)⁻¹ Σ_j S_xy,j, S + (p,), from moments as for `adjust`: the slope of ANCOVA.

    Estimated within variants, so that neither the effect nor a chance imbalance of X leaks into it. 0 for a covariate
    that does not vary; covariates that say the same thing twice share the slope (least squares of smallest norm).
    """
    xx, xy = moments.m2[..., 1:, 1:].sum(axis=-3), moments.m2[..., 0, 1:].sum(axis=-2)
    return _solve(xx, xy, (moments.n[..., None] * moments.mean[..., 1:] ** 2).sum(axis=-2))


def total_slope(moments: JointMoments) -> Floats:
    """θ over all units regardless of variant, S + (p,): what gbstats and tea-tasting compute, for comparison only.

    It takes the effect for a part of the correlation when X happens to be unbalanced; `within_slope` does not.
    """
    return within_slope(_pooled(moments))


def linearised(moments: JointMoments) -> JointMoments:
    """Ratios as means: variables (Y, N, X, M, …) of S become (Y/N, X/M, …), each variant around its own ratios.

    Per unit (Y − R N) / N̄ + R with R = Ȳ / N̄, whose mean is R and whose variance is the delta method's (Deng et al.
    2013, appendix B); a covariate that is a mean has M = 1. Where N sums to 0 the variant has n = 0, for there is no
    ratio; where M does the covariate is constant. Raises StatisticsError for an odd number of variables.
    """
    variables = moments.mean.shape[-1]
    if variables % 2:
        raise StatisticsError(f"{variables} variables must come in pairs of numerator and denominator")
    above, below = moments.mean[..., 0::2], moments.mean[..., 1::2]
    safe = np.where(below != 0.0, below, 1.0)
    ratio = np.where(below != 0.0, above / safe, 0.0)
    rows = np.zeros((*moments.n.shape, variables // 2, variables))
    pairs = np.arange(variables // 2)
    rows[..., pairs, 2 * pairs] = np.where(below != 0.0, 1.0 / safe, 0.0)
    rows[..., pairs, 2 * pairs + 1] = -ratio * rows[..., pairs, 2 * pairs]
    m2 = rows @ moments.m2 @ np.swapaxes(rows, -1, -2)
    size = (np.abs(rows) @ np.abs(moments.m2) @ np.swapaxes(np.abs(rows), -1, -2)).diagonal(axis1=-2, axis2=-1)
    # Where Y is a multiple of N the terms cancel: what is left is rounding, and a slope made of it would be noise.
    kept = m2.diagonal(axis1=-2, axis2=-1) > SPREAD_FLOOR * size
    m2 = np.where(kept[..., :, None] & kept[..., None, :], m2, 0.0)
    return JointMoments(n=np.where(below[..., 0] != 0.0, moments.n, 0.0), mean=ratio, m2=m2)


def adjust_ratios(moments: JointMoments, *, theta: Floats | None = None) -> CupedAdjustment:
    """CUPED for ratio metrics: R_j − θ (R_x,j − R_x), from moments S + (variants,) with variables (Y, N, X, M, …).

    θ = Cov(Ỹ, X̃) / Var(X̃) of the linearised ratios within variants, R_x the ratio over all units (Deng et al. 2013,
    appendix B). Adjusting numerator and denominator one by one would be wrong. The result's `moments` are those of the
    linearised units: `difference_in_means` compares them.
    """
    straight = linearised(moments)
    sums = (moments.n[..., None] * moments.mean).sum(axis=-2)
    below = sums[..., 3::2]
    centre = np.where(below != 0.0, sums[..., 2::2] / np.where(below != 0.0, below, 1.0), 0.0)
    return adjust(straight, theta=theta, centre=centre)


def with_missing_indicator(observed: JointMoments, missing: Moments) -> JointMoments:
    """Moments (value, pre × known, …, known) of all units, from those with a pre-period and those without.

    `observed` (S) has the variables (value, pre_1, …, pre_p), `missing` (S) the value of units that had no pre-period.
    With the indicator as one more covariate new users stay in, and neither group's difference is taken for the other's
    (methods: dropping them biases the effect, for they differ from the rest).
    """
    covariates = observed.mean.shape[-1] - 1
    known = _with_constants(observed, np.ones(1))
    empty = JointMoments(n=missing.n, mean=missing.mean[..., None], m2=missing.m2[..., None, None])
    return known + _with_constants(empty, np.zeros(covariates + 1))


def pull(control: JointMoments, treatment: JointMoments, theta: Floats) -> Estimate:
    """By how much the adjustment moved the difference: Δ_unadjusted − Δ_adjusted = θ′ (X̄_T − X̄_C), with its own error.

    Zero on average in a sound experiment, since X is from before it. Far from 0 (`fixed_horizon` tests it) the two
    differences disagree by more than chance: the variants differed before they began. Variables as for `adjust`.
    """
    one, other = (
        Moments(n=arm.n, mean=(theta * arm.mean[..., 1:]).sum(axis=-1), m2=_form(theta, arm.m2[..., 1:, 1:]))
        for arm in (control, treatment)
    )
    return difference_in_means(one, other, method=PULL)


def _with_constants(moments: JointMoments, constants: Floats) -> JointMoments:
    """The same units with further variables that have one value for all of them."""
    old, new = moments.mean.shape[-1], len(constants)
    mean = np.concatenate([moments.mean, np.broadcast_to(constants, (*moments.n.shape, new))], axis=-1)
    m2 = np.zeros((*moments.n.shape, old + new, old + new))
    m2[..., :old, :old] = moments.m2
    return JointMoments(n=moments.n, mean=np.where(moments.n[..., None] > 0.0, mean, 0.0), m2=m2)


def _pooled(moments: JointMoments) -> JointMoments:
    """All variants as one, S + (1,)."""
    n = moments.n.sum(axis=-1)
    mean = _quotient((moments.n[..., None] * moments.mean).sum(axis=-2), n[..., None])
    away = moments.mean - mean[..., None, :]
    between = np.einsum("...v,...vi,...vj->...ij", moments.n, away, away)
    return JointMoments(
        n=n[..., None], mean=mean[..., None, :], m2=(moments.m2.sum(axis=-3) + between)[..., None, :, :]
    )


def _solve(xx: Floats, xy: Floats, scale: Floats) -> Floats:
    """Least squares slopes from sums of products; 0 for a covariate that only varies by rounding."""
    spread = xx.diagonal(axis1=-2, axis2=-1)
    varies = spread > SPREAD_FLOOR * scale
    unit = np.where(varies, 1.0 / np.sqrt(np.where(varies, spread, 1.0)), 0.0)
    xy = np.where(varies, xy, 0.0)
    if xx.shape[-1] == 1:
        return np.asarray(unit * unit * xy, dtype=np.float64)
    both = varies[..., :, None] & varies[..., None, :]
    correlation = np.where(both, xx, 0.0) * unit[..., :, None] * unit[..., None, :]
    inverse = np.linalg.pinv(correlation, rcond=_COLLINEAR, hermitian=True)
    return np.asarray(unit * (inverse @ (unit * xy)[..., None])[..., 0], dtype=np.float64)


def _form(slope: Floats, square: Floats) -> Floats:
    """θ′ S θ over the last axes."""
    return np.asarray(np.einsum("...i,...ij,...j->...", slope, square, slope), dtype=np.float64)


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
