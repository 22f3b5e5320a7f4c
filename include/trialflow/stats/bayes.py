"""Bayesian comparisons of one look: beta-binomial by quadrature, normal in closed form; nothing is sampled.

Not stop-safe: a credible interval that is looked at every day excludes 0 far more often than its level says (28 % of
daily-looked-at experiments without effect within four weeks, at 95 %). Every result is `Believed`: it carries
`stop_safe = False` and the `label` to be shown beside it, and nothing here may ever trigger a stop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincc, betainccinv, betaincinv, betaln, expit, logit, ndtr, ndtri, xlog1py, xlogy

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import open_share, positive
from trialflow.stats.contrast import masked
from trialflow.stats.moments import Bools, Floats, Moments
from trialflow.stats.results import Believed, CredibleInterval, Estimate, Gap, Marked, gap_codes

# Panels of the quadrature end where this much of a posterior lies beyond; in each of them a posterior is smooth.
_TAILS = np.array([1e-16, 1e-10, 1e-5, 1e-2, 0.2])
# Fewer panels where the answer is an end of an interval, not a tail.
_COARSE = np.array([1e-11, 1e-5, 1e-2, 0.25])
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_STEPS = 60


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BetaPosterior(Believed):
    """Beta(alpha, beta) of a share, each of shape S; where they are not finite and above 0 there is no number."""

    alpha: Floats
    beta: Floats

    @property
    def gap(self) -> NDArray[np.int8]:
        """The code of the reason why there is no number (a `Gap`), S."""
        sound = np.isfinite(self.alpha) & np.isfinite(self.beta) & (self.alpha > 0.0) & (self.beta > 0.0)
        return np.where(sound, Gap.NONE, Gap.NO_VALUE).astype(np.int8)

    @property
    def estimable(self) -> Bools:
        """Where there is a number, S."""
        return np.asarray(self.gap == Gap.NONE)

    @property
    def mean(self) -> Floats:
        """Expected share, S."""
        return self.alpha / (self.alpha + self.beta)

    def interval(self, level: float) -> CredibleInterval:
        """Central credible interval, S."""
        tail = (1.0 - open_share("level", level)) / 2.0
        lower, upper = betaincinv(self.alpha, self.beta, tail), betainccinv(self.alpha, self.beta, tail)
        known = self.estimable
        return CredibleInterval(lower=masked(lower, known), upper=masked(upper, known), level=level)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BayesianComparison(Believed, Marked):
    """What is believed about treatment − control after one look, each array of shape S.

    `probability_better` is P(treatment > control); `loss_of_treatment` the expected loss of choosing treatment,
    E[max(control − treatment, 0)], `loss_of_control` that of staying. `interval` is the central credible interval of the
    difference. Where there is no number all are NaN and `gap` says why.
    """

    difference: Floats
    std_dev: Floats
    probability_better: Floats
    loss_of_treatment: Floats
    loss_of_control: Floats
    interval: CredibleInterval
    method: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BestProbability(Believed, Marked):
    """P(variant i is the best of k), `probability` of shape S + (k,), summing to 1; NaN where `gap` (S) names a reason."""

    probability: Floats


def beta_posterior(shares: Moments, *, prior_alpha: float = 1.0, prior_beta: float = 1.0) -> BetaPosterior:
    """Beta(prior_alpha + successes, prior_beta + failures), S; an empty variant keeps the prior.

    Raises StatisticsError for priors that are not above 0.
    """
    positive("prior_alpha", prior_alpha)
    positive("prior_beta", prior_beta)
    with np.errstate(invalid="ignore"):  # counts that are not finite end as "no number"
        hits = shares.n * np.clip(shares.mean, 0.0, 1.0)
        return BetaPosterior(alpha=prior_alpha + hits, beta=prior_beta + (shares.n - hits))


def compare_shares(control: BetaPosterior, treatment: BetaPosterior, *, level: float = 0.95) -> BayesianComparison:
    """Two independent beta posteriors of one shape S.

    P(B > A) = ∫ f_B F_A and E[(A − B)⁺] = ∫ F_B (1 − F_A) (Miller 2015 and Stucchio 2015 give the same as sums), by
    Gauss–Legendre on panels between the quantiles of both posteriors, on the logit scale.
    """
    a, b = _broadcast(control, treatment)
    known = a.estimable & b.estimable
    a, b = _placeholder(a, known), _placeholder(b, known)
    y, weight = _grid([a, b])
    x, slope = expit(y), expit(y) * expit(-y)
    below_a, below_b = _below(a, x), _below(b, x)
    above_a, above_b = _above(a, x), _above(b, x)
    better = (weight * np.exp(_log_density(b, y)) * below_a).sum(axis=-1)
    variance = sum(
        one.alpha * one.beta / ((one.alpha + one.beta) ** 2 * (one.alpha + one.beta + 1.0)) for one in (a, b)
    )
    std_dev = np.sqrt(np.asarray(variance))
    tail = (1.0 - open_share("level", level)) / 2.0
    ends = [_difference_quantile(a, b, std_dev, p) for p in (tail, 1.0 - tail)]
    return BayesianComparison(
        difference=masked(b.mean - a.mean, known),
        std_dev=masked(std_dev, known),
        probability_better=masked(np.clip(better, 0.0, 1.0), known),
        loss_of_treatment=masked((weight * slope * below_b * above_a).sum(axis=-1), known),
        loss_of_control=masked((weight * slope * below_a * above_b).sum(axis=-1), known),
        interval=CredibleInterval(lower=masked(ends[0], known), upper=masked(ends[1], known), level=level),
        gap=np.where(known, Gap.NONE, Gap.NO_VALUE).astype(np.int8),
        method=f"beta-binomial, {Believed.label}",
    )


def probability_best(posteriors: BetaPosterior) -> BestProbability:
    """P(variant i has the largest share) for k posteriors on the last axis, S + (k,): ∫ f_i Π_j≠i F_j.

    No number where one of the k has none: it might be the best.
    """
    known = np.asarray(posteriors.estimable.all(axis=-1))
    posteriors = _placeholder(posteriors, known[..., None])
    k = posteriors.alpha.shape[-1]
    each = [BetaPosterior(alpha=posteriors.alpha[..., i], beta=posteriors.beta[..., i]) for i in range(k)]
    y, weight = _grid(each)
    x = expit(y)
    below = [_below(one, x) for one in each]
    found = []
    for i, one in enumerate(each):
        others = np.prod([below[j] for j in range(k) if j != i], axis=0) if k > 1 else np.ones_like(x)
        found.append((weight * np.exp(_log_density(one, y)) * others).sum(axis=-1))
    return _best(np.stack(found, axis=-1), known)


def compare_normal(
    estimate: Estimate, *, prior_mean: float = 0.0, prior_std_dev: float = np.inf, level: float = 0.95
) -> BayesianComparison:
    """A normal effect with a normal prior, flat unless a deviation is given; closed form.

    Posterior precision 1/V + 1/τ²; E[max(−δ, 0)] = s φ(m/s) − m Φ(−m/s). Works for every estimator. The prior counts as
    known: one learnt from other experiments belongs in `winners_curse.shrink`, which counts how little is known of it.
    """
    if not prior_std_dev > 0.0 or not np.isfinite(prior_mean):
        raise StatisticsError(
            f"prior_std_dev = {prior_std_dev!r} must be above 0 and prior_mean = {prior_mean!r} finite"
        )
    z = ndtri(0.5 + open_share("level", level) / 2.0)
    precision = prior_std_dev**-2.0
    variance = estimate.std_error**2 / (1.0 + precision * estimate.std_error**2)
    mean = variance * (estimate.estimate / estimate.std_error**2 + precision * prior_mean)
    std_dev = np.sqrt(variance)
    score = mean / std_dev
    density = std_dev * np.exp(-0.5 * score**2) / np.sqrt(2.0 * np.pi)
    return BayesianComparison(
        difference=mean,
        std_dev=std_dev,
        probability_better=np.asarray(ndtr(score)),
        loss_of_treatment=np.maximum(density - mean * ndtr(-score), 0.0),
        loss_of_control=np.maximum(density + mean * ndtr(score), 0.0),
        interval=CredibleInterval(lower=mean - z * std_dev, upper=mean + z * std_dev, level=level),
        gap=gap_codes(estimate.gap, estimate.estimable),
        method=f"normal, {Believed.label}",
    )


def best_of_normal(means: ArrayLike, std_errors: ArrayLike) -> BestProbability:
    """P(variant i has the largest mean) for k independent normal posteriors on the last axis, S + (k,).

    No number where one of the k has none (a value that is not finite, or no error): it might be the best. Raises
    StatisticsError for negative errors.
    """
    mean, error = np.broadcast_arrays(np.asarray(means, dtype=np.float64), np.asarray(std_errors, dtype=np.float64))
    if (error < 0.0).any():
        raise StatisticsError(f"std_errors = {std_errors!r} must not be negative")
    known = (np.isfinite(mean) & np.isfinite(error) & (error > 0.0)).all(axis=-1)
    mean, error = np.where(known[..., None], mean, 0.0), np.where(known[..., None], error, 1.0)
    steps = np.array([-8.0, -5.0, -3.0, -1.5, 0.0, 1.5, 3.0, 5.0, 8.0])
    cuts = np.sort((mean[..., None] + error[..., None] * steps).reshape(*mean.shape[:-1], -1), axis=-1)
    x, weight = _panels(cuts)
    z = (x[..., None, :] - mean[..., None]) / error[..., None]
    log_below = np.log(np.maximum(ndtr(z), 1e-300))
    density = np.exp(-0.5 * z**2) / (np.sqrt(2.0 * np.pi) * error[..., None])
    others = np.exp(log_below.sum(axis=-2, keepdims=True) - log_below)
    return _best((weight[..., None, :] * density * others).sum(axis=-1), known)


def _best(found: Floats, known: Bools) -> BestProbability:
    """Integrals S + (k,) as shares of their sum."""
    return BestProbability(
        probability=masked(found / found.sum(axis=-1, keepdims=True), known[..., None]),
        gap=np.where(known, Gap.NONE, Gap.NO_VALUE).astype(np.int8),
    )


def _placeholder(posterior: BetaPosterior, known: Bools) -> BetaPosterior:
    """A flat posterior where nothing is known, so that nothing warns; the result is blanked there."""
    return BetaPosterior(alpha=np.where(known, posterior.alpha, 1.0), beta=np.where(known, posterior.beta, 1.0))


def _broadcast(*posteriors: BetaPosterior) -> tuple[BetaPosterior, ...]:
    shape = np.broadcast_shapes(*(one.alpha.shape for one in posteriors))
    return tuple(
        BetaPosterior(alpha=np.broadcast_to(one.alpha, shape), beta=np.broadcast_to(one.beta, shape))
        for one in posteriors
    )


def _grid(posteriors: list[BetaPosterior]) -> tuple[Floats, Floats]:
    """Nodes (logits) and weights, S + (nodes,), with panels between the quantiles of all posteriors."""
    cuts = np.concatenate([_logit_quantiles(one) for one in posteriors], axis=-1)
    return _panels(np.sort(cuts, axis=-1))


def _panels(cuts: Floats) -> tuple[Floats, Floats]:
    half = np.diff(cuts, axis=-1)[..., None] / 2.0
    nodes = cuts[..., :-1, None] + half * (_NODES + 1.0)
    shape = (*cuts.shape[:-1], -1)
    return nodes.reshape(shape), (half * _WEIGHTS).reshape(shape)


def _logit_quantiles(one: BetaPosterior, tails: Floats = _TAILS) -> Floats:
    a, b = one.alpha[..., None], one.beta[..., None]
    low = logit(np.maximum(betaincinv(a, b, tails), 1e-300))
    # The upper quantiles by way of failures, whose small shares keep their digits.
    high = -logit(np.maximum(betaincinv(b, a, tails), 1e-300))
    return np.concatenate([low, high], axis=-1)


def _log_density(one: BetaPosterior, y: Floats) -> Floats:
    """Log density of the logit."""
    a, b = one.alpha[..., None], one.beta[..., None]
    return np.asarray(xlogy(a, expit(y)) + xlog1py(b, -expit(y)) - betaln(a, b))


def _below(one: BetaPosterior, x: Floats) -> Floats:
    return np.asarray(betainc(one.alpha[..., None], one.beta[..., None], x))


def _above(one: BetaPosterior, x: Floats) -> Floats:
    return np.asarray(betaincc(one.alpha[..., None], one.beta[..., None], x))


def _difference_quantile(a: BetaPosterior, b: BetaPosterior, std_dev: Floats, p: float) -> Floats:
    """The d with P(B − A ≤ d) = p: Newton's steps kept inside a bracket that only shrinks."""
    d = np.clip(b.mean - a.mean + ndtri(p) * std_dev, -1.0 + 1e-12, 1.0 - 1e-12)
    low, high = np.full_like(d, -1.0), np.full_like(d, 1.0)
    cuts = expit(_logit_quantiles(a, _COARSE)), np.sort(_logit_quantiles(b, _COARSE), axis=-1)
    for _ in range(_STEPS):
        chance, density = _difference_at(a, b, d, cuts)
        low, high = np.where(chance < p, d, low), np.where(chance < p, high, d)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = d - (chance - p) / density
        following = np.where((step >= low) & (step <= high), step, (low + high) / 2.0)
        moved = np.abs(following - d)
        d = following
        # Newton's next step would be the square of this one.
        if (moved <= 1e-6 * std_dev).all():
            break
    return np.asarray(d)


