"""Sample ratio mismatch: whether the units arrived in the promised shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, gammaln, xlogy

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import not_negative, positive
from trialflow.stats.moments import Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SplitTest:
    """Pearson's goodness of fit of a split at one planned look; all of shape S, the shares of shape S + (k,).

    `observed_share` is what arrived (0 without units), `imbalance` the largest distance of it from the promised share: a
    tiny p-value of many units may be a harmless split, so the size stands beside it and never silences it.
    """

    statistic: Floats
    df: Floats
    p_value: Floats
    observed_share: Floats
    imbalance: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SequentialSplit:
    """A split tested on every day; all of shape S + (day,).

    `p_value` is the running minimum of 1 / Bayes factor: it may be compared with alpha on every day. `imbalance` is the
    largest distance of a variant's share of all units so far from what the shares in force promised (0 without units).
    """

    log_bayes_factor: Floats
    p_value: Floats
    imbalance: Floats


def chi_square(observed: ArrayLike, shares: ArrayLike) -> SplitTest:
    """χ² = Σ (O − E)² / E of counts S + (k,) against shares S + (k,) or (k,), with (arms with a share) − 1 df.

    An arm without a share is not counted in the df; a unit in one is impossible under the promise, so p = 0. No units
    at all are no evidence: p = 1. Shares over a ramp come from `ramp_shares`. Raises StatisticsError for negative or
    non-finite counts or shares and for shares that do not sum to 1.
    """
    count, share = np.broadcast_arrays(not_negative("observed", observed), _shares(shares))
    total = count.sum(axis=-1, keepdims=True)
    expected = total * share
    squares = (count - expected) ** 2 / np.where(expected > 0.0, expected, 1.0)
    impossible = _impossible(count, share).any(axis=-1)
    statistic = np.where(impossible, np.inf, np.where(expected > 0.0, squares, 0.0).sum(axis=-1))
    df = (share > 0.0).sum(axis=-1) - 1.0
    tail = chdtrc(np.maximum(df, 1.0), np.where(impossible, 0.0, statistic))
    p_value = np.where(impossible, 0.0, np.where(df > 0.0, tail, 1.0))
    observed_share = count / np.where(total > 0.0, total, 1.0)
    return SplitTest(
        statistic=statistic,
        df=df,
        p_value=p_value,
        observed_share=observed_share,
        imbalance=np.where(total[..., 0] > 0.0, np.abs(observed_share - share).max(axis=-1), 0.0),
    )


def ramp_shares(new_units: ArrayLike, shares: ArrayLike) -> Floats:
    """Expected shares of all units, (k,), when each day's new units (day, k) met that day's shares (day, k).

    E_j = Σ_d n_d w_{d,j}; the last day's shares where no unit has arrived.
    """
    daily = not_negative("new_units", new_units).sum(axis=-1)
    share = _shares(shares)
    total = daily.sum()
    return np.asarray(daily @ share / total if total > 0.0 else share[-1], dtype=np.float64)


def sequential_split(
    new_units: ArrayLike, shares: ArrayLike, *, concentration: ArrayLike = 10_000.0
) -> SequentialSplit:
    """Anytime-valid test of multinomial splits on daily counts S + (day, k) under the shares in force, of any such shape.

    Within a run of days with equal shares θ the Bayes factor of Dirichlet(kθ) against θ is
    [B(kθ + n) / B(kθ)] / Π θ_j^{n_j}, k = `concentration` (Lindon & Malek, NeurIPS 2022, arXiv 2011.03567). A change of
    shares (a ramp) starts a new factor, and the product of the factors is again an e-process. Any k is valid; larger
    ones look for smaller imbalances, and are slow to believe in gross ones. So is the mean of the factors of several k
    (`concentration` of shape (m,)), since a mean of e-processes is one. Days before the first unit have p = 1; a unit
    in an arm without a share gives p = 0, and the Bayes factor is infinite from then on. Splits of S (segments, many
    experiments of equal length) are one call; each has its own error rate. Raises StatisticsError for counts without days.
    """
    count, share = np.broadcast_arrays(not_negative("new_units", new_units), _shares(shares))
    if count.ndim < 2:
        raise StatisticsError(f"new_units has shape {count.shape}: need one row of counts per day")
    prior_weights = np.atleast_1d(positive("concentration", concentration))
    changed = np.zeros(count.shape[:-1], dtype=bool)
    changed[..., 1:] = (share[..., 1:, :] != share[..., :-1, :]).any(axis=-1)
    factors = np.stack([_log_path(count, share, changed, float(k)) for k in prior_weights])
    log_bayes_factor = np.logaddexp.reduce(factors, axis=0) - np.log(len(prior_weights))
    return SequentialSplit(
        log_bayes_factor=log_bayes_factor,
        p_value=np.minimum.accumulate(np.exp(-np.maximum(log_bayes_factor, 0.0)), axis=-1),
        imbalance=_imbalance_so_far(count, share),
    )


def _log_path(count: Floats, share: Floats, changed: Bools, k: float) -> Floats:
    """Log of the product of stage-wise Bayes factors so far, S + (day,); a stage begins on each day that is `changed`."""
    begun = np.maximum.accumulate(np.where(changed, np.arange(changed.shape[-1]), 0), axis=-1)
    so_far = np.cumsum(count, axis=-2)
    before = np.concatenate([np.zeros_like(count[..., :1, :]), so_far], axis=-2)
    factor = _log_bayes_factor(so_far - np.take_along_axis(before, begun[..., None], axis=-2), share, k)
    finished = np.zeros_like(factor)
    finished[..., 1:] = np.cumsum(np.where(changed[..., 1:], factor[..., :-1], 0.0), axis=-1)
    return np.asarray(finished + factor, dtype=np.float64)


def _imbalance_so_far(count: Floats, share: Floats) -> Floats:
    """Largest distance of a cumulative share from its ramp-aware promise, S + (day,)."""
    excess = np.cumsum(count - count.sum(axis=-1, keepdims=True) * share, axis=-2)
    total = np.cumsum(count.sum(axis=-1), axis=-1)
    return np.asarray(np.abs(excess).max(axis=-1) / np.maximum(total, 1.0), dtype=np.float64)


def _log_bayes_factor(count: Floats, share: Floats, k: float) -> Floats:
    """Log Bayes factor of cumulative counts S + (day, k); +inf where an arm without a share has units."""
    prior = np.where(share > 0.0, k * share, 1.0)
    units = np.where(share > 0.0, count, 0.0)
    total = units.sum(axis=-1)
    log_beta = (gammaln(prior + units) - gammaln(prior)).sum(axis=-1) - (gammaln(k + total) - gammaln(k))
    log_null = xlogy(units, np.where(share > 0.0, share, 1.0)).sum(axis=-1)
    return np.where(_impossible(count, share).any(axis=-1), np.inf, log_beta - log_null)


def _impossible(count: Floats, share: Floats) -> Bools:
    return (share <= 0.0) & (count > 0.0)


def _shares(shares: ArrayLike) -> Floats:
    share = not_negative("shares", shares)
    if share.ndim == 0 or not np.allclose(share.sum(axis=-1), 1.0, rtol=0.0, atol=1e-9):
        raise StatisticsError(f"shares = {share.tolist()!r} must sum to 1 over the variants")
    return share
