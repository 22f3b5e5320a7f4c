"""The comparisons: moments of (value, denominator, pre-period value) per variant, the same for everyone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
COMPARISONS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One variant: `n` (k,), `mean` (k, 3) and sample covariance (k, 3, 3) of value, denominator and pre-period value."""

    n: Array
    mean: Array
    covariance: Array

    @property
    def sums(self) -> Array:
        """Raw sums (k, 3)."""
        return self.n[:, None] * self.mean

    @property
    def products(self) -> Array:
        """Raw sums of products (k, 3, 3)."""
        outer = self.mean[:, :, None] * self.mean[:, None, :]
        return (self.n - 1.0)[:, None, None] * self.covariance + self.n[:, None, None] * outer


def make(seed: int = 2026) -> tuple[Side, Side]:
    """Control and treatment of all comparisons, with small effects and moderate correlations."""
    generator = np.random.Generator(np.random.PCG64(seed))
    n = generator.integers(2_000, 200_000, size=COMPARISONS).astype(float)
    mean = np.stack(
        [generator.uniform(1.0, 20.0, COMPARISONS), generator.uniform(2.0, 9.0, COMPARISONS), np.zeros(COMPARISONS)],
        axis=1,
    )
    mean[:, 2] = mean[:, 0] * generator.uniform(0.8, 1.2, COMPARISONS)
    spread = mean * generator.uniform(0.3, 1.5, (COMPARISONS, 3))
    correlation = np.full((COMPARISONS, 3, 3), 0.5)
    correlation[:, np.arange(3), np.arange(3)] = 1.0
    covariance = spread[:, :, None] * spread[:, None, :] * correlation
    lift = 1.0 + generator.normal(0.0, 0.01, (COMPARISONS, 3)) * (1.0, 1.0, 0.1)
    control = Side(n=n, mean=mean, covariance=covariance)
    treatment = Side(
        n=np.floor(n * generator.uniform(0.9, 1.1, COMPARISONS)), mean=mean * lift, covariance=covariance * 1.03
    )
    return control, treatment
