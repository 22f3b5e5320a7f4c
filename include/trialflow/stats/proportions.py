"""Difference of two proportions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from trialflow.stats.contrast import SPREAD_FLOOR, difference
from trialflow.stats.moments import Bools, Floats, Moments
from trialflow.stats.results import Alternative, Estimate

METHOD = "two proportions, unpooled"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZTest:
    """A z-statistic and its p-value, each of shape S; z = 0 and p = 1 where there is nothing to tell apart."""

    statistic: Floats
    p_value: Floats


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
    makes the test as conservative as Fisher's. Nothing to tell apart (an empty variant, no variation) gives z = 0 and
    p = 1.
    """
    both = control + treatment
    safe = np.where(both.n > 0.0, both.n, 1.0)
    share = both.mean
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = share * (1.0 - share) * safe / (control.n * treatment.n)
        gap = treatment.mean - control.mean
        if yates:
            gap = np.sign(gap) * np.maximum(np.abs(gap) - (0.5 / control.n + 0.5 / treatment.n), 0.0)
        statistic = gap / np.sqrt(variance)
    return z_test(statistic, known=np.isfinite(variance) & (variance > 0.0), alternative=alternative)


def z_test(statistic: Floats, *, known: Bools, alternative: Alternative) -> ZTest:
    """A normal statistic with its p-value; 0 and 1 where not `known`."""
    z = np.where(known, statistic, 0.0)
    match alternative:
        case Alternative.TWO_SIDED:
            p_value = 2.0 * ndtr(-np.abs(z))
        case Alternative.GREATER:
            p_value = ndtr(-z)
        case Alternative.LESS:
            p_value = ndtr(z)
    return ZTest(statistic=z, p_value=np.where(known, p_value, 1.0))


def _variance_of_share(moments: Moments) -> Floats:
    return _per_unit(_per_unit(np.maximum(moments.m2, 0.0), moments.n), moments.n)


def _per_unit(square: Floats, n: Floats) -> Floats:
    return square / np.maximum(n, 1.0)
