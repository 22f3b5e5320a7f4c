"""Pre-period imbalance: whether the variants differed before the experiment could have changed them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from trialflow.stats.contrast import SPREAD_FLOOR
from trialflow.stats.moments import Floats, JointMoments

_COLLINEAR = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImbalanceTest:
    """A chi-square over all covariates and variants at once, each array of shape S; p = 1 where nothing can differ."""

    statistic: Floats
    df: Floats
    p_value: Floats


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def pre_period_imbalance(moments: JointMoments) -> ImbalanceTest:
    """Whether p pre-period covariates have the same means in all k variants, from moments S + (variants,).

    T = Σ_j n_j (x̄_j − x̄)′ S_w⁻¹ (x̄_j − x̄) with the covariance S_w within variants, χ² with p (k − 1) degrees of
    freedom (Lawley–Hotelling trace, Hotelling 1951; exact for many units). Randomisation makes it true, so a small
    p-value is an alarm: a carry-over of an earlier experiment, an exposure that depends on the variant, a broken split.
    Covariates that do not vary or are not finite, and empty variants, do not count.
    """
    n = moments.n
    total = n.sum(axis=-1)
    mean = (n[..., None] * moments.mean).sum(axis=-2) / np.maximum(total, 1.0)[..., None]
    away = np.where(n[..., None] > 0.0, moments.mean - mean[..., None, :], 0.0)
    variants = (n > 0.0).sum(axis=-1)
    within = moments.m2.sum(axis=-3)
    spread = within.diagonal(axis1=-2, axis2=-1)
    varies = spread > SPREAD_FLOOR * (n[..., None] * moments.mean**2).sum(axis=-2)
    unit = np.where(varies, 1.0 / np.sqrt(np.where(varies, spread, 1.0)), 0.0)
    both = varies[..., :, None] & varies[..., None, :]
    correlation = np.where(both, within, 0.0) * unit[..., :, None] * unit[..., None, :]
    inverse = np.linalg.pinv(correlation, rcond=_COLLINEAR, hermitian=True)
    rank = np.linalg.matrix_rank(correlation, tol=_COLLINEAR, hermitian=True)
    scaled = np.where(varies[..., None, :], away, 0.0) * unit[..., None, :]
    freedom = np.maximum(total - variants, 0.0)
    statistic = freedom * np.einsum("...v,...vi,...ij,...vj->...", n, scaled, inverse, scaled)
    df = np.asarray(rank * np.maximum(variants - 1, 0), dtype=np.float64)
    some = (df > 0.0) & (freedom > 0.0)
    p_value = np.where(some, chdtrc(np.where(some, df, 1.0), statistic), 1.0)
    return ImbalanceTest(statistic=np.where(some, statistic, 0.0), df=df, p_value=p_value)
