"""The replay itself, with stages run in this process where Airflow would run them."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.local.fakes import TODAY, WellServer, WorkingRuns
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


def replay(workspace, runs):
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
    ]
    # Published figures of Cookie Cats: 19.02 % against 18.20 % came back after a week.
    assert "cookie_cats: ROLLBACK 2018-01-01" in text
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
