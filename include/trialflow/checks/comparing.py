"""Turning one day of a contrast into a `Comparison`: the same fields for every role."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trialflow.checks.comparison import Comparison, number
from trialflow.checks.contrasts import Contrast
from trialflow.stats.fixed_horizon import fixed_horizon
from trialflow.stats.moments import Floats
from trialflow.stats.relative import relative_effect
from trialflow.stats.results import Estimate, Gap

# Gaps whose own words say more than counts of units do.
TOLD_AS_THEY_ARE = frozenset({Gap.INSUFFICIENT_RANKS, Gap.TIES, Gap.BELOW_PRECISION})


def at_day(estimate: Estimate, index: int) -> Estimate:
    """One day of a path, as arrays of shape ()."""
    return replace(
        estimate,
        estimate=estimate.estimate[index],
        std_error=estimate.std_error[index],
        df=estimate.df[index],
        control=estimate.control[index],
        treatment=estimate.treatment[index],
        control_std_error=estimate.control_std_error[index],
        treatment_std_error=estimate.treatment_std_error[index],
        estimable=estimate.estimable[index],
        gap=None if estimate.gap is None else estimate.gap[index],
    )


def compare(
    contrast: Contrast,
    *,
    role: str,
    level: float,
    critical: float | None = None,
    with_p_value: bool = False,
    index: int = -1,
) -> Comparison:
    """One treatment against control on day `index` of the path.

    `level` is the coverage of the interval; `critical` its half-width in standard errors where a boundary asks for more
    than a fixed horizon does (None: fixed horizon). The p-value is given only when asked for: at a planned final look.
    """
    now = at_day(contrast.estimate, index)
    base = Comparison(
        variant=contrast.variant,
        metric=contrast.metric.name,
        role=role,
        direction=contrast.metric.direction.value,
        segment_dimension=contrast.segment.dimension,
        segment_value=contrast.segment.value,
        method=now.method,
        n_control=float(contrast.n_control[index]),
        n_treatment=float(contrast.n_treatment[index]),
        control=number(float(now.control)),
        treatment=number(float(now.treatment)),
        estimate=None,
        std_error=None,
        lower=None,
        upper=None,
        level=level,
    )
    if not bool(now.estimable):
        gap = Gap(int(now.gap)) if now.gap is not None else None
        return replace(base, why_not=gap.reason if gap in TOLD_AS_THEY_ARE else why_not(base))
    fixed = fixed_horizon(now, level=level)
    half = float(fixed.interval.upper - now.estimate) if critical is None else critical * float(now.std_error)
    reach = half / float(now.std_error) if float(now.std_error) > 0 else 0.0
    relative = relative_effect(now, critical=reach, level=level, shared_variance=contrast.shared_variance[index])
    plain = at_day(contrast.unadjusted, index)
    reduction = contrast.variance_reduction
    return replace(
        base,
        estimate=number(float(now.estimate)),
        std_error=number(float(now.std_error)),
        lower=number(float(now.estimate) - half),
        upper=number(float(now.estimate) + half),
        relative_estimate=number(float(relative.estimate)),
        relative_lower=number(float(relative.interval.lower)),
        relative_upper=number(float(relative.interval.upper)),
        p_value=number(float(fixed.p_value)) if with_p_value else None,
        unadjusted_estimate=number(float(plain.estimate)) if reduction is not None else None,
        unadjusted_std_error=number(float(plain.std_error)) if reduction is not None else None,
        variance_reduction=number(float(reduction[index])) if reduction is not None else None,
    )


def why_not(comparison: Comparison) -> str:
    """Why there is no number: which arm lacks units, or that nothing varies."""
    for arm, count in (("control", comparison.n_control), (comparison.variant, comparison.n_treatment)):
        if count < 2:
            return f"{arm} has {count:.0f} matured units"
    return "the values do not vary"


def masked(estimate: Estimate, days: Floats) -> Estimate:
    """The same path without a number on the given days (shape (day,), True = left out)."""
    drop = np.asarray(days, dtype=bool)
    return replace(
        estimate,
        estimate=np.where(drop, np.nan, estimate.estimate),
        std_error=np.where(drop, np.nan, estimate.std_error),
        estimable=estimate.estimable & ~drop,
    )
