"""Sample size, power and detectable effect of Mann–Whitney's test. The effect is P(T > C) + P(T = C) / 2; ½ is none.

Power is Φ((|p − ½| √n − z_{1−α/sides} s₀) / s₁) with n units in control, s₀² and s₁² being n times the variance of the
estimated p under the null and in truth. Noether (JASA 82, 1987) takes the continuous null for both: s² = (1 + 1/r) / 12, r
units in treatment per unit in control; equal values make it smaller (Zhao, Rahardja & Qu, Statist. Med. 27, 2008). Where
distributions to expect are known, `RankSpread.of` takes both variances from them (Happ, Bathke & Brunner, Statist. Med. 38,
2019), which is better far from ½ and for many equal values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import one_or_two, open_share, positive
from trialflow.stats.moments import Floats
from trialflow.stats.values import ValueCounts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RankSpread:
    """What a plan needs: `probability` P(T > C) + P(T = C) / 2, the deviations s₀ and s₁, and the `ratio`, of shape S."""

    probability: Floats
    null_std_dev: Floats
    true_std_dev: Floats
    ratio: Floats

    @classmethod
    def noether(cls, probability: ArrayLike, *, ratio: ArrayLike = 1.0, ties: ArrayLike = 0.0) -> RankSpread:
        """From the effect alone. `ties` is Σ g³ over the shares g of equal values in both variants together.

        Raises StatisticsError for probabilities outside [0, 1] or of ½, and for ties outside [0, 1).
        """
        p, r, t = np.broadcast_arrays(
            np.asarray(probability, dtype=np.float64), positive("ratio", ratio), np.asarray(ties, dtype=np.float64)
        )
        if not np.all((t >= 0.0) & (t < 1.0)):
            raise StatisticsError(f"ties = {ties!r} must lie between 0 and 1")
        spread = np.sqrt((1.0 - t) * (1.0 + 1.0 / r) / 12.0)
        return cls(probability=_probability(p), null_std_dev=spread, true_std_dev=spread, ratio=np.array(r))

    @classmethod
    def of(cls, control: ValueCounts, treatment: ValueCounts, *, ratio: float = 1.0) -> RankSpread:
        """From distributions to expect, S + (v,): history as it is, and as the treatment is hoped to change it.

        Raises StatisticsError where one is empty, where they do not differ in rank, and where nothing varies.
        """
        values = np.union1d(control.values, treatment.values)
        r = positive("ratio", ratio)
        low, high = (one.over(values).counts / positive("units", one.n)[..., None] for one in (control, treatment))
        both = (low + r * high) / (1.0 + r)
        below_low, below_high, below_both = (np.cumsum(one, axis=-1) - one / 2.0 for one in (low, high, both))
        p = (high * below_low).sum(axis=-1)
        null = _variance(both, below_both) * (1.0 + 1.0 / r)
        true = _variance(low, below_high) + _variance(high, below_low) / r
        return cls(
            probability=_probability(p),
            null_std_dev=np.sqrt(positive("variance of the ranks", null)),
            true_std_dev=np.sqrt(true),
            ratio=np.broadcast_to(r, p.shape),
        )


def mann_whitney_units(
    spread: RankSpread, *, alpha: float, power: float, sides: int = 2, inflation: ArrayLike = 1.0
) -> Floats:
    """Units in control, not rounded; treatment gets `spread.ratio` times as many.

    `inflation` is that of a group-sequential design.
    """
    a = open_share("alpha", alpha) / one_or_two("sides", sides)
    reach = float(ndtri(open_share("power", power))) * spread.true_std_dev - float(ndtri(a)) * spread.null_std_dev
    return np.asarray((reach / (spread.probability - 0.5)) ** 2 * positive("inflation", inflation), dtype=np.float64)


def mann_whitney_power(spread: RankSpread, *, units: ArrayLike, alpha: float, sides: int = 2) -> Floats:
    """Chance that the test with `units` in control rejects on the side of the true effect."""
    a = open_share("alpha", alpha) / one_or_two("sides", sides)
    lead = np.abs(spread.probability - 0.5) * np.sqrt(positive("units", units)) + ndtri(a) * spread.null_std_dev
    certain = np.where(lead >= 0.0, 1.0, 0.0)
    deviation = np.where(spread.true_std_dev > 0.0, spread.true_std_dev, 1.0)
    return np.asarray(np.where(spread.true_std_dev > 0.0, ndtr(lead / deviation), certain), dtype=np.float64)


def mann_whitney_minimum_effect(
    *,
    units: ArrayLike,
    alpha: float,
    power: float,
    sides: int = 2,
    ratio: ArrayLike = 1.0,
    ties: ArrayLike = 0.0,
    inflation: ArrayLike = 1.0,
) -> Floats:
    """The probability above ½ that is found with `power` (its mirror image below ½ as well), by Noether's formula.

    inf where not even a treatment that always lies higher would be found.
    """
    unit = RankSpread.noether(1.0, ratio=ratio, ties=ties).null_std_dev
    a = open_share("alpha", alpha) / one_or_two("sides", sides)
    reach = float(ndtri(open_share("power", power)) - ndtri(a))
    found = 0.5 + reach * unit * np.sqrt(positive("inflation", inflation) / positive("units", units))
    return np.asarray(np.where(found < 1.0, found, np.inf), dtype=np.float64)


def _variance(weights: Floats, values: Floats) -> Floats:
    mean = (weights * values).sum(axis=-1, keepdims=True)
    return np.asarray((weights * (values - mean) ** 2).sum(axis=-1), dtype=np.float64)


def _probability(value: Floats) -> Floats:
    if not np.all((value >= 0.0) & (value <= 1.0) & (value != 0.5)):
        raise StatisticsError(f"probability = {value.tolist()!r} must lie between 0 and 1 and not be 0.5")
    return np.array(value)
