"""The wording rules, over every text that a memo can hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.memo.scenes import SCENES, promise, srm
from trialflow.checks.finding import Status
from trialflow.memo import alert, digest_line, fallback_text, html, markdown, posts, registration_note
from trialflow.memo.memo import Memo

FORBIDDEN = {
    "p read as a chance": r"% (chance|probability|likelihood|certain|sure)",
    "an effect has no probability": r"(chance|probability|likely) (that )?(the )?(effect|result|difference|variant)",
    "random result": r"(due to|result of|because of) (random )?chance|is random\b",
    "absence claimed": r"\b(has|had|have|there (is|was)) no (effect|difference|impact)\b",
    "absence implied": r"\bno (significant )?effect\b(?! (worth having|can be read|may be read))",
    "drifting towards": r"trending|trend towards|approach(es|ing) significance|almost significant|nearly significant",
    "proof": r"\bprov(e|es|en|ed|ing)\b|\bproof\b",
    "confidence as belief": r"% confiden(t|ce)\b|we (are|can be) (confident|sure)",
    "winner": r"\bwinner\b|\bwinning\b|\bbeats?\b",
    "bare significance": r"\b(in)?significant(ly)?\b",
    "percent of a share": r"% points\b|percent points",
}  # fmt: skip


def memos() -> Iterator[Memo]:
    for make in SCENES.values():
        yield make().memo
    yield registration_note(promise())
    yield alert(promise(), srm(Status.FAIL, p=1e-9), Status.PASS)
    yield alert(promise(), srm(), Status.FAIL)


def texts() -> Iterator[str]:
    for memo in memos():
        yield markdown(memo)
        yield re.sub(r"<style>.*?</style>", "", html(memo), flags=re.DOTALL)
        yield json.dumps(posts(memo), ensure_ascii=False)
        yield fallback_text(memo)
    for make in SCENES.values():
        scene = make()
        yield digest_line(scene.promise, scene.findings, as_of=scene.decision.as_of)


ALL = tuple(texts())


@pytest.mark.parametrize("rule", sorted(FORBIDDEN))
def test_no_text_breaks_a_wording_rule(rule: str) -> None:
    pattern = re.compile(FORBIDDEN[rule], re.IGNORECASE)
    assert [found.group(0) for text in ALL if (found := pattern.search(text))] == []


@pytest.mark.parametrize(
    "bad",
    [
        "There is a 3% chance that it is random.",
        "The variant had no effect on revenue.",
        "Conversion is trending up.",
        "This proves the mechanism.",
        "We are 95% confident.",
        "v7 is the winner.",
    ],
)
def test_the_rules_catch_what_they_are_for(bad: str) -> None:
    assert any(re.search(pattern, bad, re.IGNORECASE) for pattern in FORBIDDEN.values())


def test_every_decision_memo_states_its_looks_and_its_units() -> None:
    for make in SCENES.values():
        memo = make().memo
        assert "look" in memo.highlights["Looks"]
        assert re.search(r"\d", memo.highlights["Looks"])
        for name, value in memo.highlights.items():
            if name.startswith("Effect on"):
                assert re.search(r"percentage points|EUR|ms|per ", value)
                assert "interval" in value


def test_every_effect_in_a_summary_comes_with_its_interval() -> None:
    for make in SCENES.values():
        summary = make().memo.summary
        assert ("percentage points" in summary) == ("interval" in summary)


def test_labels_are_visible_in_every_format() -> None:
    for memo in memos():
        for label in memo.labels:
            for text in (markdown(memo), html(memo), json.dumps(posts(memo), ensure_ascii=False), fallback_text(memo)):
                assert label.lower() in text.lower()
