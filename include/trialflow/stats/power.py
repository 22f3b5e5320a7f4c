"""Sample size, planned information and minimum detectable effect of a difference of two means (or shares).

One formula throughout: the estimate is normal, information is 1 / variance of the difference, and a test of size
alpha has power 1 − β against an effect δ when δ √I = z_{1−α/sides} + z_{1−β}. The chance of rejecting on the wrong
side is not counted. `ratio` is units in treatment per unit in control. `inflation` is the maximum-information
inflation of a group-sequential design. Sizes are not rounded: round up to make a plan.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import not_negative, one_or_two, open_share, positive
from trialflow.stats.moments import Floats


def drift(*, alpha: float, power: float, sides: int = 2) -> float:
    """z_{1−α/sides} + z_power: the expected z-statistic that gives the power."""
    a = open_share("alpha", alpha) / one_or_two("sides", sides)
    return float(ndtri(open_share("power", power)) - ndtri(a))


def power_per_test(power: float, *, guardrails: int) -> float:
    """1 − (1 − power) / (guardrails + 1): what each test is planned with so that all succeed together with `power`.

    A treatment ships when its success metric and every guardrail show what they should. The chances to miss add up to no
    more than 1 − `power`, however the metrics hang together (Schultzberg, Ankargren & Frånberg 2024, arXiv 2402.11609).
    Alpha is not divided over guardrails: all of them must pass. Raises StatisticsError for a negative number of them.
    """
    if guardrails < 0:
        raise StatisticsError(f"guardrails = {guardrails!r} must not be negative")
    return 1.0 - (1.0 - open_share("power", power)) / (guardrails + 1.0)


def planned_information(
    *, minimum_effect: ArrayLike, alpha: float, power: float, sides: int = 2, inflation: float = 1.0
) -> Floats:
    """1 / std_error² at which a true effect of `minimum_effect` is found with `power`."""
    effect = positive("minimum_effect", np.abs(np.asarray(minimum_effect, dtype=np.float64)))
    return (drift(alpha=alpha, power=power, sides=sides) / effect) ** 2 * positive("inflation", inflation)


def units_per_variant(
    *,
    std_dev: ArrayLike,
    minimum_effect: ArrayLike,
    alpha: float,
    power: float,
    sides: int = 2,
    ratio: float = 1.0,
    inflation: float = 1.0,
    treatment_std_dev: ArrayLike | None = None,
) -> Floats:
    """Units in control; treatment gets `ratio` times as many.

    `std_dev` is that of one unit's value, in treatment too unless `treatment_std_dev` is given: for shares, the
    standard deviations at both shares make this the unpooled formula, the one of `difference_in_proportions`.
    """
    information = planned_information(
        minimum_effect=minimum_effect, alpha=alpha, power=power, sides=sides, inflation=inflation
    )
    return information * _unit_variance(std_dev, treatment_std_dev, ratio)


def minimum_detectable_effect(
    *,
    std_dev: ArrayLike,
    units_per_variant: ArrayLike,
    alpha: float,
    power: float,
    sides: int = 2,
    ratio: float = 1.0,
    inflation: float = 1.0,
    treatment_std_dev: ArrayLike | None = None,
) -> Floats:
    """The effect found with `power` when control has `units_per_variant` units and treatment `ratio` times as many."""
    units = positive("units_per_variant", units_per_variant)
    variance = _unit_variance(std_dev, treatment_std_dev, ratio) * positive("inflation", inflation) / units
    return drift(alpha=alpha, power=power, sides=sides) * np.sqrt(variance)


def achieved_power(*, effect: ArrayLike, information: ArrayLike, alpha: float, sides: int = 2) -> Floats:
    """Chance that a test at 1 / std_error² = `information` rejects on the side of a true `effect`."""
    a = open_share("alpha", alpha) / one_or_two("sides", sides)
    mean = np.abs(np.asarray(effect, dtype=np.float64)) * np.sqrt(not_negative("information", information))
    return np.asarray(ndtr(mean + ndtri(a)), dtype=np.float64)


def proportion_std_dev(share: ArrayLike) -> Floats:
    """√(p (1 − p)), the standard deviation of a unit that is 1 with probability p; raises outside [0, 1]."""
    p = not_negative("share", share)
    if np.any(p > 1.0):
        raise StatisticsError(f"share = {share!r} must lie between 0 and 1")
    return np.sqrt(p * (1.0 - p))


def _unit_variance(std_dev: ArrayLike, treatment_std_dev: ArrayLike | None, ratio: float) -> Floats:
    """Variance of the difference times units in control."""
    control = positive("std_dev", std_dev)
    treatment = control if treatment_std_dev is None else positive("treatment_std_dev", treatment_std_dev)
    return control**2 + treatment**2 / positive("ratio", ratio)
