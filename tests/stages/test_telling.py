"""What is told: changes of status, once; the outbox, oldest first; one digest a day; memos as files."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, ClassVar

import pytest

from tests.stages.worlds import SLUG, TODAY, promise
from trialflow.checks import Finding, Status
from trialflow.registry import EventKind, Message
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import monitor
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.telling import (
    alert_messages,
    intend_digest,
    intend_failure,
    intend_mended,
    intend_recoveries,
    is_news,
)
from trialflow.stages.workspace import Workspace, registered

PASS, WARN, FAIL, NO_DATA = Status.PASS, Status.WARN, Status.FAIL, Status.NO_DATA
DAY = date(2026, 1, 8)

# check, status, status before → is it news?
NEWS: list[tuple[str, Status, Status | None, bool]] = [
    ("srm", FAIL, PASS, True),
    ("srm", FAIL, None, True),
    ("srm", NO_DATA, None, True),
    ("srm", PASS, FAIL, True),
    ("srm", PASS, None, False),
    ("completeness", NO_DATA, PASS, True),
    ("completeness", PASS, NO_DATA, True),
    ("completeness", WARN, PASS, True),
    ("lock", WARN, PASS, True),
    ("aa", FAIL, None, True),
    ("aa", Status.NOT_APPLICABLE, None, False),
    ("harm", FAIL, PASS, True),
    ("harm", PASS, FAIL, True),
    ("harm", NO_DATA, None, False),
    ("harm", PASS, NO_DATA, False),  # the first numbers are no recovery
    ("effects", NO_DATA, None, False),
    ("effects", NO_DATA, PASS, True),
    ("effects", PASS, NO_DATA, False),
    ("effects", WARN, PASS, False),
    ("guardrails", WARN, NO_DATA, False),
    ("guardrails", PASS, WARN, False),
    ("novelty", WARN, PASS, True),
    ("novelty", FAIL, PASS, True),
    ("imbalance", WARN, PASS, True),
    ("imbalance", PASS, None, False),
    ("information", WARN, PASS, False),
]


def finding(check: str, status: Status, day: date = DAY, **evidence: Any) -> Finding:
    return Finding(experiment=SLUG, check=check, as_of=day, status=status, headline="So it is.", evidence=evidence)


@pytest.mark.parametrize(("check", "status", "before", "news"), NEWS)
def test_trouble_and_its_end_are_news(check: str, status: Status, before: Status | None, news: bool) -> None:
    assert is_news(finding(check, status), before) is news


def test_a_warning_that_asks_for_a_person_is_news() -> None:
    assert is_news(finding("effects", WARN, late_crossings=["2026-01-08"]), PASS)


class TestAlerts:
    """Compared with the record: (day, status) on record, then a day's finding → told or not."""

    @pytest.mark.parametrize(
        ("on_record", "now", "told"),
        [
            ([(6, PASS), (7, PASS)], (8, FAIL), True),
            ([(6, PASS), (7, FAIL)], (8, FAIL), False),
            ([(6, FAIL), (7, Status.NOT_APPLICABLE)], (8, FAIL), False),  # a day without judgment changes nothing
            ([(7, PASS), (8, NO_DATA)], (8, PASS), True),  # the same day, healed
            ([(7, PASS), (8, PASS)], (8, PASS), False),
            ([(9, FAIL)], (8, FAIL), False),  # a later day has told it
            ([(9, PASS)], (8, FAIL), True),
            ([(1, FAIL)], (8, FAIL), True),  # of another life: before the first day
        ],
    )
    def test_compare_with_what_stands_there(
        self, benefit: Workspace, on_record: list[tuple[int, Status]], now: tuple[int, Status], told: bool
    ) -> None:
        register(benefit, Offer(where="a test", text=promise()), by="ada", today=TODAY)
        with benefit.registry() as registry:
            for number, status in on_record:
                with registry.append(SLUG) as record:
                    record.findings([finding("srm", status, date(2026, 1, number))])
            day = date(2026, 1, now[0])
            messages = alert_messages(registry, registered(registry, SLUG), [finding("srm", now[1], day)], day)
        assert [message.key for message in messages] == ([f"alert|{SLUG}|srm|{day}|{now[1]}"] if told else [])
        assert all((one.channel, one.thread) == ("#shop", f"registered|{SLUG}|1") for one in messages)


