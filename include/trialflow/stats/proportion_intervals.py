"""Intervals and tests for the difference of two shares that hold where the Wald interval does not: small counts."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import open_share
from trialflow.stats.contrast import masked
from trialflow.stats.moments import Floats, Moments
from trialflow.stats.proportions import ZTest, share_gap, z_test
from trialflow.stats.results import Alternative, Gap, Interval

# Halvings of the search for an end of the score interval: [-1, 1] shrinks below 1e-16.
_HALVINGS = 56


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def newcombe(control: Moments, treatment: Moments, *, level: float) -> Interval:
    """Hybrid score interval of the difference, of shape S (Newcombe, Statist. Med. 17, 1998, method 10).

    Combines the two Wilson intervals; no continuity correction. NaN where a variant is empty or a share is none.
    """
    z = ndtri(0.5 + open_share("level", level) / 2.0)
    low_c, high_c = _wilson(control, z)
    low_t, high_t = _wilson(treatment, z)
    gap = treatment.mean - control.mean
    lower = gap - np.sqrt((treatment.mean - low_t) ** 2 + (high_c - control.mean) ** 2)
    upper = gap + np.sqrt((high_t - treatment.mean) ** 2 + (control.mean - low_c) ** 2)
    return _interval(lower, upper, control, treatment, level)


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def agresti_caffo(control: Moments, treatment: Moments, *, level: float) -> Interval:
    """Wald interval after one success and one failure more per variant (Agresti & Caffo, Am. Statist. 54, 2000).

    NaN where a variant is empty or a share is none.
    """
    z = ndtri(0.5 + open_share("level", level) / 2.0)
    sizes, shares = [], []
    for one in (control, treatment):
        sizes.append(one.n + 2.0)
        shares.append((one.n * one.mean + 1.0) / sizes[-1])
    gap = shares[1] - shares[0]
    half = z * np.sqrt(sum(p * (1.0 - p) / n for p, n in zip(shares, sizes, strict=True)))
    return _interval(np.maximum(gap - half, -1.0), np.minimum(gap + half, 1.0), control, treatment, level)


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def score_test(
    control: Moments,
    treatment: Moments,
    *,
    null: float | Floats = 0.0,
    corrected: bool = True,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> ZTest:
    """z-test of p_T − p_C = `null` with the variance at the shares most likely under that null.

    `corrected` puts N/(N − 1) into the variance (Miettinen & Nurminen, Statist. Med. 4, 1985); without it the test is
    Farrington & Manning's (Statist. Med. 9, 1990), at null 0 the pooled z-test. It is the test that `score_interval`
    inverts, with the same default. For non-inferiority give null = −margin and the alternative GREATER. No number where a
    variant is empty, a share is none, or neither data nor null leave anything to vary. Raises StatisticsError for a null
    outside [−1, 1].
    """
    at = np.asarray(null, dtype=np.float64)
    if not np.all(np.abs(at) <= 1.0):
        raise StatisticsError(f"null = {null!r} must lie between −1 and 1: it is a difference of two shares")
    z = _score(control, treatment, at, corrected=corrected)
    gap = share_gap(control, treatment, flat=np.isnan(z))
    return z_test(z, gap=np.broadcast_to(gap, z.shape), alternative=alternative)


@np.errstate(invalid="ignore")  # values that are not finite end as "no number"
def score_interval(control: Moments, treatment: Moments, *, level: float, corrected: bool = True) -> Interval:
    """All differences that `score_test` with the same `corrected` does not reject at 1 − level, of shape S.

    With the correction (the default of both) this is Miettinen & Nurminen's interval. Found by halving, since the
    statistic falls as the null rises. NaN where a variant is empty or a share is none.
    """
    critical = ndtri(0.5 + open_share("level", level) / 2.0)
    middle_share = treatment.mean - control.mean
    ends = []
    for sign in (-1.0, 1.0):
        inside, outside = middle_share, np.full_like(middle_share, sign)
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2.0
            z = _score(control, treatment, middle, corrected=corrected)
            accepted = np.abs(z) <= critical
            inside, outside = np.where(accepted, middle, inside), np.where(accepted, outside, middle)
        ends.append((inside + outside) / 2.0)
    return _interval(ends[0], ends[1], control, treatment, level)


def _score(control: Moments, treatment: Moments, null: Floats, *, corrected: bool) -> Floats:
    """The statistic; NaN where its variance is 0."""
    share_c, share_t = _restricted(control, treatment, null)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = share_c * (1.0 - share_c) / control.n + share_t * (1.0 - share_t) / treatment.n
        total = control.n + treatment.n
        variance = variance * (total / (total - 1.0) if corrected else 1.0)
        missed = treatment.mean - control.mean - null
        z = missed / np.sqrt(variance)
    certain = np.isfinite(variance) & (variance <= 0.0) & (missed != 0.0)
    return np.asarray(np.where(certain, np.copysign(np.inf, missed), z), dtype=np.float64)


def _restricted(control: Moments, treatment: Moments, null: Floats) -> tuple[Floats, Floats]:
    """Most likely shares with p_T − p_C = `null`: a root of a cubic (Farrington & Manning, §2.1)."""
    n_c, n_t = control.n, treatment.n
    x_c, x_t = n_c * control.mean, n_t * treatment.mean
    with np.errstate(divide="ignore", invalid="ignore"):
        l3 = n_c + n_t
        l2 = -(l3 + x_c + x_t + (n_c + 2.0 * n_t) * null)
        l1 = (n_t * null + l3 + 2.0 * x_t) * null + x_c + x_t
        l0 = -x_t * null * (1.0 + null)
        third = l2 / (3.0 * l3)
        q = third**3 - l1 * l2 / (6.0 * l3**2) + l0 / (2.0 * l3)
        spread = np.sqrt(np.maximum(third**2 - l1 / (3.0 * l3), 0.0))
        p = np.where(q >= 0.0, spread, -spread)
        angle = (np.pi + np.arccos(np.clip(np.where(p == 0.0, 0.0, q / p**3), -1.0, 1.0))) / 3.0
        share_t = 2.0 * p * np.cos(angle) - third
    share_t = np.clip(share_t, np.maximum(null, 0.0), np.minimum(1.0 + null, 1.0))
    return np.clip(share_t - null, 0.0, 1.0), share_t


def _wilson(moments: Moments, z: float) -> tuple[Floats, Floats]:
    n = np.maximum(moments.n, 1.0)
    p = moments.mean
    centre = (p + z**2 / (2.0 * n)) / (1.0 + z**2 / n)
    half = z * np.sqrt(p * (1.0 - p) / n + z**2 / (4.0 * n**2)) / (1.0 + z**2 / n)
    return np.where(p <= 0.0, 0.0, centre - half), np.where(p >= 1.0, 1.0, centre + half)


def _interval(lower: Floats, upper: Floats, control: Moments, treatment: Moments, level: float) -> Interval:
    known = share_gap(control, treatment, flat=np.asarray(False)) == Gap.NONE
    return Interval(lower=masked(lower, known), upper=masked(upper, known), level=level)
