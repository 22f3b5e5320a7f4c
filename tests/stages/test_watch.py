"""The daily gate: a ramp goes on when all is quiet and there, holds when it is not, goes back on harm; then it is watched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.stages.ramps import START, day, fill_with, happened, live, ramp_world, rollout_promise, signed
from tests.stages.worlds import FINAL, SLUG, begin, fill, shop, world
from trialflow.checks.finding import Finding, Status
from trialflow.decision import Verdict
from trialflow.errors import PromiseError
from trialflow.registry import EventKind, Stage
from trialflow.simulation import Change, Loss, SimulationSpec
from trialflow.stages.orders import order
from trialflow.stages.sign import signed_decision
from trialflow.stages.watch import incomplete, rolling
from trialflow.stages.workspace import Workspace
from trialflow.warehouse.lake import COMPLETE

Rolled = Callable[..., Workspace]
ALL_DAYS = tuple(range(1, 10))  # two steps of two days, five days of watch
HARM = Change(variant="treatment", behaviour="complaint", absolute=0.35, from_day=day(3))


@pytest.fixture(scope="session")
def signed_off(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The experiment analysed and signed, before anything is rolled out; to be copied."""
    root = tmp_path_factory.mktemp("signed")
    signed(begin(fill(shop(root), world(effect=0.25)), rollout_promise()))
    return root


@pytest.fixture
def rolled(tmp_path: Path, signed_off: Path) -> Rolled:
    """The signed experiment, followed by a rollout that goes as a world says."""

    def copy(spec: SimulationSpec, name: str = "shop") -> Workspace:
        shutil.copytree(signed_off, tmp_path / name)
        return fill(shop(tmp_path / name), spec)

    return copy


def found(workspace: Workspace, check: str, number: int) -> Finding:
    with workspace.registry() as registry:
        (one,) = registry.findings(SLUG, as_of=day(number), check=check)
    return one


def stage(workspace: Workspace, number: int) -> Stage:
    with workspace.registry() as registry:
        return registry.life(SLUG, day(number)).stage


def told(workspace: Workspace) -> list[str]:
    with workspace.registry() as registry:
        keys = [stored.message.key for stored in registry.messages(SLUG)]
    return [key for key in keys if key.startswith("rollout|")]


def digest(workspace: Workspace) -> str:
    with workspace.registry() as registry:
        return registry.digest(SLUG)


def test_a_quiet_ramp_goes_step_by_step_and_is_watched(rolled: Rolled) -> None:
    space = rolled(ramp_world())
    assert stage(space, 0) is Stage.DECIDED
    assert stage(space, 1) is Stage.ROLLING_OUT
    live(space, *ALL_DAYS)
    assert happened(space) == [
        ("rollout_step", 1, "1"),
        ("rollout_step", 3, "2"),
        ("launched", 5, ""),
        ("rollout_step", 5, "3"),
        ("watched", 9, ""),
    ]
    assert [stage(space, number) for number in (4, 5, 9)] == [Stage.ROLLING_OUT, Stage.LAUNCHED, Stage.LAUNCHED]
    assert [rolling(space, day(number)) for number in (0, 1, 9, 10)] == [(), (SLUG,), (SLUG,), ()]
    assert found(space, "watch", 9).status is Status.PASS
    assert found(space, "watch", 9).evidence["causal"] is False
    novelty = found(space, "rollout_novelty", 9)
    assert novelty.status is Status.NOT_APPLICABLE
    assert "nobody to compare with" in novelty.headline
    assert len(told(space)) == 3  # two steps and the end of the watch


def test_what_could_not_be_judged_yet_is_said_and_no_pass(rolled: Rolled) -> None:
    space = rolled(ramp_world())
    live(space, 1, 2, 3, 4, 5, 6)
    first = found(space, "rollout", 1)
    assert first.status is Status.WARN
    assert set(first.evidence["unjudged"]) == {"views_3d", "complained_1d", "orders_3d"}
    assert found(space, "rollout", 6).evidence["unjudged"] == []
    rows = found(space, "rollout_harm", 6).evidence["comparisons"]
    assert {row["role"] for row in rows if row["metric"] == "orders_3d"} == {"system guardrail"}


