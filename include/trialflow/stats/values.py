"""How often each value occurs: the summary behind ranks, quantiles and caps, where moments are not enough."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import EllipsisType

import numpy as np
from numpy.typing import ArrayLike

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import open_share
from trialflow.stats.moments import Floats, Moments

# n p of a whole rank is often a rounding error above it; less than this share of n is no rank of its own.
_RANK_DUST = 1e-12


class Interpolation(StrEnum):
    """Which of the two common sample quantiles (Hyndman & Fan, Am. Statist. 50, 1996)."""

    LINEAR = "type 7"
    INVERTED = "type 1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValueCounts:
    """Counts S + (v,) of the v distinct values (v,), ascending and finite. Merges with `+` over the union of values.

    Raises StatisticsError for values that do not ascend or are not finite and for negative counts.
    """

    values: Floats
    counts: Floats

    def __post_init__(self) -> None:
        if not (np.isfinite(self.values).all() and (np.diff(self.values) > 0.0).all()):
            raise StatisticsError("the values of ValueCounts must be finite and ascend without a repetition")
        if self.counts.shape[-1:] != self.values.shape or not (self.counts >= 0.0).all():
            raise StatisticsError(
                f"counts of shape {self.counts.shape} must be at least 0 and end in {self.values.shape}, one per value"
            )

    @classmethod
    def from_rows(cls, rows: ArrayLike) -> ValueCounts:
        """From unit-level values of shape (units,); for tests and small data. Raises StatisticsError for NaN or inf."""
        values, counts = np.unique(np.asarray(rows, dtype=np.float64), return_counts=True)
        return cls(values=values, counts=counts.astype(np.float64))

    @property
    def n(self) -> Floats:
        """Number of units, S."""
        return np.asarray(self.counts.sum(axis=-1), dtype=np.float64)

    def moments(self) -> Moments:
        """Count, mean and centred second moment, S."""
        n = self.n
        safe = np.where(n > 0.0, n, 1.0)
        mean = (self.counts * self.values).sum(axis=-1) / safe
        m2 = (self.counts * (self.values - mean[..., None]) ** 2).sum(axis=-1)
        return Moments(n=n, mean=mean, m2=m2)

    def order_statistic(self, rank: ArrayLike) -> Floats:
        """The value at a 1-based rank S, or at the nearest rank there is; NaN where there is no unit."""
        wanted = np.clip(np.asarray(rank, dtype=np.float64), 1.0, np.maximum(self.n, 1.0))
        below = (np.cumsum(self.counts, axis=-1) < wanted[..., None]).sum(axis=-1)
        if not len(self.values):
            return np.full(np.shape(below), np.nan)
        return np.where(self.n > 0.0, self.values[np.minimum(below, len(self.values) - 1)], np.nan)

    def quantile(self, probability: float, interpolation: Interpolation = Interpolation.LINEAR) -> Floats:
        """Sample quantile, S; NaN where there is no unit. Raises StatisticsError for a probability outside (0, 1)."""
        open_share("probability", probability)
        if interpolation is Interpolation.INVERTED:
            return self.order_statistic(np.ceil(self.n * probability * (1.0 - _RANK_DUST)))
        position = 1.0 + (self.n - 1.0) * probability
        rank = np.floor(position)
        lower, upper = self.order_statistic(rank), self.order_statistic(rank + 1.0)
        return lower + (position - rank) * (upper - lower)

    def pooled(self) -> ValueCounts:
        """All variants together: the sum over the last axis of S."""
        return ValueCounts(values=self.values, counts=self.counts.sum(axis=-2))

    def take(self, *key: int | slice | EllipsisType | None) -> ValueCounts:
        """Index into S."""
        picked = key if key[-1:] == (Ellipsis,) else (*key, ...)
        return ValueCounts(values=self.values, counts=self.counts[picked])

    def over(self, values: Floats) -> ValueCounts:
        """The same counts over more `values`, which must hold all of one's own."""
        counts = np.zeros((*self.counts.shape[:-1], len(values)))
        counts[..., np.searchsorted(values, self.values)] = self.counts
        return ValueCounts(values=values, counts=counts)

    def __add__(self, other: ValueCounts) -> ValueCounts:
        values = np.union1d(self.values, other.values)
        return ValueCounts(values=values, counts=self.over(values).counts + other.over(values).counts)
