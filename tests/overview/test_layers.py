"""The calendar of layers: who holds which layer, from when to when, and who would share units."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.fakes import FIRST
from tests.overview.outcomes import TODAY, a_record, begin, counted, decide, one
from trialflow.decision import Verdict
from trialflow.overview.layers import MOST_DAYS, Asked, calendar
from trialflow.overview.reader import reader
from trialflow.registry import EventKind, Registry, Stage

WEEK = timedelta(days=7)
EVERYTHING = Asked(quarter="all")


def shown(registry: Registry, asked: Asked = EVERYTHING, today: date = TODAY):
    with reader(registry) as view:
        return calendar(view, asked, today=today)


def collisions(registry: Registry):
    return {(stay.slug, other) for stay, other in shown(registry).collisions}


def test_each_layer_is_a_lane_with_its_experiments_by_first_day(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("late", first=FIRST + 5 * WEEK))
        begin(registry, one("early"))
        begin(registry, one("elsewhere", layer="basket"))
        lanes = shown(registry).lanes
    assert [(lane.layer, [stay.slug for stay in lane.stays]) for lane in lanes] == [
        ("basket", ["elsewhere"]),
        ("home", ["early", "late"]),
    ]


def test_a_stay_ends_with_the_last_look_and_shows_an_extension_that_may_come(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("waits", calendar={"maturity_days": 3, "max_extension_days": 7}))
        (stay,) = shown(registry).stays
    assert (stay.last_day, stay.final_day, stay.extension) == (
        FIRST + timedelta(days=27),
        FIRST + timedelta(days=30),
        FIRST + timedelta(days=37),
    )
    assert not stay.extended


def test_an_extension_that_was_used_is_enrolment(tmp_path):
    with a_record(tmp_path) as registry:
        promise = one("extended", calendar={"max_extension_days": 7})
        begin(registry, promise)
        decide(registry, promise, Verdict.EXTEND)
        with registry.append("extended") as record:
            record.event(EventKind.DECIDED, promise.experiment.calendar.last_day)
            record.event(EventKind.EXTENDED, promise.experiment.calendar.last_day)
        (stay,) = shown(registry).stays
    assert stay.extended
    assert (stay.last_day, stay.extension) == (FIRST + timedelta(days=34), None)


def test_two_experiments_of_one_layer_in_the_same_days_collide_and_are_named_once(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("first"))
        begin(registry, one("second", first=FIRST + WEEK))
        begin(registry, one("elsewhere", layer="basket"))
        begin(registry, one("afterwards", first=FIRST + 5 * WEEK))
        found = shown(registry)
        assert collisions(registry) == {("first", "second")}
    assert {stay.slug: stay.with_slugs for stay in found.stays if stay.with_slugs} == {
        "first": ("second",),
        "second": ("first",),
    }


def test_a_promised_extension_holds_the_layer_as_it_does_at_registration(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("first", calendar={"max_extension_days": 7}))
        begin(registry, one("second", first=FIRST + 4 * WEEK))
        assert collisions(registry) == {("first", "second")}


def test_a_withdrawn_experiment_holds_no_layer(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("first"))
        begin(registry, one("second", first=FIRST + WEEK))
        with registry.append("first") as record:
            record.event(EventKind.WITHDRAWN, FIRST)
        found = shown(registry)
    assert not found.collisions
    assert {stay.slug: stay.stage for stay in found.stays}["first"] is Stage.RETIRED


def test_a_collision_with_an_experiment_outside_the_window_is_still_told(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("early"))
        begin(registry, one("late", first=FIRST + 3 * WEEK))
        after = FIRST + 5 * WEEK
        (stay,) = shown(registry, Asked(first=after.isoformat(), last=after.isoformat())).stays
    assert (stay.slug, stay.with_slugs) == ("late", ("early",))


def test_without_a_choice_the_present_quarter_is_shown_if_anything_runs_in_it(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("here"))
        window = shown(registry, Asked(), today=FIRST).window
    assert (window.first, window.last) == (date(2026, 1, 1), date(2026, 3, 31))


def test_else_the_nearest_quarter_in_which_something_begins(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("old", first=date(2008, 3, 3)))
        begin(registry, one("newer", first=date(2019, 11, 4)))
        window = shown(registry, Asked(), today=date(2026, 8, 1)).window
    assert (window.first, window.last) == (date(2019, 10, 1), date(2019, 12, 31))


def test_quarters_with_something_to_see_are_offered_latest_first(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("across", first=date(2026, 3, 16)))
        begin(registry, one("old", first=date(2008, 1, 7)))
        found = shown(registry).quarters
    assert [(one.name, one.experiments) for one in found] == [("2026-Q2", 1), ("2026-Q1", 1), ("2008-Q1", 1)]


def test_a_quarter_or_days_are_shown_as_asked(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("old", first=date(2008, 1, 7)))
        begin(registry, one("new"))
        quarter = shown(registry, Asked(quarter="2008-Q1"))
        days = shown(registry, Asked(first="2026-03-01", last="2026-03-31"))
    assert [stay.slug for stay in quarter.stays] == ["old"]
    assert [stay.slug for stay in days.stays] == ["new"]
    assert days.window.days == 31


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (Asked(first="2026-03-31", last="2026-03-01"), "after the last"),
        (Asked(first="soon"), "YYYY-MM-DD"),
        (Asked(quarter="2020-Q1"), "No experiment runs in 2020-Q1"),
        (Asked(first="0001-01-01", last="9999-12-31"), "longer than 30 years, the most that is shown"),
        (Asked(first="1990-01-01"), "longer than 30 years"),
    ],
)
def test_days_that_cannot_be_shown_are_told_and_something_is_shown_instead(tmp_path, asked, word):
    with a_record(tmp_path) as registry:
        begin(registry, one("here"))
        found = shown(registry, asked)
    assert word in found.problem
    assert [stay.slug for stay in found.stays] == ["here"]


def test_more_than_can_be_shown_at_once_is_cut_to_what_runs(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("old", first=date(2008, 1, 7)))
        begin(registry, one("new"))
        found = shown(registry, Asked(first="0001-01-01", last="9999-12-31"))
        everything = shown(registry, Asked(quarter="all"))
    assert found.window == everything.window
    assert [stay.slug for stay in found.stays] == ["old", "new"]
    assert (found.window.first.year, found.window.last.year, everything.problem) == (2008, 2026, "")


def test_of_a_record_that_is_longer_than_can_be_shown_the_latest_is(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("old", first=date(1970, 1, 5)))
        begin(registry, one("new"))
        found = shown(registry, Asked(quarter="all"))
    assert [stay.slug for stay in found.stays] == ["new"]
    assert found.window.days == MOST_DAYS
    assert "1970-01-02" in found.problem


def test_an_empty_record_is_an_empty_calendar(tmp_path):
    with a_record(tmp_path) as registry:
        found = shown(registry)
    assert (found.experiments, found.lanes, found.quarters) == (0, (), ())


def test_the_page_asks_as_much_of_three_experiments_as_of_thirty(tmp_path):
    asked = {}
    with a_record(tmp_path) as registry:
        for count in (3, 30):
            for number in range(count):
                if f"one-{number}" not in registry.slugs():
                    begin(registry, one(f"one-{number}", layer=f"layer_{number}"))
            with counted() as sent:
                shown(registry)
            asked[count] = len([text for text in sent if text.startswith("SELECT")])
    assert 0 < asked[3] <= 4
    assert asked[3] == asked[30]