def test_the_order_of_days_does_not_matter_and_neither_does_a_second_run(rolled: Rolled) -> None:
    """Missing days, harm and all: forwards, in any order, and the last day alone leave the same record."""
    # The lost day prolongs the first step, and who serves the shares follows the record.
    spec = ramp_world(moves={1: 0.1, 4: 0.5}, changes=(HARM,), losses=(Loss(table="exposures", day=day(2)),))
    forwards, shuffled, at_once = (rolled(spec, name) for name in ("forwards", "shuffled", "at_once"))
    live(forwards, *ALL_DAYS)
    live(forwards, *ALL_DAYS)
    live(shuffled, 4, 2, 9, 1, 3, 8, 5, 7, 6)
    live(at_once, 9)
    assert {kind for kind, _, _ in happened(forwards)} >= {"rollout_paused", "rollout_resumed", "rolled_back"}
    for other in (shuffled, at_once):
        assert happened(other) == happened(forwards)
        assert digest(other) == digest(forwards)
        assert sorted(told(other)) == sorted(told(forwards))


def test_harm_rolls_back_by_itself_and_says_so_once(rolled: Rolled) -> None:
    space = rolled(ramp_world(changes=(HARM,)))
    live(space, *ALL_DAYS)
    (when,) = [number for kind, number, _ in happened(space) if kind == "rolled_back"]
    record = found(space, "rollout", when)
    assert record.status is Status.FAIL
    assert "treatment harms complained_1d" in record.headline
    assert stage(space, when) is Stage.ROLLED_BACK
    assert rolling(space, day(when + 1)) == ()
    assert [key for key in told(space) if key.endswith("|fail")] == [f"rollout|{SLUG}|{day(when)}|{START}|fail"]
    before = digest(space)
    assert live(space, when + 1) == ["the ramp has ended before"]
    assert digest(space) == before


def test_a_broken_split_holds_the_share_until_a_person_decides(rolled: Rolled) -> None:
    lost = tuple(Loss(table="exposures", day=day(number), variant="treatment", share=0.6) for number in (3, 4))
    space = rolled(ramp_world(moves={1: 0.1, 3: 0.5}, losses=lost))
    live(space, 3, 4, 5, 6)
    paused = [number for kind, number, _ in happened(space) if kind == "rollout_paused"]
    assert len(paused) == 1
    held = found(space, "rollout", 6)
    assert held.status is Status.FAIL
    assert held.evidence["state"]["paused"] == "split broken"
    assert found(space, "rollout_harm", 6).status is Status.NOT_APPLICABLE  # nothing is read from a broken split
    with pytest.raises(PromiseError, match="reason"):
        order(space, SLUG, "resume_rollout", as_of=day(7), by="ada", reason="")
    order(space, SLUG, "resume_rollout", as_of=day(7), by="ada", reason="The log was mended.")
    live(space, 7, 8)
    assert found(space, "rollout_srm", 7).status is Status.PASS
    assert found(space, "rollout", 7).evidence["state"]["attempt"] == 1
    assert ("launched", 9, "") in happened(space)  # the step was begun anew, for its two days


def test_a_person_holds_resumes_and_rolls_back_with_a_reason(rolled: Rolled) -> None:
    space = rolled(ramp_world(moves={1: 0.1}))
    order(space, SLUG, "pause_rollout", as_of=day(2), by="ada", reason="A holiday.")
    live(space, 1, 2, 3)
    assert found(space, "rollout", 3).headline.endswith("ordered.")
    order(space, SLUG, "resume_rollout", as_of=day(4), by="ada", reason="Back again.")
    live(space, 4)
    assert ("rollout_step", 5, "2") in happened(space)
    order(space, SLUG, "roll_back", as_of=day(5), by="eve", reason="The partner left.")
    assert rolling(space, day(5)) == ()
    assert live(space, 5) == ["the ramp has ended before"]
    assert stage(space, 5) is Stage.ROLLED_BACK
    with pytest.raises(PromiseError, match="nothing is rolled out"):
        order(space, SLUG, "roll_back", as_of=day(6), by="eve", reason="Again.")


def test_missing_data_holds_the_share_and_its_return_resumes(rolled: Rolled) -> None:
    space = rolled(ramp_world(moves={1: 0.1, 4: 0.5}, losses=(Loss(table="exposures", day=day(2)),)))
    live(space, 1, 2)
    held = found(space, "rollout", 2)
    assert held.status is Status.NO_DATA
    assert "No unit was exposed" in held.headline
    live(space, 3)
    assert found(space, "rollout", 3).headline.startswith("Resumed for 2 days")
    assert happened(space)[1:] == [
        ("rollout_paused", 2, "data"),
        ("rollout_resumed", 3, "data"),
        ("rollout_step", 4, "2"),
    ]


