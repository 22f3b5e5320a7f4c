"""`trialflow decide`: the rules over the record, read aloud; nothing is written."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.stages.worlds import SLUG
from trialflow.decision import Verdict
from trialflow.errors import NothingToSignError, ProblemsError
from trialflow.stages.deciding import told_decision
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import monitor
from trialflow.stages.sign import sign
from trialflow.stages.workspace import Workspace

SHIPPED = date(2026, 1, 18)


def told(workspace: Workspace, as_of: date | None = None, *what_if: str) -> list[str]:
    with workspace.registry() as registry:
        return list(told_decision(registry, SLUG, as_of, what_if))


def test_a_verdict_is_told_row_by_row_and_nothing_is_recorded(begun: Workspace) -> None:
    analyse(begun, SLUG, SHIPPED)
    with begun.registry() as registry:
        digest = registry.digest(SLUG)
    lines = told(begun)
    assert lines[0] == f"{SLUG} (simulated data) as of {SHIPPED}: SHIP"
    assert lines[1].endswith("not signed.")
    assert sum(line.strip().startswith("=>") for line in lines) == 1
    assert told(begun, None, "harm_shown=yes")[0] == f"{SLUG} (simulated data) as of {SHIPPED}: WHAT IF: ROLLBACK"
    with begun.registry() as registry:
        assert registry.digest(SLUG) == digest


def test_an_override_is_told_beside_the_rules(begun: Workspace) -> None:
    analyse(begun, SLUG, SHIPPED)
    sign(begun, SLUG, SHIPPED, verdict=Verdict.HOLD, by="ada", rationale="No servers.", signed_on=SHIPPED)
    lines = told(begun, SHIPPED)
    assert lines[0].endswith(": SHIP")
    assert lines[1].endswith(f"signed by ada on {SHIPPED}, overridden to HOLD.")


def test_a_day_without_a_final_analysis_is_read_from_its_daily_findings(begun: Workspace) -> None:
    early = SHIPPED - timedelta(days=7)
    monitor(begun, SLUG, early)
    lines = told(begun)
    assert f"as of {early}" in lines[0]
    assert lines[1].startswith("No final analysis was made for this day")
    with pytest.raises(NothingToSignError, match="no findings"):
        told(begun, SHIPPED)


def test_what_cannot_be_told_says_why(begun: Workspace) -> None:
    with pytest.raises(NothingToSignError, match="nothing was observed"):
        told(begun)
    with pytest.raises(ProblemsError, match="no question of the rules"):
        told(begun, SHIPPED, "moon_full=yes")
