"""Words go into the YAML of a promise and come out of it; everything else in the text stays as it was."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from trialflow.overview.promise_text import WORDS, with_words, words_in
from trialflow.spec.yaml_text import read_page

TEXT = """# my own words
slug: ""   # to be found
title:
hypothesis: >-
  People open
  more pages.
# why
mechanism: 'It is: better.'
variants:
- name: control
analysis:
  alpha: 0.05  # as always
  aa:
    waived: ''
"""
FIELDS = [one.field for one in WORDS]
WRITTEN = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=200).map(str.strip)


def written(text: str, words: dict[str, str]) -> str:
    found, problems = with_words(text, words, "a test")
    assert problems == ()
    return found


def test_words_are_read_however_they_are_written() -> None:
    assert words_in(TEXT) == {
        "slug": "",
        "title": "",
        "hypothesis": "People open more pages.",
        "mechanism": "It is: better.",
        "analysis.aa.waived": "",
    }


@given(st.dictionaries(st.sampled_from([*FIELDS]), WRITTEN, max_size=4))
def test_what_is_written_is_read_again_and_nothing_else_changes(words: dict[str, str]) -> None:
    text = written(TEXT, words)
    assert words_in(text) == words_in(TEXT) | words
    before, after = yaml.safe_load(TEXT), yaml.safe_load(text)
    assert after["variants"] == before["variants"]
    assert after["analysis"]["alpha"] == 0.05
    for comment in ("# my own words", "# to be found", "# why", "# as always"):
        assert comment in text


@given(WRITTEN)
def test_a_promise_is_read_with_the_words_as_they_were_typed(word: str) -> None:
    page = read_page(written(TEXT, {"title": word}), "a test")
    assert page.value["title"] == word
    assert page.problems == ()


def test_a_field_that_is_missing_is_added_and_a_nested_one_is_not() -> None:
    text = written("slug: one\n", {"layer": "ranking", "analysis.aa.waived": "no"})
    assert text == "slug: one\nlayer: ranking\n"
    assert written("", {"slug": "one"}) == "slug: one\n"


def test_a_text_in_braces_stays_in_braces() -> None:
    assert yaml.safe_load(written("{slug: one, title: two}", {"slug": "a, b"})) == {"slug": "a, b", "title": "two"}


@pytest.mark.parametrize("text", ["- a\n- b", "slug: [", "just words", "\t", "a: *b", "- " * 3000])
def test_a_text_that_is_no_promise_stays_as_it_is(text: str) -> None:
    assert words_in(text) == {}
    kept, problems = with_words(text, {"slug": "one"}, "a test")
    assert (kept, bool(problems)) in ((text, True), ("slug: one\n", False))


@pytest.mark.parametrize(
    "text",
    [
        "title: &t old\nowner: *t\n",
        "title: old\nowner: &o me\nunit: *o\n",
        "owner: one\nowner: two\n",
        "slug: one\nowner: [a, &b [*b]]\n",
        "slug: one\n...\n",
        "--- {slug: one, variants: []}\n",
        "? slug\n: one\n? owner\n",
        "- a\n- b\n",
        "slug: [\n",
    ],
)
def test_a_text_that_it_would_garble_stays_as_it_is_and_the_reader_is_told(text: str) -> None:
    words = {"owner": "Ann", "title": "A: better #1"}
    kept, problems = with_words(text, words, "a test")
    if problems:
        assert kept == text
        assert [(one.field, one.value) for one in problems] == [("owner", "'Ann'"), ("title", "'A: better #1'")]
        assert all(one.message and one.cure for one in problems)
    else:
        read = read_page(kept, "a test").value
        assert {name: read[name] for name in words} == words


def test_an_alias_is_never_torn_from_its_anchor() -> None:
    text = "title: &t old\nowner: *t\n"
    kept, problems = with_words(text, {"owner": "Ann"}, "a test")
    assert kept == text
    assert "no aliases" in problems[0].cure


def test_fields_that_are_indented_stay_in_line() -> None:
    text = "  # mine\n  slug: one\n  analysis:\n    alpha: 0.05\n"
    found = written(text, {"owner": "Ann", "slug": "two"})
    assert yaml.safe_load(found) == {"slug": "two", "analysis": {"alpha": 0.05}, "owner": "Ann"}
    assert found.startswith("  # mine\n")


def test_long_words_stay_in_line_too() -> None:
    long = "Visitors find more of what they look for, and sooner. " * 5 + "- and: so # on"
    found = written("  slug: one\n  hypothesis: short\n", {"hypothesis": long, "owner": long})
    assert yaml.safe_load(found) == {"slug": "one", "hypothesis": long, "owner": long}


@given(st.text(st.sampled_from("ab:&*-#'\"\n {}[]|>?,"), max_size=40), st.sampled_from(["owner", "a", "title"]))
def test_whatever_the_text_nothing_but_the_words_is_changed(text: str, field: str) -> None:
    kept, problems = with_words(text, {field: "Ann"}, "a test")
    if problems:
        assert kept == text
    else:
        before, after = (read_page(one, "").value or {} for one in (text, kept))
        assert after == before | {field: "Ann"}
