"""Small pictures inside rows: plain SVG, drawn on the server."""

from __future__ import annotations

from dataclasses import dataclass

from trialflow.overview.standing import Effect

WIDTH, MIDDLE, REACH = 132.0, 66.0, 3.0
"""Pixels across, where no difference is, and how many smallest worthwhile effects fit on each side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalChart:
    """Pixels: the interval, the estimate, and the smallest effect worth having; `cut` where the interval goes on."""

    left: float
    right: float
    dot: float
    minimum: float
    cut_left: bool
    cut_right: bool


def interval_chart(effect: Effect | None) -> IntervalChart | None:
    """The interval on an axis in units of the smallest worthwhile effect; None where there is nothing to draw."""
    if effect is None or effect.estimate is None or not effect.minimum:
        return None
    reach = REACH * abs(effect.minimum)
    low = effect.lower if effect.lower is not None else -2 * reach
    high = effect.upper if effect.upper is not None else 2 * reach
    return IntervalChart(
        left=_at(low, reach),
        right=_at(high, reach),
        dot=_at(effect.estimate, reach),
        minimum=_at(effect.minimum, reach),
        cut_left=low < -reach,
        cut_right=high > reach,
    )


def _at(value: float, reach: float) -> float:
    share = max(-1.0, min(1.0, value / reach))
    return round(MIDDLE + share * (MIDDLE - 6.0), 1)
