"""After a stop: p-value, interval and estimate that account for when the stop came.

A naive estimate after an early stop is too large and its interval too narrow. Under the stage-wise ordering (Armitage
1957; Fairbanks & Madsen, Biometrika 69, 1982; Jennison & Turnbull 2000, §8.4) an outcome is the more extreme the earlier
the upper boundary was crossed, and within a look the larger Z. Only looks before the stop enter, as recorded, so the
analysis holds after under- and over-running, and looks that never took place do not matter. The price: however large Z is
at a late stop, the p-value is at least the chance of an earlier one. `std_error` counts as known (normal approximation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trialflow.errors import StatisticsError
from trialflow.stats.arguments import open_share, positive
from trialflow.stats.group_sequential import Step, walk
from trialflow.stats.moments import Bools, Floats
from trialflow.stats.results import Alternative, Estimate, Interval, Scale
from trialflow.stats.roots import bracket, root


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StagewiseEffect:
    """What one stopped test showed; every array is of shape ().

    `estimate` is the plain one, biased by the stop; `median_unbiased` lies above the truth half of the time. `interval`
    belongs to the same ordering as `stagewise_p_value`. All NaN where the plain estimate is not estimable.
    """

    estimate: Floats
    std_error: Floats
    median_unbiased: Floats
    interval: Interval
    stagewise_p_value: Floats
    scale: Scale
    method: str

    @property
    def estimable(self) -> Bools:
        """Whether there is a number; every array is NaN otherwise."""
        return np.isfinite(self.std_error)


def stagewise(
    estimate: Estimate,
    *,
    past_information: Sequence[float] | Floats,
    past_boundaries: Sequence[float] | Floats,
    level: float,
    alternative: Alternative = Alternative.TWO_SIDED,
    null: float = 0.0,
) -> StagewiseEffect:
    """Analysis of the look that stopped, `estimate` of shape (), after looks that went on.

    `past_information` (1 / std_error², in the unit of the estimate) and `past_boundaries` (z, positive) are those
    recorded at the looks before the stop. `alternative` says which design it was: two-sided, or one-sided upwards or
    downwards. One-sided designs give the one-sided p-value beside the two-sided interval of `level`, as `fixed_horizon`
    does. It does not matter whether the last look crossed its boundary. Data that arrive after a crossing replace the
    estimate of the look that stopped (Whitehead's deletion method, 1992). Non-binding futility bounds do not count.
    Raises StatisticsError for an estimate of another shape and histories of unequal length.
    """
    if estimate.estimate.ndim or len(past_information) != len(past_boundaries):
        raise StatisticsError(
            f"need one estimate and histories of equal length, not shape {estimate.estimate.shape}, "
            f"{len(past_information)} informations and {len(past_boundaries)} boundaries"
        )
    open_share("level", level)
    middle, lower, upper, p_value = _analysis(estimate, past_information, past_boundaries, level, alternative, null)
    return StagewiseEffect(
        estimate=estimate.estimate,
        std_error=estimate.std_error,
        median_unbiased=np.asarray(middle),
        interval=Interval(lower=np.asarray(lower), upper=np.asarray(upper), level=level),
        stagewise_p_value=np.asarray(p_value),
        scale=estimate.scale,
        method=f"{estimate.method}, group sequential, stage-wise ordering",
    )


def _analysis(
    estimate: Estimate,
    past_information: Sequence[float] | Floats,
    past_boundaries: Sequence[float] | Floats,
    level: float,
    alternative: Alternative,
    null: float,
) -> tuple[float, float, float, float]:
    if not bool(estimate.estimable):
        return np.nan, np.nan, np.nan, np.nan
    # A design that looks downwards is one that looks upwards at the negative effect.
    sign = -1.0 if alternative is Alternative.LESS else 1.0
    sides = 2 if alternative is Alternative.TWO_SIDED else 1
    information = positive("information", [*past_information, float(estimate.information)])
    z = sign * float((estimate.estimate - null) / estimate.std_error)
    *past, last = walk([*past_boundaries, np.inf], information, sides)

    unit = float(last.information**-0.5)

    def tails(effect: float) -> tuple[float, float]:
        """Chances under `effect` of an outcome at least as high and at least as low."""
        exits = [step.exits(effect) for step in (*past, Step(last.density, z, z, last.information))]
        return sum(above for above, _ in exits), sum(below for _, below in exits)

    def effect_with(probability: float) -> float:
        # Both tails are weighed, so that neither is the difference of 1 and something close to it.
        def excess(shift: float) -> float:
            above, below = tails(shift * unit)
            return (1.0 - probability) * above - probability * below

        return float(null + sign * unit * root(excess, *bracket(excess, z, 3.0)))

    outer = (1.0 - level) / 2.0
    lower, upper = sorted((effect_with(outer), effect_with(1.0 - outer)))
    above, below = tails(0.0)
    return effect_with(0.5), lower, upper, above if sides == 1 else min(2.0 * min(above, below), 1.0)