class TestTheDigest:
    def test_is_intended_once_a_day_for_all_experiments_together(self, begun: Workspace) -> None:
        monitor(begun, SLUG, DAY)
        assert intend_digest(begun, DAY, "#all") == 1
        assert intend_digest(begun, DAY, "#all") == 1
        with begun.registry() as registry:
            digests = [one.message for one in registry.messages() if one.message.key.startswith("digest|")]
        assert [(one.key, one.channel) for one in digests] == [(f"digest|{DAY}", "#all")]
        assert SLUG in str(digests[0].payload)
        assert isinstance(digests[0], Message)

    def test_says_nothing_on_a_day_without_findings(self, begun: Workspace) -> None:
        assert intend_digest(begun, date(2026, 1, 2), "#all") == 0
        with begun.registry() as registry:
            assert not [one for one in registry.messages() if one.message.key.startswith("digest|")]

    def test_names_what_waits_for_a_signature_and_what_slack_has_refused(self, begun: Workspace) -> None:
        with begun.registry() as registry:
            with registry.append(SLUG) as record:
                record.event(EventKind.ANALYSED, DAY)
                for key in ("alert|one", "alert|two"):
                    record.intend(Message(key=key, channel="#shop", payload={"text": "x"}))
            registry.posted("alert|one", "", problem="msg_too_long")
            assert intend_digest(begun, DAY, "#all") == 0
            registry.posted("alert|two", "", problem="invalid_blocks")
            intend_digest(begun, DAY + timedelta(days=1), "#all")
            first, second = (str(one.message.payload) for one in registry.messages() if one.message.channel == "#all")
        assert f"{SLUG}: a verdict is recommended, and nobody has signed it" in first
        assert "alert|one: msg_too_long" in first
        assert "alert|two: invalid_blocks" in second
        assert "alert|one" not in second  # told once


class TestRecoveries:
    """What was told as trouble ends once, whoever sees it first."""

    def recovered(self, workspace: Workspace, day: date) -> list[str]:
        intend_recoveries(workspace, day)
        with workspace.registry() as registry:
            return [one.message.key for one in registry.messages(SLUG) if one.message.key.endswith("|pass")]

    def judge(self, workspace: Workspace, check: str, status: Status, day: date) -> None:
        """A day's run: tells what is news, then records."""
        with workspace.registry() as registry:
            found = finding(check, status, day)
            told = alert_messages(registry, registered(registry, SLUG), [found], day)
            with registry.append(SLUG) as record:
                record.findings([found])
                for one in told:
                    record.intend(one)

    def test_the_end_of_a_trouble_that_no_run_tells_is_told_by_notifications(self, begun: Workspace) -> None:
        self.judge(begun, "effects", PASS, DAY)
        self.judge(begun, "effects", NO_DATA, DAY + timedelta(days=1))
        assert self.recovered(begun, DAY + timedelta(days=1)) == []
        self.judge(begun, "effects", PASS, DAY + timedelta(days=2))
        key = f"alert|{SLUG}|effects|{DAY + timedelta(days=2)}|pass"
        assert self.recovered(begun, DAY + timedelta(days=2)) == [key]
        self.judge(begun, "effects", PASS, DAY + timedelta(days=3))
        assert self.recovered(begun, DAY + timedelta(days=3)) == [key]
        with begun.registry() as registry:
            told = registry.message(key)
        assert told is not None
        assert told.message.payload["text"].startswith("RECOVERED")
        assert told.message.links[-1] == ("Runbook: effects", "runbook:effects")

    def test_an_end_that_was_told_already_is_not_told_again(self, begun: Workspace) -> None:
        self.judge(begun, "srm", FAIL, DAY)
        self.judge(begun, "srm", PASS, DAY + timedelta(days=1))
        assert len(self.recovered(begun, DAY + timedelta(days=2))) == 1

    def test_a_trouble_that_goes_on_has_no_end(self, begun: Workspace) -> None:
        self.judge(begun, "novelty", WARN, DAY)
        self.judge(begun, "novelty", Status.NOT_APPLICABLE, DAY + timedelta(days=1))
        assert self.recovered(begun, DAY + timedelta(days=1)) == []

    def test_what_was_never_told_needs_no_end(self, begun: Workspace) -> None:
        self.judge(begun, "guardrails", WARN, DAY)
        self.judge(begun, "guardrails", PASS, DAY + timedelta(days=1))
        assert self.recovered(begun, DAY + timedelta(days=1)) == []


