"""What the effect fades or grows to: the fitted decay, shown beside the novelty test as a diagnostic. No rule reads it."""

from __future__ import annotations

from typing import Any

import numpy as np

from trialflow.checks.comparison import number
from trialflow.stats.decay import DailyEffects, fit_decay
from trialflow.stats.moments import Floats
from trialflow.stats.results import Estimate, Interval

# A correlation of 1 leaves nothing between the days; no data are that regular.
HIGHEST_CORRELATION = 0.999


def fading(daily: Estimate, contrast: Estimate, *, early_days: int, late_days: int, level: float) -> dict[str, Any]:
    """The fit δ(d) = long-run effect + amplitude · 2^(−d / half-life) to `daily` (day,), as evidence.

    Where the days do not tell how fast the effect changes, `why_not` says so and the other numbers are None. The interval
    is that of one look.
    """
    days = np.arange(len(daily.estimate), dtype=np.float64)
    covariance = working_covariance(daily, contrast, early_days=early_days, late_days=late_days)
    fit = fit_decay(DailyEffects(days=days, effect=daily.estimate, covariance=covariance), level=level)
    told = fit.identified
    half_life = [end * float(np.log(2.0)) for end in _ends(fit.decay_interval)]
    shown = {
        "long_run_effect": (fit.asymptote, *_ends(fit.asymptote_interval)),
        "first_day_excess": (fit.amplitude, *_ends(fit.amplitude_interval)),
        "half_life_days": (fit.half_life_days, *half_life),
    }
    return {
        **{name: _told(*values) if told else None for name, values in shown.items()},
        "level": level,
        "evident": fit.evident,
        "why_not": fit.reason,
    }


def working_covariance(daily: Estimate, contrast: Estimate, *, early_days: int, late_days: int) -> Floats:
    """Covariance (day, day) of the daily effects, from their standard errors and that of the late − early contrast.

    Two days of a unit are taken to be alike to the same degree whichever they are: the one correlation with which the daily
    standard errors give the contrast's own, as measured per unit. The full matrix would need the products of all days.
    """
    errors = np.asarray(daily.std_error, dtype=np.float64)
    weights = np.zeros(len(errors))
    weights[:early_days] -= 1.0 / early_days
    weights[len(errors) - late_days :] += 1.0 / late_days
    apart, together = float(((weights * errors) ** 2).sum()), float((weights * errors).sum() ** 2)
    shared = float(contrast.std_error) ** 2 - apart
    # At least what p equally correlated values can have, 1 / (p − 1) below 0.
    lowest = -HIGHEST_CORRELATION / max(len(errors) - 1, 1)
    correlation = shared / (together - apart) if together != apart else 0.0
    correlation = float(np.clip(correlation, lowest, HIGHEST_CORRELATION))
    matrix = np.full((len(errors), len(errors)), correlation) + (1.0 - correlation) * np.eye(len(errors))
    return np.asarray(matrix * np.outer(errors, errors), dtype=np.float64)


def _ends(interval: Interval) -> tuple[float, float]:
    return float(interval.lower), float(interval.upper)


def _told(value: float, lower: float, upper: float) -> dict[str, float | None]:
    """Four digits: where a likelihood is flat, further ones depend on how a machine rounds."""
    rough = [float(f"{one:.4g}") for one in (value, lower, upper)]
    return dict(zip(("estimate", "lower", "upper"), map(number, rough), strict=True))
