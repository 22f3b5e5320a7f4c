"""Wald's sequential probability ratio test of one planned effect against none, looked at whenever one likes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import open_share
from trialflow.stats.moments import Bools, Floats
from trialflow.stats.results import Estimate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SprtPath:
    """What each look says; every array of the shape of the estimates.

    `log_likelihood_ratio` of the planned effect over none (0 while there is no number). `rejected` and `accepted` say
    whether the effect was taken for real, or for absent, at this look or before, whichever came first; neither means go on.
    `always_valid_p_value` is the running minimum of 1 / likelihood ratio.
    """

    log_likelihood_ratio: Floats
    rejected: Bools
    accepted: Bools
    always_valid_p_value: Floats
    method: str


def sprt(
    estimate: Estimate, *, effect: float, alpha: float, power: float, null: float = 0.0, axis: int = -1
) -> SprtPath:
    """SPRT of `effect` (fixed before data, its sign says which side) against `null` along the looks of `axis`.

    With V = std_error² the log ratio is (δ (estimate − null) − δ² / 2) / V, δ = effect − null. It stops for the effect at
    log(1 / alpha) and against it at log(1 − power). Those bounds hold at any number of looks by Ville's inequality; Wald's
    own (Ann. Math. Stat. 16, 1945), log(power / alpha) and log((1 − power) / (1 − alpha)), ignore the overshoot and are a
    little quicker. Far quicker than any other test here where the effect is as planned or absent, slow in between.
    Normal approximation. Raises StatisticsError for an effect equal to the null.
    """
    delta = effect - null
    if not np.isfinite(delta) or delta == 0.0:
        raise StatisticsError(f"effect = {effect!r} must be finite and differ from null = {null!r}")
    reject, accept = -np.log(open_share("alpha", alpha)), np.log1p(-open_share("power", power))
    shift = np.where(estimate.estimable, estimate.estimate, null + 0.5 * delta) - null
    ratio = np.asarray((delta * shift - 0.5 * delta**2) * estimate.information, dtype=np.float64)
    path = np.atleast_1d(ratio)
    for_it, against = path >= reject, path <= accept
    first_for, first_against = _first(for_it, axis), _first(against, axis)
    rejected = np.logical_or.accumulate(for_it, axis=axis) & (first_for < first_against)
    accepted = np.logical_or.accumulate(against, axis=axis) & (first_against < first_for)
    p_value = np.minimum.accumulate(np.exp(-np.maximum(path, 0.0)), axis=axis)
    return SprtPath(
        log_likelihood_ratio=ratio,
        rejected=rejected.reshape(ratio.shape),
        accepted=accepted.reshape(ratio.shape),
        always_valid_p_value=p_value.reshape(ratio.shape),
        method=f"{estimate.method}, sequential probability ratio test",
    )


def _first(happened: Bools, axis: int) -> Floats:
    """Index of the first True along `axis`, kept as a dimension; inf where there is none."""
    at = np.argmax(happened, axis=axis, keepdims=True)
    return np.where(happened.any(axis=axis, keepdims=True), at, np.inf)
