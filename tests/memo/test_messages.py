"""Alerts and the digest: short, and never an effect that may not be read."""

from __future__ import annotations

from tests.memo.scenes import START, broken_split, promise, ship, srm
from trialflow.checks.finding import Status
from trialflow.memo import alert, digest, digest_line, markdown


def test_an_alert_says_what_happened_before_and_what_to_do() -> None:
    memo = alert(promise(), srm(Status.FAIL, p=1e-9), Status.PASS)
    assert memo.verdict == "ALERT"
    assert memo.highlights["Before"] == "pass"
    assert "Find the cause" in markdown(memo)
    assert "simulated data" in memo.labels


def test_an_alert_says_that_the_promise_is_not_the_first_one() -> None:
    found = srm(Status.FAIL, p=1e-9)
    assert "amended" not in markdown(alert(promise(), found))
    assert "The promise was amended once." in markdown(alert(promise(), found, amendments=1))
    assert "The promise was amended 3 times." in markdown(alert(promise(), found, amendments=3))


def test_a_check_that_passes_again_has_recovered() -> None:
    assert alert(promise(), srm(), Status.FAIL).verdict == "RECOVERED"
    assert alert(promise(), srm(), None).verdict == "CLEAR"


def test_a_digest_line_holds_the_day_the_state_and_the_effect_with_its_interval() -> None:
    scene = ship()
    line = digest_line(scene.promise, scene.findings, as_of=scene.decision.as_of, stage="running")
    assert line.startswith("ranker-v7: day 14 of 14, running · checks: pass")
    assert "+0.21 percentage points (95% interval +0.11 to +0.31)" in line
    assert line.endswith("[simulated data]")
    assert "\n" not in line


def test_a_digest_line_shows_no_effect_under_a_broken_split() -> None:
    scene = broken_split()
    line = digest_line(scene.promise, scene.findings, as_of=scene.decision.as_of)
    assert "effects not shown" in line
    assert "percentage" not in line


def test_a_digest_is_one_message_for_all_experiments() -> None:
    memo = digest(["a: fine", "b: fine"], as_of=START)
    assert memo.sections[0].points == ("a: fine", "b: fine")
    assert "2 experiments" in memo.summary
