"""The locked plan as a document of the record, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from trialflow.spec.promise import MetricPlan, Plan


def plan_document(plan: Plan) -> dict[str, Any]:
    """JSON form of a plan; numbers keep 12 significant digits, so that every machine stores the same."""
    return {**_rounded(asdict(plan)), "metrics": [_rounded(asdict(metric)) for metric in plan.metrics]}


def plan_from_document(document: Mapping[str, Any]) -> Plan:
    """The inverse of `plan_document`."""
    metrics = tuple(MetricPlan(**metric) for metric in document["metrics"])
    return Plan(**{**document, "metrics": metrics})


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: float(f"{item:.12g}") if isinstance(item, float) else item for key, item in values.items()}
