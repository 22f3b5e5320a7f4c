"""Asymptotic confidence sequences: intervals that may be looked at on every day."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trialflow.stats.arguments import open_share, positive
from trialflow.stats.contrast import masked
from trialflow.stats.moments import Floats
from trialflow.stats.results import Estimate, Interval, SequentialEffect

METHOD = "asymptotic confidence sequence"

# The guarantee is asymptotic: below this many units (both variants together) nothing is claimed.
MINIMUM_N = 200.0


def boundary(n: ArrayLike, tuning_n: float, alpha: float) -> Floats:
    """Critical value in standard errors after `n` units (both variants together), two-sided, for every n at once.

    √( 2 (nρ² + 1) / (nρ²) · log(√(nρ² + 1) / α) ) with ρ² = (−2 log α + log(1 − 2 log α)) / tuning_n, which is
    tightest near n = tuning_n (Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas, arXiv 2103.06476 v7, eq. 9 and 161).
    `tuning_n` is fixed before data. A one-sided question may use the same boundary, conservatively. Infinite at n =
    0.
    """
    log_alpha = np.log(open_share("alpha", alpha))
    rho2 = (-2.0 * log_alpha + np.log1p(-2.0 * log_alpha)) / positive("tuning_n", tuning_n)
    scaled = np.asarray(n, dtype=np.float64) * rho2
    with np.errstate(divide="ignore", invalid="ignore"):
        square = 2.0 * (scaled + 1.0) / scaled * (0.5 * np.log1p(scaled) - log_alpha)
    return np.asarray(np.where(scaled > 0.0, np.sqrt(square), np.inf), dtype=np.float64)


def asymptotic(
    estimate: Estimate,
    *,
    n: ArrayLike,
    tuning_n: float,
    alpha: float,
    minimum_n: float = MINIMUM_N,
    null: float | Floats = 0.0,
) -> SequentialEffect:
    """Confidence sequence of level 1 − alpha for the path of estimates, `n` units (both variants) behind each.

    Before `minimum_n` units the interval is the whole line and nothing is crossed. `alpha_spent` is NaN: a confidence
    sequence does not spend. The running intersection of the intervals is also valid; it is left to the caller because
    it can become empty.
    """
    units = np.broadcast_to(np.asarray(n, dtype=np.float64), estimate.estimate.shape)
    critical = np.where(units >= minimum_n, boundary(units, tuning_n, alpha), np.inf)
    half_width = critical * estimate.std_error
    interval = Interval(lower=estimate.estimate - half_width, upper=estimate.estimate + half_width, level=1.0 - alpha)
    return SequentialEffect(
        estimate=estimate.estimate,
        std_error=estimate.std_error,
        interval=interval,
        boundary_z=masked(critical, estimate.estimable),
        information=estimate.information,
        alpha_spent=np.full(estimate.estimate.shape, np.nan),
        crossed=np.abs(estimate.estimate - null) > half_width,
        scale=estimate.scale,
        method=f"{estimate.method}, {METHOD}",
    )
