"""Capping (winsorising): a few extreme units must not decide a mean, and the cap must not know the variants."""

from __future__ import annotations

import numpy as np

from trialflow.errors import StatisticsError
from trialflow.stats.moments import Floats, Moments
from trialflow.stats.values import Interpolation, ValueCounts


def pooled_threshold(values: ValueCounts, probability: float) -> Floats:
    """The cap, S: a sample quantile of all variants together, from counts of shape S + (variants, v).

    One threshold for all variants: a cap per variant would cut the effect itself. It is a value that occurs (type 1),
    so that no unit below it moves. NaN where there is no unit.
    """
    if values.counts.ndim < 2:
        raise StatisticsError(f"counts of shape {values.counts.shape} must end in (variants, values)")
    return values.pooled().quantile(probability, Interpolation.INVERTED)


def winsorised(values: ValueCounts, *, upper: Floats | float, lower: Floats | float = -np.inf) -> Moments:
    """Moments of the values moved to [lower, upper], S; the bounds broadcast against S. NaN bounds do not cap.

    Give the pooled threshold of shape S' as `upper[..., None]` to counts of shape S' + (variants, v).
    """
    low = np.where(np.isnan(lower), -np.inf, lower)[..., None]
    high = np.where(np.isnan(upper), np.inf, upper)[..., None]
    if not (low <= high).all():
        raise StatisticsError(f"lower = {lower!r} must not lie above upper = {upper!r}")
    moved = np.clip(values.values, low, high)
    n = values.n
    mean = (values.counts * moved).sum(axis=-1) / np.where(n > 0.0, n, 1.0)
    m2 = (values.counts * (moved - mean[..., None]) ** 2).sum(axis=-1)
    return Moments(n=n, mean=mean, m2=m2)
