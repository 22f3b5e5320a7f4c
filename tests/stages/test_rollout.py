"""What follows a decision: the promised ramp, the way back, or retirement; recorded once, switched by nobody."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from tests.stages.conftest import Lakes
from tests.stages.worlds import FINAL, LAST, SLUG, begin, days, fill, promise, shop, world
from trialflow.decision import Verdict
from trialflow.registry import EventKind, Stage
from trialflow.simulation import Arm, Change, Loss
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import monitor
from trialflow.stages.rollout import Step, roll_out
from trialflow.stages.workspace import Workspace

SHIPPED = date(2026, 1, 18)


def kinds(workspace: Workspace) -> list[EventKind]:
    with workspace.registry() as registry:
        return [event.kind for event in registry.events(SLUG)]


def test_a_ship_records_the_promised_ramp_from_the_day_after(begun: Workspace) -> None:
    assert analyse(begun, SLUG, SHIPPED).decision.verdict is Verdict.SHIP
    done = roll_out(begun, SLUG, SHIPPED)
    assert done.verdict == "SHIP"
    assert done.steps == (Step(day=date(2026, 1, 19), share=0.25), Step(day=date(2026, 1, 22), share=1.0))
    with begun.registry() as registry:
        steps = [event for event in registry.events(SLUG) if event.kind is EventKind.ROLLOUT_STEP]
        assert registry.life(SLUG, SHIPPED).stage is Stage.ROLLING_OUT
        digest = registry.digest(SLUG)
        assert registry.life(SLUG, date(2026, 1, 21)).stage is Stage.ROLLING_OUT
        assert registry.life(SLUG, date(2026, 1, 22)).stage is Stage.LAUNCHED
    assert [step.detail for step in steps] == [
        {"day": "2026-01-19", "share": 0.25, "variant": "treatment"},
        {"day": "2026-01-22", "share": 1.0, "variant": "treatment"},
    ]
    assert roll_out(begun, SLUG, SHIPPED) == done
    with begun.registry() as registry:
        assert registry.digest(SLUG) == digest


def test_a_rollback_names_the_harmful_variant(tmp_path: Path, lakes: Lakes) -> None:
    workspace = begin(shop(tmp_path, lake=lakes(world(effect=-0.3))))
    assert analyse(workspace, SLUG, FINAL).decision.verdict is Verdict.ROLLBACK
    assert roll_out(workspace, SLUG, FINAL).steps == ()
    with workspace.registry() as registry:
        assert registry.events(SLUG)[-1].detail == {"variant": "treatment"}
        assert registry.life(SLUG, FINAL).stage is Stage.ROLLED_BACK


def test_what_is_held_or_invalid_is_retired(tmp_path: Path, lakes: Lakes) -> None:
    arms = (Arm(name="control", weight=0.5), Arm(name="treatment", weight=0.5, logged=0.4))
    for name, spec, verdict in (("held", world(), Verdict.HOLD), ("invalid", world(arms=arms), Verdict.INVALID)):
        workspace = begin(shop(tmp_path / name, lake=lakes(spec)))
        assert analyse(workspace, SLUG, FINAL).decision.verdict is verdict
        roll_out(workspace, SLUG, FINAL)
        assert kinds(workspace)[-1] is EventKind.RETIRED
        with workspace.registry() as registry:
            assert registry.life(SLUG, FINAL).stage is Stage.RETIRED


def test_an_extension_is_no_end(tmp_path: Path, lakes: Lakes) -> None:
    calendar = {"max_extension_days": 7}
    thin = {"views_3d": {"mean": 2.9, "std_dev": 2.6}}
    small = {"primary": {"metric": "views_3d", "minimum_effect": {"relative": 0.13}}}
    workspace = shop(tmp_path, lake=lakes(world(units=600, visits=0.0, pre_days=0)))
    begin(
        workspace,
        promise(calendar=calendar, baselines=thin, metrics=small, replay=True, analysis={"aa": {"waived": "x"}}),
    )
    assert analyse(workspace, SLUG, FINAL).decision.verdict is Verdict.EXTEND
    assert roll_out(workspace, SLUG, FINAL).steps == ()
    with workspace.registry() as registry:
        assert registry.life(SLUG, FINAL).stage is Stage.RUNNING


def test_without_a_decision_nothing_is_recorded(begun: Workspace) -> None:
    before = kinds(begun)
    assert "no decision" in roll_out(begun, SLUG, SHIPPED).note
    assert kinds(begun) == before


def test_obeying_a_rollback_is_not_a_broken_split(tmp_path: Path) -> None:
    """The harmful variant gets no traffic from the day after the verdict on: no second verdict, no alarm."""
    harmful = (Change(variant="treatment", behaviour="complaint", absolute=0.3),)
    begun = begin(fill(shop(tmp_path / "seen"), world(changes=harmful)))
    stop = next(day for day in days() if monitor(begun, SLUG, day).due)
    assert analyse(begun, SLUG, stop).decision.verdict is Verdict.ROLLBACK

    gone = tuple(
        Loss(table="exposures", day=day, variant="treatment", share=1.0) for day in days(last=LAST) if day > stop
    )
    obeyed = begin(fill(shop(tmp_path / "obeyed"), world(changes=harmful, losses=gone)))
    for day in days(last=stop):
        monitor(obeyed, SLUG, day)
    analyse(obeyed, SLUG, stop)
    with obeyed.registry() as registry:
        told = {message.message.key for message in registry.outbox()}
    later = [monitor(obeyed, SLUG, day) for day in days(first=stop + timedelta(days=1))]
    assert any(one.statuses["srm"] == "fail" for one in later)
    assert all(one.due == () for one in later)
    with obeyed.registry() as registry:
        assert {message.message.key for message in registry.outbox()} == told
        assert len(registry.decisions(SLUG)) == 1