def _difference_at(a: BetaPosterior, b: BetaPosterior, d: Floats, cuts: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """P(B − A ≤ d) = ∫ f_B(x) P(A ≥ x − d) dx and its density at d.

    Panels also end at A's quantiles moved by d, and where x − d leaves [0, 1].
    """
    quantiles_a, own = cuts
    edges = np.concatenate(
        [quantiles_a, np.zeros_like(quantiles_a[..., :1]), np.ones_like(quantiles_a[..., :1])], axis=-1
    )
    moved = logit(np.clip(edges + d[..., None], 1e-300, 1.0 - 1e-16))
    inside = np.clip(moved, own[..., :1], own[..., -1:])
    y, weight = _panels(np.sort(np.concatenate([own, inside], axis=-1), axis=-1))
    x = np.clip(expit(y) - d[..., None], 0.0, 1.0)
    mass = weight * np.exp(_log_density(b, y))
    with np.errstate(divide="ignore", invalid="ignore"):
        log_density = (
            xlogy(a.alpha[..., None] - 1.0, x)
            + xlog1py(a.beta[..., None] - 1.0, -x)
            - betaln(a.alpha, a.beta)[..., None]
        )
    interior = (x > 0.0) & (x < 1.0)
    density = np.where(interior, np.exp(np.where(interior, log_density, 0.0)), 0.0)
    return np.asarray((mass * _above(a, x)).sum(axis=-1)), np.asarray((mass * density).sum(axis=-1))
