"""The trigger form goes the way of the YAML."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from tests.spec.documents import EXPERIMENT, TODAY, catalog, changed
from trialflow.errors import Problem, PromiseError
from trialflow.spec.admission import admit, admit_form
from trialflow.spec.experiment import Experiment
from trialflow.spec.fingerprint import fingerprint
from trialflow.spec.form import FORM

EMPTY: dict[str, Any] = dict.fromkeys(field.name for field in FORM)
FILLED: dict[str, Any] = {
    **EMPTY,
    "slug": "search-ranker-v2",
    "title": "Two-tower ranker on the search page",
    "hypothesis": (
        "Ranking search results by the two-tower model raises the share of users who buy within a week of their "
        "first search by at least 2 %."
    ),
    "mechanism": (
        "The model sees co-purchases that the BM25 ranker cannot see, so the first page holds more wanted items."
    ),
    "owner": "search-relevance@shop.example",
    "slack_channel": "#search-experiments",
    "source": "shop_events",
    "unit": "user_id",
    "layer": "search_page",
    "audience": "Signed-in users of the web shop who search at least once",
    "variants": ["control control 0.5 bm25-2025-11", "two_tower treatment 0.5 two-tower-2.3.1"],
    "first_day": "2026-03-02",
    "last_day": "2026-03-29",
    "maturity_days": 6,
    "max_extension_days": 14,
    "time_zone": "Europe/Berlin",
    "ramp": ["2026-03-02 control=0.9 two_tower=0.1", "2026-03-05 control=0.5 two_tower=0.5"],
    "primary_metric": "purchase_rate",
    "minimum_effect": 0.02,
    "secondary": ["revenue_per_user", "basket_value"],
    "guardrails": ["search_errors 0.05 relative", "complaint_rate 0.0005 absolute"],
    "diagnostics": ["searches_per_user"],
    "segments": ["device: phone, desktop"],
    "alpha": 0.05,
    "power": 0.9,
    "stopping_policy": "group_sequential",
    "looks": ["14", "21"],
    "variance_reduction": "cuped",
    "multiplicity": "holm",
    "novelty_policy": "required",
    "rollout": ["0.25 3", "1.0 7"],
}
# What the form has no fields for.
SAME_IN_YAML = changed(
    EXPERIMENT,
    {
        "analysis.variance_reduction": {"method": "cuped"},
        "analysis.novelty": {"policy": "required"},
    },
)


def refused(**fields: Any) -> dict[str, Problem]:
    with pytest.raises(PromiseError) as caught:
        admit_form({**FILLED, **fields}, catalog=catalog(), today=TODAY)
    return {problem.field: problem for problem in caught.value.problems}


def test_form_and_yaml_make_the_same_promise() -> None:
    by_form = admit_form(FILLED, catalog=catalog(), today=TODAY)
    by_yaml = admit(SAME_IN_YAML, "x.yaml", catalog=catalog(), today=TODAY)
    assert by_form.experiment == by_yaml.experiment
    assert fingerprint(by_form) == fingerprint(by_yaml)


def test_pasted_yaml_is_read_as_a_file_is() -> None:
    by_form = admit_form({**EMPTY, "yaml": EXPERIMENT}, catalog=catalog(), today=TODAY)
    assert by_form == admit(EXPERIMENT, "x.yaml", catalog=catalog(), today=TODAY)


def test_problems_of_pasted_yaml_keep_their_lines() -> None:
    with pytest.raises(PromiseError) as caught:
        admit_form({"yaml": EXPERIMENT + "titel: x\n"}, catalog=catalog(), today=TODAY)
    (problem,) = caught.value.problems
    assert problem.where.startswith("the form:")
    assert problem.field == "titel"


def test_yaml_and_fields_together_are_refused() -> None:
    found = refused(yaml=EXPERIMENT)
    assert found["title"].message == "is filled although a YAML text is given"
    assert found["title"].value == repr(FILLED["title"])


def test_a_line_that_cannot_be_read_is_one_problem_and_keeps_the_numbers_of_the_others() -> None:
    found = refused(variants=["control control", "two_tower treatmnt 0.5"])
    assert set(found) == {"variants.0", "variants.1.role"}


def test_an_empty_form_asks_for_everything_at_once() -> None:
    with pytest.raises(PromiseError) as caught:
        admit_form(EMPTY, catalog=catalog(), today=TODAY)
    asked = {problem.field for problem in caught.value.problems}
    assert {"slug", "title", "hypothesis", "variants", "metrics", "calendar", "source"} <= asked


def test_problems_are_told_under_the_form_s_own_names() -> None:
    found = refused(
        first_day="2026-02-30", alpha=2, stopping_policy="fixd", guardrails=["search_errors 0.05 relativ"], power="high"
    )
    assert {"first_day", "alpha", "stopping_policy", "power"} <= set(found)
    assert found["guardrails.0.margin.relativ"].cure == "did you mean relative?"


def test_rules_are_told_under_the_form_s_own_names() -> None:
    found = refused(last_day="2026-03-28", primary_metric="purchase_rat", aa_waived=None)
    assert set(found) == {"last_day", "primary_metric"}
    assert found["primary_metric"].where == "the form"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("variants", "control 0.5"),
        ("guardrails", "search_errors 0.05"),
        ("segments", "device phone"),
        ("rollout", "all"),
        ("ramp", "2026-03-02 control"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_with_an_example(name: str, line: str) -> None:
    found = refused(**{name: [line]})
    problem = found[f"{name}.0"]
    assert problem.value == repr(line)
    assert "as in:" in problem.cure


def test_a_name_that_is_no_field_is_told() -> None:
    assert refused(alhpa=0.1)["alhpa"].cure == "did you mean alpha?"


def test_a_scale_is_relative_or_absolute() -> None:
    assert admit_form(
        {**FILLED, "minimum_effect_scale": "absolute"}, catalog=catalog(), today=TODAY
    ).experiment.metrics.primary.minimum_effect.absolute == pytest.approx(0.02)
    assert "minimum_effect_scale" in refused(minimum_effect_scale="percent")


def test_lists_may_come_as_lines_of_one_text() -> None:
    fields = {**FILLED, "secondary": "revenue_per_user\nbasket_value\n"}
    assert admit_form(fields, catalog=catalog(), today=TODAY).experiment.metrics.secondary == (
        "revenue_per_user",
        "basket_value",
    )


@pytest.mark.parametrize("field", FORM, ids=lambda field: field.name)
def test_every_field_is_a_valid_schema_that_lets_null_and_its_sample_through(field: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(field.param)
    jsonschema.validate(None, field.param)
    jsonschema.validate(FILLED[field.name], field.param)
    assert field.description
    assert field.section


def test_every_required_field_of_an_experiment_can_be_filled_in() -> None:
    paths = {field.path.partition(".")[0] for field in FORM}
    required = {name for name, info in Experiment.model_fields.items() if info.is_required()}
    assert required <= paths
