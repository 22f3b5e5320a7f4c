"""What follows a signed decision: the first step of the promised ramp, the way back, or retirement; recorded once."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.stages.conftest import Lakes
from tests.stages.ramps import KEY, START, day, fill_with, happened, live, ramp_world, rollout_promise, signed
from tests.stages.test_restated import restate
from tests.stages.worlds import FINAL, LAST, SLUG, TODAY, begin, days, fill, promise, shop, world
from trialflow.checks.finding import Status
from trialflow.decision import Verdict
from trialflow.errors import NothingToSignError
from trialflow.registry import EventKind, Stage
from trialflow.simulation import Arm, Change, Loss
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import monitor
from trialflow.stages.rollout import roll_out
from trialflow.stages.sign import sign
from trialflow.stages.workspace import Workspace

SHIPPED = date(2026, 1, 18)
SIGNED_ON = date(2026, 1, 20)


def kinds(workspace: Workspace) -> list[EventKind]:
    with workspace.registry() as registry:
        return [event.kind for event in sorted(registry.events(SLUG), key=lambda event: event.sequence)]


def test_nothing_follows_what_nobody_signed(begun: Workspace) -> None:
    assert "no decision" in roll_out(begun, SLUG, SHIPPED).note
    analyse(begun, SLUG, SHIPPED)
    before = kinds(begun)
    assert roll_out(begun, SLUG, SHIPPED).note == "not signed: nothing follows"
    assert kinds(begun) == before


def test_a_signed_ship_begins_its_ramp_on_the_day_after_the_signature(begun: Workspace) -> None:
    assert analyse(begun, SLUG, SHIPPED).decision.verdict is Verdict.SHIP
    sign(begun, SLUG, SHIPPED, verdict=Verdict.SHIP, by="ada", signed_on=SIGNED_ON)
    done = roll_out(begun, SLUG, SHIPPED)
    assert done.verdict == "SHIP"
    assert done.steps == ((date(2026, 1, 21), 0.25), (date(2026, 1, 24), 1.0))
    with begun.registry() as registry:
        (step,) = [event for event in registry.events(SLUG) if event.kind is EventKind.ROLLOUT_STEP]
        assert registry.life(SLUG, SIGNED_ON).stage is Stage.DECIDED
        assert registry.life(SLUG, date(2026, 1, 21)).stage is Stage.ROLLING_OUT
        # The second step waits for the gates of the first.
        assert registry.life(SLUG, date(2026, 2, 21)).stage is Stage.ROLLING_OUT
        digest = registry.digest(SLUG)
    assert step.detail == {
        "day": "2026-01-21",
        "share": 0.25,
        "variant": "treatment",
        "segment": "",
        "key": KEY,
    }
    assert roll_out(begun, SLUG, SHIPPED) == done
    with begun.registry() as registry:
        assert registry.digest(SLUG) == digest


def test_the_signed_verdict_counts_and_not_the_recommended_one(begun: Workspace) -> None:
    analyse(begun, SLUG, SHIPPED)
    sign(begun, SLUG, SHIPPED, verdict=Verdict.HOLD, by="ada", rationale="The partner left.", signed_on=SIGNED_ON)
    assert roll_out(begun, SLUG, SHIPPED).steps == ()
    with begun.registry() as registry:
        assert registry.life(SLUG, SIGNED_ON).stage is Stage.RETIRED


def test_a_rollback_names_the_harmful_variant(tmp_path: Path, lakes: Lakes) -> None:
    workspace = begin(shop(tmp_path, lake=lakes(world(effect=-0.3))))
    assert analyse(workspace, SLUG, FINAL).decision.verdict is Verdict.ROLLBACK
    sign(workspace, SLUG, FINAL, verdict=Verdict.ROLLBACK, by="ada", signed_on=FINAL)
    assert roll_out(workspace, SLUG, FINAL).steps == ()
    with workspace.registry() as registry:
        (back,) = [event for event in registry.events(SLUG) if event.kind is EventKind.ROLLED_BACK]
        assert back.detail == {"variant": "treatment"}
        assert registry.life(SLUG, FINAL).stage is Stage.ROLLED_BACK


def test_what_is_held_or_invalid_is_retired(tmp_path: Path, lakes: Lakes) -> None:
    arms = (Arm(name="control", weight=0.5), Arm(name="treatment", weight=0.5, logged=0.4))
    for name, spec, verdict in (("held", world(), Verdict.HOLD), ("invalid", world(arms=arms), Verdict.INVALID)):
        workspace = begin(shop(tmp_path / name, lake=lakes(spec)))
        assert analyse(workspace, SLUG, FINAL).decision.verdict is verdict
        sign(workspace, SLUG, FINAL, verdict=verdict, by="ada", signed_on=FINAL)
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


def test_what_was_rolled_back_is_neither_signed_nor_ramped_again(tmp_path: Path) -> None:
    harmful = Change(variant="treatment", behaviour="complaint", absolute=0.35)
    space = signed(begin(fill_with(shop(tmp_path), ramp_world(changes=(harmful,))), rollout_promise()))
    live(space, 1, 2, 3, 4)
    assert happened(space)[-2][0] == "rolled_back"  # beside the step that begins on that day
    before = happened(space)
    restate(space, effect=0.26)
    assert analyse(space, SLUG, FINAL).created
    with pytest.raises(NothingToSignError, match="was rolled back"):
        sign(space, SLUG, FINAL, verdict=Verdict.SHIP, by="bob", signed_on=day(8))
    # A signature that was given in time, and whose rollout comes too late.
    with space.registry() as registry, registry.append(SLUG) as record:
        (first,) = [event for event in registry.events(SLUG) if event.kind is EventKind.SIGNED]
        decision = registry.decisions(SLUG)[-1].fingerprint
        late = dict(first.detail) | {"decision": decision, "signed_on": day(8).isoformat()}
        record.event(EventKind.SIGNED, FINAL, key=decision, detail=late, by="bob")
    assert roll_out(space, SLUG, FINAL).note == "rolled back: nothing follows"
    assert happened(space) == before


def test_a_ramp_under_way_goes_back_where_another_signature_does_not_ship(tmp_path: Path) -> None:
    space = signed(begin(fill_with(shop(tmp_path), ramp_world()), rollout_promise()))
    live(space, 1, 2, 3)
    restate(space, effect=0.0)
    assert analyse(space, SLUG, FINAL).decision.verdict is Verdict.HOLD
    sign(space, SLUG, FINAL, verdict=Verdict.HOLD, by="bob", signed_on=day(4))
    assert roll_out(space, SLUG, FINAL).note == "control for everybody"
    roll_out(space, SLUG, FINAL)
    assert happened(space)[-1][:2] == ("rolled_back", 4)
    with space.registry() as registry:
        assert registry.life(SLUG, date.max).stage is Stage.ROLLED_BACK
        (back,) = [event for event in registry.events(SLUG) if event.kind is EventKind.ROLLED_BACK]
    assert back.detail["variant"] == "treatment"


def test_a_signature_that_confirms_the_ramp_begins_nothing_anew(tmp_path: Path) -> None:
    space = signed(begin(fill_with(shop(tmp_path), ramp_world()), rollout_promise()))
    live(space, 1, 2, 3)
    restate(space, effect=0.26)
    fill(space, ramp_world())
    assert analyse(space, SLUG, FINAL).created
    sign(space, SLUG, FINAL, verdict=Verdict.SHIP, by="bob", signed_on=day(3))
    assert roll_out(space, SLUG, FINAL).steps[0] == (START, 0.1)
    live(space, 4)
    assert [one for one in happened(space) if one[0] == "rollout_step"] == [
        ("rollout_step", 1, "1"),
        ("rollout_step", 3, "2"),
        ("rollout_step", 5, "3"),
    ]


def test_of_a_replay_nothing_is_rolled_out_and_nobody_calls_it_launched(tmp_path: Path, lakes: Lakes) -> None:
    space = signed(begin(shop(tmp_path, lake=lakes(world(effect=0.25))), promise(replay=True)))
    with space.registry() as registry:
        (planned,) = registry.findings(SLUG, check="rollout")
        assert registry.life(SLUG, date.max).stage is Stage.DECIDED
    assert planned.status is Status.NOT_APPLICABLE
    assert "nothing was rolled out" in planned.headline
    assert planned.evidence["days"] == [
        {"day": START.isoformat(), "share": 0.25},
        {"day": (START + timedelta(days=3)).isoformat(), "share": 1.0},
    ]
    assert happened(space) == []


def test_a_replay_that_says_so_goes_through_its_whole_ramp_at_once(tmp_path: Path) -> None:
    text = rollout_promise(rollout_key=KEY).replace("slug:", "replay: true\nslug:", 1)
    space = begin(fill_with(shop(tmp_path), ramp_world()), text)
    signed(space)
    assert [kind for kind, *_ in happened(space)][-1] == "watched"
    with space.registry() as registry:
        recorded = {one.as_of for one in registry.findings(SLUG, check="rollout")}
    assert recorded == {day(number) for number in range(1, 10)}


def test_obeying_a_rollback_is_not_a_broken_split(tmp_path: Path) -> None:
    """The harmful variant gets no traffic from the day after the verdict on: no second verdict, no alarm."""
    harmful = (Change(variant="treatment", behaviour="complaint", absolute=0.3),)
    begun = begin(fill(shop(tmp_path / "seen"), world(changes=harmful)))
    stop = next(day for day in days() if monitor(begun, SLUG, day).due)
    assert analyse(begun, SLUG, stop).decision.verdict is Verdict.ROLLBACK

    gone = tuple(
        Loss(table="exposures", day=day, variant="treatment", share=1.0) for day in days(last=LAST) if day > stop
    )
    obeyed = begin(fill(shop(tmp_path / "obeyed"), world(changes=harmful, losses=gone)), today=TODAY)
    for one in days(last=stop):
        monitor(obeyed, SLUG, one)
    analyse(obeyed, SLUG, stop)
    with obeyed.registry() as registry:
        told = {message.message.key for message in registry.outbox()}
    later = [monitor(obeyed, SLUG, one) for one in days(first=stop + timedelta(days=1))]
    assert any(one.statuses["srm"] == "fail" for one in later)
    assert all(one.due == () for one in later)
    with obeyed.registry() as registry:
        assert {message.message.key for message in registry.outbox()} == told
        assert len(registry.decisions(SLUG)) == 1
