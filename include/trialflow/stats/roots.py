"""The root of a monotone function where Newton has no safe start."""

from __future__ import annotations

import math
from collections.abc import Callable

_STEPS = 200


def root(function: Callable[[float], float], low: float, high: float, *, tolerance: float = 1e-12) -> float:
    """Where the increasing `function` is 0 between `low` and `high`; the nearer end if it has one sign there.

    Chandrupatla's method (Advances in Engineering Software 28, 1997): inverse quadratic steps where they are safe and
    bisection elsewhere. `tolerance` is relative to the root, absolute below 1.
    """
    at_low, at_high = function(low), function(high)
    if at_low >= 0.0 or at_high <= 0.0:
        return low if at_low >= 0.0 else high
    newest, previous, other = high, low, low
    f_newest, f_previous, f_other = at_high, at_low, at_low
    share = 0.5
    for _ in range(_STEPS):
        guess = newest + share * (previous - newest)
        value = function(guess)
        if (value > 0.0) == (f_newest > 0.0):
            other, f_other = newest, f_newest
        else:
            other, f_other = previous, f_previous
            previous, f_previous = newest, f_newest
        newest, f_newest = guess, value
        best, f_best = (newest, f_newest) if abs(f_newest) < abs(f_previous) else (previous, f_previous)
        slack = tolerance * max(1.0, abs(best)) / abs(previous - newest)
        if f_best == 0.0 or slack > 0.5:
            return best
        share = min(max(_share(newest, previous, other, f_newest, f_previous, f_other), slack), 1.0 - slack)
    return newest


def bracket(function: Callable[[float], float], centre: float, step: float) -> tuple[float, float]:
    """Two points with the root of the increasing `function` between them, found by doubling `step` from `centre`."""
    low, high = centre - step, centre + step
    for _ in range(60):
        if function(low) <= 0.0:
            break
        low, step = low - 2.0 * step, 2.0 * step
    for _ in range(60):
        if function(high) >= 0.0:
            break
        high, step = high + 2.0 * step, 2.0 * step
    return low, high


def _share(a: float, b: float, c: float, f_a: float, f_b: float, f_c: float) -> float:
    """How far from a to b the next guess lies: inverse quadratic where the three points allow it, else half."""
    position, level = (a - b) / (c - b), (f_a - f_b) / (f_c - f_b)
    if not 1.0 - math.sqrt(1.0 - position) < level < math.sqrt(position):
        return 0.5
    first = f_a / (f_b - f_a) * f_c / (f_b - f_c)
    return first + (c - a) / (b - a) * f_a / (f_c - f_a) * f_b / (f_c - f_b)
