"""After a group-sequential stop: the naive estimate beside the one that accounts for when the stop came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from trialflow.checks.comparing import at_day
from trialflow.checks.comparison import number
from trialflow.checks.contrasts import Contrast
from trialflow.checks.ledger import UNREACHABLE, Series
from trialflow.stats.stagewise import stagewise


def after_stop(
    contrast: Contrast, series: Series, days: Sequence[date], *, final_day: date, level: float
) -> dict[str, Any] | None:
    """The row of one treatment, on the data of the look that stopped; None while the looking goes on.

    The first look with a benefit stops, else the final one. A naive estimate read because a boundary was crossed is too
    large; the median-unbiased one and its interval follow the stage-wise ordering. Looks before enter as recorded.
    """
    stopped = series.crossed_on or next((look.as_of for look in series.taken if look.as_of >= final_day), None)
    if stopped is None or stopped not in days:
        return None
    now = at_day(contrast.estimate, list(days).index(stopped))
    if not bool(now.estimable):
        return None
    past = [look for look in series.taken if look.as_of < stopped]
    found = stagewise(
        now,
        past_information=[look.information for look in past],
        past_boundaries=[np.inf if look.boundary >= UNREACHABLE else look.boundary for look in past],
        level=level,
    )
    return {
        "variant": contrast.variant,
        "stopped_on": stopped.isoformat(),
        "early": stopped < final_day,
        "looks_before": len(past),
        "naive": number(float(found.estimate)),
        "median_unbiased": number(float(found.median_unbiased)),
        "lower": number(float(found.interval.lower)),
        "upper": number(float(found.interval.upper)),
        "level": level,
        "stagewise_p_value": number(float(found.stagewise_p_value)),
    }
