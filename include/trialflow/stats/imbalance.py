"""Pre-period imbalance: whether the variants differed before the experiment could have changed them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from trialflow.stats.contrast import SPREAD_FLOOR, masked
from trialflow.stats.moments import Bools, Floats, JointMoments
from trialflow.stats.results import Gap, Marked

_COLLINEAR = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImbalanceTest(Marked):
    """A chi-square over all covariates and variants at once, each array of shape S; NaN where `gap` names a reason.

    `left_out` (S + (p,)) says which covariates the test says nothing about: those that are not finite, and those that are
    `separated` (S + (p,)), constant within the variants and yet not the same in all of them. A small imbalance of the others
    is no news of these; a separated one has no p-value, and with more than a handful of units needs none.
    """

    statistic: Floats
    df: Floats
    p_value: Floats
    left_out: Bools
    separated: Bools


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def pre_period_imbalance(moments: JointMoments) -> ImbalanceTest:
    """Whether p pre-period covariates have the same means in all k variants, from moments S + (variants,).

    T = Σ_j n_j (x̄_j − x̄)′ S_w⁻¹ (x̄_j − x̄) with the covariance S_w within variants, χ² with p (k − 1) degrees of
    freedom (Lawley–Hotelling trace, Hotelling 1951; exact for many units). Randomisation makes it true, so a small
    p-value is an alarm: a carry-over of an earlier experiment, an exposure that depends on the variant, a broken split.
    Covariates that do not vary, and empty variants, do not count; nor do covariates that are not finite, which `left_out`
    names. No number where nothing is left to compare.
    """
    n = moments.n
    total = n.sum(axis=-1)
    mean = (n[..., None] * moments.mean).sum(axis=-2) / np.maximum(total, 1.0)[..., None]
    away = np.where(n[..., None] != 0.0, moments.mean - mean[..., None, :], 0.0)
    finite = _finite(moments)
    variants = (n != 0.0).sum(axis=-1)  # a number of units that is not finite is not "none"
    within = moments.m2.sum(axis=-3)
    spread = within.diagonal(axis1=-2, axis2=-1)
    dust = SPREAD_FLOOR * (n[..., None] * moments.mean**2).sum(axis=-2)
    varies = finite & (spread > dust)
    separated = finite & ~varies & ((n[..., None] * away**2).sum(axis=-2) > dust)
    unit = np.where(varies, 1.0 / np.sqrt(np.where(varies, spread, 1.0)), 0.0)
    both = varies[..., :, None] & varies[..., None, :]
    correlation = np.where(both, within, 0.0) * unit[..., :, None] * unit[..., None, :]
    whole = np.isfinite(total) & np.isfinite(correlation).all(axis=(-2, -1))
    correlation = np.where(whole[..., None, None], correlation, 0.0)
    inverse = np.linalg.pinv(correlation, rcond=_COLLINEAR, hermitian=True)
    rank = np.linalg.matrix_rank(correlation, tol=_COLLINEAR, hermitian=True)
    scaled = np.where(varies[..., None, :], away, 0.0) * unit[..., None, :]
    freedom = np.maximum(total - variants, 0.0)
    statistic = freedom * np.einsum("...v,...vi,...ij,...vj->...", n, scaled, inverse, scaled)
    df = np.asarray(rank * np.maximum(variants - 1, 0), dtype=np.float64)
    alone, few = variants < 2, freedom <= 0.0
    reasons = [alone, few, ~whole | ~finite.any(axis=-1), df <= 0.0]
    codes = [Gap.NOTHING_TO_COMPARE, Gap.TOO_FEW_UNITS, Gap.NO_VALUE, Gap.NO_VARIATION]
    gap = np.select(reasons, codes, default=Gap.NONE).astype(np.int8)
    some = gap == Gap.NONE
    return ImbalanceTest(
        statistic=masked(statistic, some),
        df=masked(df, some),
        p_value=masked(chdtrc(np.where(some, df, 1.0), np.where(some, statistic, 0.0)), some),
        gap=gap,
        left_out=np.asarray(~finite | separated),
        separated=np.asarray(separated),
    )


def _finite(moments: JointMoments) -> Bools:
    """The covariates whose own moments are finite in every variant with units, S + (p,)."""
    own = np.isfinite(moments.mean) & np.isfinite(moments.m2.diagonal(axis1=-2, axis2=-1))
    return np.asarray((own | (moments.n[..., None] == 0.0)).all(axis=-2))
