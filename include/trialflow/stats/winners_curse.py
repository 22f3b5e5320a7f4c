"""The winner's curse: an effect that was selected for being large is, on average, smaller than it looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erfcx, log_ndtr, ndtr, ndtri

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import one_or_two, open_share, positive
from trialflow.stats.contrast import masked
from trialflow.stats.moments import Floats
from trialflow.stats.results import Believed, CredibleInterval, Gap, Interval, Marked

# Fewer finished experiments of a metric say too little about how effects of that metric are spread.
MINIMUM_EXPERIMENTS = 6
_HALVINGS = 90
# Where the posterior of the spread is e^-34 of its highest, what lies beyond is below the precision of numbers.
_DROP = 68.0
_POINTS = 200
# Panels of the quadrature over the spread end at these shares of its posterior; in each of them it is smooth.
_SHARES = np.concatenate(
    [[0.0, 1e-9, 1e-5, 1e-3, 0.01], np.linspace(0.05, 0.95, 10), [0.99, 0.999, 1 - 1e-5, 1 - 1e-9, 1.0]]
)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(6)


class FlatIn(StrEnum):
    """In what the spread of effects is evenly likely before any experiment is seen."""

    VARIANCE = "variance"
    STD_DEV = "standard deviation"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EffectPrior(Believed):
    """How true effects of one metric are spread over experiments: normal, with a mean and a deviation that are learnt.

    `mean` and `std_dev` are the most likely values, to be told; `std_dev` is often 0 where experiments are few, which does
    not make all effects equal. What is known of them is therefore kept whole: `spreads` (t,) are possible deviations with
    their posterior `weights` (t,), `centres` and `centre_variances` (t,) the posterior of the mean given each. `experiments`
    is how many it was learnt from; below `MINIMUM_EXPERIMENTS` nothing was, `gap` says so and the numbers are NaN.
    """

    mean: float
    std_dev: float
    experiments: int
    spreads: Floats
    weights: Floats
    centres: Floats
    centre_variances: Floats
    gap: Gap = Gap.NONE

    @property
    def estimable(self) -> bool:
        """Whether anything was learnt."""
        return self.gap is Gap.NONE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shrunken(Believed, Marked):
    """Posterior of effects given a prior, each array of shape S: its mean, its deviation and a central interval.

    NaN where there is no prior or no effect.
    """

    estimate: Floats
    std_error: Floats
    interval: CredibleInterval


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ConditionalBand(Marked):
    """What one significant result allows, in standard errors, each array of shape S.

    `estimate` is the conditional maximum-likelihood value, which near the threshold lies far below anything sensible (−inf
    where it is beyond every number); the band runs from it, but no lower than 0, to the observed value. `interval` inverts
    the conditional distribution. NaN where the observed value does not pass the threshold.
    """

    estimate: Floats
    lower: Floats
    upper: Floats
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SelectedTotal:
    """The summed effects of all selected experiments, what of that is expected to be selection, and the rest."""

    observed: float
    overestimate: float
    corrected: float


def effect_prior(
    effects: ArrayLike, std_errors: ArrayLike, *, mean: float | None = None, flat_in: FlatIn = FlatIn.VARIANCE
) -> EffectPrior:
    """The model Δ_i ~ N(μ, τ²), Δ̂_i | Δ_i ~ N(Δ_i, σ_i²), over (experiments,), with all that the data say of μ and τ.

    Give ALL finished experiments of the metric, losers included: learnt from winners alone it repeats their curse; an
    experiment that stopped early belongs in with its bias-adjusted estimate. The posterior of τ has μ integrated out under
    a flat prior (Gelman et al., Bayesian Data Analysis, 3rd ed. 2013, §5.4, eq. 5.20 and 5.21); `mean` fixes it (0, say).
    τ's own prior is flat in τ², with which intervals of few experiments cover what they say (Morris & Lysy, Statist. Sci.
    27, 2012); flat in τ (Gelman, Bayesian Analysis 1, 2006) they are shorter and hold up to 1.5 points less. The most
    likely values are the empirical Bayes ones (Efron & Morris, JASA 70, 1975). Pairs that are not finite do not count.
    Raises StatisticsError for lists of different lengths and a `mean` that is not finite.
    """
    value = np.asarray(effects, dtype=np.float64)
    error = np.asarray(std_errors, dtype=np.float64)
    if value.shape != error.shape or value.ndim != 1:
        raise StatisticsError(f"effects {value.shape} and std_errors {error.shape} must be two lists of one length")
    if mean is not None and not np.isfinite(mean):
        raise StatisticsError(f"mean = {mean!r} must be finite, or None to learn it")
    known = np.isfinite(value) & np.isfinite(error) & (error > 0.0)
    value, error = value[known], error[known]
    if len(value) < MINIMUM_EXPERIMENTS:
        nothing = np.full(1, np.nan)
        return EffectPrior(
            mean=np.nan,
            std_dev=np.nan,
            experiments=len(value),
            spreads=nothing,
            weights=nothing,
            centres=nothing,
            centre_variances=nothing,
            gap=Gap.TOO_FEW_EXPERIMENTS,
        )
    low, high = 1e-4 * float(error.min()), 1e3 * float(error.max() + np.ptp(value))
    spread = _most_likely(value, error**2, mean, low, high)
    nodes, widths = _quadrature(value, error**2, mean, low, high, flat_in)
    fit = _given(value, error**2, nodes, mean)
    loss = _posterior_loss(fit, nodes, flat_in)
    weights = widths * np.exp(-0.5 * (loss - loss.min()))
    return EffectPrior(
        mean=float(_given(value, error**2, np.array([spread]), mean).centre[0]),
        std_dev=spread,
        experiments=len(value),
        spreads=nodes,
        weights=weights / weights.sum(),
        centres=fit.centre,
        centre_variances=fit.centre_variance,
    )


def shrink(
    effects: ArrayLike, std_errors: ArrayLike, prior: EffectPrior, *, level: float = 0.95, included: bool = True
) -> Shrunken:
    """Posterior of effects of shape S: given μ and τ (τ² Δ̂ + σ² μ) / (τ² + σ²), averaged over what is known of both.

    So the interval counts that the prior was learnt, and from how little (Gelman et al. 2013, §5.4). `included` says that
    the effects are among those the prior was learnt from; effects that are not, teach it first, each by itself. Right for
    selected effects too, as long as the model is: selection acts on data that the posterior already counts (Dawid 1994).
    """
    tail = (1.0 - open_share("level", level)) / 2.0
    value, error = np.broadcast_arrays(np.asarray(effects, dtype=np.float64), np.asarray(std_errors, dtype=np.float64))
    missing = np.full(value.shape, not prior.estimable)
    broken = ~(np.isfinite(value) & np.isfinite(error))
    codes = [prior.gap, Gap.NO_VALUE, Gap.NO_VARIATION]
    gap = np.select([missing, broken, ~(error > 0.0)], codes, default=Gap.NONE).astype(np.int8)
    known = np.asarray(gap == Gap.NONE)
    if not prior.estimable:
        nothing = np.full(value.shape, np.nan)
        interval = CredibleInterval(lower=nothing, upper=nothing, level=level)
        return Shrunken(estimate=nothing, std_error=nothing, interval=interval, gap=gap)
    weight, centre, variance = _posteriors(np.where(known, value, 0.0), np.where(known, error, 1.0), prior, included)
    mean = (weight * centre).sum(axis=-1)
    spread = np.sqrt((weight * (variance + (centre - mean[..., None]) ** 2)).sum(axis=-1))
    ends = [masked(_mixture_quantile(weight, centre, np.sqrt(variance), p), known) for p in (tail, 1.0 - tail)]
    return Shrunken(
        estimate=masked(mean, known),
        std_error=masked(spread, known),
        interval=CredibleInterval(lower=ends[0], upper=ends[1], level=level),
        gap=gap,
    )


def conditional_band(z: ArrayLike, *, critical: float, sides: int = 1, level: float = 0.95) -> ConditionalBand:
    """Estimates of μ from z ~ N(μ, 1) given that it was only looked at because it passed `critical`.

    One-sided, z > c: z = μ + φ(c − μ) / Φ(μ − c) (Zhong & Prentice, Biostatistics 9, 2008, eq. 5); two-sided, |z| > c,
    with both tails. One-sided, the estimate runs away near c (z = 2.2295 gives −1.24 at c = 1.96; to −∞ as 1 / (c − z)), and
    both ends of the interval with it, so it is only ever one end of a band, floored at 0 on the side of z. Two-sided results
    keep the sign of z. No number within the threshold. Raises StatisticsError for a threshold that is not finite, or negative
    with two sides, and for other than one or two sides.
    """
    if not np.isfinite(critical) or (one_or_two("sides", sides) == 2 and critical < 0.0):
        raise StatisticsError(f"critical = {critical!r} must be finite, and not negative for a two-sided threshold")
    observed = np.asarray(z, dtype=np.float64)
    size = np.abs(observed) if sides == 2 else observed
    sign = np.where(observed < 0.0, -1.0, 1.0) if sides == 2 else np.ones_like(observed)
    conditions = [~np.isfinite(observed), ~(size > critical)]
    gap = np.select(conditions, [Gap.NO_VALUE, Gap.NOT_SELECTED], default=Gap.NONE).astype(np.int8)
    passed = np.asarray(gap == Gap.NONE)
    safe = np.where(passed, size, critical + 1.0)
    tail = (1.0 - open_share("level", level)) / 2.0
    estimate = _solve(safe, critical, sides, lambda mu: _conditional_mean(mu, critical, sides) - safe)
    first, last = (_solve(safe, critical, sides, _tail_at(safe, critical, sides, p)) for p in (tail, 1.0 - tail))
    low, high = np.maximum(estimate, 0.0), safe
    lower, upper = np.where(sign > 0.0, low, -high), np.where(sign > 0.0, high, -low)
    first, last = np.where(sign > 0.0, first, -last), np.where(sign > 0.0, last, -first)
    return ConditionalBand(
        estimate=masked(sign * estimate, passed),
        lower=masked(lower, passed),
        upper=masked(upper, passed),
        interval=Interval(lower=masked(first, passed), upper=masked(last, passed), level=level),
        gap=gap,
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
    if np.isnan(bound).any():
        raise StatisticsError(f"critical = {critical!r} must be numbers: the z-values that experiments had to pass")
    over = float((error * _density(bound - value / error)).sum())
    observed = float(value[value > bound * error].sum()) if value.ndim else float(value * (value > bound * error))
    return SelectedTotal(observed=observed, overestimate=over, corrected=observed - over)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Given:
    """For each of t spreads: the best centre, its variance, and twice the negative logs of two likelihoods, (t,).

    `loss` is the one at the best centre, `believed` the one with the centre integrated out; both without constants.
    """

    centre: Floats
    centre_variance: Floats
    loss: Floats
    believed: Floats


def _given(value: Floats, variance: Floats, spreads: Floats, mean: float | None) -> _Given:
    whole = variance + spreads[:, None] ** 2
    precision = (1.0 / whole).sum(axis=-1)
    # About a value of the data, so that effects far from 0 lose no digits.
    origin = float(value[0]) if mean is None else mean
    away = value - origin
    centre = (away / whole).sum(axis=-1) / precision if mean is None else np.zeros(len(spreads))
    loss = (np.log(whole) + (away - centre[:, None]) ** 2 / whole).sum(axis=-1)
    free = mean is None
    return _Given(
        centre=origin + centre,
        centre_variance=1.0 / precision if free else np.zeros(len(spreads)),
        loss=loss,
        believed=loss + np.log(precision) if free else loss,
    )


def _most_likely(value: Floats, variance: Floats, mean: float | None, low: float, high: float) -> float:
    """The spread of the highest likelihood, 0 included, by ever finer grids."""
    grid = np.concatenate([[0.0], np.geomspace(low, high, _POINTS)])
    for _ in range(9):
        best = int(np.argmin(_given(value, variance, grid, mean).loss))
        first, last = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, len(grid) - 1)])
        grid = np.linspace(first, last, 33)
    ends = np.array([0.0, (first + last) / 2.0])
    return float(ends[int(np.argmin(_given(value, variance, ends, mean).loss))])


def _posterior_loss(given: _Given, spreads: Floats, flat_in: FlatIn) -> Floats:
    """Twice the negative log posterior density of the spread, (t,), without constants."""
    if flat_in is FlatIn.STD_DEV:
        return given.believed
    with np.errstate(divide="ignore"):
        return np.asarray(given.believed - 2.0 * np.log(spreads))


def _quadrature(
    value: Floats, variance: Floats, mean: float | None, low: float, high: float, flat_in: FlatIn
) -> tuple[Floats, Floats]:
    """Nodes and weights (t,) for integrals over the spread, dense where its posterior is."""
    points = np.concatenate([[0.0], np.geomspace(low, high, _POINTS)])
    for _ in range(3):
        loss = _posterior_loss(_given(value, variance, points, mean), points, flat_in)
        kept = np.flatnonzero(loss <= loss.min() + _DROP)
        first, last = float(points[max(kept[0] - 1, 0)]), float(points[min(kept[-1] + 1, len(points) - 1)])
        floor = np.array([0.0]) if first == 0.0 else np.zeros(0)
        points = np.concatenate([floor, np.geomspace(first if first > 0.0 else min(low, last / 2.0), last, _POINTS)])
    loss = _posterior_loss(_given(value, variance, points, mean), points, flat_in)
    density = np.exp(-0.5 * (loss - loss.min()))
    mass = np.concatenate([[0.0], np.cumsum(np.diff(points) * (density[1:] + density[:-1]) / 2.0)])
    cuts = np.unique(np.interp(_SHARES, mass / mass[-1], points))
    half = np.diff(cuts)[:, None] / 2.0
    return (cuts[:-1, None] + half * (_NODES + 1.0)).ravel(), (half * _WEIGHTS).ravel()


def _posteriors(value: Floats, error: Floats, prior: EffectPrior, included: bool) -> tuple[Floats, Floats, Floats]:
    """Weights, means and variances of the effects given each spread, S + (t,)."""
    y, noise, spread = value[..., None], error[..., None] ** 2, prior.spreads**2
    centre, unsure, weight = prior.centres, prior.centre_variances, prior.weights
    weight = np.broadcast_to(weight, np.broadcast_shapes(y.shape, weight.shape))
    if not included:
        whole = noise + spread + unsure
        surprise = np.log(whole) + (y - centre) ** 2 / whole
        weight = weight * np.exp(-0.5 * (surprise - surprise.min(axis=-1, keepdims=True)))
        weight = weight / weight.sum(axis=-1, keepdims=True)
        gain = unsure / whole
        centre, unsure = centre + gain * (y - centre), unsure * (1.0 - gain)
    kept = spread / (spread + noise)
    return weight, np.asarray(centre + kept * (y - centre)), np.asarray(kept * noise + (1.0 - kept) ** 2 * unsure)


def _mixture_quantile(weight: Floats, centre: Floats, std_dev: Floats, p: float) -> Floats:
    """The x, S, with P(X ≤ x) = p for mixtures of normals S + (t,): Newton's steps inside a bracket that only shrinks."""
    reach = float(ndtri(p)) * std_dev
    low, high = (centre + reach).min(axis=-1), (centre + reach).max(axis=-1)
    x, fine = (low + high) / 2.0, 1e-10 * std_dev.max(axis=-1)
    for _ in range(_HALVINGS):
        z = (x[..., None] - centre) / std_dev
        chance = (weight * ndtr(z)).sum(axis=-1)
        density = (weight * np.exp(_log_density(z)) / std_dev).sum(axis=-1)
        low, high = np.where(chance < p, x, low), np.where(chance < p, high, x)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = x - (chance - p) / density
        following = np.where((step >= low) & (step <= high), step, (low + high) / 2.0)
        moved, x = np.abs(following - x), following
        if (moved <= fine).all():
            break
    return np.asarray(x)


