"""Where a split is wrong: by day, and by every dimension that the source has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trialflow.checks.comparison import number
from trialflow.spec.promise import Promise
from trialflow.stats.moments import Floats
from trialflow.stats.split_detail import split_by_group
from trialflow.warehouse.summary import ExposureGroup, Segment, Summary

ALPHA = (
    0.05  # of the drill-down as a whole, corrected for the number of its groups: it looks for a cause, it is no alarm
)
SHOWN = 20  # rows kept in the evidence
NAMED = 3  # groups named in the next step


def planned_shares(promise: Promise, summary: Summary) -> Floats:
    """Shares in force on each day, shape (day, variant): on a ramp each day has its own."""
    by_day = [promise.experiment.weights_on(day) for day in summary.days]
    return np.asarray([[shares[name] for name in summary.variants] for shares in by_day], dtype=np.float64)


def drill_down(promise: Promise, summary: Summary) -> list[dict[str, Any]]:
    """The split in each group with units, worst first, at most 20 rows; p-values corrected by Holm over all groups.

    Expected counts follow the shares of the day on which each unit came.
    """
    shares = planned_shares(promise, summary)
    groups = [group for group in (*_days(summary), *summary.exposures.groups) if group.new_units.sum() > 0]
    if not groups:
        return []
    observed = np.asarray([group.new_units.sum(axis=0) for group in groups], dtype=np.float64)
    expected = np.asarray([(group.new_units.sum(axis=1)[:, None] * shares).sum(axis=0) for group in groups])
    found = split_by_group(observed, expected / expected.sum(axis=1, keepdims=True))
    order = np.lexsort((np.arange(len(groups)), -found.imbalance, found.p_value))[:SHOWN]
    return [
        {
            "dimension": groups[place].segment.dimension,
            "value": groups[place].segment.value,
            "observed": dict(zip(summary.variants, map(int, observed[place]), strict=True)),
            "expected": dict(zip(summary.variants, map(number, expected[place].tolist()), strict=True)),
            "p_value": number(float(found.p_value[place])),
            "adjusted_p_value": number(float(found.adjusted_p_value[place])),
            "exact": bool(found.exact[place]),
            "broken": bool(found.adjusted_p_value[place] < ALPHA),
        }
        for place in order.tolist()
    ]


def where_to_look(rows: Sequence[dict[str, Any]]) -> str:
    """A sentence that names the worst broken groups, with a space after it; empty where no group stands out."""
    broken = [f"{row['dimension']} {row['value'] or '(empty)'}" for row in rows if row["broken"]]
    if not broken:
        return ""
    more = f" and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
    return f"It is broken in {', '.join(broken[:NAMED])}{more}. "


def _days(summary: Summary) -> list[ExposureGroup]:
    found = []
    for place, day in enumerate(summary.days):
        own = np.zeros_like(summary.exposures.new_units)
        own[place] = summary.exposures.new_units[place]
        found.append(ExposureGroup(segment=Segment(dimension="day", value=day.isoformat()), new_units=own))
    return found
