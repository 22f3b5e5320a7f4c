"""The memos of real sample experiments as a person has read them, and the wording rules over all of them."""

from __future__ import annotations

import os
import re
from datetime import date
from pathlib import Path

import pytest

from tests.memo.wording import broken_rules
from tests.samples.conftest import INCLUDE, live
from trialflow.decision import FollowUp, Verdict
from trialflow.memo.code import code
from trialflow.registry import StoredMemo
from trialflow.stages.sign import sign
from trialflow.stages.verify import Outcome, verify
from trialflow.stages.workspace import Workspace

GOLDEN = Path(__file__).parent / "golden"
FINGERPRINT = re.compile(r"\b[0-9a-f]{16,64}\b")
# What an experiment learns from the others depends on which of them the record holds: reviewed in tests/memo.
LEARNT = re.compile(r"^## Naive and shrunken estimate\n.*?(?=^## )", re.DOTALL | re.MULTILINE)
LIVED = ("hillstrom", "udacity_free_trial", "cookie_cats", "sim_broken_split", "sim_partial", "sim_extend")
OVERRIDDEN = date(2026, 1, 28)


@pytest.fixture(scope="module")
def record(workspace, tmp_path_factory) -> Workspace:
    """A record of its own after these experiments' lives (others sign theirs); the verdict of the last is overridden."""
    home = tmp_path_factory.mktemp("memos")
    given = {"HOME": home, "INCLUDE": INCLUDE, "LAKE": workspace.lake_root}
    place = Workspace.from_environment({f"TRIALFLOW_{name}": str(path) for name, path in given.items()})
    for slug in LIVED:
        live(place, slug)
    sign(
        place,
        "sim_extend",
        OVERRIDDEN,
        verdict=Verdict.HOLD,
        by="ada",
        rationale="The recommendation team moves to another stack this month; launch after that.",
        owner="Recommendation team",
        follow_ups=(FollowUp(action="Launch on the new stack", owner="grace", due=date(2026, 3, 2)),),
        signed_on=OVERRIDDEN,
    )
    return place


@pytest.fixture(scope="module")
def told(record) -> dict[str, list[StoredMemo]]:
    """All memos by experiment, the last one of each kind and day."""
    with record.registry() as registry:
        return {slug: list(registry.memos(slug)) for slug in LIVED}


@pytest.mark.parametrize("slug", LIVED)
def test_a_sample_is_told_as_it_was_reviewed(slug, told):
    (*_, memo) = [one for one in told[slug] if one.kind == "decision"]
    text = FINGERPRINT.sub("(fingerprint)", LEARNT.sub("", memo.documents["markdown"]))
    text = text.replace(code(), "trialflow (this code)")
    file = GOLDEN / f"{slug}.md"
    if os.environ.get("TRIALFLOW_REGENERATE_GOLDEN") == "1":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("slug", LIVED)
def test_no_memo_of_a_sample_breaks_a_wording_rule(slug, told):
    for memo in told[slug]:
        for name in ("markdown", "html", "slack"):
            text = re.sub(r"<style>.*?</style>", "", memo.documents[name], flags=re.DOTALL)
            assert broken_rules(text) == [], (memo.kind, name)


def test_replayed_and_simulated_data_say_so_in_every_format(told):
    for slug, memos in told.items():
        for memo in memos:
            for name in ("markdown", "html", "slack"):
                text = memo.documents[name].lower()
                assert "replay of historical data" in text, (slug, name)
                assert ("simulated data" in text) == slug.startswith("sim_"), (slug, name)


def test_every_memo_of_the_samples_is_made_again_byte_for_byte(record):
    with record.registry() as registry:
        assert [str(one) for one in verify(registry, LIVED) if one.outcome is not Outcome.HOLDS] == []
