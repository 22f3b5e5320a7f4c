"""What signatures asked people to do: open until somebody says it is done, and reviewed once a week."""

from __future__ import annotations

from datetime import date

import pytest

from tests.stages.worlds import SLUG
from trialflow.decision import FollowUp, Signature, Verdict
from trialflow.errors import PromiseError
from trialflow.registry import EventKind, Message
from trialflow.stages.follow_ups import close_follow_up, intend_review, open_follow_ups
from trialflow.stages.workspace import Workspace

DECIDED = date(2026, 1, 18)  # a Sunday
MONDAY = date(2026, 1, 19)
ACTIONS = (
    FollowUp(action="Delete the old ranker", owner="Ada", due=date(2026, 1, 16)),
    FollowUp(action="Watch complaints", owner="Ben", due=date(2026, 1, 22)),
    FollowUp(action="Write it up", owner="Cyd"),
)


def sign(workspace: Workspace, *actions: FollowUp, key: str = "first", signed_on: date = DECIDED) -> None:
    signature = Signature(
        verdict=Verdict.SHIP,
        recommended=Verdict.SHIP,
        signed_by="ada",
        signed_on=signed_on,
        decision=key,
        follow_ups=actions,
    )
    with workspace.registry() as registry, registry.append(SLUG) as record:
        record.event(EventKind.SIGNED, DECIDED, key=key, detail=signature.document(), by="ada")


def still_open(workspace: Workspace) -> list[str]:
    with workspace.registry() as registry:
        return [one.reference for one in open_follow_ups(registry, SLUG)]


def close(workspace: Workspace, reference: str, reason: str = "It is gone.") -> bool:
    return close_follow_up(workspace, SLUG, reference, as_of=MONDAY, by="ben", reason=reason)


def reviews(workspace: Workspace) -> list[Message]:
    with workspace.registry() as registry:
        return [one.message for one in registry.messages() if one.message.key.startswith("review|")]


class TestClosing:
    def test_a_follow_up_is_open_until_somebody_says_what_came_of_it(self, begun: Workspace) -> None:
        sign(begun, *ACTIONS)
        assert still_open(begun) == ["2026-01-18|1", "2026-01-18|2", "2026-01-18|3"]
        assert close(begun, "2026-01-18|2")
        assert still_open(begun) == ["2026-01-18|1", "2026-01-18|3"]
        with begun.registry() as registry:
            done = registry.events(SLUG)[-1]
        assert (done.kind, done.key, done.by) == (EventKind.FOLLOW_UP_DONE, "2026-01-18|2", "ben")
        assert done.detail == {"reason": "It is gone."}

    def test_it_is_closed_once(self, begun: Workspace) -> None:
        sign(begun, *ACTIONS)
        assert close(begun, "2026-01-18|1")
        assert not close_follow_up(begun, SLUG, "2026-01-18|1", as_of=date(2026, 2, 1), by="eve", reason="Again.")

    @pytest.mark.parametrize(
        ("reference", "reason", "fields"),
        [
            ("2026-01-18|1", " ", {"reason"}),
            ("2026-01-18|4", "Done.", {"follow_up"}),
            ("", "", {"follow_up", "reason"}),
        ],
    )
    def test_what_is_wrong_is_told_at_once(
        self, begun: Workspace, reference: str, reason: str, fields: set[str]
    ) -> None:
        sign(begun, *ACTIONS)
        with pytest.raises(PromiseError) as refused:
            close(begun, reference, reason)
        assert {problem.field for problem in refused.value.problems} == fields

    def test_an_unknown_experiment_has_none(self, begun: Workspace) -> None:
        with pytest.raises(PromiseError, match="nobody: is not registered"):
            close_follow_up(begun, "nobody", "2026-01-18|1", as_of=MONDAY, by="ben", reason="Done.")

    def test_only_the_latest_signature_under_a_verdict_counts(self, begun: Workspace) -> None:
        sign(begun, *ACTIONS)
        sign(begun, ACTIONS[0], key="restated")
        assert still_open(begun) == ["2026-01-18|1"]


class TestTheWeeklyReview:
    def test_is_one_message_a_week(self, begun: Workspace) -> None:
        sign(begun, *ACTIONS)
        for day in range(19, 26):  # Monday to Sunday; the week that began on Monday is reviewed on the next one
            intend_review(begun, date(2026, 1, day), "#team")
        assert [one.key for one in reviews(begun)] == ["review|2026-01-18", "review|2026-01-25"]
        assert reviews(begun)[0].channel == "#team"

    def test_says_what_is_overdue_due_and_open_and_how_to_close_it(self, begun: Workspace) -> None:
        sign(begun, *ACTIONS)
        assert intend_review(begun, MONDAY, "#team") == 3
        (told,) = reviews(begun)
        assert "3 follow-ups of signed decisions are open, 1 of them overdue." in told.payload["text"]
        texts = [block["text"]["text"] for block in told.payload["blocks"] if block["type"] == "section"]
        assert texts[1:] == [
            "*Overdue*\n• small_shop: Delete the old ranker. Ada, due 16 January 2026, 3 days late. "
            "Close it as 2026-01-18|1.",
            "*Due within a week*\n• small_shop: Watch complaints. Ben, due 22 January 2026. Close it as 2026-01-18|2.",
            "*No day given*\n• small_shop: Write it up. Cyd, no day given. Close it as 2026-01-18|3.",
        ]
        assert told.links == ((SLUG, f"page:{SLUG}"), ("Runbook: follow_ups", "runbook:follow_ups"))

    def test_leaves_out_what_is_closed_or_signed_in_this_week(self, begun: Workspace) -> None:
        sign(begun, ACTIONS[0], signed_on=MONDAY)
        assert intend_review(begun, date(2026, 1, 24), "#team") == 0
        assert reviews(begun) == []
        assert intend_review(begun, date(2026, 1, 26), "#team") == 1
        close(begun, "2026-01-18|1")
        assert intend_review(begun, date(2026, 2, 2), "#team") == 0
        assert [one.key for one in reviews(begun)] == ["review|2026-01-25"]
