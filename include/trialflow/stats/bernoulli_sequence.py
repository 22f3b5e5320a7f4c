"""A confidence sequence for one share that is exact at every n: no normal approximation and no burn-in."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, xlog1py, xlogy

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import not_negative, open_share, positive
from trialflow.stats.moments import Bools, Floats
from trialflow.stats.results import Interval

_HALVINGS = 60


def bernoulli_sequence(
    successes: ArrayLike, trials: ArrayLike, *, alpha: float, tuning_n: float, tuning_alpha: float | None = None
) -> Interval:
    """Interval of a share, any shape, that holds after every trial together with level 1 − alpha.

    All p whose beta-binomial mixture ratio B(kp + s, k(1 − p) + n − s) / (B(kp, k(1 − p)) p^s (1 − p)^(n−s)) stays below
    1 / alpha: the mixture has mean p, and its weight k makes the sequence tightest near `tuning_n` trials at level
    `tuning_alpha` (alpha unless given). Robbins 1970; Howard, Ramdas, McAuliffe & Sekhon (Ann. Statist. 49, 2021,
    arXiv 1810.08240, prop. 7); confseq's bernoulli_confidence_interval is the same. [0, 1] without trials. Raises
    StatisticsError for more successes than trials.
    """
    hits, n = np.broadcast_arrays(not_negative("successes", successes), not_negative("trials", trials))
    if np.any(hits > n):
        raise StatisticsError(f"successes = {successes!r} must not exceed trials = {trials!r}")
    threshold = -float(np.log(open_share("alpha", alpha)))
    weight = _weight(float(positive("tuning_n", tuning_n)), alpha if tuning_alpha is None else tuning_alpha)
    share = hits / np.where(n > 0.0, n, 1.0)

    def outside(p: Floats) -> Bools:
        return _log_ratio(hits, n, p, weight) > threshold

    def edge(out: Floats) -> Floats:
        inside = share
        for _ in range(_HALVINGS):
            middle = 0.5 * (inside + out)
            far = outside(middle)
            inside, out = np.where(far, inside, middle), np.where(far, middle, out)
        return inside

    empty = n <= 0.0
    lower = np.where(empty | (hits <= 0.0), 0.0, edge(np.zeros_like(share)))
    upper = np.where(empty | (hits >= n), 1.0, edge(np.ones_like(share)))
    return Interval(lower=lower, upper=upper, level=1.0 - alpha)


def _weight(tuning_n: float, alpha: float) -> float:
    log_alpha = float(np.log(open_share("tuning_alpha", alpha)))
    return max(tuning_n / (-2.0 * log_alpha + float(np.log1p(-2.0 * log_alpha))) - 1.0, 1e-3)


def _log_ratio(hits: Floats, n: Floats, p: Floats, weight: float) -> Floats:
    # The ends of [0, 1] are never asked for; keep the beta function away from them all the same.
    share = np.clip(p, 1e-300, 1.0 - 1e-16)
    a, b = weight * share, weight * (1.0 - share)
    mixed = betaln(a + hits, b + n - hits) - betaln(a, b)
    return np.asarray(mixed - xlogy(hits, share) - xlog1py(n - hits, -share), dtype=np.float64)
