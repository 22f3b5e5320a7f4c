"""Difference of two proportions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from trialflow.stats.contrast import SPREAD_FLOOR, difference, masked
from trialflow.stats.moments import Bools, Floats, Moments
from trialflow.stats.results import Alternative, Estimate, Gap, Marked

METHOD = "two proportions, unpooled"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZTest(Marked):
    """A z-statistic and its p-value, each of shape S; both NaN where `gap` says that there is nothing to test."""

    statistic: Floats
    p_value: Floats


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def difference_in_proportions(control: Moments, treatment: Moments) -> Estimate:
    """Treatment − control share with the unpooled (Wald) standard error √(p_T q_T / n_T + p_C q_C / n_C); df = inf.

    The binomial variance has n in the denominator by definition. It is taken from `m2`, which is n p (1 − p) for zeros
    and ones, so that variance reduction carries over. Not estimable where a variant is empty or nothing varies.
    """
    return difference(
        control=control.mean,
        treatment=treatment.mean,
        control_variance=_variance_of_share(control),
        treatment_variance=_variance_of_share(treatment),
        dust=SPREAD_FLOOR * (_per_unit(control.mean**2, control.n) + _per_unit(treatment.mean**2, treatment.n)),
        df=np.asarray(np.inf),
        known=(control.n > 0.0) & (treatment.n > 0.0),
        method=METHOD,
    )


def pooled_z_test(
    control: Moments, treatment: Moments, *, alternative: Alternative = Alternative.TWO_SIDED, yates: bool = False
) -> ZTest:
    """The textbook z-test with the pooled share: z = (p_T − p_C) / √(p q (1/n_T + 1/n_C)).

    z² is the chi-square of the 2 × 2 table without continuity correction. It tests equality only: its standard error
    makes no interval. `yates` moves the difference (1/n_T + 1/n_C) / 2 towards 0 (Yates, Suppl. JRSS 1, 1934), which
    makes the test as conservative as Fisher's. No number where a variant is empty, a share is none, or all units are
    alike.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        both = control + treatment
        share = both.mean
        variance = share * (1.0 - share) * both.n / (control.n * treatment.n)
        away = treatment.mean - control.mean
        if yates:
            away = np.sign(away) * np.maximum(np.abs(away) - (0.5 / control.n + 0.5 / treatment.n), 0.0)
        statistic = away / np.sqrt(variance)
        flat = ~(variance > 0.0)
    return z_test(statistic, gap=share_gap(control, treatment, flat=np.asarray(flat)), alternative=alternative)


def z_test(statistic: Floats, *, gap: NDArray[np.int8], alternative: Alternative) -> ZTest:
    """A normal statistic with its p-value; NaN where `gap` names a reason."""
    known = np.asarray(gap == Gap.NONE)
    z = np.where(known, statistic, 0.0)
    match alternative:
        case Alternative.TWO_SIDED:
            p_value = 2.0 * ndtr(-np.abs(z))
        case Alternative.GREATER:
            p_value = ndtr(-z)
        case Alternative.LESS:
            p_value = ndtr(z)
    return ZTest(statistic=masked(z, known), p_value=masked(p_value, known), gap=gap)


def share_gap(control: Moments, treatment: Moments, *, flat: Bools) -> NDArray[np.int8]:
    """Why two shares cannot be compared, of shape S; `flat` says where nothing varies."""
    arms = (control, treatment)
    with np.errstate(invalid="ignore"):
        empty = np.any(np.broadcast_arrays(*(one.n <= 0.0 for one in arms)), axis=0)
        broken = np.any(np.broadcast_arrays(*(~np.isfinite(one.n + one.mean) for one in arms)), axis=0)
        none = np.any(np.broadcast_arrays(*((one.mean < 0.0) | (one.mean > 1.0) for one in arms)), axis=0)
    codes = [Gap.TOO_FEW_UNITS, Gap.NO_VALUE, Gap.NOT_A_SHARE, Gap.NO_VARIATION]
    return np.select([empty, broken, none, flat], codes, default=Gap.NONE).astype(np.int8)


def _variance_of_share(moments: Moments) -> Floats:
    return _per_unit(_per_unit(np.maximum(moments.m2, 0.0), moments.n), moments.n)


def _per_unit(square: Floats, n: Floats) -> Floats:
    return square / np.maximum(n, 1.0)
