"""Simpson's reversal: when the split differs between segments or days, the crude effect may point the wrong way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from trialflow.stats.contrast import masked
from trialflow.stats.means import difference_in_means
from trialflow.stats.moments import Bools, Floats, Moments
from trialflow.stats.results import Estimate, Gap, Marked
from trialflow.stats.stratified import post_stratified


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimpsonCheck(Marked):
    """Crude against standardised effect, each of shape S.

    `reversed` is True where all segments that can be estimated point one way and the crude effect the other.
    `allocation_p` is the chi-square p-value of "every segment was split alike": only where it is small can the two
    differ by more than chance. With fewer than two segments to compare, or none of one variant, it is NaN and `gap` says
    so. `shift` is crude − standardised effect, NaN where either is missing, as their own reasons say.
    """

    crude: Estimate
    standardised: Estimate
    shift: Floats
    allocation_p: Floats
    reversed: Bools


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def simpson(control: Moments, treatment: Moments) -> SimpsonCheck:
    """Compare the pooled difference with the one weighted by all units, segments on the last axis of S + (segments,).

    The segments may be days: a ramp mixes days with different splits. (Simpson, JRSS B 13, 1951; Charig et al., BMJ
    292, 1986, is the classical example.)
    """
    crude = difference_in_means(pooled(control), pooled(treatment), method="crude difference")
    standardised = post_stratified(control, treatment)
    used = (control.n > 0.0) & (treatment.n > 0.0)
    sign = np.where(used, np.sign(treatment.mean - control.mean), 0.0)
    up = (sign > 0.0).any(axis=-1) & ~(sign < 0.0).any(axis=-1)
    down = (sign < 0.0).any(axis=-1) & ~(sign > 0.0).any(axis=-1)
    whole = pooled(treatment).mean - pooled(control).mean
    p_value, gap = _allocation(control.n, treatment.n)
    return SimpsonCheck(
        crude=crude,
        standardised=standardised,
        shift=np.asarray(crude.estimate - standardised.estimate),
        allocation_p=p_value,
        reversed=np.asarray((up & (whole < 0.0)) | (down & (whole > 0.0))),
        gap=gap,
    )


def pooled(moments: Moments) -> Moments:
    """All segments as one: the moments merged over the last axis."""
    n = moments.n.sum(axis=-1)
    mean = (moments.n * moments.mean).sum(axis=-1) / np.where(n > 0.0, n, 1.0)
    away = np.where(moments.n > 0.0, moments.mean - mean[..., None], 0.0)
    return Moments(n=n, mean=mean, m2=(moments.m2 + moments.n * away**2).sum(axis=-1))


def _allocation(control: Floats, treatment: Floats) -> tuple[Floats, NDArray[np.int8]]:
    """The p-value of equal splits and the code of the reason why there is none."""
    both = control + treatment
    total = both.sum(axis=-1)
    share = treatment.sum(axis=-1) / np.where(total > 0.0, total, 1.0)
    spread = share[..., None] * (1.0 - share[..., None]) * both
    statistic = np.where(
        spread > 0.0, (treatment - share[..., None] * both) ** 2 / np.where(spread > 0.0, spread, 1.0), 0.0
    ).sum(axis=-1)
    df = np.maximum((spread > 0.0).sum(axis=-1) - 1.0, 0.0)
    codes = [Gap.NO_VALUE, Gap.NOTHING_TO_COMPARE, Gap.TOO_FEW_EFFECTS]
    one_sided = (control.sum(axis=-1) == 0.0) | (treatment.sum(axis=-1) == 0.0)
    gap = np.select([~np.isfinite(total), one_sided, df < 1.0], codes, default=Gap.NONE).astype(np.int8)
    known = gap == Gap.NONE
    return masked(chdtrc(np.where(known, df, 1.0), np.where(known, statistic, 0.0)), known), gap
