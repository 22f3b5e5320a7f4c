"""The registration note tells the promise in full."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tests.memo.scenes import START, finding, promise, ship
from trialflow.checks.finding import Status
from trialflow.memo import markdown, registration_note


def test_a_registration_note_reads_as_it_was_reviewed(golden: Callable[[str, str], None]) -> None:
    checks = [
        finding("power", Status.PASS, "The traffic brings the units that the minimum effect needs.", {}),
        finding("collision", Status.PASS, "No other experiment shares its layer.", {}),
    ]
    note = registration_note(ship().promise, checks, made_by="trialflow (tests)")
    golden("registration.md", markdown(note))


def test_a_failed_registration_check_is_in_the_headline() -> None:
    failed = finding("collision", Status.FAIL, "Shares its layer with other.", {}, next_step="Choose another layer.")
    memo = registration_note(promise(), [failed])
    assert memo.verdict == "REGISTERED, WITH A FAILED CHECK"
    assert "Choose another layer." in markdown(memo)


def test_a_promise_without_a_plan_says_so() -> None:
    bare = dataclasses.replace(promise(), plan=type(promise().plan)())
    assert "not available units a day" in markdown(registration_note(bare))


def test_a_registration_note_of_an_amendment_says_so_with_its_reason_and_both_values() -> None:
    scene = ship()
    earlier = (START, "A slip of the pen", ())
    memo = registration_note(scene.promise, (), (earlier, *scene.amendments))
    assert memo.verdict == "AMENDED"
    assert memo.summary.startswith("This is version 3 of the promise, amended on 4 March 2026 in 1 field.")
    assert "Reason: The phone app was released a day late." in memo.summary
    first = memo.sections[0]
    assert (first.title, first.essential) == ("Amendment", True)
    assert first.tables[0].rows == (
        ("4 March 2026", "experiment.audience", "All visitors", "All visitors of the home page"),
    )
    assert "A slip of the pen" not in markdown(memo)
    assert "1 earlier amendment went before this one." in first.paragraphs


def test_the_plan_says_what_the_expected_traffic_finds_and_how_the_power_is_split() -> None:
    rows = [{"metric": "conversion", "resolvable": 0.0012}]
    power = finding("power", Status.PASS, "Enough.", {"metrics": rows, "power_per_test": 0.89})
    (plan,) = [one for one in registration_note(promise(), [power]).sections if one.title == "Plan"]
    assert plan.paragraphs[1:] == ("Each is planned with a power of 89%, so that all together have 80%.",)
    found = plan.tables[0].columns.index("Expected traffic finds")
    assert [row[found] for row in plan.tables[0].rows if row[0] == "conversion"] == ["0.12 percentage points"]


def test_canary_ramp_watch_and_what_takes_them_back_are_promised_in_words() -> None:
    rules = {
        "canary": {"share": 0.02, "days": 2},
        "rollout": [{"share": 0.1, "days": 2}, {"share": 1.0, "days": 1}],
        "watch_days": 14,
        "system_guardrails": [{"metric": "latency", "margin": {"relative": 0.05}}],
    }
    (after,) = [one for one in registration_note(promise(decision=rules)).sections if "after a launch" in one.title]
    assert after.points == (
        "Canary: 2% of the audience gets the treatments before the start, 28 February to 1 March 2026.",
        "Ramp after a signed launch: 10% for 2 days and 100% for 1 day, longer where data are missing or the ramp is held.",
        "The launch is watched for 14 days.",
        "Each step is compared alone: harm to conversion, latency (margin 2% of the control value) and latency (margin 5% of "
        "the control value) takes it back, a broken split holds it.",
    )


def test_a_first_registration_is_no_amendment() -> None:
    memo = registration_note(promise())
    assert memo.verdict == "REGISTERED"
    assert "mend" not in " ".join(section.title for section in memo.sections)