class TestFailures:
    FAILED: ClassVar[dict[str, str]] = {
        "dag": "daily_monitoring",
        "run": "r1",
        "task": "monitor",
        "map_index": "3",
        "experiment": SLUG,
        "problem": "WarehouseError: <no table>\nand more",
        "link": "http://localhost:8080/dags/x?a=1&b=2",
    }

    def test_say_what_failed_where_the_log_is_and_what_to_do(self, benefit: Workspace) -> None:
        assert intend_failure(benefit, **self.FAILED)
        with benefit.registry() as registry:
            (told,) = registry.outbox()
        assert told.message.key == "failed|daily_monitoring|r1|monitor|3"
        assert (told.message.channel, told.message.thread) == ("", "")
        text = f"FAILED · daily_monitoring.monitor ({SLUG}) · WarehouseError: &lt;no table&gt;"
        assert told.message.payload["text"] == text
        shown = told.message.payload["blocks"][0]["text"]["text"]
        for part in (text, "Run: r1, map index 3", "clear the task"):
            assert part in shown
        assert told.message.links == (
            ("Read the log", "http://localhost:8080/dags/x?a=1&b=2"),
            ("Runbook: failures", "runbook:dags-that-fail"),
        )
        assert "and more" not in shown

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({}, False),
            ({"run": "r2", "map_index": "0"}, False),  # every quarter of an hour the same
            ({"run": "r2", "problem": "OSError: disk full"}, True),
            ({"map_index": "4", "experiment": "other"}, True),
            ({"dag": "novelty_decay", "task": "judge"}, True),
        ],
    )
    def test_are_told_once_a_day_for_the_same_trouble(
        self, benefit: Workspace, changed: dict[str, str], told: bool
    ) -> None:
        assert intend_failure(benefit, **self.FAILED)
        assert intend_failure(benefit, **{**self.FAILED, **changed}) is told

    def test_need_neither_an_experiment_nor_an_error_nor_a_link(self, benefit: Workspace) -> None:
        assert intend_failure(benefit, dag="notifications", run="r", task="digest", map_index="-1")
        with benefit.registry() as registry:
            (told,) = registry.outbox()
        assert told.message.payload["text"] == "FAILED · notifications.digest · see the log"
        assert "map index" not in str(told.message.payload)

    def test_are_told_as_recovered_once_the_very_task_has_succeeded(self, benefit: Workspace) -> None:
        intend_failure(benefit, **self.FAILED)
        asked = []

        def state_of(*task: object) -> str:
            asked.append(task)
            return "success" if len(asked) > 1 else "failed"

        assert [intend_mended(benefit, state_of) for _ in range(3)] == [0, 1, 0]
        assert asked == [("daily_monitoring", "r1", "monitor", 3)] * 2
        with benefit.registry() as registry:
            failed, mended = (one.message for one in registry.outbox())
        assert mended.thread == failed.key
        assert mended.payload["text"].startswith(f"RECOVERED · daily_monitoring.monitor ({SLUG}) · ")


def test_a_memo_stands_in_the_record_and_as_files_with_the_same_texts(begun: Workspace) -> None:
    analyse(begun, SLUG, date(2026, 1, 18))
    with begun.registry() as registry:
        (memo,) = registry.memos(SLUG, kind="decision")
    folder = begun.memo_root / SLUG
    for name, ending in (("markdown", "md"), ("html", "html"), ("slack", "json")):
        assert (folder / f"2026-01-18-decision.{ending}").read_text() == memo.documents[name]
    assert "SIMULATED DATA" in memo.documents["markdown"]
    assert len(list(folder.iterdir())) == 6
