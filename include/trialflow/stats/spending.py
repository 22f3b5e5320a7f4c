"""Alpha-spending functions: how much of the type I error may be used by which fraction of the information."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from trialflow.stats.arguments import not_negative, one_or_two, open_share
from trialflow.stats.moments import Floats


class SpendingFunction(StrEnum):
    """Lan–DeMets spending functions."""

    OBRIEN_FLEMING = "obrien_fleming"
    POCOCK = "pocock"


def alpha_spent(function: SpendingFunction, fraction: ArrayLike, alpha: float, sides: int = 2) -> Floats:
    """Cumulative type I error spent by an information `fraction` of any shape; all sides together sum to `alpha` at 1.

    With a = alpha / sides, O'Brien–Fleming type spends 2 [1 − Φ(z_{1−a/2} / √t)] and Pocock type a ln(1 + (e − 1) t)
    on each side (Lan & DeMets, Biometrika 70, 1983). Note that `a` is the level of one side: putting the total of a
    two-sided test there is the well-known error. Fractions above 1 (over-running) count as 1. Raises StatisticsError
    for a negative fraction, an alpha outside (0, 1) and sides other than 1 or 2.
    """
    t = np.minimum(not_negative("fraction", fraction), 1.0)
    a = open_share("alpha", alpha) / one_or_two("sides", sides)
    match function:
        case SpendingFunction.OBRIEN_FLEMING:
            with np.errstate(divide="ignore"):
                per_side = 2.0 * ndtr(ndtri(a / 2.0) / np.sqrt(t))
        case SpendingFunction.POCOCK:
            per_side = a * np.log1p((np.e - 1.0) * t)
    return np.asarray(np.where(t >= 1.0, alpha, sides * per_side), dtype=np.float64)
