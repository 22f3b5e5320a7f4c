"""What people may order: withdraw, stop, pause, resume; with reasons, by name, once."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.stages.worlds import FINAL, SLUG, days
from trialflow.decision import HoldReason, Verdict
from trialflow.errors import NotDueError, PromiseError
from trialflow.memo.words import day
from trialflow.registry import EventKind, Stage
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import monitor, running
from trialflow.stages.orders import order
from trialflow.stages.workspace import Workspace

STOPPED = date(2026, 1, 9)


@pytest.mark.parametrize("action", ["withdraw", "stop", "pause"])
def test_an_order_without_a_reason_is_refused(begun: Workspace, action: str) -> None:
    with pytest.raises(PromiseError) as refused:
        order(begun, SLUG, action, as_of=STOPPED, by="ada", reason="  ")
    assert [problem.field for problem in refused.value.problems] == ["reason"]
    with begun.registry() as registry:
        assert {event.kind for event in registry.events(SLUG)} == {EventKind.REGISTERED, EventKind.VALIDATED}


def test_an_unknown_order_is_refused_with_those_that_are_known(begun: Workspace) -> None:
    with pytest.raises(PromiseError, match="withdraw, stop, pause, resume"):
        order(begun, SLUG, "cancel", as_of=STOPPED, by="ada", reason="x")


def test_an_order_about_an_unknown_experiment_is_refused(begun: Workspace) -> None:
    with pytest.raises(PromiseError, match="slug = nobody_knows: is not registered"):
        order(begun, "nobody_knows", "stop", as_of=STOPPED, by="ada", reason="x")


@pytest.mark.parametrize("slug", ["", "nobody_knows"])
def test_everything_that_an_order_lacks_is_told_at_once(begun: Workspace, slug: str) -> None:
    with pytest.raises(PromiseError) as refused:
        order(begun, slug, "stop", as_of=STOPPED, by="ada", reason="")
    assert {problem.field for problem in refused.value.problems} == {"reason", "slug"}


def test_a_reason_with_what_nobody_sees_is_refused(begun: Workspace) -> None:
    with pytest.raises(PromiseError, match=r"U\+202E"):
        order(begun, SLUG, "pause", as_of=days()[0], by="ada", reason="nobody \u202e reads this")
    with begun.registry() as registry:
        assert not [event for event in registry.events(SLUG) if event.kind is EventKind.PAUSED]


def test_an_order_is_recorded_once_with_the_person_who_gave_it(begun: Workspace) -> None:
    assert order(begun, SLUG, "pause", as_of=STOPPED, by="ada", reason="A holiday.")
    assert not order(begun, SLUG, "pause", as_of=STOPPED, by="eve", reason="Another reason.")
    assert order(begun, SLUG, "resume", as_of=STOPPED + timedelta(days=1), by="eve", reason="")
    with begun.registry() as registry:
        paused, resumed = registry.events(SLUG)[-2:]
        assert registry.life(SLUG, STOPPED).paused
        assert not registry.life(SLUG, STOPPED + timedelta(days=1)).paused
    assert (paused.by, paused.detail) == ("ada", {"reason": "A holiday."})
    assert (resumed.kind, resumed.by) == (EventKind.RESUMED, "eve")


def test_a_withdrawn_experiment_is_looked_at_up_to_the_day_before(begun: Workspace) -> None:
    order(begun, SLUG, "withdraw", as_of=STOPPED, by="ada", reason="The feature was cut.")
    assert running(begun, STOPPED - timedelta(days=1)) == (SLUG,)
    assert running(begun, STOPPED) == ()
    with begun.registry() as registry:
        assert registry.life(SLUG, STOPPED).stage is Stage.RETIRED


def test_a_stopped_experiment_is_analysed_once_its_last_unit_has_matured(begun: Workspace) -> None:
    matured = STOPPED + timedelta(days=3)
    order(begun, SLUG, "stop", as_of=STOPPED, by="ada", reason="Too dear.")
    assert [day for day in days() if running(begun, day)] == days(last=matured)
    assert monitor(begun, SLUG, matured - timedelta(days=1)).due == ()
    assert monitor(begun, SLUG, matured).due == (matured,)
    with begun.registry() as registry:
        (due,) = [event for event in registry.events(SLUG) if event.kind is EventKind.ANALYSIS_DUE]
        assert registry.life(SLUG, matured).analysis_due == matured
    assert "person" in due.detail["why"]
    assert analyse(begun, SLUG, matured).decision.verdict is Verdict.HOLD
    assert monitor(begun, SLUG, matured).due == ()


def test_the_memo_tells_every_order_given_by_its_day_with_its_reason(begun: Workspace) -> None:
    matured = STOPPED + timedelta(days=3)
    order(begun, SLUG, "pause", as_of=STOPPED - timedelta(days=2), by="eve", reason="A holiday.")
    order(begun, SLUG, "resume", as_of=STOPPED - timedelta(days=1), by="eve", reason="")
    order(begun, SLUG, "stop", as_of=STOPPED, by="ada", reason="Too dear.")
    order(begun, SLUG, "withdraw", as_of=matured + timedelta(days=1), by="ada", reason="The feature was cut.")
    monitor(begun, SLUG, matured)
    analyse(begun, SLUG, matured)
    with begun.registry() as registry:
        (memo,) = registry.memos(SLUG, kind="decision")
    text = memo.documents["markdown"]
    assert f"Stopped on {day(STOPPED)} by ada: Too dear." in text
    assert f"Paused on {day(STOPPED - timedelta(days=2))} by eve: A holiday." in text
    assert f"Resumed on {day(STOPPED - timedelta(days=1))} by eve." in text
    assert "The feature was cut." not in text  # a later day's order is no news for this memo


def test_a_verdict_does_not_end_the_looking(begun: Workspace) -> None:
    before = [day for day in days() if running(begun, day)]
    analyse(begun, SLUG, date(2026, 1, 18))
    from trialflow.stages.rollout import roll_out

    roll_out(begun, SLUG, date(2026, 1, 18))
    assert [day for day in days() if running(begun, day)] == before == days(last=FINAL)


def test_a_stop_closes_enrolment(begun: Workspace) -> None:
    matured = STOPPED + timedelta(days=3)
    monitor(begun, SLUG, STOPPED)
    with begun.registry() as registry:
        (before,) = registry.summaries(SLUG, as_of=STOPPED)
    order(begun, SLUG, "stop", as_of=STOPPED, by="ada", reason="Too dear.")
    monitor(begun, SLUG, matured)
    with begun.registry() as registry:
        (after,) = registry.summaries(SLUG, as_of=matured)
    assert after.document["units"] == before.document["units"]


def test_a_paused_experiment_is_not_looked_at_until_it_is_resumed(begun: Workspace) -> None:
    order(begun, SLUG, "pause", as_of=STOPPED, by="ada", reason="A holiday.")
    order(begun, SLUG, "resume", as_of=STOPPED + timedelta(days=2), by="ada", reason="")
    looked_at = [day for day in days() if running(begun, day)]
    assert looked_at == [day for day in days() if not STOPPED <= day < STOPPED + timedelta(days=2)]


def test_a_stop_is_no_loss_of_logs(begun: Workspace) -> None:
    """Nobody enters after a stop; the days that are waited for the last units are complete all the same."""
    order(begun, SLUG, "stop", as_of=STOPPED, by="ada", reason="Too dear.")
    matured = STOPPED + timedelta(days=3)
    for number in range(4):
        assert monitor(begun, SLUG, STOPPED + timedelta(days=number)).statuses["completeness"] == "pass"
    decision = analyse(begun, SLUG, matured).decision
    assert decision.hold_reason is not HoldReason.EVIDENCE_MISSING


def test_an_order_may_be_given_again_on_the_same_day(begun: Workspace) -> None:
    for action, key in (("pause", "first"), ("resume", "second"), ("pause", "third")):
        assert order(begun, SLUG, action, as_of=STOPPED, by="ada", reason="x", key=key)
    with begun.registry() as registry:
        assert registry.life(SLUG, STOPPED).paused


def test_an_analysis_that_nobody_owes_is_refused_and_records_nothing(begun: Workspace) -> None:
    with pytest.raises(NotDueError, match="order a stop"):
        analyse(begun, SLUG, date(2026, 1, 11))
    with begun.registry() as registry:
        assert registry.decisions(SLUG) == ()
        assert registry.life(SLUG, date(2026, 1, 11)).stage is Stage.RUNNING
