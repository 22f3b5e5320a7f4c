"""What is asked of a run: did the test reject, did the interval hold the truth?"""

from __future__ import annotations

import numpy as np

from tests.calibration.data import covers
from tests.calibration.study import Array, Claim, Rate
from trialflow.stats import Alternative, Estimate, Moments, difference_in_means, fixed_horizon

ALPHA = 0.05


def between(arms: Moments) -> Estimate:
    """Difference of means of the two variants on the last axis."""
    return difference_in_means(arms.take(..., 0), arms.take(..., 1))


def rejects(estimate: Estimate, alpha: float = ALPHA) -> Array:
    """Whether the two-sided test of no difference rejects; where there is no number, it does not."""
    return np.asarray(fixed_horizon(estimate, level=1.0 - alpha).p_value <= alpha)


def holds(estimate: Estimate, truth: float | Array) -> Array:
    """Whether the interval of level 95 % holds the truth; where there is no number, it does not."""
    interval = fixed_horizon(estimate, level=1.0 - ALPHA).interval
    return covers(interval.lower, interval.upper, truth)


def passes(estimate: Estimate, alpha: float = ALPHA) -> Array:
    """Whether the one-sided test finds the estimate above 0."""
    one_sided = fixed_horizon(estimate, level=1.0 - 2.0 * alpha, alternative=Alternative.GREATER)
    return np.asarray(one_sided.p_value <= alpha)


def error_and_coverage(method: str, claim: Claim) -> tuple[Rate, Rate]:
    """Type I error at 5 % and coverage at 95 %."""
    return error(method, claim), coverage(method, claim)


def error(method: str, claim: Claim = Claim.HOLDS, alpha: float = ALPHA) -> Rate:
    """Type I error."""
    return Rate(method=method, quantity="type I error", promised=alpha, claim=claim)


def coverage(method: str, claim: Claim = Claim.HOLDS, level: float = 1.0 - ALPHA) -> Rate:
    """Coverage of an interval."""
    return Rate(method=method, quantity="coverage", promised=level, claim=claim)
