"""Group-sequential boundaries by alpha spending: a planned number of looks, each with its critical value.

Spending time and correlation are two things: how much alpha a look may spend follows its spending fraction (of the
planned information), how strongly looks depend on each other follows the information they really have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import not_falling, one_or_two, open_share, positive
from trialflow.stats.contrast import masked
from trialflow.stats.fixed_horizon import SMALLEST_TAIL
from trialflow.stats.moments import Bools, Floats
from trialflow.stats.power import drift
from trialflow.stats.recursion import START, Density, advance, boundary_for, crossing, grown
from trialflow.stats.results import Alternative, Estimate, Interval, SequentialEffect
from trialflow.stats.spending import SpendingFunction, alpha_spent

# Below this much alpha, or above this many standard errors, a look cannot stop: programs disagree there (rpact and
# ldbounds return infinity, gsDesign 20) and the numbers are rounding.
NEGLIGIBLE_ALPHA = 1e-12
HIGHEST_BOUNDARY = 8.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Boundaries:
    """Critical values and cumulative alpha of all looks, each of shape (look,).

    `z` is the upper critical value (the lower one of a two-sided test is −z), inf where the look cannot stop.
    `alpha_spent` counts all sides.
    """

    z: Floats
    alpha_spent: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExitProbabilities:
    """Chance of first crossing the upper and the lower bound at each look, each of shape (look,)."""

    upper: Floats
    lower: Floats


def next_boundary(
    *,
    past_information: Sequence[float] | Floats,
    past_boundaries: Sequence[float] | Floats,
    past_alpha_spent: Sequence[float] | Floats,
    information: float,
    alpha_to_spend: float,
    sides: int = 2,
) -> float:
    """Critical z of the next look, given what earlier looks recorded; history is never recomputed.

    The look spends `alpha_to_spend` (cumulative, all sides together) minus what the last look had spent: c solves
    P(no earlier crossing, |Z| ≥ c) = that increment (Lan & DeMets, Biometrika 70, 1983). inf where the increment is
    negligible or c above 8. Information that did not grow counts as growing by 1e-4 of itself. Raises StatisticsError
    for information that is not positive, histories of unequal length and sides other than 1 or 2.
    """
    one_or_two("sides", sides)
    positive("information", [*past_information, information])
    if not len(past_information) == len(past_boundaries) == len(past_alpha_spent):
        counts = f"{len(past_information)}, {len(past_boundaries)}, {len(past_alpha_spent)}"
        raise StatisticsError(f"past information, boundaries and alpha must be of equal length, not {counts}")
    taken = tuple(zip(map(float, past_information), map(float, past_boundaries), strict=True))
    density = _after_all(taken, sides, information)
    spent = float(past_alpha_spent[-1]) if len(past_alpha_spent) else 0.0
    return _boundary(density, information, alpha_to_spend - spent, sides)


@lru_cache(maxsize=256)
def _after_all(taken: tuple[tuple[float, float], ...], sides: int, then: float) -> Density:
    """The density that reaches information `then` after looks (information, boundary); kept, since looks come one by one."""
    if not taken:
        return START
    *earlier, (at, boundary) = taken
    return _after(_after_all(tuple(earlier), sides, at), boundary, at, sides, then)


def boundaries(
    information: ArrayLike,
    *,
    fractions: ArrayLike | None = None,
    alpha: float,
    sides: int = 2,
    spending: SpendingFunction = SpendingFunction.OBRIEN_FLEMING,
    parameter: float | None = None,
) -> Boundaries:
    """Critical values of all looks at `information` (look,), ascending, in any unit.

    `fractions` (look,) is the spending time of each look (share of the planned information, capped at 1); it defaults
    to information / last information. Over-running: the last fraction is 1 whatever the information. Under-running:
    set the last fraction to 1 to spend what is left. `parameter` is that of the spending family. Raises StatisticsError
    as `next_boundary` and `alpha_spent` do, and for information or fractions that fall: a plan has none (a look whose
    information turns out smaller than the last one's goes to `next_boundary`).
    """
    at = not_falling("information", np.atleast_1d(positive("information", information)))
    time = at / at[-1] if fractions is None else np.broadcast_to(np.asarray(fractions, dtype=np.float64), at.shape)
    not_falling("fractions", time)
    spent = alpha_spent(spending, time, alpha, one_or_two("sides", sides), parameter=parameter)
    return Boundaries(z=spending_boundary(at, spent, sides), alpha_spent=spent)


def spending_boundary(information: Floats, spent: Floats, sides: int, *, capped: bool = True) -> Floats:
    """Critical values (look,) that spend the cumulative `spent` (look,); `capped` as in `next_boundary`."""
    z = np.empty_like(information)
    density = START
    for look, increment in enumerate(np.diff(spent, prepend=0.0).tolist()):
        at = float(information[look])
        z[look] = _boundary(density, at, increment, sides) if capped else _far_boundary(density, at, increment, sides)
        following = float(information[min(look + 1, len(information) - 1)])
        density = _after(density, float(z[look]), at, sides, following)
    return z


def exit_probabilities(
    boundary_z: ArrayLike,
    information: ArrayLike,
    *,
    effect: float = 0.0,
    sides: int = 2,
    lower_z: ArrayLike | None = None,
) -> ExitProbabilities:
    """Chance of stopping at each look when Z at information I is normal with mean `effect` × √I and variance 1.

    `boundary_z` and `information` are of shape (look,). The lower bound is −boundary_z; none in one-sided designs
    (`lower` is then 0) unless `lower_z` (look,), such as futility bounds, says where it is.
    """
    path = list(walk(boundary_z, information, sides, lower_z))
    exits = np.asarray([step.exits(effect) for step in path], dtype=np.float64).reshape(-1, 2)
    return ExitProbabilities(upper=exits[:, 0], lower=exits[:, 1])


def inflation(
    fractions: ArrayLike,
    *,
    alpha: float,
    power: float,
    sides: int = 2,
    spending: SpendingFunction = SpendingFunction.OBRIEN_FLEMING,
    parameter: float | None = None,
) -> float:
    """Maximum information of the design over that of one fixed look with the same alpha and power.

    Looks are at information `fractions` (look,) of that maximum. Power counts crossings of the right boundary only, as
    rpact and gsDesign do (Jennison & Turnbull 2000, §3.2).
    """
    at = np.atleast_1d(positive("fractions", fractions))
    bound = boundaries(at, fractions=at, alpha=alpha, sides=sides, spending=spending, parameter=parameter)
    return boundary_inflation(bound.z, at, alpha=alpha, power=power, sides=sides)


def boundary_inflation(
    boundary_z: ArrayLike, fractions: ArrayLike, *, alpha: float, power: float, sides: int = 2
) -> float:
    """As `inflation`, for any boundary of overall level `alpha`, such as a classical one."""
    open_share("power", power)
    path = list(walk(boundary_z, fractions, sides))
    fixed = drift(alpha=alpha, power=power, sides=sides)

    def shortfall(effect: float) -> float:
        return sum(step.exits(effect)[0] for step in path) - power

    return (_secant(shortfall, fixed, 1.05 * fixed) / fixed) ** 2


def repeated_confidence(
    estimate: Estimate,
    *,
    boundary_z: ArrayLike,
    spent: ArrayLike,
    level: float,
    alternative: Alternative = Alternative.TWO_SIDED,
    null: float | Floats = 0.0,
) -> SequentialEffect:
    """Repeated confidence interval, estimate ± boundary × std_error (Jennison & Turnbull, JRSS B 51, 1989).

    Covers at all looks together with `level`; infinite where the boundary is. `crossed` looks at the side(s) that
    `alternative` names. `spent` is the cumulative alpha recorded with each boundary.
    """
    shape = estimate.estimate.shape
    critical = np.broadcast_to(np.asarray(boundary_z, dtype=np.float64), shape)
    half_width = critical * estimate.std_error
    distance = estimate.estimate - null
    return SequentialEffect(
        estimate=estimate.estimate,
        std_error=estimate.std_error,
        interval=Interval(lower=estimate.estimate - half_width, upper=estimate.estimate + half_width, level=level),
        boundary_z=masked(critical, estimate.estimable),
        information=estimate.information,
        alpha_spent=np.broadcast_to(np.asarray(spent, dtype=np.float64), shape),
        crossed=_crossed(distance, half_width, alternative),
        scale=estimate.scale,
        method=f"{estimate.method}, group sequential",
        gap=estimate.gap,
    )


def _crossed(distance: Floats, half_width: Floats, alternative: Alternative) -> Bools:
    match alternative:
        case Alternative.TWO_SIDED:
            return np.abs(distance) >= half_width
        case Alternative.GREATER:
            return distance >= half_width
        case Alternative.LESS:
            return distance <= -half_width


def _boundary(density: Density, information: float, increment: float, sides: int) -> float:
    if increment <= NEGLIGIBLE_ALPHA:
        return np.inf
    z = _far_boundary(density, information, increment, sides)
    return z if z <= HIGHEST_BOUNDARY else np.inf


def _far_boundary(density: Density, information: float, increment: float, sides: int) -> float:
    at = grown(density, information)
    return boundary_for(density, information=at, probability=increment / sides) if increment > SMALLEST_TAIL else np.inf


def _after(density: Density, boundary: float, information: float, sides: int, following: float) -> Density:
    lower = -boundary if sides == 2 else -np.inf
    return continued(density, lower, boundary, information, following)


def continued(density: Density, lower: float, upper: float, information: float, following: float) -> Density:
    """The density that reaches `following` after a look at `information` that goes on between the bounds."""
    # A look that cannot stop leaves the density of the score as it was: later looks integrate straight over it.
    if np.isinf(upper) and np.isinf(lower):
        return density
    at = grown(density, information)
    return advance(density, lower=lower, upper=upper, information=at, following=following)


@dataclass(frozen=True, slots=True)
class Step:
    """One look with the density that arrives at it."""

    density: Density
    lower: float
    upper: float
    information: float

    def exits(self, effect: float) -> tuple[float, float]:
        """Chance of first crossing the upper and the lower bound at this look."""
        return crossing(self.density, lower=self.lower, upper=self.upper, information=self.information, effect=effect)


def walk(boundary_z: ArrayLike, information: ArrayLike, sides: int, lower_z: ArrayLike | None = None) -> Iterator[Step]:
    """The looks one after the other; bounds as in `exit_probabilities`. The densities do not depend on the effect."""
    at = np.atleast_1d(positive("information", information))
    upper = np.broadcast_to(np.asarray(boundary_z, dtype=np.float64), at.shape)
    unbounded = -upper if one_or_two("sides", sides) == 2 else np.full(at.shape, -np.inf)
    lower = unbounded if lower_z is None else np.broadcast_to(np.asarray(lower_z, dtype=np.float64), at.shape)
    if np.isnan(upper).any() or np.isnan(lower).any() or (lower > upper).any():
        raise StatisticsError(f"bounds {lower.tolist()!r} to {upper.tolist()!r} must be numbers, the lower one below")
    density = START
    for look, (low, high) in enumerate(zip(lower.tolist(), upper.tolist(), strict=True)):
        yield Step(density, low, high, grown(density, float(at[look])))
        following = float(at[min(look + 1, len(at) - 1)])
        density = continued(density, low, high, float(at[look]), following)


def _secant(function: Callable[[float], float], first: float, second: float) -> float:
    """Root of a smooth increasing function near two starting points."""
    at_first, at_second = function(first), function(second)
    for _ in range(30):
        if abs(at_second) < 1e-12 or at_second == at_first:
            break
        first, second = second, second - at_second * (second - first) / (at_second - at_first)
        at_first, at_second = at_second, function(second)
    return second
