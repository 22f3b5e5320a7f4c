"""Sample size, power and smallest provable margin of non-inferiority, as `margin_contrast` tests it.

One-sided at alpha throughout. With n units in control and `ratio` times as many in treatment, the distance from the margin is
estimated with variance σ_C² f² / n + σ_T² / (ratio n), f = 1 for an absolute margin and 1 ∓ δ for a relative one, which
counts the control mean as the estimate it is (Schultzberg, Ankargren & Frånberg 2024, arXiv 2402.11609). Power is
Φ(distance / std_error − z_{1−α}).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import open_share, positive
from trialflow.stats.moments import Floats
from trialflow.stats.power import drift, planned_information


def non_inferiority_units(
    *,
    std_dev: ArrayLike,
    alpha: float,
    power: float,
    absolute: ArrayLike | None = None,
    relative: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    direction_sign: int = 1,
    ratio: ArrayLike = 1.0,
    inflation: float = 1.0,
    true_difference: ArrayLike = 0.0,
    treatment_std_dev: ArrayLike | None = None,
) -> Floats:
    """Units in control, not rounded, to show non-inferiority when treatment − control = `true_difference`.

    A relative margin δ needs the control `mean`; the margin is then δ |mean|. `std_dev` is that of both variants unless
    `treatment_std_dev` is given. Raises StatisticsError unless exactly one margin is given (a relative one with its mean),
    and where the true difference lies beyond the margin.
    """
    distance, variance = _plan(
        std_dev, absolute, relative, mean, direction_sign, ratio, true_difference, treatment_std_dev
    )
    room = positive("distance from the margin", distance)
    information = planned_information(minimum_effect=room, alpha=alpha, power=power, sides=1, inflation=inflation)
    return np.asarray(information * variance, dtype=np.float64)


def non_inferiority_power(
    *,
    std_dev: ArrayLike,
    units: ArrayLike,
    alpha: float,
    absolute: ArrayLike | None = None,
    relative: ArrayLike | None = None,
    mean: ArrayLike | None = None,
    direction_sign: int = 1,
    ratio: ArrayLike = 1.0,
    true_difference: ArrayLike = 0.0,
    treatment_std_dev: ArrayLike | None = None,
) -> Floats:
    """Chance that one look with `units` in control shows non-inferiority; at most alpha for a truth beyond the margin.

    Arguments as for `non_inferiority_units`. Raises StatisticsError unless exactly one margin is given.
    """
    distance, variance = _plan(
        std_dev, absolute, relative, mean, direction_sign, ratio, true_difference, treatment_std_dev
    )
    std_error = np.sqrt(variance / positive("units", units))
    return np.asarray(ndtr(distance / std_error + ndtri(open_share("alpha", alpha))), dtype=np.float64)


def smallest_margin(
    *,
    std_dev: ArrayLike,
    units: ArrayLike,
    alpha: float,
    power: float,
    ratio: ArrayLike = 1.0,
    inflation: float = 1.0,
    direction_sign: int = 1,
    true_difference: ArrayLike = 0.0,
    treatment_std_dev: ArrayLike | None = None,
) -> Floats:
    """The smallest absolute margin that `units` in control can be expected to prove, with `power`.

    0 where the treatment is so much better that it needs no margin. Arguments as for `non_inferiority_units`.
    """
    error = _expected_error(std_dev, treatment_std_dev, ratio, 1.0)
    needed = drift(alpha=alpha, power=power, sides=1) * error * _per_root_unit(units, inflation)
    return np.maximum(needed - _gain(direction_sign, true_difference), 0.0)


def smallest_relative_margin(
    *,
    std_dev: ArrayLike,
    mean: ArrayLike,
    units: ArrayLike,
    alpha: float,
    power: float,
    ratio: ArrayLike = 1.0,
    inflation: float = 1.0,
    direction_sign: int = 1,
    true_difference: ArrayLike = 0.0,
    treatment_std_dev: ArrayLike | None = None,
) -> Floats:
    """The smallest margin, as a share δ of the control `mean`, that `units` in control can be expected to prove.

    Solves δ |μ| + gain = (z_{1−α} + z_power) √((σ_C² (1 ∓ δ)² + σ_T² / ratio) / n), a quadratic equation. 0 where no margin
    is needed, inf where so few units prove none. Raises StatisticsError for a mean of 0.
    """
    control = positive("std_dev", std_dev)
    treated = control if treatment_std_dev is None else positive("treatment_std_dev", treatment_std_dev)
    centre = np.asarray(mean, dtype=np.float64)
    size, gain = positive("mean", np.abs(centre)), _gain(direction_sign, true_difference)
    turned = direction_sign * np.where(centre < 0.0, -1.0, 1.0)
    scale = (drift(alpha=alpha, power=power, sides=1) * _per_root_unit(units, inflation)) ** 2
    own, other = scale * control**2, scale * treated**2 / positive("ratio", ratio)
    # A δ² + 2 B δ + C = 0; the left side is a line and the right one convex, so the first meeting is this root.
    a, b, c = size**2 - own, size * gain + turned * own, gain**2 - own - other
    inside = b**2 - a * c
    with np.errstate(divide="ignore", invalid="ignore"):
        margin = -c / (b + np.sqrt(np.maximum(inside, 0.0)))
    met = (inside >= 0.0) & np.isfinite(margin) & (margin > 0.0) & (margin * size + gain > 0.0)
    needless = (gain > 0.0) & (c >= 0.0)
    return np.asarray(np.where(needless, 0.0, np.where(met, margin, np.inf)), dtype=np.float64)


def _plan(
    std_dev: ArrayLike,
    absolute: ArrayLike | None,
    relative: ArrayLike | None,
    mean: ArrayLike | None,
    direction_sign: int,
    ratio: ArrayLike,
    true_difference: ArrayLike,
    treatment_std_dev: ArrayLike | None,
) -> tuple[Floats, Floats]:
    """Distance of the truth from the margin, positive inside, and the variance of its estimate times units in control."""
    if (absolute is None) == (relative is None) or (relative is not None and mean is None):
        raise StatisticsError(
            f"give absolute, or relative with mean: absolute = {absolute!r}, relative = {relative!r}, mean = {mean!r}"
        )
    gain = _gain(direction_sign, true_difference)
    if absolute is not None:
        return positive("absolute", absolute) + gain, _expected_error(std_dev, treatment_std_dev, ratio, 1.0) ** 2
    centre = np.asarray(mean, dtype=np.float64)
    share = positive("relative", 0.0 if relative is None else relative)
    factor = 1.0 - direction_sign * np.where(centre < 0.0, -1.0, 1.0) * share
    return share * np.abs(centre) + gain, _expected_error(std_dev, treatment_std_dev, ratio, factor) ** 2


def _gain(direction_sign: int, true_difference: ArrayLike) -> Floats:
    if direction_sign not in (-1, 1):
        raise StatisticsError(f"direction_sign = {direction_sign!r} must be 1 (more is better) or -1 (less is better)")
    return direction_sign * np.asarray(true_difference, dtype=np.float64)


def _expected_error(
    std_dev: ArrayLike, treatment_std_dev: ArrayLike | None, ratio: ArrayLike, factor: float | Floats
) -> Floats:
    """Standard error of the distance for one unit in control."""
    control = positive("std_dev", std_dev)
    treated = control if treatment_std_dev is None else positive("treatment_std_dev", treatment_std_dev)
    variance = control**2 * np.asarray(factor) ** 2 + treated**2 / positive("ratio", ratio)
    return np.asarray(np.sqrt(variance), dtype=np.float64)


def _per_root_unit(units: ArrayLike, inflation: float) -> Floats:
    return np.asarray(np.sqrt(positive("inflation", inflation) / positive("units", units)), dtype=np.float64)
