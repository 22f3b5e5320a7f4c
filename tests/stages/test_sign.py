"""Signing: once per recommendation, with a reason where it differs, and the memo says so from then on."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.stages.conftest import Lakes
from tests.stages.test_restated import restate
from tests.stages.worlds import FINAL, SLUG, begin, fill, promise, shop, world
from trialflow.decision import FollowUp, Verdict
from trialflow.errors import NothingToSignError, SignatureError
from trialflow.registry import EventKind, Stage
from trialflow.simulation import Arm
from trialflow.stages.final_analysis import analyse
from trialflow.stages.orders import order
from trialflow.stages.sign import Signed, sign, signed_decision, signing_day
from trialflow.stages.workspace import Workspace, registered

SHIPPED = date(2026, 1, 18)
NEXT_DAY = SHIPPED + timedelta(days=1)


def answer(workspace: Workspace, verdict: Verdict = Verdict.SHIP, as_of: date = SHIPPED, **given: Any) -> Signed:
    """An answer by Ada on the day after."""
    return sign(
        workspace, SLUG, as_of, verdict=verdict, **{"by": "ada", "signed_on": as_of + timedelta(days=1)} | given
    )


@pytest.fixture
def analysed(begun: Workspace) -> Workspace:
    """A SHIP that waits for a signature."""
    assert analyse(begun, SLUG, SHIPPED).decision.verdict is Verdict.SHIP
    return begun


def test_a_verdict_waits_for_a_person_and_counts_from_the_day_of_the_signature(analysed: Workspace) -> None:
    with analysed.registry() as registry:
        assert registry.life(SLUG, NEXT_DAY).stage is Stage.ANALYSED
        assert signed_decision(registry, SLUG, SHIPPED).signature is None
        assert signed_decision(registry, SLUG, NEXT_DAY) is None
    done = answer(analysed, owner="Bob", follow_ups=[FollowUp(action="Tidy up", owner="eve", due=date(2026, 2, 1))])
    assert done.created
    assert (done.decision.final_verdict, done.decision.final_variant) == (Verdict.SHIP, "treatment")
    assert not done.decision.overridden
    with analysed.registry() as registry:
        assert registry.life(SLUG, SHIPPED).stage is Stage.ANALYSED
        assert registry.life(SLUG, NEXT_DAY).stage is Stage.DECIDED
        assert signed_decision(registry, SLUG, SHIPPED) == done.decision
        (event,) = (event for event in registry.events(SLUG) if event.kind is EventKind.SIGNED)
    assert (event.as_of, event.key, event.by) == (SHIPPED, done.decision.fingerprint, "ada")
    assert event.detail["follow_ups"] == [{"action": "Tidy up", "owner": "eve", "due": "2026-02-01"}]


def test_a_second_answer_changes_nothing(analysed: Workspace) -> None:
    first = answer(analysed)
    with analysed.registry() as registry:
        digest = registry.digest(SLUG)
    again = answer(analysed, Verdict.HOLD, by="bob", rationale="I am late.")
    assert again == Signed(decision=first.decision, created=False)
    with analysed.registry() as registry:
        assert registry.digest(SLUG) == digest


def test_an_override_needs_a_reason_and_stands_in_the_record_and_in_the_memo(analysed: Workspace) -> None:
    with analysed.registry() as registry:
        digest = registry.digest(SLUG)
    with pytest.raises(SignatureError, match="HOLD where SHIP is recommended"):
        answer(analysed, Verdict.HOLD, rationale="  ")
    with analysed.registry() as registry:
        assert registry.digest(SLUG) == digest
    done = answer(analysed, Verdict.HOLD, rationale="The servers cannot carry it before May.")
    assert done.decision.overridden
    assert done.decision.final_verdict is Verdict.HOLD
    with analysed.registry() as registry:
        decided = [event.detail for event in registry.events(SLUG) if event.kind is EventKind.DECIDED]
        memos = registry.memos(SLUG, kind="decision", revisions=True)
    assert decided == [{"verdict": "HOLD", "overridden": True}]
    assert [memo.revision for memo in memos] == [0, 1]
    assert "RECOMMENDED, UNSIGNED" in memos[0].documents["markdown"]
    assert "RECOMMENDED, UNSIGNED" not in memos[1].documents["markdown"]
    assert (analysed.memo_root / SLUG / f"{SHIPPED}-decision.md").read_text() == memos[1].documents["markdown"]


def test_the_thread_is_told_who_signed_what_and_why(analysed: Workspace) -> None:
    todo = [FollowUp(action="Tidy up <!channel>", owner="eve", due=date(2026, 2, 1))]
    done = answer(analysed, Verdict.HOLD, rationale="No servers.", owner="Bob", follow_ups=todo)
    with analysed.registry() as registry:
        told = registry.message(f"signed|{SLUG}|{SHIPPED}|{done.decision.fingerprint}")
    assert told is not None
    text = json.dumps(told.message.payload)
    assert "ada has signed HOLD, instead of SHIP treatment, which the promised rules recommend." in text
    for part in ("OVERRIDDEN", "No servers.", "Bob", "eve, by 1 February 2026", "SIMULATED DATA"):
        assert part in text, text
    assert "<!channel>" not in text


def test_restated_data_ask_again(tmp_path: Path) -> None:
    workspace = begin(fill(shop(tmp_path), world(effect=0.25)))
    read = analyse(workspace, SLUG, FINAL).decision
    restate(workspace, effect=0.26)
    revised = analyse(workspace, SLUG, FINAL).decision
    assert revised.fingerprint != read.fingerprint
    with pytest.raises(SignatureError, match="restated"):
        answer(workspace, as_of=FINAL, decision=read.fingerprint)
    assert answer(workspace, as_of=FINAL, decision=revised.fingerprint).created
    restate(workspace, effect=0.27)
    analyse(workspace, SLUG, FINAL)
    with workspace.registry() as registry:
        assert signed_decision(registry, SLUG, FINAL).signature is None
    assert answer(workspace, as_of=FINAL, by="bob").decision.signed_by == "bob"


def test_a_broken_split_is_only_confirmed(tmp_path: Path, lakes: Lakes) -> None:
    arms = (Arm(name="control", weight=0.5), Arm(name="treatment", weight=0.5, logged=0.4))
    workspace = begin(shop(tmp_path, lake=lakes(world(arms=arms))))
    assert analyse(workspace, SLUG, FINAL).decision.verdict is Verdict.INVALID
    with pytest.raises(SignatureError, match="choose one of: INVALID"):
        answer(workspace, Verdict.SHIP, FINAL, rationale="I like it.")
    assert answer(workspace, Verdict.INVALID, FINAL).decision.final_verdict is Verdict.INVALID


def test_an_extension_is_the_promises_and_nobody_signs_it(tmp_path: Path, lakes: Lakes) -> None:
    thin = {"views_3d": {"mean": 2.9, "std_dev": 2.6}}
    small = {"primary": {"metric": "views_3d", "minimum_effect": {"relative": 0.13}}}
    workspace = shop(tmp_path, lake=lakes(world(units=600, visits=0.0, pre_days=0)))
    begin(
        workspace,
        promise(
            calendar={"max_extension_days": 7},
            baselines=thin,
            metrics=small,
            replay=True,
            analysis={"aa": {"waived": "x"}},
        ),
    )
    assert analyse(workspace, SLUG, FINAL).decision.verdict is Verdict.EXTEND
    with workspace.registry() as registry:
        assert registry.life(SLUG, FINAL).stage is Stage.RUNNING
    with pytest.raises(NothingToSignError, match="extended"):
        answer(workspace, Verdict.HOLD, FINAL)


def test_what_was_withdrawn_or_never_analysed_is_not_signed(analysed: Workspace) -> None:
    with pytest.raises(NothingToSignError, match="run `final_analysis`"):
        answer(analysed, as_of=FINAL)
    order(analysed, SLUG, "withdraw", as_of=NEXT_DAY, by="ada", reason="The feature was cut.")
    with pytest.raises(NothingToSignError, match="retired"):
        answer(analysed)


def test_an_older_verdict_is_not_signed_where_a_later_day_knows_more(analysed: Workspace) -> None:
    analyse(analysed, SLUG, FINAL)
    with pytest.raises(NothingToSignError, match=f"analysed again as of {FINAL}"):
        answer(analysed)
    assert answer(analysed, Verdict.HOLD, FINAL, rationale="No servers.").created
    with pytest.raises(NothingToSignError, match="sign that verdict"):
        answer(analysed)


def test_a_replay_is_signed_on_its_own_day_and_life_on_the_promises_clock(analysed: Workspace) -> None:
    with analysed.registry() as registry:
        live = registered(registry, SLUG)
    midnight_in_tokyo = datetime(2026, 1, 20, 15, 30, tzinfo=UTC)

    def moved(**changes: Any) -> Any:
        calendar = live.experiment.calendar.model_copy(update={"time_zone": "Asia/Tokyo"})
        experiment = live.experiment.model_copy(update={"calendar": calendar, **changes})
        return type(live)(experiment=experiment, metrics=live.metrics, sources=live.sources, plan=live.plan)

    assert signing_day(moved(), SHIPPED, midnight_in_tokyo) == date(2026, 1, 21)
    assert signing_day(moved(replay=True), SHIPPED, midnight_in_tokyo) == SHIPPED
