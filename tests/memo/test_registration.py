"""The registration note tells the promise in full."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tests.memo.scenes import finding, promise, ship
from trialflow.checks.finding import Status
from trialflow.memo import markdown, registration_note


def test_a_registration_note_reads_as_it_was_reviewed(golden: Callable[[str, str], None]) -> None:
    checks = [
        finding("power", Status.PASS, "The traffic brings the units that the minimum effect needs.", {}),
        finding("collision", Status.PASS, "No other experiment shares its layer.", {}),
    ]
    golden("registration.md", markdown(registration_note(ship().promise, checks)))


def test_a_failed_registration_check_is_in_the_headline() -> None:
    failed = finding("collision", Status.FAIL, "Shares its layer with other.", {}, next_step="Choose another layer.")
    memo = registration_note(promise(), [failed])
    assert memo.verdict == "REGISTERED, WITH A FAILED CHECK"
    assert "Choose another layer." in markdown(memo)


def test_a_promise_without_a_plan_says_so() -> None:
    bare = dataclasses.replace(promise(), plan=type(promise().plan)())
    assert "not available units a day" in markdown(registration_note(bare))
