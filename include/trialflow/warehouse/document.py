"""A summary as a document: what the record keeps of a day, so that a memo can be traced to its numbers."""

from __future__ import annotations

from typing import Any

from trialflow.warehouse.summary import MetricSummary, Summary


def summary_document(summary: Summary) -> dict[str, Any]:
    """JSON form of the state on the last day; earlier days stand in the documents of their own days."""
    return {
        "experiment": summary.experiment,
        "as_of": summary.as_of.isoformat(),
        "first_day": summary.days[0].isoformat() if summary.days else None,
        "variants": list(summary.variants),
        "units": [int(n) for n in summary.exposures.totals],
        "mixed_units": summary.exposures.mixed_units,
        "metrics": [_metric(found) for found in summary.metrics],
        "data_fingerprint": summary.data_fingerprint,
    }


def _metric(found: MetricSummary) -> dict[str, Any]:
    last = found.moments
    return {
        "metric": found.metric,
        "segment": [found.segment.dimension, found.segment.value],
        "variables": list(found.variables),
        "n": last.n[-1].tolist(),
        "mean": last.mean[-1].tolist(),
        "m2": last.m2[-1].tolist(),
    }
