"""Mergeable moments: all that ever crosses from a warehouse into Python.

`Moments` describes one variable, `JointMoments` several at once (ratio metrics, CUPED). Both hold arrays of one
broadcast shape, so days × variants × segments are one object, and both merge with `+`
(Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances", eq. 2.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointMoments:
    """Count, means and centred second moments of p variables.

    Shapes: `n` is S, `mean` is S + (p,), `m2` is S + (p, p) where S is any broadcast shape. `m2` holds sums of
    products of deviations from the mean, not divided by anything. Where `n` is 0 the means and `m2` are 0.
    """

    n: Floats
    mean: Floats
    m2: Floats

    @classmethod
    def from_sums(cls, n: ArrayLike, sums: ArrayLike, products: ArrayLike) -> JointMoments:
        """From raw sums: `n` of shape S, `sums` S + (p,), `products` (raw second moments) S + (p, p)."""
        count = np.asarray(n, dtype=np.float64)
        total = np.asarray(sums, dtype=np.float64)
        safe = np.where(count > 0, count, 1.0)[..., None]
        mean = np.where(count[..., None] > 0, total / safe, 0.0)
        outer = mean[..., :, None] * total[..., None, :]
        centred = np.asarray(products, dtype=np.float64) - outer
        return cls(n=count, mean=mean, m2=np.where(count[..., None, None] > 0, centred, 0.0))

    @classmethod
    def from_rows(cls, rows: ArrayLike) -> JointMoments:
        """From unit-level rows of shape (units, p); for tests and small data."""
        values = np.asarray(rows, dtype=np.float64)
        if values.ndim == 1:
            values = values[:, None]
        count = values.shape[0]
        mean = values.mean(axis=0) if count else np.zeros(values.shape[1])
        deviations = values - mean
        return cls(n=np.asarray(float(count)), mean=mean, m2=deviations.T @ deviations)

    @property
    def covariance(self) -> Floats:
        """Sample covariance with n − 1 in the denominator, S + (p, p); NaN where n < 2."""
        freedom = self.n - 1.0
        safe = np.where(freedom > 0, freedom, 1.0)[..., None, None]
        return np.where(freedom[..., None, None] > 0, self.m2 / safe, np.nan)

    def variable(self, index: int) -> Moments:
        """The marginal moments of one variable."""
        return Moments(n=self.n, mean=self.mean[..., index], m2=self.m2[..., index, index])

    def take(self, *key: int | slice | EllipsisType | Floats | None) -> JointMoments:
        """Index into S, for example `moments.take(-1, 0)` for the last day of the first variant."""
        return JointMoments(n=self.n[key], mean=self.mean[key], m2=self.m2[key])

    def __add__(self, other: JointMoments) -> JointMoments:
        n = self.n + other.n
        safe = np.where(n > 0, n, 1.0)
        delta = other.mean - self.mean
        mean = self.mean + delta * (other.n / safe)[..., None]
        weight = (self.n * other.n / safe)[..., None, None]
        m2 = self.m2 + other.m2 + weight * delta[..., :, None] * delta[..., None, :]
        return JointMoments(n=n, mean=mean, m2=m2)

    def __sub__(self, earlier: JointMoments) -> JointMoments:
        """What was merged into `earlier` to give these moments: the inverse of `+`. Raises nothing; n may come out 0."""
        n = self.n - earlier.n
        safe = np.where(n > 0, n, 1.0)
        mean = np.where(
            (n > 0)[..., None],
            (self.n[..., None] * self.mean - earlier.n[..., None] * earlier.mean) / safe[..., None],
            0.0,
        )
        delta = mean - earlier.mean
        weight = (n * earlier.n / np.where(self.n > 0, self.n, 1.0))[..., None, None]
        m2 = self.m2 - earlier.m2 - weight * delta[..., :, None] * delta[..., None, :]
        return JointMoments(n=n, mean=mean, m2=np.where((n > 0)[..., None, None], m2, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Count, mean and centred second moment of one variable, each of shape S."""

    n: Floats
    mean: Floats
    m2: Floats

    @classmethod
    def from_rows(cls, rows: ArrayLike) -> Moments:
        """From unit-level values of shape (units,); for tests and small data."""
        return JointMoments.from_rows(rows).variable(0)

    @classmethod
    def from_variance(cls, *, n: ArrayLike, mean: ArrayLike, variance: ArrayLike) -> Moments:
        """From a published mean and sample variance (n − 1 in the denominator), whatever stands there below n = 2."""
        count = np.asarray(n, dtype=np.float64)
        centre = np.where(count > 0, np.asarray(mean, dtype=np.float64), 0.0)
        spread = np.where(count > 1, np.asarray(variance, dtype=np.float64) * (count - 1.0), 0.0)
        return cls(n=count, mean=centre, m2=spread)

    @classmethod
    def from_proportion(cls, *, n: ArrayLike, successes: ArrayLike) -> Moments:
        """From counts of units and of successes."""
        count = np.asarray(n, dtype=np.float64)
        hits = np.asarray(successes, dtype=np.float64)
        share = np.where(count > 0, hits / np.where(count > 0, count, 1.0), 0.0)
        return cls(n=count, mean=share, m2=count * share * (1.0 - share))

    @property
    def variance(self) -> Floats:
        """Sample variance with n − 1 in the denominator; NaN where n < 2."""
        freedom = self.n - 1.0
        return np.where(freedom > 0, self.m2 / np.where(freedom > 0, freedom, 1.0), np.nan)

    def take(self, *key: int | slice | EllipsisType | Floats | None) -> Moments:
        """Index into S, for example `moments.take(-1, 0)` for the last day of the first variant."""
        return Moments(n=self.n[key], mean=self.mean[key], m2=self.m2[key])

    def __add__(self, other: Moments) -> Moments:
        n = self.n + other.n
        safe = np.where(n > 0, n, 1.0)
        delta = other.mean - self.mean
        mean = self.mean + delta * other.n / safe
        m2 = self.m2 + other.m2 + delta * delta * self.n * other.n / safe
        return Moments(n=n, mean=mean, m2=m2)
