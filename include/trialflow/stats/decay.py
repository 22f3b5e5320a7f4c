"""Novelty and primacy: whether the effect on a unit changes with the days since its first exposure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtri

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import open_share
from trialflow.stats.contrast import SPREAD_FLOOR, masked
from trialflow.stats.means import difference_in_means
from trialflow.stats.moments import Floats, JointMoments, Moments
from trialflow.stats.results import Estimate, Gap, Interval, Marked, Scale

METHOD = "novelty contrast, late minus early"
SLOPE = "slope of the effect per day, generalised least squares"
MEAN = "mean effect over days"
HALVES = "effect of the late days minus that of the early ones"
# Decay times looked at: a tenth of a day to ten times the days seen. Beyond either end no data of these days could tell.
_SHORTEST, _LONGEST, _STEPS = 0.1, 10.0, 400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DailyEffects:
    """Effects on `days` (d,) since first exposure, (d,), and their covariance (d, d).

    Effects and covariance may hold values that are not finite: what is estimated from them then has no number and says why.
    Raises StatisticsError for days that do not ascend or are not finite, and for shapes that do not belong together.
    """

    days: Floats
    effect: Floats
    covariance: Floats

    def __post_init__(self) -> None:
        if not (np.isfinite(self.days).all() and (np.diff(self.days) > 0.0).all()):
            raise StatisticsError(f"days = {self.days.tolist()!r} must be finite and ascend without a repetition")
        d = len(self.days)
        if self.effect.shape != (d,) or self.covariance.shape != (d, d):
            raise StatisticsError(
                f"{d} days need effects of shape ({d},) and a covariance of shape ({d}, {d}), not {self.effect.shape} "
                f"and {self.covariance.shape}"
            )

    @classmethod
    def independent(cls, days: ArrayLike, effect: ArrayLike, std_error: ArrayLike) -> DailyEffects:
        """From effects whose errors are independent, as published daily figures claim."""
        error = np.asarray(std_error, dtype=np.float64)
        values = np.asarray(effect, dtype=np.float64)
        return cls(days=np.asarray(days, dtype=np.float64), effect=values, covariance=np.diag(error**2))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecayFit:
    """δ(d) = asymptote + amplitude · exp(−(d − first day) / decay_days), or the reason why not.

    Intervals are profile-likelihood ones. `amplitude` is the effect that goes away (below 0 for primacy: the effect
    grows). `identified` is False where the data do not tell how fast the effect changes: the interval of `decay_days`
    then reaches an end of what was searched and is reported as 0 or inf there, `gap` is NOT_IDENTIFIED, and asymptote
    and amplitude are not to be relied on. Any other `gap` than that and NONE means that nothing could be fitted, and every
    number is NaN. `evident` says whether the amplitude's interval excludes 0; if not, there is no evidence of a change,
    which is not evidence of none.
    """

    asymptote: float
    asymptote_interval: Interval
    asymptote_std_error: float
    amplitude: float
    amplitude_interval: Interval
    decay_days: float
    decay_interval: Interval
    half_life_days: float
    residual: float
    df: int
    identified: bool
    evident: bool
    gap: Gap

    @property
    def reason(self) -> str:
        """Why there is no number, or none to rely on; empty where there is one."""
        return self.gap.reason


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankCorrelation(Marked):
    """Spearman's coefficient in [−1, 1] of shape S; NaN where `gap` names a reason."""

    coefficient: Floats


def novelty_contrast(control: Moments, treatment: Moments) -> Estimate:
    """mean_T(D) − mean_C(D) where D is a unit's mean over its late days minus its mean over its early days.

    Days count from the unit's first exposure and all units are observed over all of them (a balanced cohort), so this
    is a difference in differences: seasons cancel, and Welch's standard error on D holds the correlation within units
    (Sadeghi et al. 2021, arXiv 2102.12893). Below 0 for a benefit that fades (novelty), above 0 for one that grows.
    """
    return difference_in_means(control, treatment, method=METHOD)


def daily_effects(control: JointMoments, treatment: JointMoments, *, first_day: int = 1) -> DailyEffects:
    """Treatment − control on every day since first exposure, from moments whose p variables are the days in order.

    Both arms are balanced cohorts: units observed on all days. The covariance Cov_T / n_T + Cov_C / n_C holds the
    correlation of a unit's days. Raises StatisticsError below two units in an arm.
    """
    if not (control.n >= 2.0 and treatment.n >= 2.0):
        raise StatisticsError(f"{control.n} and {treatment.n} units: daily effects need two units in each variant")
    effect = treatment.mean - control.mean
    days = first_day + np.arange(len(effect), dtype=np.float64)
    return DailyEffects(
        days=days, effect=effect, covariance=control.covariance / control.n + treatment.covariance / treatment.n
    )


