"""Repeated p-values: the smallest level at which the design would have stopped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_ndtr

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import not_falling, one_or_two, positive
from trialflow.stats.fixed_horizon import SMALLEST_TAIL
from trialflow.stats.group_sequential import spending_boundary
from trialflow.stats.moments import Floats
from trialflow.stats.roots import root
from trialflow.stats.spending import SpendingFunction, alpha_spent

# Above this level nothing is said: the p-value is 1.
HIGHEST_LEVEL = 0.99


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RepeatedPValues:
    """Of looks, each of shape (look,).

    `repeated_p_value` is that of each look alone; `always_valid_p_value` its running minimum, which may be compared with
    alpha at every look of the plan. Both are those of a one-sided test in one-sided designs.
    """

    repeated_p_value: Floats
    always_valid_p_value: Floats


def repeated_p_values(
    z: ArrayLike,
    information: ArrayLike,
    *,
    fractions: ArrayLike | None = None,
    sides: int = 2,
    spending: SpendingFunction = SpendingFunction.OBRIEN_FLEMING,
    parameter: float | None = None,
) -> RepeatedPValues:
    """Smallest alpha of a design of the same spending family that rejects with `z` (look,) at `information` (look,).

    Jennison & Turnbull (JRSS B 51, 1989). `fractions` (look,) is the spending time, as for `boundaries`; the looks may be
    the first few of a longer plan, whose fractions must then be given. Upper side in one-sided designs. 1 where no level
    up to .99 rejects; 1 too where `z` is NaN, since a look without a number is no evidence. Raises StatisticsError as
    `boundaries` does, but takes information that fell as `next_boundary` does.
    """
    at = np.atleast_1d(positive("information", information))
    score = np.broadcast_to(np.asarray(z, dtype=np.float64), at.shape)
    size = np.abs(score) if one_or_two("sides", sides) == 2 else score
    if fractions is None and len(at) == 1:
        raise StatisticsError("fractions must be given for a single look: without them it counts as the last one")
    time = at / at[-1] if fractions is None else np.broadcast_to(np.asarray(fractions, dtype=np.float64), at.shape)
    not_falling("fractions", time)

    def level(look: int) -> float:
        def excess(log_alpha: float) -> float:
            spent = alpha_spent(spending, time[: look + 1], np.exp(log_alpha), sides, parameter=parameter)
            return float(size[look] - spending_boundary(at[: look + 1], spent, sides, capped=False)[-1])

        highest = float(np.log(HIGHEST_LEVEL))
        if np.isnan(size[look]) or excess(highest) < 0.0:
            return 1.0
        # Any crossing at all is at least as likely as one at this look alone.
        lowest = float(np.log(sides) + log_ndtr(-size[look])) - 1e-9
        return float(np.exp(root(excess, max(lowest, float(np.log(SMALLEST_TAIL))), highest, tolerance=1e-9)))

    repeated = np.asarray([level(look) for look in range(len(at))])
    return RepeatedPValues(repeated_p_value=repeated, always_valid_p_value=np.minimum.accumulate(repeated))
