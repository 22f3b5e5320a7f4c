"""Classical boundaries of a fixed number of looks: O'Brien–Fleming, Pocock and what lies between them.

They need the looks to happen as planned; spending boundaries (`group_sequential`) do not. Not to be confused with the
O'Brien–Fleming *type* spending function.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import one_or_two, open_share, positive
from trialflow.stats.group_sequential import Boundaries, exit_probabilities
from trialflow.stats.moments import Floats
from trialflow.stats.roots import root

OBRIEN_FLEMING_SHAPE = 0.0
POCOCK_SHAPE = 0.5


def wang_tsiatis(information: ArrayLike, *, shape: float, alpha: float, sides: int = 2) -> Boundaries:
    """Critical values C t^(shape − ½) at `information` (look,) with t = information / last information.

    `shape` Δ = 0 is O'Brien & Fleming (Biometrics 35, 1979), ½ Pocock (Biometrika 64, 1977), anything between Wang &
    Tsiatis (Biometrics 43, 1987). The constant C makes all looks together spend `alpha`. `alpha_spent` is cumulative,
    both sides. Raises StatisticsError for a shape that is not finite and as `boundaries` does.
    """
    at = np.atleast_1d(positive("information", information))
    open_share("alpha", alpha)
    one_or_two("sides", sides)
    if not np.isfinite(shape) or not np.all(np.diff(at) > 0.0):
        raise StatisticsError(f"shape = {shape!r} must be finite and information = {at.tolist()!r} ascending")
    weight = (at / at[-1]) ** (shape - 0.5)

    def spent(constant: float) -> Floats:
        exits = exit_probabilities(constant * weight, at, sides=sides)
        return np.cumsum(exits.upper + exits.lower)

    # No set of looks needs more than Bonferroni's critical value where the weight is smallest.
    highest = max(-float(ndtri(alpha / sides / len(at))), 0.1) / float(weight.min())
    lowest = 0.0 if alpha / sides <= 0.5 else -highest - 10.0
    constant = root(lambda value: alpha - float(spent(value)[-1]), lowest, highest)
    return Boundaries(z=constant * weight, alpha_spent=spent(constant))
