"""What nobody sees is refused at the door, and read from the record all the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.memo.scenes import promise
from tests.spec.documents import EXPERIMENT, METRICS, SOURCE, TODAY, catalog
from trialflow.errors import PromiseError
from trialflow.spec.admission import admit, admit_form
from trialflow.spec.fingerprint import document, fingerprint, from_document
from trialflow.spec.letters import is_unseen, unseen_problems
from trialflow.spec.parsing import parse_metric, parse_source

TURNING = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]
CONTROLS = ["\x07", "\x1b", "\x7f", "\x85"]
EMPTY = [chr(code) for code in (0xAD, 0x115F, 0x1160, 0x200B, 0x2060, 0x2061, 0x2064, 0x206A, 0x3164, 0xFEFF, 0xFFA0)]
TAGS = ["\U000e0001", "\U000e0041", "\U000e007f"]
SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
SEEN = [
    *("ü", "עברית", "العربية", "\u200f", "\u200e", "\u061c", "\u200c", "\u200d", "👩\u200d🔬", "❤\ufe0f", "e\u0301"),
    *(
        "می\u200cخواهم",
        "→",
        "\u00a0",
        "two\nlines",
        "a\ttab",
        SCOTLAND,
        f"{SCOTLAND}{SCOTLAND}",
        "\U0001f3f4",
        "한국어",
        "ភាសា\u200bខ្មែរ",
        "ภาษา\u200bไทย",
        "\u115f\u1161",
        "\u1100\u1160\u11a8",
    ),
]
TEXTS = ("title", "hypothesis", "mechanism", "owner", "audience")


def escaped(letter: str) -> str:
    return f'"before \\U{ord(letter):08x} after"'


def refused(text: str) -> list[tuple[str, str]]:
    with pytest.raises(PromiseError) as caught:
        admit(text, "x.yaml", catalog=catalog(), today=TODAY)
    return [(one.field, one.message) for one in caught.value.problems]


def with_line(field: str, value: str) -> str:
    """The promise with one of its texts replaced."""
    lines = EXPERIMENT.splitlines(keepends=True)
    start = next(place for place, line in enumerate(lines) if line.startswith(f"{field}:"))
    end = next(place for place, line in enumerate(lines[start + 1 :], start + 1) if not line.startswith(" "))
    return "".join([*lines[:start], f"{field}: {value}\n", *lines[end:]])


@pytest.mark.parametrize("letter", [*TURNING, *CONTROLS, *EMPTY, *TAGS])
def test_a_promise_with_what_nobody_sees_is_refused_by_field_and_character(letter: str) -> None:
    ((field, message),) = refused(with_line("title", escaped(letter)))
    assert field == "title"
    assert f"U+{ord(letter):04X}" in message
    assert "as character 8, after 'before '" in message
    assert "which nobody sees" in message


@pytest.mark.parametrize("field", TEXTS)
def test_every_text_of_a_promise_is_looked_at(field: str) -> None:
    assert [name for name, _ in refused(with_line(field, escaped("\u202e")))] == [field]


def test_texts_in_lists_and_sections_are_looked_at_too() -> None:
    text = EXPERIMENT.replace("values: [phone, desktop]", 'values: [phone, "desk\\u202etop"]')
    assert [name for name, _ in refused(text)] == ["segments.0.values.1"]


def test_letters_as_they_are_typed_are_seen_as_those_that_are_escaped() -> None:
    assert [name for name, _ in refused(with_line("owner", "eve\u202e"))] == ["owner"]


def test_a_form_is_refused_as_a_text_is() -> None:
    with pytest.raises(PromiseError) as caught:
        admit_form({"slug": "a-promise", "title": "turned \u202e around"}, catalog=catalog(), today=TODAY)
    assert (
        "U+202E (right-to-left override)" in next(one for one in caught.value.problems if one.field == "title").message
    )


def test_the_error_shows_the_value_without_what_it_refuses() -> None:
    with pytest.raises(PromiseError) as caught:
        admit(with_line("title", escaped("\u202e")), "x.yaml", catalog=catalog(), today=TODAY)
    assert "\u202e" not in str(caught.value)
    assert "\\u202e" in str(caught.value)


@pytest.mark.parametrize("text", SEEN)
def test_what_other_writings_need_is_kept(text: str) -> None:
    assert unseen_problems("x.yaml", "title", text) == []


@pytest.mark.parametrize("hidden", ["\u200b", "\ufeff", "\u00ad", "\u2060", "\u3164"])
def test_two_owners_never_look_alike(hidden: str) -> None:
    assert [name for name, _ in refused(with_line("owner", f"a{hidden}nn"))] == ["owner"]


def test_the_error_says_which_character_where_and_what_to_do() -> None:
    (problem,) = unseen_problems("x.yaml:3", "owner", "a\u200bnn\u3164, a\u200bnn")
    assert problem.value == "'a\\u200bnn\\u3164, a\\u200bnn'"
    assert problem.message == (
        "holds U+200B (zero width space) as character 2, after 'a', "
        "and U+3164 (hangul filler) as character 5, after 'ann', which nobody sees"
    )
    assert "type the text anew" in problem.cure


def test_what_begins_a_text_is_told_so() -> None:
    (problem,) = unseen_problems("x.yaml", "title", "\ufeffTitle")
    assert "U+FEFF (zero width no-break space) as its first character, which nobody sees" in problem.message


def test_a_mark_of_the_encoding_at_the_start_of_a_file_is_no_text() -> None:
    marked = admit("\ufeff" + EXPERIMENT, "x.yaml", catalog=catalog(), today=TODAY)
    assert marked.experiment == admit(EXPERIMENT, "x.yaml", catalog=catalog(), today=TODAY).experiment


@pytest.mark.parametrize(
    "text",
    [
        SCOTLAND[1:],  # tags without a flag
        SCOTLAND[:-1],  # that never end
        "\U0001f3f4\U000e007f",  # that say nothing
        "\U0001f3f4" + "\U000e0067" * 40 + "\U000e007f",  # a letter to somebody
        SCOTLAND + "\U000e0067",
    ],
)
def test_tags_stand_in_flags_only(text: str) -> None:
    assert unseen_problems("x.yaml", "title", text)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf"], exclude_characters=EMPTY)))
def test_letters_signs_and_spaces_are_never_refused(text: str) -> None:
    assert unseen_problems("x.yaml", "title", text) == []


def test_metrics_and_sources_are_looked_at_too() -> None:
    metric = next(iter(METRICS.values())).replace("description: ", "description: \u202e", 1)
    source = SOURCE.replace("description: ", "description: \u202e", 1)
    for text, parse in ((metric, parse_metric), (source, parse_source)):
        with pytest.raises(PromiseError, match="U\\+202E"):
            parse(text, "x.yaml")


def test_a_promise_that_was_locked_before_is_still_read() -> None:
    turned = "\u202etxt.exe\u2066 \x07"
    before = promise(title=turned, hypothesis=turned, owner=turned, notes=turned)
    again = from_document(document(before))
    assert again.experiment.title == before.experiment.title == turned.strip()
    assert fingerprint(again) == fingerprint(before)


def test_half_a_letter_is_unseen() -> None:
    assert is_unseen("\ud83d")


@pytest.mark.parametrize("text", ["a\u200bnn", "\u200bภาษา", "ภาษา\u200b", "ann\u115f", "\u115f\u1160", "a\u1160"])
def test_what_a_script_needs_is_refused_where_it_does_not_need_it(text: str) -> None:
    assert unseen_problems("x.yaml", "owner", text)
