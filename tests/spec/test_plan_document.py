"""The locked plan as a document."""

from __future__ import annotations

import json

from trialflow.spec.plan_document import plan_document, plan_from_document
from trialflow.spec.promise import MetricPlan, Plan, PlannedCap


def test_a_plan_survives_its_document() -> None:
    plan = Plan(
        metrics=(
            MetricPlan(metric="a", baseline_mean=0.125, baseline_std_dev=0.5, units_per_variant=10, origin="history"),
            MetricPlan(metric="b", baseline_mean=1.0, baseline_std_dev=2.0, planned_information=64.0),
        ),
        units_per_day=1000.5,
        expected_units=28_014,
    )
    assert plan_from_document(json.loads(json.dumps(plan_document(plan)))) == plan


def test_resolved_caps_survive_too_and_leave_no_trace_where_there_are_none() -> None:
    plan = Plan(caps=(PlannedCap(metric="a", quantile=0.99, value=412.5, units=3_000, origin="28 days before 1 May"),))
    assert plan_from_document(json.loads(json.dumps(plan_document(plan)))) == plan
    assert "caps" not in plan_document(Plan())


def test_a_plan_keeps_twelve_digits() -> None:
    assert plan_document(Plan(units_per_day=1 / 3))["units_per_day"] == 0.333333333333
