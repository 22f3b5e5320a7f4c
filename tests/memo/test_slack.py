"""Slack's limits, kept for every memo: 50 blocks, 3,000, 2,000 and 150 characters, and no word cut."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.memo.scenes import START, Scene, promise, ship
from trialflow.memo import blocks, digest, fallback_text, registration_note
from trialflow.memo.memo import Memo, Section
from trialflow.memo.slack import escape, shorten


def within_limits(made: list[dict[str, Any]]) -> bool:
    """Slack's published limits (docs.slack.dev, Block Kit reference)."""
    assert len(made) <= 50
    for block in made:
        if block["type"] == "header":
            assert 1 <= len(block["text"]["text"]) <= 150
            assert block["text"]["type"] == "plain_text"
        elif block["type"] == "section":
            assert ("text" in block) != ("fields" in block)
            assert len(block.get("fields", [])) <= 10
            assert all(1 <= len(one["text"]) <= 2000 for one in block.get("fields", []))
            assert len(block.get("text", {"text": ""})["text"]) <= 3000
        elif block["type"] == "context":
            assert 1 <= len(block["elements"]) <= 10
            assert all(1 <= len(one["text"]) <= 3000 for one in block["elements"])
        else:
            assert block == {"type": "divider"}
    return True


def every_text(made: list[dict[str, Any]]) -> str:
    texts = []
    for block in made:
        texts += [one["text"] for one in (*block.get("fields", []), *block.get("elements", []))]
        texts += [block["text"]["text"]] if "text" in block else []
    return "\n".join(texts)


def test_every_memo_fits_slack(scene: Scene) -> None:
    made = blocks(scene.memo, link="https://trialflow.example/memo")
    assert within_limits(made)
    assert made[0]["type"] == "header"
    assert "Read the whole memo" in every_text(made)


def test_slack_sdk_accepts_the_blocks(scene: Scene) -> None:
    models = pytest.importorskip("slack_sdk.models.blocks")
    for block in blocks(scene.memo, link="https://trialflow.example/memo"):
        models.Block.parse(block).validate_json()


def test_a_very_long_memo_is_shortened_and_says_so() -> None:
    words = "measure " * 900
    sections = tuple(Section(title=f"Part {n}", paragraphs=(words,), essential=True) for n in range(60))
    memo = dataclasses.replace(ship().memo, sections=sections)
    made = blocks(memo, link="https://trialflow.example/memo")
    assert within_limits(made)
    text = every_text(made)
    assert "Shortened here" in text
    assert "Read the whole memo" in text
    assert {word for word in text.split() if word.startswith("measur")} <= {"measure"}


def test_a_digest_of_many_experiments_fits_one_message() -> None:
    assert within_limits(blocks(digest([f"experiment-{n}: " + "fine " * 30 for n in range(400)], as_of=START)))


def test_nobody_is_notified_by_a_promise() -> None:
    memo = registration_note(promise(title="<!channel> a & b", hypothesis="See <https://x.example|here>"))
    header, *rest = blocks(memo)
    assert "<!channel>" in header["text"]["text"]  # plain_text is never parsed for mentions
    assert "<!channel>" not in every_text(rest)
    assert "<https" not in every_text(rest)
    assert "<!channel>" not in fallback_text(memo)


def test_what_is_left_out_is_named() -> None:
    memo: Memo = ship().memo
    left_out = [one.title for one in memo.sections if not one.essential]
    text = every_text(blocks(memo))
    assert left_out
    assert all(title in text for title in left_out)


@given(st.text(alphabet="ab <>&", max_size=300), st.integers(min_value=10, max_value=100))
def test_a_shortened_text_fits_and_ends_between_words(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    if short != text:
        kept = short.removesuffix("…")
        rest = text[len(kept) :]
        assert text.startswith(kept)
        assert not kept or rest[:1].isspace()


@given(st.text(max_size=200))
def test_escaped_text_holds_no_control_characters(text: str) -> None:
    escaped = escape(text)
    assert "<" not in escaped
    assert ">" not in escaped
    assert escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text