def slope(effects: DailyEffects) -> Estimate:
    """Generalised least squares slope of the effect per day, known covariance (df = inf); 0 without a trend.

    Not estimable below two days, where a value is not finite or where the covariance is singular.
    """
    if gap := _gap(effects, fewest=2):
        return _missing(gap, SLOPE)
    days = effects.days - effects.days.mean()
    design, values = _whiten(effects, np.column_stack([np.ones_like(days), days]))
    fitted = _least_squares(design, values)
    if fitted is None:
        return _missing(Gap.BELOW_PRECISION, SLOPE)
    fit, covariance = fitted
    return _normal(float(fit[1]), float(np.sqrt(covariance[1, 1])), SLOPE)


def late_minus_early(effects: DailyEffects, *, early_days: int | None = None, late_days: int | None = None) -> Estimate:
    """Weighted mean effect of the late days − that of the early ones; `control` is the early mean, `treatment` the late.

    Weights are generalised least squares (inverse variances for independent days). The early days are the first
    `early_days`, the late ones the last `late_days`, half of all (rounded down) unless said: a day in the middle is in
    neither. Not estimable below two days, where a value is not finite or where the covariance is singular. Raises
    StatisticsError where a part that was asked for is empty or the two overlap.
    """
    days = len(effects.days)
    if days < 2 and early_days is None and late_days is None:
        return _missing(Gap.TOO_FEW_DAYS, HALVES)
    early = days // 2 if early_days is None else early_days
    late = days // 2 if late_days is None else late_days
    if early < 1 or late < 1 or early + late > days:
        raise StatisticsError(f"{early} early and {late} late days must be two parts of {days} days")
    used = np.r_[0:early, days - late : days]
    part = DailyEffects(
        days=effects.days[used], effect=effects.effect[used], covariance=effects.covariance[np.ix_(used, used)]
    )
    if gap := _gap(part, fewest=2):
        return _missing(gap, HALVES)
    first = (np.arange(early + late) < early).astype(np.float64)
    fitted = _least_squares(*_whiten(part, np.column_stack([first, 1.0 - first])))
    if fitted is None:
        return _missing(Gap.BELOW_PRECISION, HALVES)
    fit, covariance = fitted
    variance = covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1]
    return _normal(
        float(fit[1] - fit[0]),
        float(np.sqrt(variance)),
        HALVES,
        control=(float(fit[0]), float(np.sqrt(covariance[0, 0]))),
        treatment=(float(fit[1]), float(np.sqrt(covariance[1, 1]))),
    )


def overall_mean(effects: DailyEffects) -> Estimate:
    """Generalised least squares mean of the effect over all days; not estimable as `slope`, but for one day it is."""
    if gap := _gap(effects, fewest=1):
        return _missing(gap, MEAN)
    fitted = _least_squares(*_whiten(effects, np.ones((len(effects.days), 1))))
    if fitted is None:
        return _missing(Gap.BELOW_PRECISION, MEAN)
    fit, covariance = fitted
    return _normal(float(fit[0]), float(np.sqrt(covariance[0, 0])), MEAN)


def fit_decay(effects: DailyEffects, *, level: float = 0.95) -> DecayFit:
    """Fit the exponential decay by generalised least squares with the day × day covariance.

    For every decay time the other two parameters are linear, so the likelihood is profiled over a grid of decay times
    and refined around its best one; each interval holds what lies within χ²_1 of the best fit. A change that is over
    within a day, or that looks like a straight line, has no decay time: the fit says "not identified". Three parameters
    need four days; with fewer, with a value that is not finite or a singular covariance there is no fit.
    """
    days = effects.days
    open_share("level", level)
    if gap := _gap(effects, fewest=4):
        return _no_fit(gap, len(days), level)
    whole = _whiten(effects, np.eye(len(days)))
    grid = np.geomspace(_SHORTEST, _LONGEST * float(days[-1] - days[0]), _STEPS)
    profile = _at_decay(days, grid, whole)
    best = int(np.argmin(profile.loss))
    time = _refine(days, float(grid[max(best - 1, 0)]), float(grid[min(best + 1, _STEPS - 1)]), whole)
    fit = _at_decay(days, np.array([time]), whole)
    loss = float(fit.loss[0])
    allowed = loss + float(chdtri(1, 1.0 - level))
    inside = np.flatnonzero(profile.loss <= allowed)
    low, high = (int(inside[0]), int(inside[-1])) if len(inside) else (best, best)
    lower = 0.0 if low == 0 else _cross(days, float(grid[low - 1]), min(float(grid[low]), time), allowed, whole)
    upper = np.inf
    if high < _STEPS - 1:
        upper = _cross(days, float(grid[high + 1]), max(float(grid[high]), time), allowed, whole)
    identified = bool(lower > 0.0 and np.isfinite(upper))
    ends = [_hull((profile, fit), which, allowed) for which in (0, 1)]
    return DecayFit(
        asymptote=float(fit.values[0, 0]),
        asymptote_interval=_interval(*ends[0], level),
        asymptote_std_error=_asymptote_error(effects, float(fit.values[0, 1]), time),
        amplitude=float(fit.values[0, 1]),
        amplitude_interval=_interval(*ends[1], level),
        decay_days=time if identified else np.nan,
        decay_interval=_interval(lower, upper, level),
        half_life_days=float(np.log(2.0) * time) if identified else np.nan,
        residual=loss,
        df=len(days) - 3,
        identified=identified,
        evident=bool(identified and not ends[1][0] <= 0.0 <= ends[1][1]),
        gap=Gap.NONE if identified else Gap.NOT_IDENTIFIED,
    )


