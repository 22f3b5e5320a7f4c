"""Arguments refused at the door of a statistic: what is wrong, which value, what to pass instead."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trialflow.errors import StatisticsError
from trialflow.stats.moments import Floats


def open_share(name: str, value: float) -> float:
    """`value` if it lies strictly between 0 and 1; raises StatisticsError otherwise (NaN included)."""
    if not 0.0 < value < 1.0:
        raise StatisticsError(f"{name} = {value!r} must lie strictly between 0 and 1")
    return value


def positive(name: str, value: ArrayLike) -> Floats:
    """`value` as floats if all of it is above 0 and finite; raises StatisticsError otherwise (NaN included)."""
    array = np.asarray(value, dtype=np.float64)
    if not np.all((array > 0.0) & np.isfinite(array)):
        raise StatisticsError(f"{name} = {value!r} must be finite and above 0")
    return array


def not_negative(name: str, value: ArrayLike) -> Floats:
    """`value` as floats if all of it is at least 0 and finite; raises StatisticsError otherwise (NaN included)."""
    array = np.asarray(value, dtype=np.float64)
    if not np.all((array >= 0.0) & np.isfinite(array)):
        raise StatisticsError(f"{name} = {value!r} must be finite and not negative")
    return array


def not_falling(name: str, value: Floats) -> Floats:
    """`value` (look,) if no look has less than the one before; raises StatisticsError otherwise."""
    if np.any(np.diff(value) < 0.0):
        raise StatisticsError(f"{name} = {value.tolist()!r} must not fall from look to look")
    return value


def one_or_two(name: str, value: int) -> int:
    """`value` if it is 1 or 2; raises StatisticsError otherwise."""
    if value not in (1, 2):
        raise StatisticsError(f"{name} = {value!r} must be 1 (one-sided) or 2 (two-sided)")
    return value
