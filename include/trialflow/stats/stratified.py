"""Strata: one effect from many (post-stratification, inverse variance, Mantel–Haenszel) and whether they agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, ndtri

from trialflow.stats.arguments import not_negative, open_share
from trialflow.stats.contrast import SPREAD_FLOOR, difference, masked
from trialflow.stats.moments import Floats, Moments
from trialflow.stats.results import Estimate, Gap, Interval, Marked

POST_STRATIFIED = "post-stratified"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Heterogeneity(Marked):
    """Cochran's test that g effects are one, each array of shape S.

    `estimate` and `std_error` are the inverse-variance mean of the effects (NaN where none is estimable), `i_squared` in
    [0, 1] the share of their scatter beyond chance. With fewer than two estimable effects there is nothing to compare:
    statistic, df, p-value and I² are NaN, and `gap` says so.
    """

    estimate: Floats
    std_error: Floats
    statistic: Floats
    df: Floats
    p_value: Floats
    i_squared: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MantelHaenszel(Marked):
    """Common odds ratio over strata and the test that it is 1, each array of shape S.

    All NaN where no stratum tells the variants apart, with the reason in `gap`; the interval is [0, inf] where the ratio
    is 0 or infinite.
    """

    odds_ratio: Floats
    interval: Interval
    statistic: Floats
    p_value: Floats


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def post_stratified(control: Moments, treatment: Moments, *, shares: ArrayLike | None = None) -> Estimate:
    """Σ_s w_s (Ȳ_T,s − Ȳ_C,s) over strata on the last axis of S + (strata,); the result has shape S.

    w_s is the share of all units in the stratum, or of `shares` (a known population), normalised. Var = Σ w_s² (s²_T,s /
    n_T,s + s²_C,s / n_C,s) given the shares (Miratrix, Sekhon & Yu, JRSS B 75, 2013, eq. 3), degrees of freedom by
    Satterthwaite. A stratum must not depend on the treatment. Not estimable where a stratum with weight has fewer than
    two units in a variant. It is a regression on dummies, as CUPED is: do not apply both to one value.
    """
    weights = control.n + treatment.n if shares is None else not_negative("shares", shares)
    weights = np.broadcast_to(weights, np.broadcast_shapes(np.shape(weights), control.n.shape))
    whole = weights.sum(axis=-1, keepdims=True)
    share = np.where(whole > 0.0, weights / np.where(whole > 0.0, whole, 1.0), 0.0)
    used = share > 0.0
    enough = (~used | ((control.n >= 2.0) & (treatment.n >= 2.0))).all(axis=-1) & used.any(axis=-1)
    low, high = _weighted(control, share), _weighted(treatment, share)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = (low.variance + high.variance) ** 2 / (low.per_freedom + high.per_freedom)
    return difference(
        control=low.mean,
        treatment=high.mean,
        control_variance=low.variance,
        treatment_variance=high.variance,
        dust=low.dust + high.dust,
        df=np.asarray(df),
        known=np.asarray(enough),
        method=POST_STRATIFIED,
        unknown=Gap.EMPTY_STRATUM,
    )


def heterogeneity(effects: Estimate) -> Heterogeneity:
    """Cochran's Q = Σ w_g (Δ_g − Δ̄)², w = 1 / variance, over the last axis of S + (g,) (Cochran, Biometrics 10, 1954).

    χ² with g − 1 degrees of freedom; I² = max(0, 1 − df / Q) (Higgins & Thompson, Statist. Med. 21, 2002). The effects
    must be independent: segments of one dimension are, overlapping ones are not. Effects that are not estimable do not
    count. Variances are treated as known, so every segment needs some dozens of units.
    """
    known = effects.estimable
    weight = np.where(known, effects.information, 0.0)
    value = np.where(known, effects.estimate, 0.0)
    whole = weight.sum(axis=-1)
    some = np.isfinite(whole) & (whole > 0.0)
    safe = np.where(some, whole, 1.0)
    with np.errstate(invalid="ignore"):  # an error of 0 outweighs everything and ends as "no number"
        centre = (weight * value).sum(axis=-1) / safe
        statistic = (weight * (value - centre[..., None]) ** 2).sum(axis=-1)
    df = known.sum(axis=-1) - 1.0
    gap = np.select([df < 1.0, ~some], [Gap.TOO_FEW_EFFECTS, Gap.NO_VALUE], default=Gap.NONE).astype(np.int8)
    testable = gap == Gap.NONE
    excess = np.where(statistic > 0.0, 1.0 - df / np.where(statistic > 0.0, statistic, 1.0), 0.0)
    return Heterogeneity(
        estimate=masked(centre, some),
        std_error=masked(1.0 / np.sqrt(safe), some),
        statistic=masked(statistic, testable),
        df=masked(df, testable),
        p_value=masked(chdtrc(np.where(testable, df, 1.0), np.where(testable, statistic, 0.0)), testable),
        i_squared=masked(np.clip(excess, 0.0, 1.0), testable),
        gap=gap,
    )


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def mantel_haenszel(control: Moments, treatment: Moments, *, level: float, continuity: bool = False) -> MantelHaenszel:
    """Odds of success under treatment against control, common to strata on the last axis of S + (strata,).

    Estimate and test: Mantel & Haenszel (JNCI 22, 1959), without continuity correction unless asked for. Interval of
    the log ratio: Robins, Breslow & Greenland (Biometrics 42, 1986, eq. 5).
    """
    z = ndtri(0.5 + open_share("level", level) / 2.0)
    a, c = treatment.n * treatment.mean, control.n * control.mean
    b, d = treatment.n - a, control.n - c
    n = treatment.n + control.n
    used = (treatment.n > 0.0) & (control.n > 0.0) & (n > 1.0)
    size = np.where(used, n, 1.0)
    r, s = (np.where(used, one / size, 0.0) for one in (a * d, b * c))
    p, q = np.where(used, (a + d) / size, 0.0), np.where(used, (b + c) / size, 0.0)
    over, under = r.sum(axis=-1), s.sum(axis=-1)
    expected = treatment.n * (a + c) / size
    variance = treatment.n * control.n * (a + c) * (b + d) / (size**2 * np.maximum(size - 1.0, 1.0))
    missed = np.abs(np.where(used, a - expected, 0.0).sum(axis=-1))
    missed = np.maximum(missed - 0.5, 0.0) if continuity else missed
    whole = np.where(used, variance, 0.0).sum(axis=-1)
    some = np.isfinite(whole) & (whole > 0.0)
    reasons = [~used.any(axis=-1), ~np.isfinite(whole + over + under), ~some]
    codes = [Gap.TOO_FEW_UNITS, Gap.NO_VALUE, Gap.NO_VARIATION]
    gap = np.select(reasons, codes, default=Gap.NONE).astype(np.int8)
    some = gap == Gap.NONE
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = over / under
        log_variance = (
            (p * r).sum(axis=-1) / (2.0 * over**2)
            + (p * s + q * r).sum(axis=-1) / (2.0 * over * under)
            + (q * s).sum(axis=-1) / (2.0 * under**2)
        )
        factor = np.exp(z * np.sqrt(log_variance))
        bounded = np.isfinite(factor) & np.isfinite(ratio) & (ratio > 0.0)
        lower, upper = np.where(bounded, ratio / factor, 0.0), np.where(bounded, ratio * factor, np.inf)
        statistic = missed**2 / whole
    return MantelHaenszel(
        odds_ratio=masked(ratio, some),
        interval=Interval(lower=masked(lower, some), upper=masked(upper, some), level=level),
        statistic=masked(statistic, some),
        p_value=masked(chdtrc(1.0, np.where(some, statistic, 0.0)), some),
        gap=gap,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Weighted:
    mean: Floats
    variance: Floats
    dust: Floats
    per_freedom: Floats


def _weighted(arm: Moments, share: Floats) -> _Weighted:
    """A weighted mean of stratum means with its variance; strata without weight add nothing."""
    n = np.maximum(arm.n, 1.0)
    freedom = np.maximum(arm.n - 1.0, 1.0)
    parts = share**2 * np.maximum(arm.m2, 0.0) / freedom / n
    return _Weighted(
        mean=np.asarray((share * arm.mean).sum(axis=-1)),
        variance=np.asarray(parts.sum(axis=-1)),
        dust=np.asarray((SPREAD_FLOOR * share**2 * arm.mean**2 / n).sum(axis=-1)),
        per_freedom=np.asarray((parts**2 / freedom).sum(axis=-1)),
    )
