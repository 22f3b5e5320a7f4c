"""Hash buckets of units with the moments of their pre-period: what A/A validation re-splits in Python."""

from __future__ import annotations

from datetime import date

from trialflow.errors import NotSupportedError
from trialflow.spec.promise import Promise
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.dialects import BUCKETS
from trialflow.warehouse.pre_period import Period, control_only, grouped_moments, past
from trialflow.warehouse.summary import BucketSummary
from trialflow.warehouse.units import unit_source


def buckets(promise: Promise, as_of: date, connections: Connections) -> tuple[BucketSummary, ...]:
    """One query into 4,096 buckets of units, with the moments of every unit-level metric in each.

    Units and values are those of the population in the `analysis.aa.pre_period_days` days up to `as_of`. A replayed
    experiment without a population uses its control variant inside the experiment instead, up to its final day. The
    bucket of a unit is the first three hexadecimal digits of MD5(slug + "-aa-" + unit). Raises NotSupportedError where
    neither is there.
    """
    period = _period(promise, as_of)
    _, found = grouped_moments(promise, period, connections, salt=f"{promise.slug}-aa-", buckets=BUCKETS)
    return tuple(BucketSummary(metric=metric.name, variables=names, moments=of) for metric, names, of in found)


def _period(promise: Promise, as_of: date) -> Period:
    if unit_source(promise).population is not None:
        return past(promise, last=as_of, days=promise.experiment.analysis.aa.pre_period_days)
    if promise.experiment.replay:
        return control_only(promise)
    raise NotSupportedError(
        f"source {promise.source.name} names no population, so there is no pre-period to validate on: "
        "add `population` to the source or write `analysis.aa.waived` with the reason"
    )
