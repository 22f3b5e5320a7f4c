"""Sample size, power and detectable effect of two means when the test uses Student's t: what small samples need more.

Equal deviations in both variants and n_C + n_T − 2 degrees of freedom, as R's power.t.test, pwr and statsmodels have it.
Power is the chance of rejecting on the side of the true effect; programs that count the other side too (pwr) differ only
where power is close to alpha. Above some hundred units `power.units_per_variant` gives the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import nctdtr, stdtrit

from trialflow.stats.arguments import one_or_two, open_share, positive
from trialflow.stats.moments import Bools, Floats
from trialflow.stats.power import minimum_detectable_effect, units_per_variant

_HALVINGS = 60


def student_power(
    *,
    std_dev: ArrayLike,
    effect: ArrayLike,
    units: ArrayLike,
    alpha: float,
    sides: int = 2,
    ratio: ArrayLike = 1.0,
) -> Floats:
    """Power of the t-test with `units` in control and `ratio` times as many in treatment.

    Raises StatisticsError where fewer than three units in all leave no degree of freedom.
    """
    n_c, r = positive("units", units), positive("ratio", ratio)
    size = np.abs(np.asarray(effect, dtype=np.float64)) / positive("std_dev", std_dev)
    a = open_share("alpha", alpha) / one_or_two("sides", sides)
    positive("units in all - 2", n_c * (1.0 + r) - 2.0)
    return _power(size, n_c, a, r)


def student_units(
    *,
    std_dev: ArrayLike,
    minimum_effect: ArrayLike,
    alpha: float,
    power: float,
    sides: int = 2,
    ratio: ArrayLike = 1.0,
    inflation: ArrayLike = 1.0,
) -> Floats:
    """Units in control, not rounded, for the t-test; treatment gets `ratio` times as many.

    `inflation` is that of a group-sequential design: the size of the one-look test is multiplied by it, as rpact does.
    """
    size = positive("minimum_effect", np.abs(np.asarray(minimum_effect, dtype=np.float64))) / positive(
        "std_dev", std_dev
    )
    r, a = positive("ratio", ratio), open_share("alpha", alpha) / one_or_two("sides", sides)
    size, r = (np.array(values) for values in np.broadcast_arrays(size, r))
    # One degree of freedom at least; the t-test never needs fewer units than the normal one and some ten more at most
    # wherever planning makes sense, so a few hundred times as many is a safe end.
    normal = units_per_variant(std_dev=1.0, minimum_effect=size, alpha=alpha, power=power, sides=sides) * 0.5
    low = 3.0 / (1.0 + r)
    high = (np.maximum(normal, 2.0) * (1.0 + 1.0 / r)) * 500.0 / a**0.5
    return _smallest(lambda n: _power(size, n, a, r) >= power, low, high) * positive("inflation", inflation)


def student_minimum_effect(
    *,
    std_dev: ArrayLike,
    units: ArrayLike,
    alpha: float,
    power: float,
    sides: int = 2,
    ratio: ArrayLike = 1.0,
    inflation: ArrayLike = 1.0,
) -> Floats:
    """Effect found with `power` by the t-test with `units` in control and `ratio` times as many in treatment.

    `inflation` as for `student_units`. Raises StatisticsError as `student_power`.
    """
    n_c, r = positive("units", units) / positive("inflation", inflation), positive("ratio", ratio)
    positive("units in all - 2", n_c * (1.0 + r) - 2.0)
    a = open_share("alpha", alpha) / one_or_two("sides", sides)
    n_c, r = (np.array(values) for values in np.broadcast_arrays(n_c, r))
    critical = -stdtrit(n_c * (1.0 + r) - 2.0, a)
    normal = minimum_detectable_effect(std_dev=1.0, units_per_variant=1.0, alpha=alpha, power=power, sides=sides)
    end = (normal + 20.0 * critical) * np.sqrt((1.0 + 1.0 / r) / n_c)
    size = _smallest(lambda one: _power(one, n_c, a, r) >= power, np.zeros(n_c.shape), end)
    return size * positive("std_dev", std_dev)


def _power(size: Floats, n_c: Floats, a: float, ratio: Floats) -> Floats:
    df = n_c * (1.0 + ratio) - 2.0
    drift = size * np.sqrt(n_c * ratio / (1.0 + ratio))
    return np.asarray(1.0 - nctdtr(df, drift, -stdtrit(df, a)), dtype=np.float64)


def _smallest(enough: Callable[[Floats], Bools], low: Floats, high: Floats) -> Floats:
    """The smallest value that is `enough`, elementwise, by halving on the logarithm where 0 is not an end."""
    for _ in range(_HALVINGS):
        middle = np.where(low > 0.0, np.sqrt(low * high), 0.5 * (low + high))
        reached = enough(middle)
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return high
