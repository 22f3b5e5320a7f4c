"""Families of tests: adjusted p-values, fixed order, weights, and intervals that hold together.

Each family lies along the last axis. A test without a result (NaN) keeps its place: it counts as one that did not reject
and its adjusted p-value stays NaN. Whatever else lies outside [0, 1] is no p-value: every procedure raises StatisticsError.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import open_share, positive
from trialflow.stats.fixed_horizon import critical_value
from trialflow.stats.moments import Bools, Floats
from trialflow.stats.results import Estimate, Interval


class Correction(StrEnum):
    """What is promised of a family: no false alarm at all (family-wise), or few among the alarms (discovery rate)."""

    NONE = "none"
    BONFERRONI = "bonferroni"
    SIDAK = "sidak"
    HOLM = "holm"
    HOCHBERG = "hochberg"
    HOMMEL = "hommel"
    BENJAMINI_HOCHBERG = "benjamini-hochberg"
    BENJAMINI_YEKUTIELI = "benjamini-yekutieli"


def adjusted(p_values: ArrayLike, correction: Correction) -> Floats:
    """Adjusted p-values of the family, to be compared with the family's alpha."""
    return _CORRECTIONS[correction](p_values)


def bonferroni(p_values: ArrayLike) -> Floats:
    """min(1, m p). The family has its promised size m: a p-value that is NaN stays NaN and still counts."""
    p = _checked(p_values)
    return np.minimum(p * (p.shape[-1] if p.ndim else 1), 1.0)


def sidak(p_values: ArrayLike) -> Floats:
    """1 − (1 − p)^m: the chance of a p-value as small among m independent true nulls (Šidák, JASA 62, 1967).

    Holds for independent tests and for two-sided normal ones, however correlated.
    """
    p = _checked(p_values)
    with np.errstate(divide="ignore"):
        return np.asarray(-np.expm1((p.shape[-1] if p.ndim else 1) * np.log1p(-p)))


def holm(p_values: ArrayLike) -> Floats:
    """Step-down adjusted p-values: the running maximum of (m − i + 1) p_(i) (Holm, Scand. J. Statist. 6, 1979).

    Never larger than Bonferroni's, and as generally valid.
    """
    return _in_order(p_values, lambda ranked, m: np.maximum.accumulate(ranked * np.arange(m, 0, -1), axis=-1))


def hochberg(p_values: ArrayLike) -> Floats:
    """Step-up adjusted p-values: the minimum of (m − j + 1) p_(j) over j ≥ i (Hochberg, Biometrika 75, 1988).

    Never larger than Holm's; needs independence or positive dependence of the tests.
    """
    return _in_order(p_values, lambda ranked, m: _from_the_top(ranked * np.arange(m, 0, -1)))


def hommel(p_values: ArrayLike) -> Floats:
    """Simes' test of every intersection (Hommel, Biometrika 75, 1988; Wright, Biometrics 48, 1992, appendix).

    Never larger than Hochberg's, under the same assumption.
    """
    return _in_order(p_values, _hommel)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """False discovery rate: the minimum of m p_(j) / j over j ≥ i (Benjamini & Hochberg, JRSS B 57, 1995).

    Needs independence or positive dependence, and one look: it does not survive optional stopping.
    """
    return _in_order(p_values, lambda ranked, m: _from_the_top(ranked * (m / np.arange(1, m + 1))))


def benjamini_yekutieli(p_values: ArrayLike) -> Floats:
    """False discovery rate under any dependence: Benjamini–Hochberg's times Σ 1/i (Ann. Statist. 29, 2001)."""
    return _in_order(p_values, lambda ranked, m: _from_the_top(ranked * (m * _harmonic(m) / np.arange(1, m + 1))))


def fixed_sequence(p_values: ArrayLike) -> Floats:
    """Adjusted p-values of tests in a promised order, each at full alpha until the first fails: the running maximum.

    Maurer, Hothorn & Lehmacher 1995 (Biometrie in der chemisch-pharmazeutischen Industrie 6). After a test without a
    result none is adjusted below 1.
    """
    p = _checked(p_values)
    stepped = np.maximum.accumulate(np.nan_to_num(np.atleast_1d(p), nan=1.0), axis=-1).reshape(p.shape)
    return np.asarray(np.where(np.isnan(p), np.nan, stepped))


def weighted_bonferroni(p_values: ArrayLike, weights: ArrayLike) -> Floats:
    """min(1, p_i / w_i) with weights normalised to 1 along the last axis: reject where p_i ≤ w_i α.

    Raises StatisticsError for weights that are not above 0.
    """
    p = _checked(p_values)
    return np.minimum(p / _shares(weights, p), 1.0)


def weighted_holm(p_values: ArrayLike, weights: ArrayLike) -> Floats:
    """Holm's step-down with weights (Holm 1979, §3): the running maximum of p_(i) / w_(i) times the weight still left.

    Ordered by p / w; never larger than the weighted Bonferroni's.
    """
    p = _checked(p_values)
    share = _shares(weights, p)
    ratio = p / share
    order = np.argsort(ratio, axis=-1)
    sorted_share = np.take_along_axis(share, order, axis=-1)
    left = np.cumsum(sorted_share[..., ::-1], axis=-1)[..., ::-1]
    ranked = np.nan_to_num(np.take_along_axis(ratio, order, axis=-1), nan=np.inf)
    stepped = np.minimum(np.maximum.accumulate(ranked * left, axis=-1), 1.0)
    return np.asarray(np.where(np.isnan(p), np.nan, _put_back(stepped, order)))


