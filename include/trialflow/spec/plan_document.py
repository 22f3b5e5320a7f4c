"""The locked plan as a document of the record, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from trialflow.spec.promise import MetricPlan, Plan, PlannedCap


def plan_document(plan: Plan) -> dict[str, Any]:
    """JSON form of a plan; numbers keep 12 significant digits, so that every machine stores the same."""
    own = {key: value for key, value in _rounded(asdict(plan)).items() if key != "caps"}
    caps = [_rounded(asdict(cap)) for cap in plan.caps]
    metrics = [_rounded(asdict(metric)) for metric in plan.metrics]
    return {**own, "metrics": metrics, **({"caps": caps} if caps else {})}


def plan_from_document(document: Mapping[str, Any]) -> Plan:
    """The inverse of `plan_document`."""
    metrics = tuple(MetricPlan(**metric) for metric in document["metrics"])
    caps = tuple(PlannedCap(**cap) for cap in document.get("caps", ()))
    return Plan(**{**document, "metrics": metrics, "caps": caps})


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: float(f"{item:.12g}") if isinstance(item, float) else item for key, item in values.items()}