def test_a_day_that_is_not_complete_is_judged_again_once_it_is(rolled: Rolled) -> None:
    space = rolled(ramp_world())
    live(space, 1)
    (space.lake.root / COMPLETE / "shop" / day(2).isoformat()).unlink()
    assert incomplete(space, day(2)) == ("shop",)
    live(space, 2)
    assert found(space, "rollout", 2).status is Status.NO_DATA
    space.lake.mark_complete("shop", day(2))
    live(space, 2)
    assert found(space, "rollout", 2).headline.startswith("Resumed for 2 days")
    assert ("rollout_resumed", 2, "data") in happened(space)
    assert ("rollout_step", 3, "2") in happened(space)


def test_a_holdback_goes_on_being_compared_after_the_launch(tmp_path: Path) -> None:
    """With nine of ten launched, harm that appears then still rolls back; a quiet watch ends with a look at novelty."""
    rules = {"rollout": [{"share": 0.5, "days": 1}, {"share": 0.9, "days": 2}], "watch_days": 8}
    moves = {1: 0.5, 2: 0.9}
    quiet = signed(begin(fill_with(shop(tmp_path / "quiet"), ramp_world(moves=moves)), rollout_promise(**rules)))
    live(quiet, 9)
    assert happened(quiet)[-1] == ("watched", 9, "")
    assert found(quiet, "rollout", 9).evidence["compared_with"] == "control"
    novelty = found(quiet, "rollout_novelty", 9)
    assert novelty.status is not Status.NOT_APPLICABLE
    assert novelty.evidence["policy"] == "report"

    late = Change(variant="treatment", behaviour="complaint", absolute=0.35, from_day=day(4))
    harmed = fill_with(shop(tmp_path / "harmed"), ramp_world(moves=moves, changes=(late,)))
    signed(begin(harmed, rollout_promise(**rules)))
    live(harmed, 9)
    assert ("launched", 2, "") in happened(harmed)
    assert happened(harmed)[-1][0] == "rolled_back"


def test_a_level_that_turns_bad_after_the_launch_only_warns(rolled: Rolled) -> None:
    late = Change(variant="treatment", behaviour="complaint", absolute=0.35, from_day=day(8))
    space = rolled(ramp_world(changes=(late,)))
    live(space, *ALL_DAYS)
    warned = found(space, "watch", 9)
    assert warned.status is Status.WARN
    assert "complained_1d" in warned.headline
    assert "not an experiment" in warned.headline
    assert happened(space)[-1] == ("watched", 9, "")
    assert len([key for key in told(space) if key.endswith("|watch")]) == 1


def test_harm_on_restated_data_asks_a_person_and_the_next_day_rolls_back(rolled: Rolled) -> None:
    space = rolled(ramp_world())
    live(space, 1, 2, 3, 4)
    fill(space, ramp_world(changes=(HARM,)))
    live(space, 3, 4)
    late = found(space, "rollout_harm", 4)
    assert (late.status, "restated" in late.headline) == (Status.WARN, True)
    assert [key for key in told(space) if key.endswith("|rollout_harm")] == [f"rollout|{SLUG}|{day(3)}|rollout_harm"]
    assert "rolled_back" not in {kind for kind, _, _ in happened(space)}  # what was done on an earlier day stands
    assert live(space, 5)[0].startswith("Rolled back")


def test_a_partial_verdict_is_ramped_and_judged_in_its_segment_alone(rolled: Rolled) -> None:
    space = rolled(ramp_world())
    with space.registry() as registry:
        decision = signed_decision(registry, SLUG, FINAL)
        assert decision is not None
        assert decision.signature is not None
        partial = replace(decision.signature, verdict=Verdict.PARTIAL, segment="device = mobile")
        with registry.append(SLUG) as record:
            record.event(EventKind.SIGNED, FINAL, key="again", detail=partial.document(), by="ada")
    live(space, 2)
    observed = found(space, "rollout_srm", 2).evidence["observed"]
    everybody = sum(ramp_world().units / 12 * 2 * share for share in (0.1, 0.9))
    assert 0.5 < sum(observed.values()) / everybody < 0.7  # six of ten are mobile
    with space.registry() as registry:
        steps = [event.detail for event in registry.events(SLUG) if event.kind is EventKind.ROLLOUT_STEP]
    assert steps[-1]["segment"] == "device = mobile"


def test_nothing_is_looked_at_before_the_ramp_begins(rolled: Rolled) -> None:
    space = rolled(ramp_world())
    assert live(space, 0) == ["nothing is rolled out on that day"]
    assert rolling(space, FINAL) == ()
    assert rolling(space, FINAL + timedelta(days=1)) == (SLUG,)
