"""The door: form, names and rules speak together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.spec.documents import EXPERIMENT, TODAY, catalog, changed
from trialflow.errors import Problem, PromiseError
from trialflow.spec.admission import admit
from trialflow.spec.fingerprint import fingerprint

SHOP = catalog()
PAST: dict[str, object] = {
    "calendar.first_day": "2025-03-03",
    "calendar.last_day": "2025-03-30",
    "calendar.ramp": [],
}
# Three mistakes that have nothing to do with one another.
THREE: dict[str, object] = {
    "metrics.secondary.0": "revenu_per_user",
    "calendar.time_zone": "Europe/Berln",
    "segments.0.dimension": "devise",
}


def refused(text: str, slug: str | None = None) -> dict[str, Problem]:
    with pytest.raises(PromiseError) as caught:
        admit(text, "x.yaml", catalog=catalog(), today=TODAY, slug=slug)
    return {problem.field: problem for problem in caught.value.problems}


def test_a_good_promise_comes_in_with_its_metrics_and_sources() -> None:
    promise = admit(EXPERIMENT, "x.yaml", catalog=catalog(), today=TODAY, slug="search-ranker-v2")
    assert promise.slug == "search-ranker-v2"
    assert fingerprint(promise) == fingerprint(catalog().promise(promise.experiment))


def test_errors_of_form_names_and_rules_come_together_with_their_lines() -> None:
    text = changed(
        EXPERIMENT,
        {
            "titel": "x",
            "analysis.alpha": "5%",
            "metrics.secondary": ["purchase_rat"],
            "calendar.last_day": "2026-03-28",
            "analysis.stopping.looks": [15],
        },
    )
    found = refused(text)
    assert set(found) == {
        "titel",
        "analysis.alpha",
        "metrics.secondary.0",
        "calendar.last_day",
        "analysis.stopping.looks.0",
    }
    lines = text.splitlines()
    place = int(found["calendar.last_day"].where.rpartition(":")[2])
    assert lines[place - 1].strip().startswith("last_day:")


def test_an_unknown_name_does_not_silence_the_rules() -> None:
    found = refused(changed(EXPERIMENT, {"source": "shop_event", "variants.0.weight": 0.4}))
    assert set(found) == {"source", "variants"}


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        # Without the misspelt policy, the looks would seem to belong to no policy.
        ({"analysis.stopping.policy": "group-sequential"}, {"analysis.stopping.policy"}),
        # With replay unreadable, the calendar would seem to lie in the past.
        ({"replay": "ture"} | PAST, {"replay"}),
        ({"reply": True} | PAST, {"reply"}),
        ({"calendar.maturity_days": ..., "calendar.maturity_day": 6}, {"calendar.maturity_day"}),
        ({"metrics.primary.minimum_effect": {"relativ": 0.02}}, {"metrics.primary.minimum_effect.relativ"}),
        ({"source": ...}, {"source"}),
    ],
)
def test_a_rule_about_a_faulty_field_stays_silent(changes: dict[str, object], fields: set[str]) -> None:
    assert set(refused(changed(EXPERIMENT, changes))) == fields


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metrics.guardrails.0.margin", ...),
        ("metrics.primary.minimum_effect", ...),
        ("calendar.first_day", ...),
        ("calendar.last_day", ...),
        ("variants.0.weight", ...),
        ("variants.0.weight", "half"),
        ("variants.1.role", "treatmnt"),
        ("analysis.stopping.looks.0", "x"),
        ("calendar.ramp.0.day", "soon"),
        ("calendar.ramp.0.weights.control", -1),
        ("decision.rollout.1.share", 3),
        ("metrics.diagnostics.0", 7),
        ("owner", ...),
        ("replay", "ture"),
    ],
)
def test_a_faulty_field_silences_no_rule_that_does_not_rest_on_it(field: str, value: object) -> None:
    problems = problems_with(changed(EXPERIMENT, THREE | {field: value}))
    assert sorted(problem.field for problem in problems) == sorted([*THREE, field])


def test_a_missing_calendar_silences_its_rules_alone() -> None:
    text = changed(EXPERIMENT, {"calendar": ..., "variants.0.weight": 0.4, "metrics.secondary.0": "revenu_per_user"})
    assert set(refused(text)) == {"calendar", "variants", "metrics.secondary.0"}


def test_what_two_variants_weigh_is_added_up_although_a_role_is_misspelt() -> None:
    assert set(refused(changed(EXPERIMENT, {"variants.0.role": "contrl", "variants.0.weight": 0.4}))) == {
        "variants.0.role",
        "variants",
    }


def test_a_misspelt_guardrail_is_told_although_its_margin_is_missing() -> None:
    text = changed(EXPERIMENT, {"metrics.guardrails.0": {"metric": "search_eror"}})
    assert set(refused(text)) == {"metrics.guardrails.0.metric", "metrics.guardrails.0.margin"}


@pytest.mark.parametrize("look", [3, 50, "x", 0, 14.5])
def test_a_bad_look_is_one_problem(look: object) -> None:
    problems = problems_with(changed(EXPERIMENT, {"analysis.stopping.looks": [look]}))
    assert [problem.field for problem in problems] == ["analysis.stopping.looks.0"]


def test_a_day_that_cannot_be_read_is_told_alone() -> None:
    assert set(refused(changed(EXPERIMENT, {"calendar.first_day": "soon"}))) == {"calendar.first_day"}


def test_a_promise_with_a_faulty_field_never_comes_in_mended() -> None:
    assert set(refused(changed(EXPERIMENT, {"titel": "x"}))) == {"titel"}


def test_the_slug_is_the_file_s_name() -> None:
    found = refused(EXPERIMENT, slug="search-ranker")
    assert found["slug"].message == "is not the file's name"
    assert "search-ranker-v2.yaml" in found["slug"].cure


def test_an_amendment_may_keep_a_first_day_that_has_passed() -> None:
    first = date(2026, 3, 2)
    later = date(2026, 3, 10)
    text = changed(EXPERIMENT, {"calendar.last_day": "2026-04-05"})
    assert admit(text, "x.yaml", catalog=catalog(), today=later, registered_first_day=first).slug == "search-ranker-v2"
    with pytest.raises(PromiseError, match="not in the future"):
        admit(text, "x.yaml", catalog=catalog(), today=later)


def places(value: Any, path: str = "") -> list[str]:
    """Dotted paths of everything in a document: sections, lists and values."""
    inner = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    deeper = [found for key, item in inner for found in places(item, f"{path}.{key}" if path else str(key))]
    return ([path] if path else []) + deeper


anything = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        3,
        0.5,
        1e308,
        "",
        "word",
        "2026-03-05",
        "units",
        [],
        [1],
        ["a"],
        {},
        {"a": 1},
        [[]],
        [{}],
        {"x": []},
    ]
)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(places(yaml.safe_load(EXPERIMENT))), anything)
@example("variants.0.name", {})
@example("calendar.ramp.0.weights", {})
@example("calendar.ramp.1.weights.control", -1)
def test_whatever_stands_in_a_field_it_is_accepted_or_told_in_plain_words(field: str, value: Any) -> None:
    for problem in problems_with(changed(EXPERIMENT, {field: value})):
        assert problem.field
        assert problem.message
        assert problem.cure
        assert "Input should" not in problem.message
        assert "\n" not in problem.value


def problems_with(text: str) -> tuple[Problem, ...]:
    try:
        admit(text, "x.yaml", catalog=SHOP, today=TODAY)
    except PromiseError as error:
        return error.problems
    return ()


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="ab:-[]{}'\"#&*!|>%@`,\n\t 01.~", max_size=60))
def test_whatever_is_pasted_only_a_promise_error_comes_out(text: str) -> None:
    with pytest.raises(PromiseError) as caught:
        admit(text, "x.yaml", catalog=catalog(), today=TODAY)
    assert all(problem.message and problem.cure for problem in caught.value.problems)
