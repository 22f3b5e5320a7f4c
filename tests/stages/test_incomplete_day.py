"""A day that is not all there: said aloud, nothing spent on it, healed by running it again."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.stages.conftest import Lakes
from tests.stages.worlds import FINAL, SLUG, alerts, begin, days, fill, shop, world
from trialflow.errors import WarehouseError
from trialflow.registry import EventKind
from trialflow.spec.look import LookPurpose
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import incomplete, monitor
from trialflow.stages.workspace import Workspace

LOOK = date(2026, 1, 11)
BEFORE = date(2026, 1, 10)


def marker(workspace: Workspace, day: date) -> Path:
    return workspace.lake_root / "_complete" / "shop" / str(day)


@pytest.fixture
def halted(tmp_path: Path) -> Workspace:
    """A life up to the eve of its first look, whose day is not complete."""
    workspace = begin(fill(shop(tmp_path), world(effect=0.25)))
    monitor(workspace, SLUG, BEFORE)
    marker(workspace, LOOK).unlink()
    return workspace


def test_a_day_is_waited_for_as_long_as_a_source_is_incomplete(halted: Workspace) -> None:
    assert incomplete(halted, BEFORE) == ()
    assert incomplete(halted, LOOK) == ("shop",)


def test_an_incomplete_day_is_no_data_is_told_and_takes_no_look(halted: Workspace) -> None:
    done = monitor(halted, SLUG, LOOK)
    assert done.statuses["completeness"] == "no_data"
    assert {done.statuses[name] for name in ("effects", "guardrails", "harm", "information")} == {"not_applicable"}
    assert "srm" not in done.statuses
    with halted.registry() as registry:
        assert {look.as_of for look in registry.looks(SLUG)} <= set(days(last=BEFORE))
        assert alerts(registry) == [("completeness", str(LOOK), "no_data")]
        (finding,) = registry.findings(SLUG, as_of=LOOK, check="completeness")
    assert "shop" in finding.headline
    assert finding.next_step


def test_completing_the_day_and_running_it_again_heals_it_and_says_so_once(halted: Workspace, lakes: Lakes) -> None:
    monitor(halted, SLUG, LOOK)
    monitor(halted, SLUG, LOOK)
    halted.lake.mark_complete("shop", LOOK)
    assert monitor(halted, SLUG, LOOK).statuses["completeness"] == "pass"
    monitor(halted, SLUG, LOOK)
    with halted.registry() as registry:
        assert alerts(registry) == [("completeness", str(LOOK), "no_data"), ("completeness", str(LOOK), "pass")]
        healed = registry.message(f"alert|{SLUG}|completeness|{LOOK}|pass")
        assert healed is not None
        assert "RECOVERED" in str(healed.message.payload)
        assert "Before" in str(healed.message.payload)
        findings = {one.check: one.document() for one in registry.findings(SLUG, as_of=LOOK)}
        looks = registry.looks(SLUG, revisions=True)

    # What is on record is what stands there had the day been complete at once.
    smooth = begin(shop(halted.include.parent / "smooth", lake=lakes(world(effect=0.25))))
    for day in (BEFORE, LOOK):
        monitor(smooth, SLUG, day)
    with smooth.registry() as registry:
        assert {one.check: one.document() for one in registry.findings(SLUG, as_of=LOOK)} == findings
        assert registry.looks(SLUG, revisions=True) == looks
    assert any(look.purpose is LookPurpose.EFFICACY and look.as_of == LOOK for look in looks)


def test_a_day_after_it_that_is_complete_says_recovered(halted: Workspace) -> None:
    monitor(halted, SLUG, LOOK)
    monitor(halted, SLUG, date(2026, 1, 12))
    halted.lake.mark_complete("shop", LOOK)
    monitor(halted, SLUG, LOOK)  # told already by the day after it
    with halted.registry() as registry:
        assert alerts(registry) == [("completeness", str(LOOK), "no_data"), ("completeness", "2026-01-12", "pass")]


def test_a_last_day_that_is_incomplete_is_neither_due_nor_analysed(tmp_path: Path) -> None:
    workspace = begin(fill(shop(tmp_path), world()))
    marker(workspace, FINAL).unlink()
    assert monitor(workspace, SLUG, FINAL).due == ()
    with pytest.raises(WarehouseError, match=r"2026-01-21 is not complete in shop"):
        analyse(workspace, SLUG, FINAL)
    with workspace.registry() as registry:
        assert EventKind.ANALYSIS_DUE not in {event.kind for event in registry.events(SLUG)}
        assert registry.decisions(SLUG) == ()
    workspace.lake.mark_complete("shop", FINAL)
    assert monitor(workspace, SLUG, FINAL).due == (FINAL,)
