"""The runbook has an entry for whatever an alert links to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trialflow.memo.sections.integrity import NAMES

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "runbook.md").read_text()
ENTRIES = {
    re.sub(r"[^\w\- ]", "", one).strip().lower().replace(" ", "-") for one in re.findall(r"^##+ (.*)$", TEXT, re.M)
}
OTHERS = ("follow_ups", "dags-that-fail", "rollout", "rollout_harm", "rollout_novelty", "watch", "retest")
WORDS = ("ALERT", "NO DATA", "WARNING", "RECOVERED", "CLEAR", "FAILED")


@pytest.mark.parametrize("entry", [*sorted(NAMES), *OTHERS])
def test_every_link_to_the_runbook_has_its_entry(entry: str) -> None:
    assert entry in ENTRIES


@pytest.mark.parametrize("word", WORDS)
def test_every_first_word_of_an_alert_is_explained(word: str) -> None:
    assert f"| {word} |" in TEXT


def test_every_link_within_the_page_leads_somewhere() -> None:
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= ENTRIES
