"""The winner's curse: an effect that was selected for being large is, on average, smaller than it looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_ndtr, ndtri

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import not_negative, open_share, positive
from trialflow.stats.moments import Bools, Floats
from trialflow.stats.results import Interval

# Fewer finished experiments of a metric say too little about how effects of that metric are spread.
MINIMUM_EXPERIMENTS = 6
_HALVINGS = 80


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EffectPrior:
    """How true effects of one metric are spread over experiments: normal with `mean` and `std_dev`.

    `experiments` is how many it was learnt from; below `MINIMUM_EXPERIMENTS` nothing was (`estimable` is False, the
    numbers NaN, "no number, because there are too few finished experiments").
    """

    mean: float
    std_dev: float
    experiments: int
    estimable: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shrunken:
    """Posterior of effects given a prior, each array of shape S; NaN where there is no prior or no effect."""

    estimate: Floats
    std_error: Floats
    interval: Interval
    estimable: Bools


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConditionalBand:
    """What one significant result allows, in standard errors, each array of shape S.

    `estimate` is the conditional maximum-likelihood value, which near the threshold lies far below anything sensible;
    the band runs from it, but no lower than 0, to the observed value. `interval` inverts the conditional distribution.
    NaN where the observed value does not pass the threshold.
    """

    estimate: Floats
    lower: Floats
    upper: Floats
    interval: Interval
    estimable: Bools


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelectedTotal:
    """The summed effects of all selected experiments, what of that is expected to be selection, and the rest."""

    observed: float
    overestimate: float
    corrected: float


def effect_prior(effects: ArrayLike, std_errors: ArrayLike, *, mean: float | None = None) -> EffectPrior:
    """Maximum marginal likelihood of Δ_i ~ N(μ, τ²), Δ̂_i | Δ_i ~ N(Δ_i, σ_i²), over (experiments,).

    Give ALL finished experiments of the metric, losers included: learnt from winners alone it repeats their curse. `mean`
    fixes μ (0, say). τ may be 0: then the effects are no wider than their errors. Efron & Morris (JASA 70, 1975); an
    experiment that stopped early belongs in with its bias-adjusted estimate. Pairs that are not finite do not count.
    """
    value = np.asarray(effects, dtype=np.float64)
    error = np.asarray(std_errors, dtype=np.float64)
    if value.shape != error.shape or value.ndim != 1:
        raise StatisticsError(f"effects {value.shape} and std_errors {error.shape} must be two lists of one length")
    known = np.isfinite(value) & np.isfinite(error) & (error > 0.0)
    value, variance = value[known], error[known] ** 2
    if len(value) < MINIMUM_EXPERIMENTS:
        return EffectPrior(mean=np.nan, std_dev=np.nan, experiments=len(value), estimable=False)
    largest = float(((value - value.mean()) ** 2).max() + variance.max())
    grid = np.concatenate([[0.0], np.geomspace(1e-10 * largest, largest, 400)])
    loss = np.array([_marginal(value, variance, float(t), mean) for t in grid])
    best = int(np.argmin(loss))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    golden = (np.sqrt(5.0) - 1.0) / 2.0
    for _ in range(90):
        left, right = high - golden * (high - low), low + golden * (high - low)
        smaller = _marginal(value, variance, left, mean) < _marginal(value, variance, right, mean)
        low, high = (low, right) if smaller else (left, high)
    spread = (low + high) / 2.0
    if _marginal(value, variance, 0.0, mean) <= _marginal(value, variance, spread, mean):
        spread = 0.0
    centre = _centre(value, variance, spread, mean)
    return EffectPrior(mean=centre, std_dev=float(np.sqrt(spread)), experiments=len(value), estimable=True)


def shrink(effects: ArrayLike, std_errors: ArrayLike, prior: EffectPrior, *, level: float = 0.95) -> Shrunken:
    """Posterior mean (τ² Δ̂ + σ² μ) / (τ² + σ²) and its credible interval, broadcast.

    Right for selected effects too, as long as the prior is: selection acts on the data the posterior already counts
    (Dawid 1994). The uncertainty of the prior itself is not counted.
    """
    z = ndtri(0.5 + open_share("level", level) / 2.0)
    value, variance = np.asarray(effects, dtype=np.float64), np.asarray(std_errors, dtype=np.float64) ** 2
    value, variance = np.broadcast_arrays(value, variance)
    known = np.isfinite(value) & np.isfinite(variance) & (variance > 0.0) & prior.estimable
    spread = prior.std_dev**2
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = np.where(known, (spread * value + variance * prior.mean) / (spread + variance), np.nan)
        error = np.where(known, np.sqrt(spread * variance / (spread + variance)), np.nan)
    interval = Interval(lower=estimate - z * error, upper=estimate + z * error, level=level)
    return Shrunken(estimate=estimate, std_error=error, interval=interval, estimable=np.asarray(known))


def conditional_band(z: ArrayLike, *, critical: float, sides: int = 1, level: float = 0.95) -> ConditionalBand:
    """Estimates of μ from z ~ N(μ, 1) given that it was only looked at because it passed `critical`.

    One-sided, z > c: z = μ + φ(c − μ) / Φ(μ − c) (Zhong & Prentice, Biostatistics 9, 2008, eq. 5); two-sided, |z| > c,
    with both tails. Near c the estimate runs away (z = 2.2295 gives −1.24 at c = 1.96), so it is only ever one end of a
    band, floored at 0 on the side of z. Two-sided results keep the sign of z; values within the threshold give NaN.
    """
    observed = np.asarray(z, dtype=np.float64)
    size = np.abs(observed) if sides == 2 else observed
    sign = np.where(observed < 0.0, -1.0, 1.0) if sides == 2 else np.ones_like(observed)
    passed = np.isfinite(observed) & (size > critical)
    safe = np.where(passed, size, critical + 1.0)
    estimate = _solve(safe, lambda mu: _conditional_mean(mu, critical, sides) - safe)
    tail = (1.0 - open_share("level", level)) / 2.0
    first, last = (_solve(safe, _tail_at(safe, critical, sides, p)) for p in (tail, 1.0 - tail))
    low, high = np.maximum(estimate, 0.0), safe
    lower, upper = np.where(sign > 0.0, low, -high), np.where(sign > 0.0, high, -low)
    first, last = np.where(sign > 0.0, first, -last), np.where(sign > 0.0, last, -first)
    blank = np.where(passed, 0.0, np.nan)
    return ConditionalBand(
        estimate=sign * estimate + blank,
        lower=lower + blank,
        upper=upper + blank,
        interval=Interval(lower=first + blank, upper=last + blank, level=level),
        estimable=np.asarray(passed),
    )


def selected_total(effects: ArrayLike, std_errors: ArrayLike, *, critical: ArrayLike) -> SelectedTotal:
    """Total effect of the experiments with Δ̂_i > b_i σ_i, less Σ_i σ_i φ((σ_i b_i − a_i) / σ_i) over ALL of them.

    Lee & Shen (KDD 2018, eq. 5 and 8): the expected overestimate of the selected sum, with the unknown a_i replaced by
    the observed effects. Experiments that were not selected belong in: they might have been.
    """
    value = np.asarray(effects, dtype=np.float64)
    error = positive("std_errors", std_errors)
    bound = np.asarray(critical, dtype=np.float64)
    if not np.isfinite(value).all():
        raise StatisticsError("effects must be finite: leave experiments without a number out of both lists")
    over = float((error * _density(bound - value / error)).sum())
    observed = float(value[value > bound * error].sum()) if value.ndim else float(value * (value > bound * error))
    return SelectedTotal(observed=observed, overestimate=over, corrected=observed - over)


def _centre(value: Floats, variance: Floats, spread: float, mean: float | None) -> float:
    weight = 1.0 / (variance + spread)
    return float((weight * value).sum() / weight.sum()) if mean is None else mean


def _marginal(value: Floats, variance: Floats, spread: float, mean: float | None) -> float:
    """Twice the negative marginal log-likelihood, without constants, at the best μ."""
    whole = variance + not_negative("spread", spread)
    return float((np.log(whole) + (value - _centre(value, variance, spread, mean)) ** 2 / whole).sum())


def _solve(observed: Floats, rising: Callable[[Floats], Floats]) -> Floats:
    """The root of a function that rises in μ, by halving within 60 standard errors below and 10 above what was seen."""
    low, high = observed - 60.0, observed + 10.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        above = rising(middle) >= 0.0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray((low + high) / 2.0)


def _conditional_mean(mu: Floats, c: float, sides: int) -> Floats:
    """E[Z | passed]."""
    if sides == 1:
        return np.asarray(mu + np.exp(_log_density(c - mu) - log_ndtr(mu - c)))
    passed = np.logaddexp(log_ndtr(mu - c), log_ndtr(-mu - c))
    return np.asarray(mu + np.exp(_log_density(c - mu) - passed) - np.exp(_log_density(c + mu) - passed))


def _tail_at(z: Floats, c: float, sides: int, p: float) -> Callable[[Floats], Floats]:
    return lambda mu: _conditional_upper(z, mu, c, sides) - p


def _conditional_upper(z: Floats, mu: Floats, c: float, sides: int) -> Floats:
    """P(Z ≥ z | passed)."""
    passed = log_ndtr(mu - c) if sides == 1 else np.logaddexp(log_ndtr(mu - c), log_ndtr(-mu - c))
    return np.asarray(np.exp(log_ndtr(mu - z) - passed))


def _log_density(x: Floats) -> Floats:
    return np.asarray(-0.5 * x**2 - 0.5 * np.log(2.0 * np.pi))


def _density(x: Floats) -> Floats:
    return np.asarray(np.exp(_log_density(x)))