def rank_correlation(one: ArrayLike, other: ArrayLike) -> RankCorrelation:
    """Spearman's rank correlation of series along the last axis, S from S + (d,).

    Descriptive only, since cumulative points depend on each other. No number below two points, where a value is not finite
    or where a series is constant. Raises StatisticsError for series of different lengths.
    """
    series = [np.asarray(values, dtype=np.float64) for values in (one, other)]
    if series[0].shape[-1:] != series[1].shape[-1:] or not series[0].ndim:
        raise StatisticsError(f"series of shape {series[0].shape} and {series[1].shape} must be of one length")
    first, second = np.broadcast_arrays(*series)
    finite = np.isfinite(first + second).all(axis=-1)
    ranks = [_midranks(np.where(finite[..., None], values, 0.0)) for values in (first, second)]
    away = [rank - rank.mean(axis=-1, keepdims=True) for rank in ranks] if first.shape[-1] else ranks
    size = np.asarray(np.sqrt((away[0] ** 2).sum(axis=-1) * (away[1] ** 2).sum(axis=-1)))
    short = np.full(finite.shape, first.shape[-1] < 2)
    codes = [Gap.TOO_FEW_DAYS, Gap.NO_VALUE, Gap.NO_VARIATION]
    gap = np.select([short, ~finite, size <= 0.0], codes, default=Gap.NONE).astype(np.int8)
    known = gap == Gap.NONE
    coefficient = (away[0] * away[1]).sum(axis=-1) / np.where(known, size, 1.0)
    return RankCorrelation(coefficient=masked(coefficient, known), gap=gap)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fits:
    """Best (asymptote, amplitude) for each of g decay times, (g, 2), their covariance (g, 2, 2) and loss (g,)."""

    values: Floats
    covariance: Floats
    loss: Floats


def _gap(effects: DailyEffects, *, fewest: int) -> Gap:
    """Why nothing can be estimated from these days; NONE, which counts as False, where something can."""
    if len(effects.days) < fewest:
        return Gap.TOO_FEW_DAYS
    if not (np.isfinite(effects.effect).all() and np.isfinite(effects.covariance).all()):
        return Gap.NO_VALUE
    try:
        left = np.diagonal(np.linalg.cholesky(effects.covariance)) ** 2
    except np.linalg.LinAlgError:
        return Gap.INSEPARABLE_DAYS
    # What of a day's variance the days before do not hold; where that is dust, rounding alone tells the days apart.
    return Gap.NONE if (left > SPREAD_FLOOR * np.diagonal(effects.covariance)).all() else Gap.INSEPARABLE_DAYS


def _whiten(effects: DailyEffects, design: Floats) -> tuple[Floats, Floats]:
    """Design and effects in units of independent standard errors; `_gap` has seen to it that there is a root."""
    root = np.linalg.cholesky(effects.covariance)
    both = np.linalg.solve(root, np.column_stack([design, effects.effect]))
    return both[:, :-1], both[:, -1]


def _least_squares(design: Floats, values: Floats) -> tuple[Floats, Floats] | None:
    """Fit and its covariance; None where errors differ so much that rounding alone would tell the parameters apart."""
    information = design.T @ design
    size = np.sqrt(np.diagonal(information))
    if not np.linalg.cond(information / np.outer(size, size)) < 1.0 / SPREAD_FLOOR:
        return None
    covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return np.asarray(covariance @ design.T @ values, dtype=np.float64), covariance


