"""Whether the mean of some later days lies off the days before, judged by the days themselves.

A comparison of before with after, and no experiment: whatever else changed in between is in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from trialflow.errors import StatisticsError

FEWEST_DAYS = 5
"""Days before, from which their spread may be judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelShift:
    """The later days' mean against the earlier ones'.

    `statistic` is Student's t with `df` degrees of freedom, `p_value` one-sided: the chance of a mean at least this far
    above (in the direction asked for). Not `estimable` with too few days before, none after, or days that do not vary.
    """

    before: float
    after: float
    std_dev: float
    days_before: int
    days_after: int
    statistic: float
    df: int
    p_value: float

    @property
    def estimable(self) -> bool:
        """Whether there is a number to judge."""
        return math.isfinite(self.p_value)


def level_shift(before: ArrayLike, after: ArrayLike, *, sign: int) -> LevelShift:
    """Prediction of the mean of k later days from m earlier ones: t = ±(ȳ − x̄) / (s √(1/m + 1/k)), df = m − 1.

    Days are taken as independent and alike (Hahn & Meeker, Statistical Intervals, 1991, §4.7); only the days before tell
    how much they vary. `sign` +1 looks for a rise, −1 for a fall. Days without a number (NaN) are left out. Raises
    StatisticsError for another sign.
    """
    if sign not in (1, -1):
        raise StatisticsError(f"sign = {sign!r} must be 1 (a rise) or -1 (a fall)")
    x, y = (np.asarray(days, dtype=np.float64) for days in (before, after))
    x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    m, k = len(x), len(y)
    mean_x, mean_y = (float(days.mean()) if len(days) else math.nan for days in (x, y))
    spread = float(x.std(ddof=1)) if m > 1 else math.nan
    statistic, p_value = math.nan, math.nan
    if m >= FEWEST_DAYS and k > 0 and spread > 0.0:
        statistic = sign * (mean_y - mean_x) / (spread * math.sqrt(1.0 / m + 1.0 / k))
        p_value = float(stdtr(m - 1, -statistic))
    return LevelShift(
        before=mean_x,
        after=mean_y,
        std_dev=spread,
        days_before=m,
        days_after=k,
        statistic=statistic,
        df=max(m - 1, 0),
        p_value=p_value,
    )
