"""Equivalence: showing that an effect is small, which a test that fails to reject cannot show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import open_share
from trialflow.stats.fixed_horizon import fixed_horizon
from trialflow.stats.moments import Floats
from trialflow.stats.results import Alternative, Estimate, Interval


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Equivalence:
    """Two one-sided tests, each array of shape S; NaN where not estimable.

    `p_value` is the larger of the two and at most α exactly where the `interval` of level 1 − 2α lies inside (low, high).
    """

    t_lower: Floats
    p_lower: Floats
    t_upper: Floats
    p_upper: Floats
    p_value: Floats
    interval: Interval


def equivalence(estimate: Estimate, *, low: float | Floats, high: float | Floats, alpha: float) -> Equivalence:
    """Test that the effect lies strictly between `low` and `high` (Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987).

    Raises StatisticsError unless low < high.
    """
    if not np.all(np.asarray(low) < np.asarray(high)):
        raise StatisticsError(f"low = {low!r} must lie below high = {high!r}")
    level = 1.0 - 2.0 * open_share("alpha", alpha)
    below = fixed_horizon(estimate, level=level, alternative=Alternative.GREATER, null=low)
    above = fixed_horizon(estimate, level=level, alternative=Alternative.LESS, null=high)
    return Equivalence(
        t_lower=(estimate.estimate - low) / estimate.std_error,
        p_lower=below.p_value,
        t_upper=(estimate.estimate - high) / estimate.std_error,
        p_upper=above.p_value,
        p_value=np.maximum(below.p_value, above.p_value),
        interval=below.interval,
    )