def _at_decay(days: Floats, times: Floats, whole: tuple[Floats, Floats]) -> _Fits:
    """All decay times at once; `whole` is the inverse root of the covariance and the effects in its units."""
    root, values = whole
    curves = np.exp(-(days - days[0]) / times[:, None])
    design = np.stack([np.broadcast_to(root.sum(axis=1), curves.shape), curves @ root.T], axis=-1)
    turned = np.swapaxes(design, -1, -2)
    # A curve that is over at once, or as good as straight, is nearly one of the other columns: least squares of
    # smallest norm keeps such fits finite, and their loss says what they are worth.
    covariance = np.linalg.pinv(turned @ design, hermitian=True)
    fit = (covariance @ (turned @ values)[..., None])[..., 0]
    missed = values - (design @ fit[..., None])[..., 0]
    return _Fits(values=fit, covariance=covariance, loss=np.asarray((missed**2).sum(axis=-1)))


def _refine(days: Floats, low: float, high: float, whole: tuple[Floats, Floats]) -> float:
    """The best decay time between two neighbours of the grid's best, by ever finer grids."""
    for _ in range(7):
        times = np.geomspace(low, high, 33)
        best = int(np.argmin(_at_decay(days, times, whole).loss))
        low, high = float(times[max(best - 1, 0)]), float(times[min(best + 1, 32)])
    return float(np.sqrt(low * high))


def _cross(days: Floats, outside: float, inside: float, allowed: float, whole: tuple[Floats, Floats]) -> float:
    """The decay time between two others at which the loss passes what is allowed, by ever finer grids."""
    for _ in range(7):
        times = np.geomspace(inside, outside, 33)
        beyond = np.flatnonzero(_at_decay(days, times, whole).loss > allowed)
        first = int(beyond[0]) if len(beyond) else 32
        inside, outside = float(times[max(first - 1, 0)]), float(times[first])
    return inside


def _hull(fits: tuple[_Fits, ...], which: int, allowed: float) -> tuple[float, float]:
    """Profile interval of a linear parameter: over all decay times, what a parabola keeps within the allowed loss."""
    lower, upper = np.inf, -np.inf
    for one in fits:
        near = one.loss <= allowed
        half = np.sqrt((allowed - one.loss[near]) * one.covariance[near, which, which])
        middle = one.values[near, which]
        lower = min(lower, float((middle - half).min(initial=np.inf)))
        upper = max(upper, float((middle + half).max(initial=-np.inf)))
    return lower, upper


def _asymptote_error(effects: DailyEffects, amplitude: float, time: float) -> float:
    """Standard error of the asymptote with all three parameters free (Gauss–Newton), NaN where they cannot be told."""
    away = effects.days - effects.days[0]
    curve = np.exp(-away / time)
    whitened = _whiten(effects, np.column_stack([np.ones_like(curve), curve, amplitude * curve * away / time**2]))[0]
    information = whitened.T @ whitened
    if np.linalg.matrix_rank(information, hermitian=True) < 3:
        return float("nan")
    return float(np.sqrt(np.linalg.inv(information)[0, 0]))


def _midranks(values: Floats) -> Floats:
    """Ranks along the last axis, the mean rank for ties."""
    own, others = values[..., :, None], values[..., None, :]
    return np.asarray((others < own).sum(axis=-1) + ((others == own).sum(axis=-1) + 1.0) / 2.0)


def _interval(lower: float, upper: float, level: float) -> Interval:
    return Interval(lower=np.asarray(lower), upper=np.asarray(upper), level=level)


def _missing(gap: Gap, method: str) -> Estimate:
    """An estimate without a number."""
    estimate = _normal(np.nan, np.nan, method, control=(np.nan, np.nan))
    return replace(estimate, df=np.asarray(np.nan), estimable=np.asarray(False), gap=np.asarray(gap, dtype=np.int8))


def _no_fit(gap: Gap, days: int, level: float) -> DecayFit:
    nowhere = _interval(np.nan, np.nan, level)
    return DecayFit(
        asymptote=np.nan,
        asymptote_interval=nowhere,
        asymptote_std_error=np.nan,
        amplitude=np.nan,
        amplitude_interval=nowhere,
        decay_days=np.nan,
        decay_interval=nowhere,
        half_life_days=np.nan,
        residual=np.nan,
        df=max(days - 3, 0),
        identified=False,
        evident=False,
        gap=gap,
    )


def _normal(
    value: float,
    error: float,
    method: str,
    control: tuple[float, float] = (0.0, 0.0),
    treatment: tuple[float, float] | None = None,
) -> Estimate:
    after = (value, error) if treatment is None else treatment
    return Estimate(
        estimate=np.asarray(value),
        std_error=np.asarray(error),
        df=np.asarray(np.inf),
        control=np.asarray(control[0]),
        treatment=np.asarray(after[0]),
        control_std_error=np.asarray(control[1]),
        treatment_std_error=np.asarray(after[1]),
        estimable=np.asarray(True),
        scale=Scale.ABSOLUTE,
        method=method,
        gap=np.asarray(Gap.NONE, dtype=np.int8),
    )
