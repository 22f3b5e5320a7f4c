"""Non-binding futility bounds by beta spending: where going on is unlikely to show the planned effect.

Non-binding means that the efficacy boundary is made as if futility did not exist: type I error does not depend on
anyone stopping there. Only power does, and the inflation of the plan pays for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import not_falling, open_share, positive
from trialflow.stats.group_sequential import NEGLIGIBLE_ALPHA, boundaries, continued
from trialflow.stats.moments import Floats
from trialflow.stats.power import drift
from trialflow.stats.recursion import START, boundary_for, grown, mirrored, still_running
from trialflow.stats.roots import bracket, root
from trialflow.stats.spending import SpendingFunction, alpha_spent


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FutilityBounds:
    """Futility bounds of looks, each of shape (look,): at or below `z` a look may stop for futility.

    −inf where the look cannot. `beta_spent` is the cumulative chance, under the planned effect, of having stopped for
    futility. The bound never lies above the efficacy boundary.
    """

    z: Floats
    beta_spent: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FutilityDesign:
    """A one-sided plan with both bounds, each of shape (look,); at the last look they meet.

    `effect` is the drift: the expected z-statistic at full information; `inflation` the maximum information over that
    of a fixed look with the same alpha and power.
    """

    efficacy_z: Floats
    futility_z: Floats
    alpha_spent: Floats
    beta_spent: Floats
    effect: float
    inflation: float


def futility_bounds(
    efficacy_z: ArrayLike,
    information: ArrayLike,
    *,
    effect: float,
    power: float,
    fractions: ArrayLike | None = None,
    spending: SpendingFunction = SpendingFunction.OBRIEN_FLEMING,
    parameter: float | None = None,
) -> FutilityBounds:
    """Futility bounds of looks with the recorded (or planned) `efficacy_z` (look,) at `information` (look,).

    Under the true `effect`, positive and in the unit that `information` belongs to, look k stops for futility with
    probability β(t_k) − β(t_{k−1}), β = 1 − `power` (Pampallona, Tsiatis & Kim, Drug Information Journal 35, 2001).
    `fractions` (look,) is spending time, information / last information unless given. The efficacy side is the upper
    one: for a test with two sides give its upper boundary. Raises StatisticsError for an effect that is not positive,
    for information or fractions that fall, and for lists that are not of one length.
    """
    at = _looks("information", information)
    upper = _one_each("efficacy_z", efficacy_z, at)
    time = at / at[-1] if fractions is None else _one_each("fractions", fractions, at)
    not_falling("fractions", time)
    beta = alpha_spent(spending, time, 1.0 - open_share("power", power), 1, parameter=parameter)
    if np.isnan(upper).any():
        raise StatisticsError(f"efficacy_z = {upper.tolist()!r} must be numbers")
    z = _bounds(upper, at, np.diff(beta, prepend=0.0), float(positive("effect", effect)))
    return FutilityBounds(z=np.minimum(z, upper), beta_spent=beta)


def futility_design(
    fractions: ArrayLike,
    *,
    alpha: float,
    power: float,
    spending: SpendingFunction = SpendingFunction.OBRIEN_FLEMING,
    parameter: float | None = None,
    futility_spending: SpendingFunction = SpendingFunction.OBRIEN_FLEMING,
    futility_parameter: float | None = None,
) -> FutilityDesign:
    """One-sided plan at information `fractions` (look,) of the maximum with non-binding futility by beta spending.

    The efficacy boundary spends `alpha` as if there were no futility; the effect (drift) is the one with which both
    bounds meet at the last look, so that the power is `power` if futility is obeyed and higher if not. rpact calls it
    bindingFutility = FALSE, gsDesign test.type = 4. Raises StatisticsError for fractions that fall.
    """
    at = _looks("fractions", fractions)
    at = at / at[-1]
    bound = boundaries(at, alpha=alpha, sides=1, spending=spending, parameter=parameter)
    beta = alpha_spent(futility_spending, at, 1.0 - open_share("power", power), 1, parameter=futility_parameter)
    increments = np.diff(beta, prepend=0.0)
    fixed = drift(alpha=alpha, power=power, sides=1)

    def gap(effect: float) -> float:
        """By how much the last futility bound lies above the efficacy boundary; increases with the effect."""
        return float(_bounds(bound.z, at, increments, effect)[-1] - bound.z[-1])

    effect = root(gap, *bracket(gap, 1.1 * fixed, 0.1 * fixed))
    return FutilityDesign(
        efficacy_z=bound.z,
        futility_z=np.minimum(_bounds(bound.z, at, increments, effect), bound.z),
        alpha_spent=bound.alpha_spent,
        beta_spent=beta,
        effect=effect,
        inflation=(effect / fixed) ** 2,
    )


def _looks(name: str, value: ArrayLike) -> Floats:
    at = np.atleast_1d(positive(name, value))
    if at.ndim != 1 or not at.size:
        raise StatisticsError(f"{name} = {value!r} must be a list of looks, not empty")
    return not_falling(name, at)


def _one_each(name: str, value: ArrayLike, looks: Floats) -> Floats:
    values = np.asarray(value, dtype=np.float64)
    if values.ndim and values.shape != looks.shape:
        raise StatisticsError(f"{name} has {values.size} values for {len(looks)} looks: give one for each")
    return np.broadcast_to(values, looks.shape)


def _bounds(upper: Floats, at: Floats, increments: Floats, effect: float) -> Floats:
    """Lower bounds that are crossed with probability `increments` under `effect`; +inf once nothing is left to stop."""
    z = np.full(at.shape, np.inf)
    density = START
    for look, increment in enumerate(increments):
        now = grown(density, float(at[look]))
        z[look] = -np.inf
        if increment > NEGLIGIBLE_ALPHA:
            if increment >= still_running(density, effect):
                z[look:] = np.inf
                break
            z[look] = -boundary_for(mirrored(density), information=now, probability=float(increment), effect=-effect)
        if z[look] >= upper[look] and look < len(at) - 1:
            z[look + 1 :] = np.inf
            break
        following = float(at[min(look + 1, len(at) - 1)])
        density = continued(density, float(z[look]), float(upper[look]), float(at[look]), following)
    return z
