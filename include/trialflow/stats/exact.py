"""Exact tests for small counts. They loop over the cells of S and import scipy.stats, so they are not for every day."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from trialflow.errors import StatisticsError
from trialflow.stats.moments import Floats, Moments
from trialflow.stats.results import Alternative


def fisher_exact(control: Moments, treatment: Moments, *, alternative: Alternative = Alternative.TWO_SIDED) -> Floats:
    """p-value of Fisher's exact test of two shares, S (Fisher, JRSS 98, 1935); p = 1 where a variant is empty.

    The two-sided p-value sums all tables no more likely than the one seen, as R does. Raises StatisticsError where the
    moments are not those of zeros and ones.
    """
    from scipy.stats import fisher_exact as exact  # slow to import, and only small counts need it

    def one(hits_c: float, n_c: float, hits_t: float, n_t: float) -> float:
        table = [[hits_t, n_t - hits_t], [hits_c, n_c - hits_c]]
        return float(exact(table, alternative=alternative.value).pvalue) if min(n_c, n_t) > 0 else 1.0

    return _cell_by_cell(one, _hits(control), control.n, _hits(treatment), treatment.n)


def binomial_test(
    successes: ArrayLike, trials: ArrayLike, *, share: ArrayLike = 0.5, alternative: Alternative = Alternative.TWO_SIDED
) -> Floats:
    """Exact p-value of `successes` in `trials` against `share`, broadcast; p = 1 without a trial.

    The sign test (share ½), a rate of false alarms, and two event counts given their sum: x_T of x_T + x_C events
    against the treatment's share of the exposure. The two-sided p-value sums all outcomes no more likely.
    """
    from scipy.stats import binomtest  # slow to import, and only small counts need it

    def one(hits: float, n: float, p: float) -> float:
        return float(binomtest(round(hits), round(n), p, alternative=alternative.value).pvalue) if n > 0 else 1.0

    hits, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    if not (np.all(hits >= 0) and np.all(hits <= n) and np.all(np.isfinite(n))):
        raise StatisticsError(f"successes = {successes!r} must lie between 0 and trials = {trials!r}")
    return _cell_by_cell(one, hits, n, np.asarray(share, dtype=np.float64))


def _hits(moments: Moments) -> Floats:
    hits = np.round(moments.n * moments.mean)
    binary = np.isclose(moments.m2, hits * (1.0 - hits / np.maximum(moments.n, 1.0)), rtol=1e-6, atol=1e-6)
    if not np.all(binary & np.isclose(hits, moments.n * moments.mean, rtol=1e-9, atol=1e-6)):
        raise StatisticsError("an exact test of shares needs moments of zeros and ones")
    return hits


def _cell_by_cell(one: Callable[..., float], *arguments: Floats) -> Floats:
    return np.asarray(np.vectorize(one, otypes=[np.float64])(*arguments), dtype=np.float64)
