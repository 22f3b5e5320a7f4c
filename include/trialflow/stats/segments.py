"""Effects by pre-registered segment: corrected as one family, and tested for being different at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trialflow.stats.fixed_horizon import fixed_horizon
from trialflow.stats.moments import Floats
from trialflow.stats.multiplicity import Correction, adjusted, adjusted_intervals, selected_intervals
from trialflow.stats.results import Effect, Estimate, Interval
from trialflow.stats.stratified import Heterogeneity, heterogeneity

_RATES = (Correction.BENJAMINI_HOCHBERG, Correction.BENJAMINI_YEKUTIELI)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentEffects:
    """Effects of S + (segments,): each on its own, the family's p-values and intervals, and heterogeneity of shape S.

    A segment stands out only by its `adjusted_p`; segments differ from one another only by `heterogeneity`: one that is
    significant beside one that is not says nothing about their difference.
    """

    effect: Effect
    adjusted_p: Floats
    interval: Interval
    heterogeneity: Heterogeneity


def by_segment(estimate: Estimate, *, level: float, correction: Correction = Correction.HOLM) -> SegmentEffects:
    """Effects of the segments of one dimension, which lie on the last axis of `estimate` and share no unit.

    `interval` covers all segments together at `level` (`adjusted_intervals`); for a discovery-rate correction it holds
    the selected segments only (`selected_intervals`) and NaN elsewhere.
    """
    effect = fixed_horizon(estimate, level=level)
    p_values = adjusted(effect.p_value, correction)
    if correction in _RATES:
        with np.errstate(invalid="ignore"):
            interval = selected_intervals(estimate, p_values <= 1.0 - level, level=level)
    else:
        interval = adjusted_intervals(estimate, correction, level=level)
    return SegmentEffects(effect=effect, adjusted_p=p_values, interval=interval, heterogeneity=heterogeneity(estimate))
