"""Rules about roles, margins and minimum effects."""

from __future__ import annotations

import pytest

from tests.spec.documents import METRICS
from tests.spec.rules.complaints import complaints

NO_WINDOW = METRICS["purchase_rate"].replace("window: {to_day: 6}\n", "")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"metrics.secondary": ["basket_value", "basket_value"]}, "metrics.secondary.1"),
        ({"metrics.secondary": ["purchase_rate"]}, "metrics.secondary.0"),
        ({"metrics.guardrails.0.metric": "purchase_rate"}, "metrics.guardrails.0.metric"),
        ({"metrics.diagnostics": ["search_errors"]}, "metrics.diagnostics.0"),
    ],
)
def test_a_metric_has_one_role(changes: dict[str, object], field: str) -> None:
    (problem,) = complaints(changes)
    assert problem.field == field
    assert problem.message.startswith("is used twice")


@pytest.mark.parametrize("field", ["metrics.primary.minimum_effect", "metrics.guardrails.1.margin"])
def test_a_size_has_exactly_one_scale(field: str) -> None:
    (neither,) = complaints({field: {}})
    (both,) = complaints({field: {"absolute": 0.1, "relative": 0.1}})
    assert (neither.field, both.field) == (field, field)
    assert neither.message == "has neither absolute nor relative"
    assert both.message == "has both absolute and relative"


def test_a_margin_cannot_allow_a_loss_of_everything() -> None:
    good = METRICS["search_errors"].replace("decrease", "increase")
    (problem,) = complaints({"metrics.guardrails.0.margin": {"relative": 1.0}}, search_errors=good)
    assert problem.field == "metrics.guardrails.0.margin.relative"
    assert complaints({"metrics.guardrails.0.margin": {"relative": 1.0}}) == ()


def test_the_last_unit_of_the_primary_metric_matures_before_the_final_look() -> None:
    (problem,) = complaints({"calendar.maturity_days": 5})
    assert problem.field == "calendar.maturity_days"
    assert "maturity_days: 6" in problem.cure


def test_group_sequential_needs_a_window_unless_it_is_a_replay() -> None:
    (problem,) = complaints({}, purchase_rate=NO_WINDOW)
    assert problem.field == "metrics.primary.metric"
    assert complaints({"replay": True}, purchase_rate=NO_WINDOW) == ()
    assert complaints({"analysis.stopping": {"policy": "always_valid"}}, purchase_rate=NO_WINDOW) == ()


TAIL = METRICS["purchase_rate"].replace("purchase_rate", "tail").replace("proportion", "quantile\nquantile: 0.95")


def test_a_quantile_guards_but_does_not_decide() -> None:
    tail = TAIL.replace("measure: {", "measure: {value: amount, ")
    guarding = {"metrics.guardrails": [{"metric": "tail", "margin": {"absolute": 5}}]}
    assert complaints(guarding, tail=tail) == ()
    problems = complaints({"metrics.primary.metric": "tail"}, tail=tail)
    (problem,) = [one for one in problems if "planned looks only" in one.message]
    assert problem.field == "metrics.primary.metric"
    assert "guardrail or secondary" in problem.cure


def test_a_baseline_is_about_a_metric_of_the_experiment() -> None:
    (problem,) = complaints({"baselines": {"purchase_rat": {"mean": 0.1, "std_dev": 0.3}}})
    assert problem.cure == "did you mean purchase_rate?"
    assert complaints({"baselines": {"purchase_rate": {"mean": 0.1, "std_dev": 0.3}}}) == ()
