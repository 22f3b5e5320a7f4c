"""Monte Carlo agreement: how far a measured rate may lie from the promised one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trialflow.stats import Moments

Array = NDArray[Any]


def assert_rate(happened: ArrayLike, promised: float, *, sds: float = 4.0) -> None:
    """Assert that the share of True agrees with `promised` within `sds` Monte Carlo standard deviations."""
    runs = np.size(happened)
    measured = float(np.mean(np.asarray(happened)))
    slack = sds * math.sqrt(promised * (1.0 - promised) / runs)
    assert abs(measured - promised) <= slack, f"measured {measured:.4f}, promised {promised} ± {slack:.4f}, {runs} runs"


def normal_moments(
    generator: np.random.Generator, *, runs: int, n: int, mean: float = 0.0, std_dev: float = 1.0
) -> Moments:
    """Moments of `runs` samples of `n` normal values, drawn from their exact joint distribution."""
    spread = std_dev**2 * generator.chisquare(n - 1, size=runs)
    centre = generator.normal(mean, std_dev / math.sqrt(n), size=runs)
    return Moments(n=np.full(runs, float(n)), mean=centre, m2=spread)
