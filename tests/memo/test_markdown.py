"""Markdown stays Markdown whatever people write."""

from __future__ import annotations

from tests.memo.scenes import promise, ship
from trialflow.memo import markdown, registration_note
from trialflow.memo.charts import files
from trialflow.memo.markdown import escape


def test_text_from_people_is_never_markup() -> None:
    assert escape("a|b <b>*x*</b> [l](u)") == r"a\|b \<b\>\*x\*\</b\> \[l\](u)"
    assert escape("retention_7 and _this_") == r"retention_7 and \_this\_"
    assert escape("# not a\nheading") == r"\# not a heading"


def test_a_pipe_in_a_promise_does_not_break_its_table() -> None:
    variants = [
        {"name": "control", "role": "control", "weight": 0.5, "description": "a | b"},
        {"name": "v7", "role": "treatment", "weight": 0.5},
    ]
    text = markdown(registration_note(promise(variants=variants)))
    assert r"a \| b" in text


def test_every_chart_that_is_linked_has_a_file() -> None:
    memo = ship().memo
    text = markdown(memo, chart_folder="charts")
    named = [name for name in files(memo) if name.endswith(".svg")]
    assert named
    assert all(f"](charts/{name})" in text for name in named)


def test_without_pictures_a_chart_is_told_in_words() -> None:
    text = markdown(ship().memo)
    assert "![" not in text
    assert "Forest plot of relative effects" in text
