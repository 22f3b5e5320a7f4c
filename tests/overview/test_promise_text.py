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
    text = with_words(TEXT, words)
    assert words_in(text) == words_in(TEXT) | words
    before, after = yaml.safe_load(TEXT), yaml.safe_load(text)
    assert after["variants"] == before["variants"]
    assert after["analysis"]["alpha"] == 0.05
    for comment in ("# my own words", "# to be found", "# why", "# as always"):
        assert comment in text


@given(WRITTEN)
def test_a_promise_is_read_with_the_words_as_they_were_typed(word: str) -> None:
    page = read_page(with_words(TEXT, {"title": word}), "a test")
    assert page.value["title"] == word
    assert page.problems == ()


def test_a_field_that_is_missing_is_added_and_a_nested_one_is_not() -> None:
    text = with_words("slug: one\n", {"layer": "ranking", "analysis.aa.waived": "no"})
    assert text == "slug: one\nlayer: ranking\n"
    assert with_words("", {"slug": "one"}) == "slug: one\n"


def test_a_text_in_braces_stays_in_braces() -> None:
    assert yaml.safe_load(with_words("{slug: one, title: two}", {"slug": "a, b"})) == {"slug": "a, b", "title": "two"}


@pytest.mark.parametrize("text", ["- a\n- b", "slug: [", "just words", "\t", "a: *b", "- " * 3000])
def test_a_text_that_is_no_promise_stays_as_it_is(text: str) -> None:
    assert words_in(text) == {}
    assert with_words(text, {"slug": "one"}).strip() in (text.strip(), "slug: one")
