from __future__ import annotations

import pandas as pd
import pytest

from tests.stages.worlds import FINAL, SLUG, begin
from trialflow.cli import main
from trialflow.stages.final_analysis import analyse
from trialflow.stages.frames import FRAMES
from trialflow.stages.monitoring import monitor
from trialflow.stages.workspace import Workspace


@pytest.fixture
def decided(benefit: Workspace) -> Workspace:
    workspace = begin(benefit)
    monitor(workspace, SLUG, FINAL)
    analyse(workspace, SLUG, FINAL)
    return workspace


def test_every_comparison_is_a_row_with_the_effect_of_the_finding(decided: Workspace) -> None:
    with decided.registry() as registry:
        frame = FRAMES["comparisons"](registry, [SLUG], FINAL)
        (finding,) = registry.findings(SLUG, as_of=FINAL, check="effects")
    (row,) = frame[frame["check"] == "effects"].to_dict("records")
    assert row["estimate"] == finding.evidence["comparisons"][0]["estimate"]
    assert row["as_of"] == pd.Timestamp(FINAL)
    assert list(frame.columns[:5]) == ["experiment", "as_of", "check", "variant", "metric"]


def test_the_ledger_and_the_verdict_are_tables_as_well(decided: Workspace) -> None:
    with decided.registry() as registry:
        looks = FRAMES["looks"](registry, [SLUG], None)
        decisions = FRAMES["decisions"](registry, [SLUG], None)
        assert len(looks) == len(registry.looks(SLUG))
        (verdict,) = decisions["verdict"]
        assert verdict == registry.decisions(SLUG)[0].document["verdict"]


def test_nothing_on_record_is_an_empty_table(own: Workspace) -> None:
    with own.registry() as registry:
        assert all(make(registry, registry.slugs(), None).empty for make in FRAMES.values())


def test_the_command_writes_what_can_be_read_back(
    decided: Workspace, tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRIALFLOW_HOME", str(decided.home))
    monkeypatch.setenv("TRIALFLOW_INCLUDE", str(decided.include))
    output = tmp_path / "findings.parquet"
    assert main(["results", SLUG, "--what", "findings", "--output", str(output)]) == 0
    assert set(pd.read_parquet(output)["check"]) >= {"srm", "effects", "harm"}
    assert main(["results", "--what", "decisions"]) == 0
    assert capsys.readouterr().out.splitlines()[0].startswith("experiment,as_of,verdict")
    assert main(["results", "nobody_knows"]) == 1
    assert "nobody_knows" in capsys.readouterr().err
