"""Slack's limits, kept for every memo: 50 blocks, 3,000, 2,000 and 150 characters, and no word cut."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.memo.scenes import START, Scene, promise, ship
from trialflow.memo import digest, fallback_text, posts, registration_note
from trialflow.memo.chart_document import chart_document, chart_of
from trialflow.memo.links import Addresses, experiment_page, page, runbook
from trialflow.memo.memo import Chart, Forest, ForestRow, Memo, Section
from trialflow.memo.slack import MESSAGE_LENGTH, MOST_MESSAGES, SHORTENED, escape, plain, shorten, with_links


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


def blocks(memo: Memo) -> list[dict[str, Any]]:
    """The blocks of all messages of a memo."""
    return [block for post in posts(memo) for block in post["blocks"]]


def long(memo: Memo, sections: int, *, words: int = 300) -> Memo:
    """The memo with so many essential sections of so many words."""
    more = tuple(Section(title=f"Part {n}", paragraphs=("measure " * words,), essential=True) for n in range(sections))
    return dataclasses.replace(memo, sections=more)


def test_every_memo_fits_slack(scene: Scene) -> None:
    made = posts(scene.memo)
    assert all(within_limits(post["blocks"]) for post in made)
    assert all(post["text"] for post in made)
    assert made[0]["blocks"][0]["type"] == "header"


def test_slack_sdk_accepts_the_blocks(scene: Scene) -> None:
    models = pytest.importorskip("slack_sdk.models.blocks")
    for block in blocks(scene.memo):
        models.Block.parse(block).validate_json()


def test_a_long_memo_goes_on_in_replies_and_nothing_of_it_is_lost() -> None:
    made = posts(long(ship().memo, 10))
    assert len(made) == MOST_MESSAGES
    text = "\n".join(every_text(post["blocks"]) for post in made)
    assert all(f"*Part {n}*" in text for n in range(10))
    assert SHORTENED not in text
    assert [post["text"][-8:] for post in made[1:]] == ["(2 of 3)", "(3 of 3)"]
    assert all(post["blocks"][0]["type"] == "divider" for post in made[1:])  # no section is torn apart
    assert "Decision fingerprint" in every_text(made[-1]["blocks"])
    assert "Decision fingerprint" not in every_text(made[0]["blocks"])


def test_a_very_long_memo_is_shortened_and_says_so() -> None:
    made = posts(long(ship().memo, 60, words=900))
    assert len(made) == MOST_MESSAGES
    assert all(within_limits(post["blocks"]) for post in made)
    text = "\n".join(every_text(post["blocks"]) for post in made)
    assert SHORTENED in text
    assert {word for word in text.split() if word.startswith("measur")} == {"measure"}


@pytest.mark.parametrize(("sections", "words"), [(1, 10), (10, 300), (60, 900), (200, 1)])
def test_a_message_leaves_room_for_links_and_stays_below_what_slack_refuses(sections: int, words: int) -> None:
    for post in posts(long(ship().memo, sections, words=words)):
        linked = with_links(post, [("Sign", "http://airflow/sign")], note="Meant for #shop")
        assert within_limits(linked["blocks"])
        assert len(every_text(post["blocks"])) <= MESSAGE_LENGTH


def test_a_digest_of_many_experiments_fits_its_messages() -> None:
    made = posts(digest([f"experiment-{n}: " + "fine " * 30 for n in range(400)], as_of=START))
    assert all(within_limits(post["blocks"]) for post in made)


class TestLinks:
    LINKS = (("Sign", "http://airflow/x?a=1&b=<2>|3"), ("The <page>", page("a/b")), ("Runbook: srm", runbook("srm")))

    def test_stand_below_the_message(self) -> None:
        known = Addresses(base_url="http://airflow/", runbook_url="https://docs.example/runbook")
        made = with_links({"text": "SHIP", "blocks": [{"type": "divider"}]}, known.resolve(self.LINKS))
        assert made["blocks"][0] == {"type": "divider"}
        assert made["blocks"][1]["text"]["text"] == (
            "<http://airflow/x?a=1&amp;b=%3C2%3E%7C3|Sign> · "
            "<http://airflow/plugin/experiments/trialflow/experiments/a%2Fb|The &lt;page&gt;> · "
            "<https://docs.example/runbook#srm|Runbook: srm>"
        )
        assert made["text"] == "SHIP"

    def test_without_addresses_name_the_runbook_and_leave_pages_out(self) -> None:
        assert Addresses().resolve(self.LINKS[1:]) == [("Runbook: srm (docs/runbook.md#srm)", "")]
        assert with_links({"text": "SHIP"}, []) == {"text": "SHIP"}

    def test_are_added_to_a_message_without_blocks(self) -> None:
        made = with_links({"text": "later"}, [("Sign", "http://airflow")])
        assert [block["text"]["text"] for block in made["blocks"]] == ["later", "<http://airflow|Sign>"]

    def test_stay_in_a_message_shown_without_its_layout(self) -> None:
        made = plain({"text": "SHIP", "blocks": []}, "invalid_blocks", [("Sign", "http://airflow")])
        assert made == {
            "text": "SHIP\n<http://airflow|Sign>\n(Shown without its layout, which Slack refused: invalid_blocks)"
        }

    def test_lead_to_the_page_of_one_experiment(self) -> None:
        expected = "https://a.example/plugin/experiments/trialflow/experiments/cookie_cats"
        assert experiment_page("https://a.example", "cookie_cats") == expected


def test_a_chart_comes_back_from_its_document_as_it_was(scene: Scene) -> None:
    for chart in scene.memo.charts:
        assert chart_of(json.loads(json.dumps(chart_document(chart), allow_nan=False))) == chart


def test_an_open_interval_survives_the_document_of_its_chart() -> None:
    row = ForestRow(label="a", role="guardrail", good_direction=1, estimate=0.5, lower=-1, upper=float("inf"))
    chart = Chart(kind="forest", title="t", alt="a", data=Forest(rows=(row,), axis="%"))
    assert chart_of(json.loads(json.dumps(chart_document(chart), allow_nan=False))) == chart


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
