"""A promise and what it rests on."""

from __future__ import annotations

from tests.spec.documents import EXPERIMENT, SOURCE, catalog
from trialflow.spec.parsing import parse_experiment
from trialflow.spec.promise import MetricPlan, Plan


def test_simulated_data_shows_in_the_promise() -> None:
    experiment = parse_experiment(EXPERIMENT, "x.yaml")
    assert not catalog().promise(experiment).simulated
    assert catalog(shop_events=SOURCE + "simulated: true\n").promise(experiment).simulated


def test_the_plan_of_a_metric_is_found_by_name() -> None:
    plan = MetricPlan(metric="a", baseline_mean=1.0, baseline_std_dev=1.0)
    assert Plan(metrics=(plan,)).of("a") is plan
    assert Plan(metrics=(plan,)).of("b") is None
