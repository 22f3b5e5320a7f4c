"""Rules about days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spec.documents import METRICS, TODAY
from tests.spec.rules.complaints import complaints

NO_RAMP: dict[str, Any] = {"calendar.ramp": []}


def fields(changes: dict[str, Any], **definitions: str) -> list[str]:
    return [problem.field for problem in complaints(NO_RAMP | changes, **definitions)]


def test_the_sample_promise_breaks_no_rule() -> None:
    assert complaints({}) == ()


def test_the_last_day_does_not_lie_before_the_first() -> None:
    assert "calendar.last_day" in fields({"calendar.last_day": "2026-03-01"})


@pytest.mark.parametrize("first", [TODAY, TODAY - timedelta(days=1)])
def test_a_promise_is_made_before_the_first_day(first: date) -> None:
    days = {"calendar.first_day": first.isoformat(), "calendar.last_day": (first + timedelta(days=27)).isoformat()}
    (problem,) = complaints(NO_RAMP | days)
    assert problem.field == "calendar.first_day"
    assert problem.value == first.isoformat()
    assert complaints(NO_RAMP | days | {"replay": True}) == ()
    assert complaints(NO_RAMP | days, registered_first_day=first) == ()


def test_tomorrow_is_early_enough() -> None:
    first = TODAY + timedelta(days=1)
    days = {"calendar.first_day": first.isoformat(), "calendar.last_day": (first + timedelta(days=27)).isoformat()}
    assert fields(days) == []


@settings(deadline=None, max_examples=30)
@given(st.integers(22, 60))
def test_only_full_weeks_are_accepted(days: int) -> None:
    last = date(2026, 3, 2) + timedelta(days=days - 1)
    found = complaints(NO_RAMP | {"calendar.last_day": last.isoformat()})
    assert (found == ()) == (days % 7 == 0)
    for problem in found:
        assert problem.field == "calendar.last_day"
        cured = problem.cure.removeprefix("choose ").split(" or ")
        assert all(
            complaints(NO_RAMP | {"calendar.last_day": choice}) == () for choice in cured if choice > "2026-03-22"
        )


def test_an_extension_is_in_full_weeks() -> None:
    assert fields({"calendar.max_extension_days": 10}) == ["calendar.max_extension_days"]


def test_a_replay_need_not_have_full_weeks() -> None:
    assert fields({"calendar.last_day": "2026-03-27", "calendar.max_extension_days": 3, "replay": True}) == []


def test_an_unknown_time_zone_gets_the_nearest_one() -> None:
    (problem,) = complaints({"calendar.time_zone": "Europe/Berlyn"})
    assert problem.cure == "did you mean Europe/Berlin?"


@pytest.mark.parametrize("zone", ["../etc/passwd", "", "Mars/Olympus"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    assert fields({"calendar.time_zone": zone}) == ["calendar.time_zone"]


@pytest.mark.parametrize("policy", ["fixed", "always_valid"])
def test_only_group_sequential_takes_looks(policy: str) -> None:
    assert fields({"analysis.stopping.policy": policy}) == ["analysis.stopping.looks"]
    assert fields({"analysis.stopping": {"policy": policy}}) == []


def test_group_sequential_needs_looks() -> None:
    assert fields({"analysis.stopping.looks": []}) == ["analysis.stopping.looks"]


@pytest.mark.parametrize(
    ("looks", "says"),
    [
        ([21, 14], "does not come after 21"),
        ([14, 14], "does not come after 14"),
        ([14, 34], "is the final look, which is implied"),
        ([14, 35], "lies after the final look on day 34"),
        ([10], "does not close a full week"),
        ([7, 6], "does not come after 7"),
    ],
)
def test_looks_ascend_close_weeks_and_come_before_the_final_one(looks: list[int], says: str) -> None:
    found = complaints({"analysis.stopping.looks": looks})
    assert says in [problem.message for problem in found]


def test_no_look_comes_before_somebody_has_matured() -> None:
    wide = METRICS["purchase_rate"].replace("to_day: 6", "to_day: 14")
    found = complaints({"calendar.maturity_days": 14}, purchase_rate=wide)
    assert [problem.field for problem in found] == ["analysis.stopping.looks.0"]
    assert "day 15" in found[0].cure
