"""The lock: what runs is what was promised."""

from __future__ import annotations

from typing import Any

from tests.fakes import day
from trialflow.checks.finding import Finding, Status
from trialflow.checks.lock import lock
from trialflow.spec.amendment import Difference

CHANGED = (Difference(field="experiment.analysis.alpha", before="0.05", after="0.1"),)


def run(**changes: Any) -> Finding:
    fields: dict[str, Any] = {"registered": "ab", "recomputed": "ab", "differences": (), "amendments": 0}
    return lock("ranker-v7", day(3), **(fields | changes)).finding


def test_an_unchanged_promise_passes() -> None:
    assert run().status is Status.PASS


def test_a_changed_file_warns_names_the_field_and_does_not_stop_the_run() -> None:
    finding = run(differences=CHANGED)
    assert (finding.status, finding.blocks) == (Status.WARN, False)
    assert "experiment.analysis.alpha" in finding.headline
    assert finding.evidence["differences"] == [{"field": CHANGED[0].field, "before": "0.05", "after": "0.1"}]


def test_a_changed_record_fails_and_blocks_whatever_the_files_say() -> None:
    finding = run(recomputed="cd", differences=CHANGED)
    assert (finding.status, finding.blocks) == (Status.FAIL, True)
    assert finding.next_step


def test_amendments_are_counted() -> None:
    assert "2 in all" in run(amendments=2).headline
