"""During the run: how likely a decision is, and when.

Everything follows from the chances of stopping at each look, which `exit_probabilities` gives for a whole plan and
`remaining_exits` for what is left of it, given the data so far. None of these numbers is a test: looking at them
spends nothing, stopping because of them does (see `futility`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import one_or_two, positive
from trialflow.stats.group_sequential import ExitProbabilities, exit_probabilities
from trialflow.stats.moments import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecisionTime:
    """When the test ends. `by_then` (look,) is the chance of an end at or before each look; 1 at the last.

    `expected` is the mean time of the end and `median` the time of the first look by which it is at least as likely as
    not, both in the unit of the times given.
    """

    by_then: Floats
    expected: float
    median: float


def conditional_power(
    *,
    z: ArrayLike,
    information: ArrayLike,
    final_information: ArrayLike,
    final_boundary: ArrayLike,
    effect: ArrayLike | None = None,
) -> Floats:
    """Chance that Z reaches `final_boundary` at `final_information`, given Z = `z` at `information`; any shape.

    `effect` is the true effect in the unit of information^−½; by default the current trend z / √information. With
    information as a fraction it is the drift at full information. Upper side. 1 − Φ((c√I_K − z√I_k − θ (I_K − I_k)) /
    √(I_K − I_k)) (Lan & Wittes, Biometrics 44, 1988; Jennison & Turnbull 2000, §10.2). Looks in between are ignored: see
    `remaining_exits`. Without information left it is 1 or 0. NaN where z is NaN. Raises StatisticsError for information
    that is not positive or beyond the final one.
    """
    now, end = positive("information", information), positive("final_information", final_information)
    left = end - now
    if np.any(left < 0.0):
        raise StatisticsError(
            f"information = {information!r} must not exceed final_information = {final_information!r}"
        )
    score = np.asarray(z, dtype=np.float64) * np.sqrt(now)
    trend = score / now if effect is None else np.asarray(effect, dtype=np.float64)
    lead = score + trend * left - np.asarray(final_boundary, dtype=np.float64) * np.sqrt(end)
    return _chance(lead, left)


def predictive_power(
    *, z: ArrayLike, information: ArrayLike, final_information: ArrayLike, final_boundary: ArrayLike
) -> Floats:
    """Conditional power averaged over what the data so far say about the effect (a flat prior); any shape.

    Φ((z √(I_K / I_k) − c) / √(I_K / I_k − 1)) (Spiegelhalter, Freedman & Blackburn, Controlled Clinical Trials 7, 1986).
    Raises StatisticsError as `conditional_power` does.
    """
    growth = positive("final_information", final_information) / positive("information", information)
    if np.any(growth < 1.0):
        raise StatisticsError(
            f"information = {information!r} must not exceed final_information = {final_information!r}"
        )
    return _chance(np.asarray(z, dtype=np.float64) * np.sqrt(growth) - np.asarray(final_boundary), growth - 1.0)


def remaining_exits(
    *,
    z: float,
    information: float,
    boundary_z: ArrayLike,
    remaining_information: ArrayLike,
    effect: float | None = None,
    sides: int = 2,
) -> ExitProbabilities:
    """Chance of stopping at each look to come, given Z = `z` at `information` and no stop so far; each (look,).

    `boundary_z` and `remaining_information` (look,) are those of the looks to come; `effect` by default the current
    trend. The sum of `upper` is conditional power with all looks. Raises StatisticsError unless information grows.
    """
    now = float(positive("information", information))
    at = np.atleast_1d(positive("remaining_information", remaining_information))
    if not np.isfinite(z) or not np.all(np.diff(at, prepend=now) > 0.0):
        raise StatisticsError(f"z = {z!r} must be finite and information must grow: {now!r}, {at.tolist()!r}")
    bound = np.broadcast_to(np.asarray(boundary_z, dtype=np.float64), at.shape) * np.sqrt(at)
    score, gain = z * np.sqrt(now), at - now
    lower = -bound if one_or_two("sides", sides) == 2 else np.full(at.shape, -np.inf)
    # The score's later increments are independent of the data so far: a fresh walk with the bounds moved.
    return exit_probabilities(
        (bound - score) / np.sqrt(gain),
        gain,
        effect=z / np.sqrt(now) if effect is None else effect,
        lower_z=(lower - score) / np.sqrt(gain),
    )


def power_over_time(boundary_z: ArrayLike, information: ArrayLike, *, effect: float, sides: int = 2) -> Floats:
    """Chance of having crossed the right boundary by each look (look,) when `effect` is true and positive.

    `information` (look,) is what each look will have. Works for any boundary: planned looks, or daily ones of a
    confidence sequence (`confidence_sequence.boundary`).
    """
    return np.cumsum(exit_probabilities(boundary_z, information, effect=effect, sides=sides).upper)


def decision_time(exits: ExitProbabilities, times: ArrayLike) -> DecisionTime:
    """When a test with these stopping chances ends, if it ends at the last look at the latest.

    `times` (look,) are the looks' times, ascending, for example days since the first one. Raises StatisticsError if there
    is not one for each look.
    """
    at = np.asarray(times, dtype=np.float64)
    stop = exits.upper + exits.lower
    if at.shape != stop.shape or not len(at) or not np.all(np.diff(at) > 0.0):
        raise StatisticsError(f"times = {at.tolist()!r} must be ascending, one for each of {len(stop)} looks")
    by_then = np.minimum(np.cumsum(stop), 1.0)
    by_then[-1] = 1.0
    chance = np.diff(by_then, prepend=0.0)
    return DecisionTime(by_then=by_then, expected=float(chance @ at), median=float(at[int(np.argmax(by_then >= 0.5))]))


def expected_information(exits: ExitProbabilities, information: ArrayLike) -> float:
    """Mean information at the end of a test with these stopping chances, for example a design's mean sample size."""
    return decision_time(exits, information).expected


def _chance(lead: Floats, left: Floats) -> Floats:
    """Φ(lead / √left), a step where nothing is left; NaN where `lead` is."""
    safe = np.where(left > 0.0, left, 1.0)
    certain = np.where(np.isnan(lead), np.nan, (lead >= 0.0) * 1.0)
    return np.asarray(np.where(left > 0.0, ndtr(lead / np.sqrt(safe)), certain), dtype=np.float64)
