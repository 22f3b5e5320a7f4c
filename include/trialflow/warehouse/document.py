"""A summary as a document: what the record keeps of a day, so that a memo can be traced to its numbers."""

from __future__ import annotations

from typing import Any

from trialflow.warehouse.summary import MetricQuantile, MetricSummary, Summary


def summary_document(summary: Summary) -> dict[str, Any]:
    """JSON form of the state on the last day; earlier days stand in the documents of their own days."""
    now = [found for found in summary.quantiles if found.day in (None, summary.as_of)]
    return {
        "experiment": summary.experiment,
        "as_of": summary.as_of.isoformat(),
        "first_day": summary.days[0].isoformat() if summary.days else None,
        "variants": list(summary.variants),
        "units": [int(n) for n in summary.exposures.totals],
        "mixed_units": summary.exposures.mixed_units,
        "metrics": [_metric(found) for found in summary.metrics],
        "data_fingerprint": summary.data_fingerprint,
        **({"quantiles": [_quantile(found) for found in now]} if now else {}),
    }


def _quantile(found: MetricQuantile) -> dict[str, Any]:
    ranked = found.quantile
    arrays = {"n": ranked.n, "point": ranked.point, "lower": ranked.lower, "upper": ranked.upper}
    if ranked.distinct is not None:
        arrays["distinct"] = ranked.distinct
    listed = {name: [None if value != value else value for value in of.tolist()] for name, of in arrays.items()}
    return {"metric": found.metric, "probability": ranked.probability, "level": ranked.level, **listed}


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
