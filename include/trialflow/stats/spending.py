"""Alpha-spending functions: how much of the type I error may be used by which fraction of the information."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import not_negative, one_or_two, open_share
from trialflow.stats.moments import Floats


class SpendingFunction(StrEnum):
    """Lan–DeMets spending functions."""

    OBRIEN_FLEMING = "obrien_fleming"
    POCOCK = "pocock"
    HWANG_SHIH_DECANI = "hwang_shih_decani"
    POWER = "power"


# What a family with a parameter uses unless told: gsDesign's defaults, both close to O'Brien–Fleming.
DEFAULT_PARAMETERS = {SpendingFunction.HWANG_SHIH_DECANI: -4.0, SpendingFunction.POWER: 3.0}


def alpha_spent(
    function: SpendingFunction, fraction: ArrayLike, alpha: float, sides: int = 2, *, parameter: float | None = None
) -> Floats:
    """Cumulative type I error spent by an information `fraction` of any shape; all sides together sum to `alpha` at 1.

    With a = alpha / sides, O'Brien–Fleming type spends 2 [1 − Φ(z_{1−a/2} / √t)] and Pocock type a ln(1 + (e − 1) t)
    on each side (Lan & DeMets, Biometrika 70, 1983). Note that `a` is the level of one side: putting the total of a
    two-sided test there is the well-known error. Hwang, Shih & DeCani (Statistics in Medicine 9, 1990) spend
    a (1 − e^{−γt}) / (1 − e^{−γ}), linear at γ = 0, and the power family a t^ρ (Kim & DeMets, Biometrika 74, 1987), with
    `parameter` γ or ρ. Fractions above 1 (over-running) count as 1. The same functions spend beta: alpha = 1 − power,
    sides = 1. Raises StatisticsError for a negative fraction, an alpha outside (0, 1), sides other than 1 or 2, a
    parameter that is not finite, a ρ that is not positive and a parameter where the family has none.
    """
    t = np.minimum(not_negative("fraction", fraction), 1.0)
    a = open_share("alpha", alpha) / one_or_two("sides", sides)
    shape = _parameter(function, parameter)
    match function:
        case SpendingFunction.OBRIEN_FLEMING:
            with np.errstate(divide="ignore"):
                per_side = 2.0 * ndtr(ndtri(a / 2.0) / np.sqrt(t))
        case SpendingFunction.POCOCK:
            per_side = a * np.log1p((np.e - 1.0) * t)
        case SpendingFunction.HWANG_SHIH_DECANI:
            per_side = a * (t if shape == 0.0 else _bent(t, shape))
        case SpendingFunction.POWER:
            per_side = a * t**shape
    return np.asarray(np.where(t >= 1.0, alpha, sides * per_side), dtype=np.float64)


def _bent(t: Floats, gamma: float) -> Floats:
    # Exponents are kept negative, so that a steep family does not overflow.
    if gamma > 0.0:
        return np.asarray(np.expm1(-gamma * t) / np.expm1(-gamma), dtype=np.float64)
    return np.asarray((np.exp(gamma * (1.0 - t)) - np.exp(gamma)) / -np.expm1(gamma), dtype=np.float64)


def _parameter(function: SpendingFunction, parameter: float | None) -> float:
    default = DEFAULT_PARAMETERS.get(function)
    if default is None and parameter is not None:
        raise StatisticsError(f"parameter = {parameter!r}: {function.value} spending has none; leave it out")
    value = float(default or 0.0) if parameter is None else float(parameter)
    if not np.isfinite(value) or (function is SpendingFunction.POWER and value <= 0.0):
        raise StatisticsError(f"parameter = {parameter!r} must be finite, and above 0 in the power family")
    return value
