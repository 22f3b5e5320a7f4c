"""Do segments differ from one another, and is the split the same in each of them? Rows for the `segments` finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from trialflow.checks.comparing import at_day
from trialflow.checks.comparison import number
from trialflow.checks.contrasts import Contrast, contrasts
from trialflow.spec.metric import MetricKind
from trialflow.spec.promise import Promise
from trialflow.stats.moments import Moments
from trialflow.stats.multiplicity import holm
from trialflow.stats.results import Estimate
from trialflow.stats.simpson import simpson
from trialflow.stats.stratified import heterogeneity
from trialflow.warehouse.summary import Segment, Summary

ALPHA = 0.01  # of the split by segment, over all dimensions and treatments together


def heterogeneity_rows(promise: Promise, summary: Summary) -> list[dict[str, Any]]:
    """Per promised dimension and treatment whether the effects of its segments are one, p-values corrected by Holm.

    Only segments of one dimension share no unit, so each dimension is tested by itself.
    """
    metric = promise.experiment.metrics.primary.metric
    rows: list[dict[str, Any]] = []
    for segmentation in promise.experiment.segments:
        segments = [Segment(dimension=segmentation.dimension, value=value) for value in segmentation.values]
        found = [contrasts(promise, summary, metric, segment) for segment in segments]
        for place, variant in enumerate(promise.experiment.treatments):
            own = [of[place] for of in found if of]
            known = [contrast for contrast in own if bool(contrast.estimate.estimable[-1])]
            if len(known) < 2:
                continue
            result = heterogeneity(_together(known))
            rows.append(
                {
                    "dimension": segmentation.dimension,
                    "variant": variant.name,
                    "segments": len(known),
                    "statistic": number(float(result.statistic)),
                    "df": float(result.df),
                    "p_value": number(float(result.p_value)),
                    "i_squared": number(float(result.i_squared)),
                }
            )
    adjusted = holm(np.asarray([row["p_value"] for row in rows])) if rows else ()
    return [row | {"adjusted_p_value": number(float(p))} for row, p in zip(rows, adjusted, strict=True)]


def simpson_rows(promise: Promise, summary: Summary) -> list[dict[str, Any]]:
    """Per promised dimension and treatment the crude effect beside the one weighted by all units of each segment.

    Of the named values only, before any adjustment. Where the split differs between segments (`uneven`) the crude effect
    mixes the treatment with the segments. Not for ratios, whose denominators are weights already.
    """
    name = promise.experiment.metrics.primary.metric
    if promise.metrics[name].kind is MetricKind.RATIO:
        return []
    control = summary.variants.index(promise.experiment.control.name)
    rows: list[dict[str, Any]] = []
    for segmentation in promise.experiment.segments:
        found = [
            one.moments.variable(0).take(-1)
            for value in segmentation.values
            if (one := summary.of(name, Segment(dimension=segmentation.dimension, value=value))) is not None
        ]
        if len(found) < 2:
            continue
        for variant in promise.experiment.treatments:
            treatment = summary.variants.index(variant.name)
            result = simpson(_stacked(found, control), _stacked(found, treatment))
            rows.append(
                {
                    "dimension": segmentation.dimension,
                    "variant": variant.name,
                    "crude": number(float(result.crude.estimate)),
                    "standardised": number(float(result.standardised.estimate)),
                    "allocation_p": number(float(result.allocation_p)),
                    "reversed": bool(result.reversed),
                }
            )
    level = ALPHA / max(len(rows), 1)
    return [row | {"uneven": row["allocation_p"] is not None and row["allocation_p"] < level} for row in rows]


def _together(found: Sequence[Contrast]) -> Estimate:
    """The last day of several contrasts, as arrays of shape (segment,)."""
    today = [at_day(contrast.estimate, -1) for contrast in found]
    names = ("estimate", "std_error", "df", "control", "treatment", "control_std_error", "treatment_std_error")
    arrays: dict[str, Any] = {name: np.asarray([getattr(one, name) for one in today]) for name in (*names, "estimable")}
    return replace(today[0], gap=None, **arrays)


def _stacked(found: Sequence[Moments], variant: int) -> Moments:
    return Moments(
        n=np.asarray([one.n[variant] for one in found]),
        mean=np.asarray([one.mean[variant] for one in found]),
        m2=np.asarray([one.m2[variant] for one in found]),
    )