def _solve(observed: Floats, critical: float, sides: int, rising: Callable[[Floats], Floats]) -> Floats:
    """The root of a function that rises in μ, by halving; −inf where it lies beyond every number.

    One-sided the root is of the size of 1 / (observed − critical) below, times the log of a tail at most.
    """
    with np.errstate(divide="ignore", over="ignore"):
        reach = 60.0 + (800.0 / (observed - critical) if sides == 1 else 0.0)
    endless = ~np.isfinite(reach)
    low, high = observed - np.where(endless, 1.0, reach), observed + 40.0
    for _ in range(_HALVINGS + 60):
        middle = (low + high) / 2.0
        above = rising(middle) >= 0.0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray(np.where(endless, -np.inf, (low + high) / 2.0))


def _conditional_mean(mu: Floats, c: float, sides: int) -> Floats:
    """E[Z | passed]."""
    if sides == 1:
        return np.asarray(c + _beyond(c - mu))
    passed = np.logaddexp(log_ndtr(mu - c), log_ndtr(-mu - c))
    return np.asarray(mu + np.exp(_log_density(c - mu) - passed) - np.exp(_log_density(c + mu) - passed))


def _beyond(a: Floats) -> Floats:
    """E[X − a | X > a] of a standard normal: φ(a) / Φ(−a) − a, for large a by its series 1/a − 2/a³ + 10/a⁵."""
    far = a > 1e3
    near, away = np.where(far, 0.0, a), np.where(far, a, 1.0)
    plain = np.exp(_log_density(near) - log_ndtr(-near)) - near
    return np.asarray(np.where(far, (1.0 - 2.0 / away**2 + 10.0 / away**4) / away, plain))


def _tail_at(z: Floats, c: float, sides: int, p: float) -> Callable[[Floats], Floats]:
    return lambda mu: _conditional_upper(z, mu, c, sides) - p


def _conditional_upper(z: Floats, mu: Floats, c: float, sides: int) -> Floats:
    """P(Z ≥ z | passed)."""
    if sides == 2:
        passed = np.logaddexp(log_ndtr(mu - c), log_ndtr(-mu - c))
        return np.asarray(np.exp(log_ndtr(mu - z) - passed))
    # Below the threshold both tails are tiny: their quotient by way of erfcx keeps its digits.
    below = mu < c
    a, b = np.where(below, c - mu, 0.0), np.where(below, z - mu, 0.0)
    root = np.sqrt(0.5)
    quotient = erfcx(b * root) / erfcx(a * root) * np.exp(-0.5 * np.where(below, (z - c) * (a + b), 0.0))
    return np.asarray(np.where(below, quotient, np.exp(log_ndtr(mu - z) - log_ndtr(mu - c))))


def _log_density(x: Floats) -> Floats:
    return np.asarray(-0.5 * x**2 - 0.5 * np.log(2.0 * np.pi))


def _density(x: Floats) -> Floats:
    return np.asarray(np.exp(_log_density(x)))
