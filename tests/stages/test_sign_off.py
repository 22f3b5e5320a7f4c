"""The sign-off: the memo is the question, and an answer that cannot stand is asked for again with nothing lost."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.stages.conftest import Lakes
from tests.stages.worlds import FINAL, SLUG, begin, shop, world
from trialflow.decision import FollowUp, Verdict
from trialflow.errors import NothingToSignError, SignatureError
from trialflow.memo.links import Addresses
from trialflow.registry import EventKind
from trialflow.simulation import Arm
from trialflow.stages.final_analysis import analyse
from trialflow.stages.sign import Signed
from trialflow.stages.sign_off import Question, answered, question
from trialflow.stages.workspace import Workspace

SHIPPED = date(2026, 1, 18)
NOW = datetime(2026, 1, 20, 9, tzinfo=UTC)
SHIP = "SHIP treatment"
OPTIONS = (SHIP, "PARTIAL treatment in device = mobile", "HOLD", "ROLLBACK treatment", "INVALID")


@pytest.fixture
def analysed(begun: Workspace) -> Workspace:
    """A SHIP that waits for a signature."""
    assert analyse(begun, SLUG, SHIPPED).decision.verdict is Verdict.SHIP
    return begun


def ask(workspace: Workspace, as_of: date = SHIPPED) -> Question:
    with workspace.registry() as registry:
        return question(registry, SLUG, as_of)


def answer(workspace: Workspace, option: str = SHIP, as_of: date = SHIPPED, **form: Any) -> Signed:
    return answered(workspace, SLUG, as_of, option=option, form=form, by="ada", at=NOW)


def refusals(workspace: Workspace) -> list[dict[str, Any]]:
    with workspace.registry() as registry:
        return [dict(one.detail) for one in registry.events(SLUG) if one.kind is EventKind.ANSWER_REFUSED]


def test_the_memo_is_the_question_and_the_recommended_verdict_stands_first(analysed: Workspace) -> None:
    asked = ask(analysed)
    with analysed.registry() as registry:
        (memo,) = registry.memos(SLUG, SHIPPED, "decision")
    assert asked.body.endswith(memo.documents["markdown"])
    assert asked.options == OPTIONS
    assert asked.form.owner == "Ranking team"
    assert asked.problems == ()
    assert SHIP in asked.subject


def test_an_answer_is_signed_with_all_that_the_form_holds(analysed: Workspace) -> None:
    signature = answer(
        analysed,
        rationale=" As planned. ",
        owner="Bob",
        follow_ups=["Tidy up; eve; 2026-02-01", "Watch returns"],
        recommendation=ask(analysed).form.recommendation,
    ).decision.signature
    assert signature is not None
    assert (signature.verdict, signature.rationale, signature.owner) == (Verdict.SHIP, "As planned.", "Bob")
    assert signature.follow_ups == (
        FollowUp(action="Tidy up", owner="eve", due=date(2026, 2, 1)),
        FollowUp(action="Watch returns", owner="Bob"),
    )
    assert (signature.signed_by, signature.signed_on) == ("ada", date(2026, 1, 20))


def test_an_empty_form_confirms_the_recommendation(analysed: Workspace) -> None:
    done = answered(analysed, SLUG, SHIPPED, option=SHIP, form={"rationale": None}, by="ada", at=NOW)
    assert done.created
    assert not done.decision.overridden
    assert done.decision.signature is not None
    assert done.decision.signature.owner == "Ranking team"


def test_a_refused_answer_is_asked_again_with_its_problems_and_what_was_written(analysed: Workspace) -> None:
    written = {"rationale": "", "owner": "Bob", "follow_ups": "Tidy up; eve; 2026-02-01\nRest; eve; in May"}
    with pytest.raises(SignatureError) as refused:
        answer(analysed, "HOLD", **written)
    assert [one.field for one in refused.value.problems] == ["rationale", "follow_ups, line 2"]
    again = ask(analysed)
    assert again.options == OPTIONS
    assert again.body.startswith("## Please answer again")
    assert "**HOLD** by ada" in again.body
    assert all(part in again.body for part in ("is missing: HOLD where SHIP is recommended", "'in May' is not a day"))
    assert (again.form.owner, again.form.follow_ups) == ("Bob", written["follow_ups"])
    assert len(again.problems) == 2

    done = answer(analysed, "HOLD", **written | {"rationale": "No servers.", "follow_ups": "Rest; eve; 2026-05-01"})
    assert done.decision.overridden
    assert len(refusals(analysed)) == 1


def test_the_same_refused_answer_is_one_event(analysed: Workspace) -> None:
    for _ in range(2):
        with pytest.raises(SignatureError):
            answer(analysed, "HOLD")
    assert len(refusals(analysed)) == 1


@pytest.mark.parametrize(
    ("option", "form", "message"),
    [
        ("EXTEND", {}, "cannot be signed here"),
        ("SHIP", {}, "choose one of: SHIP treatment"),
        ("", {}, "cannot be signed here"),
        (SHIP, {"reason": "x"}, "reason = x: is no field"),
        (SHIP, {"rationale": {"a": 1}}, "is not text"),
        (SHIP, {"recommendation": "0000000000000000"}, "restated"),
    ],
)
def test_what_cannot_be_signed_is_told_and_kept(
    analysed: Workspace, option: str, form: dict[str, Any], message: str
) -> None:
    with pytest.raises(SignatureError, match=message):
        answer(analysed, option, **form)
    (kept,) = refusals(analysed)
    assert kept["option"] == option
    assert any(message in problem for problem in kept["problems"])


def test_what_people_wrote_stays_text_in_the_next_question(analysed: Workspace) -> None:
    with pytest.raises(SignatureError):
        answered(
            analysed,
            SLUG,
            SHIPPED,
            option="HOLD",
            form={"follow_ups": "{{ 7 * 7 }} <b>; ; *x*"},
            by="**ada**\n# Signed",
            at=NOW,
        )
    body = ask(analysed).body
    assert "{{ 7 \\* 7 }} \\<b\\>" in body
    assert "\\*\\*ada\\*\\* # Signed" in body


def test_the_message_of_a_verdict_leads_to_its_sign_off_and_asks_again_after_a_refusal(begun: Workspace) -> None:
    link = "ui:/dags/final_analysis/runs/one/tasks/sign/required_actions"
    decision = analyse(begun, SLUG, SHIPPED, sign_link=link).decision
    with pytest.raises(SignatureError):
        answer(begun, "HOLD", owner="<!channel>")
    again = link.replace("one", "two")
    analyse(begun, SLUG, SHIPPED, sign_link=again)
    with begun.registry() as registry:
        first = registry.message(f"decision|{SLUG}|{SHIPPED}|{decision.fingerprint}")
        (second,) = (one for one in registry.messages(SLUG) if one.message.key.startswith("sign-again|"))
    assert first is not None
    assert ("Sign or override", link) in first.message.links
    assert second.message.links == (("Sign or override", again),)
    assert "is missing: HOLD where SHIP is recommended" in second.message.payload["blocks"][0]["text"]["text"]
    assert Addresses(base_url="http://air/").of(again) == f"http://air{again.removeprefix('ui:')}"


def test_analysing_again_takes_no_signature_back(analysed: Workspace) -> None:
    answer(analysed, "HOLD", rationale="No servers.")
    with analysed.registry() as registry:
        memo = registry.memos(SLUG, SHIPPED, "decision")
    assert analyse(analysed, SLUG, SHIPPED).decision.overridden
    with analysed.registry() as registry:
        assert registry.memos(SLUG, SHIPPED, "decision") == memo


def test_a_broken_split_leaves_one_choice(tmp_path: Path, lakes: Lakes) -> None:
    arms = (Arm(name="control", weight=0.5), Arm(name="treatment", weight=0.5, logged=0.4))
    workspace = begin(shop(tmp_path, lake=lakes(world(arms=arms))))
    analyse(workspace, SLUG, FINAL)
    asked = ask(workspace, FINAL)
    assert asked.options == ("INVALID",)
    assert "No other verdict can be signed" in asked.body


def test_nothing_is_asked_where_nothing_was_analysed(begun: Workspace) -> None:
    with pytest.raises(NothingToSignError):
        ask(begun)
