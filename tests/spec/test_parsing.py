"""From text to model, with every error at once."""

from __future__ import annotations

import pytest

from tests.spec.documents import EXPERIMENT, METRICS, MOMENTS_SOURCE, SOURCE, changed
from trialflow.errors import Problem, PromiseError
from trialflow.spec.experiment import Policy
from trialflow.spec.parsing import dump, parse_experiment, parse_metric, parse_source
from trialflow.spec.source import MomentsSource, UnitSource


def problems(text: str) -> dict[str, Problem]:
    with pytest.raises(PromiseError) as caught:
        parse_experiment(text, "x.yaml")
    return {problem.field: problem for problem in caught.value.problems}


def only(text: str) -> Problem:
    found = problems(text)
    assert len(found) == 1, found
    return next(iter(found.values()))


def test_a_full_promise_is_read() -> None:
    experiment = parse_experiment(EXPERIMENT, "x.yaml")
    assert experiment.slug == "search-ranker-v2"
    assert experiment.analysis.stopping.policy is Policy.GROUP_SEQUENTIAL
    assert experiment.calendar.days == 28
    assert experiment.control.name == "control"
    assert [variant.name for variant in experiment.treatments] == ["two_tower"]
    assert experiment.hypothesis.endswith("by at least 2 %.")


def test_an_experiment_survives_dump_and_parse() -> None:
    experiment = parse_experiment(EXPERIMENT, "x.yaml")
    again = parse_experiment(dump(experiment), "x.yaml")
    assert again == experiment
    assert again.stated() == experiment.stated()


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_survives_dump_and_parse(name: str) -> None:
    metric = parse_metric(METRICS[name], "x.yaml")
    assert parse_metric(dump(metric), "x.yaml") == metric


@pytest.mark.parametrize(("text", "kind"), [(SOURCE, UnitSource), (MOMENTS_SOURCE, MomentsSource)])
def test_a_source_survives_dump_and_parse(text: str, kind: type) -> None:
    source = parse_source(text, "x.yaml")
    assert isinstance(source, kind)
    assert parse_source(dump(source), "x.yaml") == source


def test_all_errors_of_a_document_are_told_at_once_each_with_line_value_and_cure() -> None:
    text = changed(
        EXPERIMENT,
        {
            "slug": "Search Ranker",
            "titel": "again",
            "owner": ...,
            "variants.0.role": "contrl",
            "calendar.first_day": "2026-02-30",
            "calendar.maturity_days": 1.5,
            "analysis.alpha": "5%",
            "analysis.power": 2,
            "replay": "yes",
        },
    )
    found = problems(text)
    assert set(found) == {
        "slug",
        "titel",
        "owner",
        "variants.0.role",
        "calendar.first_day",
        "calendar.maturity_days",
        "analysis.alpha",
        "analysis.power",
        "replay",
    }
    for field, problem in found.items():
        assert problem.where.startswith("x.yaml")
        assert problem.message, field
        assert problem.cure, field
    assert found["titel"].cure == "did you mean title?"
    assert found["owner"].value == "nothing"
    assert "person or team" in found["owner"].cure
    assert found["variants.0.role"].message == "is not one of control, treatment, holdout"
    assert found["variants.0.role"].cure == "did you mean control?"
    assert found["analysis.power"].message == "must be less than 1"
    assert "0.02" in found["analysis.alpha"].cure
    lines = text.splitlines()
    line = int(found["analysis.alpha"].where.rpartition(":")[2])
    assert lines[line - 1].strip() == "alpha: 5%"


def test_a_misspelt_required_field_is_one_problem() -> None:
    problem = only(EXPERIMENT.replace("mechanism:", "mechansim:"))
    assert problem.field == "mechansim"
    assert problem.cure == "did you mean mechanism?"


def test_an_unknown_field_like_nothing_lists_what_is_known() -> None:
    problem = only(changed(EXPERIMENT, {"analysis.stopping.zzz": 1}))
    assert problem.field == "analysis.stopping.zzz"
    assert problem.cure == "known fields here: policy, looks"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("title", 2026, "should be a text"),
        ("variants.1.model_version", 1.1, "should be a text"),
        ("metrics.secondary", "revenue_per_user", "should be a list"),
        ("analysis", "default", "should be a section"),
        ("calendar.maturity_days", "six", "should be a whole number"),
        ("calendar.first_day", 20260302, "is not a calendar day"),
        ("calendar.first_day", "1772409600", "is not a calendar day"),
        ("calendar.first_day", "2026-03-02T00:00:00", "is not a calendar day"),
        ("analysis.alpha", float("nan"), "should be a finite number"),
        ("analysis.alpha", True, "should be a number"),
        ("replay", 1, "should be true or false"),
        ("title", "", "is empty"),
        ("variants.0.weight", 0, "must be more than 0"),
        ("source", "shop events", "has characters that are not allowed here"),
        ("slug", "ab", "needs at least 3 characters"),
        ("segments.0.values", [], "is empty"),
        ("segments.0.values", ["phone", 7], "should be a text"),
        ("owner", None, "should be a text"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(field: str, value: object, says: str) -> None:
    problem = only(changed(EXPERIMENT, {field: value}))
    assert problem.field.startswith(field)
    assert problem.message.startswith(says)
    assert problem.cure
    assert "Input should" not in str(problem)


def test_a_key_written_twice_is_told_together_with_the_other_errors() -> None:
    found = problems(EXPERIMENT.replace("power: 0.9", "power: 2") + "slug: another\n")
    assert set(found) == {"slug", "analysis.power"}
    assert found["slug"].message == "is written twice"


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n", "- a\n- b\n", "just words"])
def test_a_text_that_is_no_document_is_refused(text: str) -> None:
    assert only(text).field == "(whole text)"


def test_an_unknown_grain_lists_the_grains() -> None:
    with pytest.raises(PromiseError) as caught:
        parse_source(SOURCE.replace("grain: units", "grain: unit"), "s.yaml")
    (problem,) = caught.value.problems
    assert problem.field == "grain"
    assert problem.message == "is not one of units, daily_moments, totals"
    assert problem.where == "s.yaml:2"


def test_fields_inside_a_source_are_named_without_the_grain() -> None:
    with pytest.raises(PromiseError) as caught:
        parse_source(SOURCE.replace("table: analytics.exposures", "table: drop table x"), "s.yaml")
    (problem,) = caught.value.problems
    assert problem.field == "exposures.table"
    assert "analytics.events" in problem.cure


def test_a_faulty_name_of_a_fact_is_named() -> None:
    with pytest.raises(PromiseError) as caught:
        parse_source(SOURCE.replace("purchases:", "1purchases:"), "s.yaml")
    (problem,) = caught.value.problems
    assert problem.field == "facts.1purchases"
