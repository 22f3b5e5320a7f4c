"""The summary of an experiment as of a day, from whatever its sources can give."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import numpy as np

from trialflow.spec.metric import Metric
from trialflow.spec.promise import Promise
from trialflow.spec.source import Grain
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.increments import fingerprint
from trialflow.warehouse.order_statistics import quantiles
from trialflow.warehouse.stored_moments import stored_exposures, stored_moments
from trialflow.warehouse.summary import ExposureSummary, MetricQuantile, MetricSummary, Summary
from trialflow.warehouse.unit_moments import path_days, unit_moments

Read = Callable[..., tuple[ExposureSummary, tuple[MetricSummary, ...]]]


def _from_moments(
    promise: Promise, metrics: tuple[Metric, ...], as_of: date, connections: Connections, *, extended: bool = False
) -> tuple[ExposureSummary, tuple[MetricSummary, ...]]:
    own = stored_moments(promise, metrics, as_of, connections, extended=extended)
    return stored_exposures(promise, as_of, connections, extended=extended), own


# What a source can give → how it is read.
GRAINS: dict[Grain, Read] = {
    Grain.UNITS: unit_moments,
    Grain.DAILY_MOMENTS: _from_moments,
    Grain.TOTALS: _from_moments,
}


def summarise(promise: Promise, as_of: date, connections: Connections, *, extended: bool = False) -> Summary:
    """Exposures and moments of every metric on every day of first_day … as_of; facts after `as_of` never matter.

    Exposures enrol up to the calendar's last day (`extended`: up to the end of the extension); later days only mature.
    Metrics may come from other sources than the exposures: unit-level ones from the same connection, ready moments from
    anywhere. Raises WarehouseError where tables cannot be read, NotSupportedError where a source cannot give a metric.
    """
    metrics = tuple(promise.metrics[name] for name in promise.experiment.metrics.names)
    home = promise.source.grain
    at_home = tuple(metric for metric in metrics if _kin(promise.sources[metric.source].grain, home))
    exposures, found = GRAINS[home](promise, at_home, as_of, connections, extended=extended)
    ranked = quantiles(promise, found, as_of, connections, extended=extended)
    elsewhere = tuple(metric for metric in metrics if metric not in at_home)
    if elsewhere:
        found += stored_moments(promise, elsewhere, as_of, connections, extended=extended)
    return Summary(
        experiment=promise.slug,
        as_of=as_of,
        days=path_days(promise, as_of),
        variants=exposures.variants,
        exposures=exposures,
        metrics=found,
        data_fingerprint=_fingerprint(exposures, found, ranked),
        quantiles=ranked,
    )


def _kin(one: Grain, other: Grain) -> bool:
    return GRAINS[one] is GRAINS[other]


def _fingerprint(
    exposures: ExposureSummary, metrics: tuple[MetricSummary, ...], quantiles: tuple[MetricQuantile, ...]
) -> str:
    left_out = np.asarray([exposures.mixed_units, exposures.unknown_units], dtype=np.int64)
    named = [("exposures", exposures.new_units), ("left out", left_out)]
    return fingerprint(
        [
            *named,
            *((f"{summary.metric}|{summary.segment}|n", summary.moments.n) for summary in metrics),
            *((f"{summary.metric}|{summary.segment}|mean", summary.moments.mean) for summary in metrics),
            *((f"{summary.metric}|{summary.segment}|m2", summary.moments.m2) for summary in metrics),
            *((f"{one.metric}|quantile", one.quantile.point) for one in quantiles),
            *((f"{one.metric}|quantile error", one.quantile.std_error) for one in quantiles),
        ]
    )
