"""Planning with several treatments against one control: the level of each comparison and who gets how many units."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, roots_hermitenorm

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import one_or_two, open_share, positive
from trialflow.stats.moments import Floats
from trialflow.stats.roots import root

_NODES = 80


class VariantCorrection(StrEnum):
    """How the level is shared among the comparisons with control.

    `NONE` leaves it as it is; `BONFERRONI` is right whatever the dependence; `SIDAK` for independent comparisons and
    conservative for those with one control; `DUNNETT` exact for one control and equal variances.
    """

    NONE = "none"
    BONFERRONI = "bonferroni"
    SIDAK = "sidak"
    DUNNETT = "dunnett"


def comparison_alpha(
    *,
    treatments: int,
    alpha: float,
    sides: int = 2,
    ratio: float = 1.0,
    correction: VariantCorrection = VariantCorrection.BONFERRONI,
) -> float:
    """The level, all sides together, of each of `treatments` comparisons so that any false alarm has chance `alpha`.

    `ratio` is units per treatment over units in control, which sets how strongly comparisons depend on each other. Put the
    result into any function of `power` as alpha. Raises StatisticsError for fewer than one treatment.
    """
    open_share("alpha", alpha)
    if treatments < 1:
        raise StatisticsError(f"treatments = {treatments!r} must be at least 1")
    match correction:
        case VariantCorrection.NONE:
            return alpha
        case VariantCorrection.BONFERRONI:
            return alpha / treatments
        case VariantCorrection.SIDAK:
            return float(-np.expm1(np.log1p(-alpha) / treatments))
        case VariantCorrection.DUNNETT:
            critical = dunnett_critical(treatments=treatments, alpha=alpha, sides=sides, ratio=ratio)
            return float(sides * ndtr(-critical))


def dunnett_critical(*, treatments: int, alpha: float, sides: int = 2, ratio: float = 1.0) -> float:
    """Critical z of the largest of `treatments` comparisons with one control (Dunnett, JASA 50, 1955), large samples.

    Given the control's mean the comparisons are independent, so their joint chance is one integral over it, here by
    Gauss–Hermite quadrature; the correlation of two comparisons is ratio / (1 + ratio).
    """
    a = open_share("alpha", alpha) / one_or_two("sides", sides)
    shared = float(positive("ratio", ratio)) / (1.0 + float(ratio))
    nodes, weights = roots_hermitenorm(_NODES)
    weights = weights / weights.sum()
    shift, spread = np.sqrt(shared) * nodes, np.sqrt(1.0 - shared)

    def coverage(critical: float) -> float:
        below = ndtr((critical - shift) / spread)
        inside = below - ndtr((-critical - shift) / spread) if sides == 2 else below
        return float(weights @ inside**treatments) - (1.0 - alpha)

    return root(coverage, float(-ndtri(a)) - 1e-9, float(-ndtri(a / treatments)) + 1e-9)


def square_root_ratio(treatments: int) -> float:
    """Units per treatment over units in control, 1 / √k, with which k comparisons need the fewest units in all.

    Dunnett (1955). It minimises (1 / n_C + 1 / n_T)(n_C + k n_T).
    """
    if treatments < 1:
        raise StatisticsError(f"treatments = {treatments!r} must be at least 1")
    return float(treatments**-0.5)


def total_units(*, control_units: ArrayLike, treatments: int, ratio: ArrayLike = 1.0) -> Floats:
    """Units of all variants when control has `control_units` and each of `treatments` has `ratio` times as many."""
    return positive("control_units", control_units) * (1.0 + treatments * positive("ratio", ratio))
