"""What is known before the start: each metric's spread per unit and how many units come, for planning."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from trialflow.spec.promise import Promise
from trialflow.stats.moments import JointMoments
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.pre_period import grouped_moments, past
from trialflow.warehouse.summary import HistorySummary

HISTORY_DAYS = 28  # what a plan looks back on


def history(promise: Promise, connections: Connections, *, before: date, days: int) -> tuple[HistorySummary, ...]:
    """Moments of every unit-level metric over the `days` before `before`, as the experiment would have measured them.

    `units_per_day` is the number of different units in the period divided by its days: times the calendar's days it is
    the number of units to expect, if the calendar is about as long. Raises NotSupportedError without a population.
    """
    period = past(promise, last=before - timedelta(days=1), days=days)
    units, found = grouped_moments(promise, period, connections, salt=None, buckets=1)
    rate = np.asarray(units / days)
    return tuple(
        HistorySummary(
            metric=metric.name,
            variables=names,
            moments=JointMoments(n=of.n[0], mean=of.mean[0], m2=of.m2[0]),
            units_per_day=rate,
        )
        for metric, names, of in found
    )
