"""Sample size, power and smallest provable range of equivalence: two one-sided tests, each at alpha.

The estimate is normal with known spread: with n units in control its variance is (σ_C² + σ_T² / ratio) / n. Both tests
reject where low + z σ < estimate < high − z σ, z = z_{1−α}, so the power against a true effect θ is
Φ((high − θ)/se − z) − Φ((low − θ)/se + z), and 0 where that range is empty (Phillips, J. Pharmacokinet. Biopharm. 18, 1990,
with the normal in place of t). Add a few units where there are only dozens.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import open_share, positive
from trialflow.stats.moments import Floats
from trialflow.stats.power import planned_information

_HALVINGS = 60


def equivalence_power(
    *,
    std_dev: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    units: ArrayLike,
    alpha: float,
    true_effect: ArrayLike = 0.0,
    ratio: ArrayLike = 1.0,
    treatment_std_dev: ArrayLike | None = None,
) -> Floats:
    """Chance to show that the effect lies between `low` and `high` with `units` in control, when it is `true_effect`.

    Raises StatisticsError unless low < high.
    """
    _ordered(low, high)
    error = np.sqrt(_unit_variance(std_dev, treatment_std_dev, ratio) / positive("units", units))
    return _power(_room(low, high, true_effect), error, open_share("alpha", alpha))


def equivalence_units(
    *,
    std_dev: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    alpha: float,
    power: float,
    true_effect: ArrayLike = 0.0,
    ratio: ArrayLike = 1.0,
    inflation: ArrayLike = 1.0,
    treatment_std_dev: ArrayLike | None = None,
) -> Floats:
    """Units in control, not rounded, to show that the effect lies between `low` and `high`.

    `inflation` is that of a one-sided group-sequential design. Raises StatisticsError unless low < true_effect < high.
    """
    _ordered(low, high)
    below, above = _room(low, high, true_effect)
    nearest = positive("distance of true_effect from low and high", np.minimum(below, above))
    variance = _unit_variance(std_dev, treatment_std_dev, ratio)
    # One test alone needs no more than both, and both at 1 − β/2 each succeed together with at least 1 − β.
    small, large = (
        variance * planned_information(minimum_effect=nearest, alpha=alpha, power=reach, sides=1)
        for reach in (power, 0.5 + power / 2.0)
    )
    small, large, variance, below, above = (
        np.array(values) for values in np.broadcast_arrays(small, large, variance, below, above)
    )
    for _ in range(_HALVINGS):
        middle = 0.5 * (small + large)
        enough = _power((below, above), np.sqrt(variance / middle), alpha) >= power
        small, large = np.where(enough, small, middle), np.where(enough, middle, large)
    return np.asarray(large * positive("inflation", inflation), dtype=np.float64)


def smallest_equivalence_range(
    *,
    std_dev: ArrayLike,
    units: ArrayLike,
    alpha: float,
    power: float,
    ratio: ArrayLike = 1.0,
    inflation: ArrayLike = 1.0,
    treatment_std_dev: ArrayLike | None = None,
) -> Floats:
    """The smallest m for which `units` in control show −m < effect < m with `power` when there is no effect.

    m = (z_{1−α} + z_{1−β/2}) √(variance / n): the two tests then miss with β / 2 each.
    """
    error = np.sqrt(
        _unit_variance(std_dev, treatment_std_dev, ratio) * positive("inflation", inflation) / positive("units", units)
    )
    both = float(ndtri(0.5 + open_share("power", power) / 2.0) - ndtri(open_share("alpha", alpha)))
    return np.asarray(both * error, dtype=np.float64)


def _ordered(low: ArrayLike, high: ArrayLike) -> None:
    if not np.all(np.asarray(low) < np.asarray(high)):
        raise StatisticsError(f"low = {low!r} must lie below high = {high!r}")


def _room(low: ArrayLike, high: ArrayLike, true_effect: ArrayLike) -> tuple[Floats, Floats]:
    at = np.asarray(true_effect, dtype=np.float64)
    return at - np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64) - at


def _power(room: tuple[Floats, Floats], error: Floats, alpha: float) -> Floats:
    z = float(ndtri(alpha))
    return np.asarray(np.maximum(ndtr(room[1] / error + z) - ndtr(-room[0] / error - z), 0.0), dtype=np.float64)


def _unit_variance(std_dev: ArrayLike, treatment_std_dev: ArrayLike | None, ratio: ArrayLike) -> Floats:
    control = positive("std_dev", std_dev)
    treated = control if treatment_std_dev is None else positive("treatment_std_dev", treatment_std_dev)
    return np.asarray(control**2 + treated**2 / positive("ratio", ratio), dtype=np.float64)
