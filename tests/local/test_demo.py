"""The replay itself, with stages run in this process where Airflow would run them."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.local.fakes import TODAY, WellServer, WorkingRuns
from trialflow.decision import Verdict
from trialflow.decision.signature import TEXT_LENGTH, parsed_follow_ups
from trialflow.local.answers import ANSWERS, REASONS, WAITS_FOR_YOU, Answer
from trialflow.local.demo import Demo
from trialflow.stages import samples
from trialflow.stages.workspace import Workspace

INCLUDE = Path(__file__).parents[2] / "include"


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A checkout that promises only Cookie Cats, whose data is one day of published totals."""
    include = tmp_path / "include"
    (include / "experiments").mkdir(parents=True)
    for name in ("metrics", "sources", "samples"):
        (include / name).symlink_to(INCLUDE / name)
    shutil.copy(INCLUDE / "experiments" / "cookie_cats.yaml", include / "experiments")
    monkeypatch.setattr(samples, "SAMPLES", tuple(one for one in samples.SAMPLES if one.source == "cookie_cats"))
    return Workspace.from_environment({"TRIALFLOW_INCLUDE": str(include), "TRIALFLOW_HOME": str(tmp_path / "home")})


def replay(workspace, runs, leaving=()):
    """Run the demo; returns whether it was complete, and what it said."""
    said = []
    demo = Demo(
        workspace,
        WellServer(workspace.home),
        runs,
        say=said.append,
        now=lambda: datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC),
        quiet=0.0,
        patience=0.05,
        every=0.01,
        unhurried=0.0,
        leaving=leaving,
    )
    return demo.run(), "\n".join(said)


def findings_line(text):
    return next(line for line in text.splitlines() if line.startswith("Findings of all experiments"))


def test_a_whole_life_is_replayed_and_told(workspace):
    runs = WorkingRuns(workspace)
    complete, text = replay(workspace, runs)
    assert complete
    assert runs.started == [
        "pools",
        "switch on",
        "preregistration {}",
        "daily_monitoring 2018-01-01 2018-01-01",
        "sign cookie_cats ROLLBACK gate_40",
    ]
    # Published figures of Cookie Cats: 19.02 % against 18.20 % came back after a week.
    assert "cookie_cats: ROLLBACK 2018-01-01 (signed by admin)" in text
    assert "cookie_cats: ROLLBACK gate_40. Players who meet the gate at level 40" in text
    assert "retention_7 under gate_40: −0.82 percentage points" in text
    assert "Every stage ran for every experiment" in text
    assert list((workspace.memo_root / "cookie_cats").glob("*-decision.html"))


def test_a_second_replay_starts_nothing_and_gives_the_same_numbers(workspace):
    runs = WorkingRuns(workspace)
    _, first = replay(workspace, runs)
    runs.started.clear()
    complete, second = replay(workspace, runs)
    assert complete
    assert runs.started == ["pools", "switch on"]
    assert "1 of 1 days ran before" in second
    assert findings_line(first) == findings_line(second)


def test_a_changed_finding_changes_the_digest(workspace):
    _, before = replay(workspace, WorkingRuns(workspace))
    with workspace.registry() as registry:
        known = registry.findings("cookie_cats", check="srm")[-1]
        changed = type(known)(
            experiment=known.experiment,
            check=known.check,
            as_of=known.as_of,
            status=known.status,
            headline="Something else.",
            evidence=known.evidence,
        )
        with registry.append("cookie_cats") as record:
            record.findings([changed])
    runs = WorkingRuns(
        workspace, rolled_out={"cookie_cats|2018-01-01"}, ran={("daily_monitoring", datetime(2018, 1, 1).date())}
    )
    _, after = replay(workspace, runs)
    assert findings_line(before) != findings_line(after)


def test_a_run_that_fails_makes_the_demo_incomplete_and_says_where_to_look(workspace):
    complete, text = replay(workspace, WorkingRuns(workspace, broken=frozenset({"final_analysis"})))
    assert not complete
    assert "! FAILED final_analysis run-1: measure [cookie_cats]" in text
    assert "http://127.0.0.1:1/dags/final_analysis/runs/run-1" in text
    assert "! missing: final_analysis (no decision)" in text


def test_days_that_were_not_seen_are_missing(workspace):
    complete, text = replay(workspace, WorkingRuns(workspace, broken=frozenset({"daily_monitoring"})))
    assert not complete
    assert "! missing: daily_monitoring (1 days, the first 2018-01-01)" in text


def test_nothing_registered_is_not_a_success(workspace):
    complete, text = replay(workspace, WorkingRuns(workspace, broken=frozenset({"preregistration"})))
    assert not complete
    assert "NOT COMPLETE: 1 failed runs" in text


def test_a_rollout_that_never_ran_is_missing(workspace):
    runs = WorkingRuns(workspace)
    replay(workspace, runs)
    runs.rolled_out.clear()
    complete, text = replay(workspace, runs)
    assert not complete
    assert "! missing: rollout of 2018-01-01" in text


def test_a_verdict_that_is_left_for_the_user_is_complete_and_says_where_to_sign(workspace):
    runs = WorkingRuns(workspace)
    complete, text = replay(workspace, runs, leaving=("cookie_cats",))
    assert complete
    assert "cookie_cats: ROLLBACK 2018-01-01 (not signed yet)" in text
    assert "http://127.0.0.1:1/dags/final_analysis/runs/cookie_cats%7C2018-01-01/tasks/sign/required_actions" in text
    runs.started.clear()
    complete, text = replay(workspace, runs)
    assert complete
    assert runs.started[-1] == "sign cookie_cats ROLLBACK gate_40"


def test_an_unsigned_verdict_is_missing(workspace):
    runs = WorkingRuns(workspace)
    runs.sign_offs = lambda: ()
    complete, text = replay(workspace, runs)
    assert not complete
    assert "! missing: sign-off of 2018-01-01" in text


def test_the_prepared_answers_are_of_registered_samples_and_can_be_signed():
    experiments = {path.stem for path in (INCLUDE / "experiments").glob("*.yaml")}
    assert experiments >= {*ANSWERS, WAITS_FOR_YOU}
    for answer in ANSWERS.values():
        follow_ups, problems = parsed_follow_ups("\n".join(answer.follow_ups))
        assert problems == []
        assert all(one.due and one.owner for one in follow_ups)
        assert len(answer.rationale) <= TEXT_LENGTH
    overridden = [answer for answer in ANSWERS.values() if answer.instead]
    assert overridden
    assert all(answer.rationale and answer.follow_ups for answer in overridden)


def test_an_answer_takes_what_is_recommended_or_what_it_says_instead():
    options = ("SHIP new", "HOLD", "INVALID")
    assert Answer().option(options) == "SHIP new"
    assert Answer(instead=Verdict.HOLD).option(options) == "HOLD"
    assert Answer(instead=Verdict.PARTIAL).option(options) == "SHIP new"
    assert set(REASONS) == set(Verdict) - {Verdict.EXTEND}
    assert Answer().form(options)["rationale"] == REASONS[Verdict.SHIP]
