"""Asymptotic confidence sequences: intervals that may be looked at on every day."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import not_negative, one_or_two, open_share, positive
from trialflow.stats.mixture import always_valid, mixture_boundary
from trialflow.stats.moments import Floats
from trialflow.stats.results import Alternative, AlwaysValidEffect, Estimate

METHOD = "asymptotic confidence sequence"

# The guarantee is asymptotic: below this many units (both variants together) nothing is claimed.
MINIMUM_N = 200.0


def tuned_rho(tuning_n: float, alpha: float, *, sides: int = 2) -> float:
    """ρ that makes the sequence tightest near n = `tuning_n`: ρ² = (−2 log a + log(1 − 2 log a)) / tuning_n.

    a = alpha two-sided and 2 alpha one-sided (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, arXiv 2103.06476 v7, eq.
    161); a one-sided alpha of .5 or more counts as just below.
    """
    open_share("alpha", alpha)
    log_a = np.log(alpha if one_or_two("sides", sides) == 2 else min(2.0 * alpha, 1.0 - 1e-9))
    return float(np.sqrt((-2.0 * log_a + np.log1p(-2.0 * log_a)) / positive("tuning_n", tuning_n)))


def boundary(n: ArrayLike, tuning_n: float, alpha: float, *, sides: int = 2) -> Floats:
    """Critical value in standard errors after `n` units (both variants together), for every n at once.

    Two-sided √( 2 (nρ² + 1) / (nρ²) · log(√(nρ² + 1) / α) ), one-sided with log(1 + √(nρ² + 1) / (2α)) instead, and ρ
    from `tuned_rho` (arXiv 2103.06476 v7, eq. 9 and its one-sided version). `tuning_n` is fixed before data. A one-sided
    question may use the two-sided boundary, conservatively. Infinite at n = 0. Raises StatisticsError for an `n` that is
    negative or not finite.
    """
    return mixture_boundary(not_negative("n", n) * tuned_rho(tuning_n, alpha, sides=sides) ** 2, alpha, sides=sides)


def asymptotic(
    estimate: Estimate,
    *,
    n: ArrayLike,
    tuning_n: float,
    alpha: float,
    minimum_n: float = MINIMUM_N,
    null: float | Floats = 0.0,
    alternative: Alternative = Alternative.TWO_SIDED,
    axis: int | None = -1,
) -> AlwaysValidEffect:
    """Confidence sequence of level 1 − alpha for the path of estimates, `n` units (both variants) behind each.

    One-sided alternatives give a one-sided interval of the same level, and look at that side only. Before `minimum_n` units
    the interval is the whole line, nothing is crossed and p = 1. The p-value inverts the intervals of all levels with ρ as
    tuned for `alpha`; its minimum runs along `axis` (None: every entry is a test of its own). `alpha_spent` is NaN: a
    confidence sequence does not spend. The running intersection of the intervals is also valid; it is left to the caller
    because it can become empty. Raises StatisticsError for an `n` that is not a whole number of units.
    """
    units = np.broadcast_to(_counted(n), estimate.estimate.shape)
    sides = 2 if alternative is Alternative.TWO_SIDED else 1
    return always_valid(
        estimate,
        units * tuned_rho(tuning_n, alpha, sides=sides) ** 2,
        alpha=alpha,
        null=null,
        alternative=alternative,
        axis=axis,
        ready=units >= minimum_n,
        method=METHOD,
    )


def _counted(n: ArrayLike) -> Floats:
    units = not_negative("n", n)
    if np.any(units != np.round(units)):
        raise StatisticsError(f"n = {n!r} must be whole numbers of units, both variants together")
    return units
