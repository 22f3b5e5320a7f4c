"""What templates are given to make text of values with."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialflow_ui.render import json_script

DANGEROUS = ("<", ">", "&", "\u2028", "\u2029")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


class Elements(HTMLParser):
    """The tags of a page, and the text inside its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.scripts.append(data)


@pytest.mark.parametrize(
    "text",
    [
        "</script><img>",
        "<!--",
        "<!--<script>",
        "-->",
        "]]>",
        "&lt;b&gt;",
        "&",
        "a\u2028b\u2029c",
        "\u202e",
        "</SCRIPT >",
    ],
)
def test_no_text_ends_the_script_it_stands_in(text):
    made = json_script({text: [text]})
    assert not [sign for sign in DANGEROUS if sign in made]
    page = Elements(f'<script type="application/json">{made}</script><hr>')
    assert page.tags == ["script", "hr"]
    assert json.loads("".join(page.scripts)) == {text: [text]}


@given(VALUES)
def test_what_a_script_is_given_is_what_it_reads(value):
    made = json_script(value)
    assert json.loads(str(made)) == value
    assert not [sign for sign in DANGEROUS if sign in made]


def test_a_number_that_is_none_is_refused_not_written():
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            json_script({"estimate": number})
