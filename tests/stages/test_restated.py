"""Data that changes after it was looked at: looks are judged again, never bargained over again."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from tests.stages.worlds import FINAL, SLUG, begin, days, fill, promise, shop, world
from trialflow.decision import HoldReason, Verdict
from trialflow.registry import EventKind, Registry
from trialflow.simulation import Late
from trialflow.spec.look import Look, LookPurpose
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import monitor
from trialflow.stages.workspace import Workspace

SECOND_LOOK = date(2026, 1, 18)


def restate(workspace: Workspace, **given: object) -> None:
    """Replace all of the lake by another world of the same people."""
    shutil.rmtree(workspace.lake_root)
    fill(workspace, world(**given))


def efficacy(registry: Registry, day: date) -> list[Look]:
    """All revisions of the look for a benefit on a day."""
    looks = registry.looks(SLUG, revisions=True)
    return [look for look in looks if look.purpose is LookPurpose.EFFICACY and look.as_of == day]


@pytest.fixture
def without_effect(tmp_path: Path) -> Workspace:
    """A life in which nothing was seen on the second look."""
    workspace = begin(fill(shop(tmp_path), world()))
    assert monitor(workspace, SLUG, SECOND_LOOK).due == ()
    return workspace


def test_late_rows_revise_looks_and_spend_no_alpha_twice(tmp_path: Path) -> None:
    spec = world(effect=0.1, late=Late(share=0.3, days=2))
    workspace = shop(tmp_path)
    begin(fill(workspace, spec, through=date(2026, 1, 4)))
    chosen = [day for day in days() if day.day in (10, 11, 18, 21)]
    for day in chosen:
        monitor(fill(workspace, spec, through=day), SLUG, day)
    with workspace.registry() as registry:
        before = {(look.metric, look.purpose, look.as_of): look for look in registry.looks(SLUG)}
    fill(workspace, spec)
    for day in chosen:
        monitor(workspace, SLUG, day)
    with workspace.registry() as registry:
        after = {(look.metric, look.purpose, look.as_of): look for look in registry.looks(SLUG)}
        summaries = registry.summaries(SLUG, as_of=date(2026, 1, 11), revisions=True)
    assert after.keys() == before.keys()
    revised = [key for key, look in after.items() if look.revision > 0]
    assert ("views_3d", LookPurpose.EFFICACY, date(2026, 1, 11)) in revised
    for key, look in after.items():
        kept = (look.information, look.boundary, look.alpha_spent)
        assert kept == (before[key].information, before[key].boundary, before[key].alpha_spent), key
    assert [one.revision for one in summaries] == [0, 1]

    # The data stands still now: nothing more is written.
    with workspace.registry() as registry:
        digest = registry.digest(SLUG)
    monitor(workspace, SLUG, date(2026, 1, 11))
    with workspace.registry() as registry:
        assert registry.digest(SLUG) == digest


def test_a_restated_day_may_withdraw_a_crossing(tmp_path: Path) -> None:
    workspace = begin(fill(shop(tmp_path), world(effect=0.25)))
    assert monitor(workspace, SLUG, SECOND_LOOK).due == (SECOND_LOOK,)
    restate(workspace)
    assert monitor(workspace, SLUG, SECOND_LOOK).due == ()
    with workspace.registry() as registry:
        first, second = efficacy(registry, SECOND_LOOK)
        (effects,) = registry.findings(SLUG, as_of=SECOND_LOOK, check="effects")
    assert (first.crossed, second.crossed) == (True, False)
    assert (first.boundary, first.information, first.alpha_spent) == (
        second.boundary,
        second.information,
        second.alpha_spent,
    )
    assert effects.evidence["crossed_on"] == {"treatment": None}


def test_a_crossing_that_only_restated_data_shows_makes_no_analysis_due(without_effect: Workspace) -> None:
    restate(without_effect, effect=0.3)
    assert monitor(without_effect, SLUG, SECOND_LOOK).due == ()
    with without_effect.registry() as registry:
        first, second = efficacy(registry, SECOND_LOOK)
        (effects,) = registry.findings(SLUG, as_of=SECOND_LOOK, check="effects")
        assert EventKind.ANALYSIS_DUE not in {event.kind for event in registry.events(SLUG)}
    assert second.z > second.boundary == first.boundary
    assert effects.status == "warn"
    assert str(SECOND_LOOK) in effects.evidence["late_crossings"]
    assert "restated" in effects.headline


def test_people_are_told_of_a_crossing_that_only_restated_data_shows(without_effect: Workspace) -> None:
    restate(without_effect, effect=0.3)
    monitor(without_effect, SLUG, SECOND_LOOK)
    with without_effect.registry() as registry:
        assert registry.message(f"alert|{SLUG}|effects|{SECOND_LOOK}|warn") is not None


def test_a_crossing_that_only_restated_data_shows_is_not_shipped_and_stands_in_the_memo(tmp_path: Path) -> None:
    fixed = promise(analysis={"stopping": {"policy": "fixed", "looks": None}})
    workspace = begin(fill(shop(tmp_path), world()), fixed)
    assert analyse(workspace, SLUG, FINAL).decision.verdict is Verdict.HOLD
    restate(workspace, effect=0.3)
    decision = analyse(workspace, SLUG, FINAL).decision
    assert decision.verdict is Verdict.HOLD
    assert decision.hold_reason is HoldReason.INCONCLUSIVE
    assert any("restated" in reason.text for reason in decision.reasons)
    with workspace.registry() as registry:
        assert [stored.revision for stored in registry.decisions(SLUG, revisions=True)] == [0, 1]
        (memo,) = registry.memos(SLUG, kind="decision")
    deviations = memo.documents["markdown"].partition("## Deviations")[2].partition("\n## ")[0]
    assert "restated" in deviations