def levels(weights: ArrayLike, alpha: float) -> Floats:
    """How `weighted_bonferroni` splits alpha."""
    share = positive("weights", weights)
    return np.asarray(open_share("alpha", alpha) * share / share.sum(axis=-1, keepdims=True))


def adjusted_intervals(estimate: Estimate, correction: Correction, *, level: float) -> Interval:
    """Intervals of a family on the last axis of S + (m,) that all cover together with probability `level`.

    Bonferroni's are at 1 − (1 − level) / m and exclude 0 exactly where Bonferroni's adjusted p-value rejects; Šidák's at
    level^(1/m). The stepwise procedures have no such intervals that would say more, so theirs are Bonferroni's and may
    hold 0 where the test rejects. For discovery rates ask `selected_intervals`.
    """
    m = estimate.estimate.shape[-1] if estimate.estimate.ndim else 1
    match correction:
        case Correction.NONE:
            return _at(estimate, np.asarray(level), level)
        case Correction.SIDAK:
            return _at(estimate, np.asarray(open_share("level", level) ** (1.0 / m)), level)
        case Correction.BENJAMINI_HOCHBERG | Correction.BENJAMINI_YEKUTIELI:
            raise StatisticsError(f"{correction} promises a rate among the selected: use selected_intervals")
        case _:
            return _at(estimate, np.asarray(1.0 - (1.0 - open_share("level", level)) / m), level)


def selected_intervals(estimate: Estimate, selected: Bools, *, level: float) -> Interval:
    """Intervals of the selected effects whose false coverage rate is 1 − level (Benjamini & Yekutieli, JASA 100, 2005).

    `selected` (S + (m,)) are the rejections of `benjamini_hochberg` at 1 − level; with R of them each interval has level
    1 − R (1 − level) / m. NaN where not selected.
    """
    m = estimate.estimate.shape[-1]
    chosen = np.asarray(selected) & estimate.estimable
    share = np.maximum(chosen.sum(axis=-1, keepdims=True), 1) / m
    interval = _at(estimate, 1.0 - (1.0 - open_share("level", level)) * share, level)
    lower, upper = (np.where(chosen, end, np.nan) for end in (interval.lower, interval.upper))
    return Interval(lower=lower, upper=upper, level=level)


def _at(estimate: Estimate, single: Floats, level: float) -> Interval:
    """Intervals each of its own level `single`, labelled with the family's."""
    spread = np.broadcast_to(single, estimate.estimate.shape)
    half = np.empty(estimate.estimate.shape)
    for one in np.unique(spread):
        half = np.where(spread == one, critical_value(estimate.df, float(one)) * estimate.std_error, half)
    return Interval(lower=estimate.estimate - half, upper=estimate.estimate + half, level=level)


def _checked(p_values: ArrayLike) -> Floats:
    p = np.asarray(p_values, dtype=np.float64)
    wrong = (p < 0.0) | (p > 1.0)
    if wrong.any():
        raise StatisticsError(
            f"p_values contain {float(p[wrong].flat[0])!r}: each must lie between 0 and 1, or be NaN where there is no result"
        )
    return p


def _in_order(p_values: ArrayLike, adjust: Callable[[Floats, int], Floats]) -> Floats:
    """Sort, adjust, cut at 1 and put back; NaN goes last as a 1."""
    p = np.atleast_1d(_checked(p_values))
    order = np.argsort(p, axis=-1)
    ranked = np.nan_to_num(np.take_along_axis(p, order, axis=-1), nan=1.0)
    stepped = np.minimum(adjust(ranked, p.shape[-1]), 1.0)
    return np.asarray(np.where(np.isnan(p), np.nan, _put_back(stepped, order))).reshape(np.shape(p_values))


def _put_back(ranked: Floats, order: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> Floats:
    back = np.empty_like(ranked)
    np.put_along_axis(back, order, ranked, axis=-1)
    return back


def _from_the_top(ranked: Floats) -> Floats:
    return np.asarray(np.minimum.accumulate(ranked[..., ::-1], axis=-1)[..., ::-1])


def _hommel(ranked: Floats, m: int) -> Floats:
    place = np.arange(1, m + 1)
    least = np.min(m * ranked / place, axis=-1, keepdims=True)
    result = np.broadcast_to(least, ranked.shape).copy()
    bound = result.copy()
    for size in range(m - 1, 1, -1):
        first, last = ranked[..., : m - size + 1], ranked[..., m - size + 1 :]
        simes = np.min(size * last / np.arange(2, size + 1), axis=-1, keepdims=True)
        bound[..., : m - size + 1] = np.minimum(size * first, simes)
        bound[..., m - size + 1 :] = bound[..., m - size : m - size + 1]
        result = np.maximum(result, bound)
    return np.asarray(np.maximum(result, ranked), dtype=np.float64)


def _harmonic(m: int) -> float:
    return float((1.0 / np.arange(1, m + 1)).sum())


def _shares(weights: ArrayLike, p: Floats) -> Floats:
    share = np.broadcast_to(positive("weights", weights), p.shape)
    return np.asarray(share / share.sum(axis=-1, keepdims=True))


_CORRECTIONS: dict[Correction, Callable[[ArrayLike], Floats]] = {
    Correction.NONE: _checked,
    Correction.BONFERRONI: bonferroni,
    Correction.SIDAK: sidak,
    Correction.HOLM: holm,
    Correction.HOCHBERG: hochberg,
    Correction.HOMMEL: hommel,
    Correction.BENJAMINI_HOCHBERG: benjamini_hochberg,
    Correction.BENJAMINI_YEKUTIELI: benjamini_yekutieli,
}
