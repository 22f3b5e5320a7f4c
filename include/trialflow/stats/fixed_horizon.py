"""The test and interval of one planned look: valid once, not on every day someone looks."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from trialflow.stats.arguments import open_share
from trialflow.stats.moments import Floats
from trialflow.stats.results import Alternative, Effect, Estimate, Interval

SMALLEST_TAIL = 1e-290


def fixed_horizon(
    estimate: Estimate, *, level: float, alternative: Alternative = Alternative.TWO_SIDED, null: float | Floats = 0.0
) -> Effect:
    """t-test of `estimate` against `null` and the two-sided interval of `level`, one and the same standard error.

    The two-sided p-value is below 1 − level exactly where the interval excludes `null`. One-sided alternatives give the
    one-sided p-value beside the same two-sided interval, so a one-sided alpha of .05 belongs to a level of .9.
    Where the estimate is not estimable every number is NaN and `gap` keeps its reason. Raises StatisticsError for a level
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
        gap=estimate.gap,
    )


def critical_value(df: Floats, level: float) -> Floats:
    """Two-sided critical value of Student's t at confidence `level`, normal where `df` is infinite, NaN where NaN."""
    upper = 0.5 + open_share("level", level) / 2.0
    finite = np.isfinite(df)
    student = stdtrit(np.where(finite, df, 1.0), upper)
    critical = np.where(np.isnan(df), np.nan, np.where(finite, student, ndtri(upper)))
    return np.asarray(critical, dtype=np.float64)


def normal_score(estimate: Estimate, *, null: float | Floats = 0.0) -> Floats:
    """The standard normal value with the tail of the t statistic, Φ⁻¹(T_df((estimate − null) / std_error)).

    Boundaries of sequential designs are made for a normal statistic; with this one a single look at Φ⁻¹(1 − α/2) rejects
    exactly where the fixed-horizon p-value is at most α, however few units there are. Equal to the plain ratio where
    `df` is infinite; NaN where not estimable. Beyond the smallest tail that numbers can hold, Wallace's approximation
    (Ann. Math. Stat. 30, 1959) stands in.
    """
    t = (estimate.estimate - null) / estimate.std_error
    df = np.where(np.isfinite(estimate.df), estimate.df, 1.0)
    tail = _lower_tail(-np.abs(t), estimate.df)
    held = tail > SMALLEST_TAIL
    far = np.sqrt(df * np.log1p(t**2 / df)) * (8.0 * df + 1.0) / (8.0 * df + 3.0)
    size = np.where(held, -ndtri(np.where(held, tail, 0.5)), far)
    size = np.where(np.isinf(estimate.df), np.abs(t), size)
    return np.asarray(np.where(np.isnan(t), np.nan, np.sign(t) * size), dtype=np.float64)


def student_quantile(score: float | Floats, df: Floats) -> Floats:
    """The inverse of `normal_score` for positive scores: half-width in standard errors that belongs to a boundary.

    inf where the score lies beyond every tail that numbers can hold.
    """
    tail = ndtr(-np.asarray(score, dtype=np.float64))
    finite, held = np.isfinite(df), tail > SMALLEST_TAIL
    student = np.where(held, -stdtrit(np.where(finite, df, 1.0), np.where(held, tail, 0.5)), np.inf)
    return np.asarray(np.where(np.isnan(df), np.nan, np.where(finite, student, score)), dtype=np.float64)


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
