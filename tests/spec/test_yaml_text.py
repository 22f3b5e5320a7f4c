"""YAML as people write it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trialflow.errors import PromiseError
from trialflow.spec.yaml_text import read_page, shown, write_yaml

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=40)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), inner),
    max_leaves=12,
)


def refusal(text: str) -> PromiseError:
    with pytest.raises(PromiseError) as caught:
        read_page(text, "x.yaml")
    return caught.value


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), values, max_size=5))
def test_what_is_written_reads_back_to_the_same_values(document: dict[str, object]) -> None:
    page = read_page(write_yaml(document), "x.yaml")
    assert page.value == document
    assert page.problems == ()


@pytest.mark.parametrize("word", ["no", "on", "Yes", "off", "2026-03-02", "12:30", "1_000", "0x1F"])
def test_words_of_yaml_1_1_stay_texts(word: str) -> None:
    assert read_page(f"a: {word}", "x.yaml").value == {"a": word}


@pytest.mark.parametrize(("text", "number"), [("5e-2", 0.05), ("1.", 1.0), (".5", 0.5), ("-3", -3), ("1E3", 1000.0)])
def test_numbers_are_read_as_people_write_them(text: str, number: float) -> None:
    assert read_page(f"a: {text}", "x.yaml").value == {"a": number}


def test_infinite_and_missing_numbers_are_read_so_that_they_can_be_refused() -> None:
    found = read_page("a: -.inf\nb: .nan", "x.yaml").value
    assert found["a"] == -math.inf
    assert math.isnan(found["b"])


def test_a_quoted_number_stays_a_text() -> None:
    assert read_page('a: "1.10"', "x.yaml").value == {"a": "1.10"}


def test_every_key_written_twice_is_told_and_the_first_is_kept() -> None:
    page = read_page("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n", "x.yaml")
    assert page.value == {"a": 1, "b": {"c": 1}}
    assert [(found.where, found.field, found.value) for found in page.problems] == [
        ("x.yaml:4", "b.c", "2"),
        ("x.yaml:5", "a", "3"),
    ]
    assert "line 3" in page.problems[0].cure


def test_a_syntax_error_names_line_and_column_and_shows_the_line() -> None:
    (problem,) = refusal("slug: a\ntitle: what: a title\n").problems
    assert problem.where == "x.yaml:2"
    assert problem.field == "line 2, column 12"
    assert "title: what: a title" in problem.value
    assert "quotes" in problem.cure


def test_a_tab_is_named_as_the_culprit() -> None:
    (problem,) = refusal("a:\n\tb: 1\n").problems
    assert "spaces" in problem.cure


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\nb: *x",
        "a: 1\n---\nb: 2",
        "a: [1, 2",
        "a: 'open",
        "a: \x00",
        "[" * 20_000,
        "a: " + "x" * 300_000,
    ],
)
def test_what_cannot_be_read_is_refused_with_one_problem_and_a_cure(text: str) -> None:
    (problem,) = refusal(text).problems
    assert problem.where.startswith("x.yaml")
    assert problem.message
    assert problem.cure


def test_a_tag_is_refused_and_never_obeyed() -> None:
    page = read_page("a: !!python/name:os.system\nb: !secret x", "x.yaml")
    assert [found.field for found in page.problems] == ["b"] or [found.field for found in page.problems] == ["a", "b"]
    assert not callable(page.value["a"])


def test_the_line_of_a_field_is_that_of_the_nearest_section_known() -> None:
    page = read_page("a:\n  b:\n    - c: 1\n", "x.yaml")
    assert page.place("a.b.0.c") == "x.yaml:3"
    assert page.place("a.b.0.missing") == "x.yaml:3"
    assert page.place("a.missing") == "x.yaml:1"
    assert page.place("missing") == "x.yaml"


def test_a_value_in_an_error_is_one_short_line() -> None:
    told = shown({"text": "line\n" * 50, "none": None, "yes": True})
    assert "\n" not in told
    assert len(told) <= 80
    assert shown(None) == "nothing"
    assert shown("a") == "'a'"
