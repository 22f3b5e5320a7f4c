"""Comparisons by rank: which variant's units tend to lie higher, and whether their distributions differ at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trialflow.stats.contrast import masked, welch_df
from trialflow.stats.fixed_horizon import critical_value
from trialflow.stats.moments import Bools, Floats
from trialflow.stats.proportions import z_test
from trialflow.stats.results import Alternative, Gap, Interval, Marked
from trialflow.stats.values import ValueCounts

_TOWARDS = {Alternative.GREATER: 1.0, Alternative.LESS: -1.0}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankTest(Marked):
    """Mann–Whitney's test, every array of shape S.

    `statistic` is U of the treatment; `probability` is P(T > C) + P(T = C) / 2 with its `interval`. `p_value` tests that
    the two distributions are the same. Where a variant is empty all are NaN; where all values are one, only `z` and
    `p_value` are, since nothing is left to test. The interval is [0, 1] where its standard error is 0 or unknown.
    """

    statistic: Floats
    z: Floats
    p_value: Floats
    probability: Floats
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DistributionTest(Marked):
    """Kolmogorov–Smirnov's two-sample test, each of shape S; NaN where a variant is empty."""

    distance: Floats
    p_value: Floats


def mann_whitney(
    control: ValueCounts,
    treatment: ValueCounts,
    *,
    level: float,
    continuity: bool = False,
    alternative: Alternative = Alternative.TWO_SIDED,
) -> RankTest:
    """Normal approximation with the correction for ties (Mann & Whitney, Ann. Math. Stat. 18, 1947; Lehmann 1975, 1.3).

    `continuity` moves U half a unit against the alternative, as R does by default. It tests that the distributions are equal,
    not that means or medians are. The interval of the probability needs no equality: Brunner & Munzel's variance of
    placements with Satterthwaite's degrees of freedom (Biometrical J. 42, 2000), cut to [0, 1].
    """
    low, high = _aligned(control, treatment)
    n_c, n_t = low.sum(axis=-1), high.sum(axis=-1)
    known = (n_c > 0.0) & (n_t > 0.0)
    placed = np.cumsum(low, axis=-1) - low / 2.0
    u = (high * placed).sum(axis=-1)
    total = n_c + n_t
    ties = low + high
    with np.errstate(divide="ignore", invalid="ignore"):
        same = (ties**3 - ties).sum(axis=-1) / (total * (total - 1.0))
        missed = u - n_c * n_t / 2.0
        if continuity:
            missed = missed - 0.5 * _TOWARDS.get(alternative, np.sign(missed))
        variance = n_c * n_t / 12.0 * (total + 1.0 - same)
        z = missed / np.sqrt(variance)
        probability = u / (n_c * n_t)
    gap = _gap(known, varies=np.asarray(variance > 0.0))
    test = z_test(z, gap=gap, alternative=alternative)
    return RankTest(
        statistic=masked(u, known),
        z=test.statistic,
        p_value=test.p_value,
        probability=masked(probability, known),
        interval=_placements(low, high, probability, known, level),
        gap=gap,
    )


def kolmogorov_smirnov(control: ValueCounts, treatment: ValueCounts) -> DistributionTest:
    """Largest distance of the two empirical distribution functions and its p-value.

    The p-value is that of one sample of n_C n_T / (n_C + n_T) units (Smirnov, Ann. Math. Stat. 19, 1948); with ties it
    errs towards 1.
    """
    from scipy.stats import kstwo  # slow to import, and few analyses need it

    low, high = _aligned(control, treatment)
    n_c, n_t = low.sum(axis=-1), high.sum(axis=-1)
    known = (n_c > 0.0) & (n_t > 0.0)
    one, other = np.where(known, n_c, 1.0), np.where(known, n_t, 1.0)
    steps = np.cumsum(low, axis=-1) / one[..., None] - np.cumsum(high, axis=-1) / other[..., None]
    distance = np.abs(steps).max(axis=-1, initial=0.0)
    units = np.maximum(np.round(one * other / (one + other)), 1.0)
    p_value = np.clip(kstwo.sf(distance, units), 0.0, 1.0)
    return DistributionTest(
        distance=masked(distance, known), p_value=masked(p_value, known), gap=_gap(known, varies=known)
    )


def _gap(known: Bools, *, varies: Bools) -> NDArray[np.int8]:
    return np.select([~known, ~varies], [Gap.TOO_FEW_UNITS, Gap.NO_VARIATION], default=Gap.NONE).astype(np.int8)


def _aligned(control: ValueCounts, treatment: ValueCounts) -> tuple[Floats, Floats]:
    """Counts of both over the same values."""
    if np.array_equal(control.values, treatment.values):
        return control.counts, treatment.counts
    values = np.union1d(control.values, treatment.values)
    return control.over(values).counts, treatment.over(values).counts


def _placements(low: Floats, high: Floats, probability: Floats, known: Bools, level: float) -> Interval:
    n_c, n_t = low.sum(axis=-1), high.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_treatment = (np.cumsum(low, axis=-1) - low / 2.0) / n_c[..., None]
        of_control = 1.0 - (np.cumsum(high, axis=-1) - high / 2.0) / n_t[..., None]
        parts = []
        for counts, placed, n in ((low, of_control, n_c), (high, of_treatment, n_t)):
            square = (counts * (placed - probability[..., None]) ** 2).sum(axis=-1)
            parts.append(square / (n - 1.0) / n)
        error = np.sqrt(parts[0] + parts[1])
        half = critical_value(welch_df(parts[0], parts[1], n_c, n_t), level) * error
    usable = known & np.isfinite(half) & (error > 0.0)
    lower = np.where(usable, np.maximum(probability - half, 0.0), 0.0)
    upper = np.where(usable, np.minimum(probability + half, 1.0), 1.0)
    return Interval(lower=lower, upper=upper, level=level)
