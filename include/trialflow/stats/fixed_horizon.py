"""The test and interval of one planned look: valid once, not on every day someone looks."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from trialflow.stats.arguments import open_share
from trialflow.stats.moments import Floats
from trialflow.stats.results import Alternative, Effect, Estimate, Interval


def fixed_horizon(
    estimate: Estimate, *, level: float, alternative: Alternative = Alternative.TWO_SIDED, null: float | Floats = 0.0
) -> Effect:
    """t-test of `estimate` against `null` and the two-sided interval of `level`, one and the same standard error.

    The two-sided p-value is below 1 − level exactly where the interval excludes `null`. One-sided alternatives give the
    one-sided p-value beside the same two-sided interval, so a one-sided alpha of .05 belongs to a level of .9.
    Where the estimate is not estimable every number is NaN and `estimable` False. Raises StatisticsError for a level
    outside (0, 1).
    """
    open_share("level", level)
    z = (estimate.estimate - null) / estimate.std_error
    half_width = critical_value(estimate.df, level) * estimate.std_error
    interval = Interval(lower=estimate.estimate - half_width, upper=estimate.estimate + half_width, level=level)
    return Effect(
        estimate=estimate.estimate,
        std_error=estimate.std_error,
        df=estimate.df,
        p_value=_p_value(z, estimate.df, alternative),
        interval=interval,
        scale=estimate.scale,
        method=estimate.method,
    )


def critical_value(df: Floats, level: float) -> Floats:
    """Two-sided critical value of Student's t at confidence `level`, normal where `df` is infinite, NaN where NaN."""
    upper = 0.5 + open_share("level", level) / 2.0
    finite = np.isfinite(df)
    student = stdtrit(np.where(finite, df, 1.0), upper)
    critical = np.where(np.isnan(df), np.nan, np.where(finite, student, ndtri(upper)))
    return np.asarray(critical, dtype=np.float64)


def _p_value(z: Floats, df: Floats, alternative: Alternative) -> Floats:
    match alternative:
        case Alternative.TWO_SIDED:
            return 2.0 * _lower_tail(-np.abs(z), df)
        case Alternative.GREATER:
            return _lower_tail(-z, df)
        case Alternative.LESS:
            return _lower_tail(z, df)


def _lower_tail(z: Floats, df: Floats) -> Floats:
    finite = np.isfinite(df)
    return np.asarray(np.where(finite, stdtr(np.where(finite, df, 1.0), z), ndtr(z)), dtype=np.float64)
