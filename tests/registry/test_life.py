from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialflow.registry import Event, EventKind, Life, Registry, Stage, fold, stage
from trialflow.registry.life import STEPS
from trialflow.spec.experiment import Calendar

from . import samples

CALENDAR = Calendar(
    first_day=date(2026, 3, 2), last_day=date(2026, 3, 15), maturity_days=3, max_extension_days=7, time_zone="UTC"
)
FINAL = CALENDAR.final_day()


def day(number: int) -> date:
    """A day counted from 1 = first_day; 0 is the day before."""
    return CALENDAR.first_day + timedelta(days=number - 1)


def told(*happened: tuple[EventKind, date]) -> list[Event]:
    """Events recorded in the order given, after a registration."""
    everything = [(EventKind.REGISTERED, day(-30)), *happened]
    return [
        Event(slug="ranker", kind=kind, as_of=as_of, detail={}, sequence=sequence)
        for sequence, (kind, as_of) in enumerate(everything, start=1)
    ]


VALIDATED = (EventKind.VALIDATED, day(0))
ANALYSED = (EventKind.ANALYSED, FINAL)
DECIDED = (EventKind.DECIDED, FINAL)
AFTER = FINAL + timedelta(days=1)

LIVES = {
    "registered, nothing yet": ([], day(0), Stage.REGISTERED),
    "the first day passes without validation": ([], day(1), Stage.BLOCKED),
    "validated before the first day": ([VALIDATED], day(0), Stage.VALIDATED),
    "the first day comes": ([VALIDATED], day(1), Stage.RUNNING),
    "validation waived": ([(EventKind.WAIVED, day(0))], day(1), Stage.RUNNING),
    "validation failed before the first day": ([(EventKind.VALIDATION_FAILED, day(-1))], day(-1), Stage.BLOCKED),
    "still blocked on the first day": ([(EventKind.VALIDATION_FAILED, day(-1))], day(1), Stage.BLOCKED),
    "failed, then repaired": ([(EventKind.VALIDATION_FAILED, day(-1)), VALIDATED], day(1), Stage.RUNNING),
    "failed and waived the same day": (
        [(EventKind.VALIDATION_FAILED, day(0)), (EventKind.WAIVED, day(0))],
        day(0),
        Stage.VALIDATED,
    ),
    "validated late: blocked until then": ([(EventKind.VALIDATED, day(4))], day(3), Stage.BLOCKED),
    "validated late: running from then": ([(EventKind.VALIDATED, day(4))], day(4), Stage.RUNNING),
    "a validation that fails after the start is news, no stage": (
        [VALIDATED, (EventKind.VALIDATION_FAILED, day(5))],
        day(6),
        Stage.RUNNING,
    ),
    "running until analysed": ([VALIDATED], FINAL + timedelta(days=9), Stage.RUNNING),
    "analysed": ([VALIDATED, ANALYSED], FINAL, Stage.ANALYSED),
    "not analysed yet the day before": ([VALIDATED, ANALYSED], FINAL - timedelta(days=1), Stage.RUNNING),
    "decided the same day": ([VALIDATED, ANALYSED, DECIDED], FINAL, Stage.DECIDED),
    "a signature counts from the day of the decision": (
        [VALIDATED, ANALYSED, (EventKind.SIGNED, FINAL), (EventKind.DECIDED, AFTER)],
        FINAL,
        Stage.ANALYSED,
    ),
    "signed and decided": (
        [VALIDATED, ANALYSED, (EventKind.SIGNED, FINAL), (EventKind.DECIDED, AFTER)],
        AFTER,
        Stage.DECIDED,
    ),
    "news about a rollout changes no stage": (
        [VALIDATED, ANALYSED, DECIDED, (EventKind.ROLLOUT_STEP, AFTER), (EventKind.ROLLOUT_PAUSED, AFTER)],
        AFTER,
        Stage.ROLLING_OUT,
    ),
    "extended": ([VALIDATED, ANALYSED, DECIDED, (EventKind.EXTENDED, FINAL)], FINAL, Stage.RUNNING),
    "ramp": ([VALIDATED, ANALYSED, DECIDED, (EventKind.ROLLOUT_STEP, AFTER)], AFTER, Stage.ROLLING_OUT),
    "launched": (
        [VALIDATED, ANALYSED, DECIDED, (EventKind.ROLLOUT_STEP, AFTER), (EventKind.LAUNCHED, AFTER)],
        AFTER,
        Stage.LAUNCHED,
    ),
    "rolled back from the verdict": (
        [VALIDATED, ANALYSED, DECIDED, (EventKind.ROLLED_BACK, AFTER)],
        AFTER,
        Stage.ROLLED_BACK,
    ),
    "rolled back from the ramp": (
        [VALIDATED, ANALYSED, DECIDED, (EventKind.ROLLOUT_STEP, AFTER), (EventKind.ROLLED_BACK, AFTER)],
        AFTER,
        Stage.ROLLED_BACK,
    ),
    "held and retired": ([VALIDATED, ANALYSED, DECIDED, (EventKind.RETIRED, AFTER)], AFTER, Stage.RETIRED),
    "withdrawn before it ran": ([(EventKind.WITHDRAWN, day(-2))], day(1), Stage.RETIRED),
    "withdrawn while running": ([VALIDATED, (EventKind.WITHDRAWN, day(5))], day(5), Stage.RETIRED),
    "nothing happens to the retired": (
        [(EventKind.WITHDRAWN, day(-2)), VALIDATED, ANALYSED, DECIDED],
        AFTER,
        Stage.RETIRED,
    ),
    "what is blocked cannot be analysed": ([ANALYSED, DECIDED], AFTER, Stage.BLOCKED),
    "what is not decided cannot be launched": ([VALIDATED, (EventKind.LAUNCHED, day(5))], day(5), Stage.RUNNING),
}


@pytest.mark.parametrize("name", LIVES)
def test_the_stage(name: str) -> None:
    happened, as_of, expected = LIVES[name]
    assert stage(told(*happened), CALENDAR, as_of) is expected


def test_every_stage_can_be_reached() -> None:
    assert {expected for _, _, expected in LIVES.values()} == set(Stage)


def test_since_is_the_day_that_brought_it_there() -> None:
    assert fold(told(), CALENDAR, day(0)) == Life()
    assert fold(told(), CALENDAR, day(9)).since == day(1)
    assert fold(told(VALIDATED), CALENDAR, day(0)).since == day(0)
    assert fold(told(VALIDATED), CALENDAR, day(9)).since == day(1)
    assert fold(told((EventKind.VALIDATED, day(4))), CALENDAR, day(9)).since == day(4)
    assert fold(told(VALIDATED, ANALYSED, DECIDED), CALENDAR, AFTER).since == FINAL


def test_a_pause_lasts_until_the_resumption() -> None:
    events = told(VALIDATED, (EventKind.PAUSED, day(3)), (EventKind.RESUMED, day(5)))
    assert [fold(events, CALENDAR, day(number)).paused for number in range(2, 7)] == [False, True, True, False, False]
    assert stage(events, CALENDAR, day(4)) is Stage.RUNNING


@pytest.mark.parametrize(
    ("happened", "due"),
    [
        ([], FINAL),
        ([(EventKind.ANALYSIS_DUE, day(7))], day(7)),
        ([(EventKind.ANALYSIS_DUE, day(10)), (EventKind.ANALYSIS_DUE, day(7))], day(7)),
        ([(EventKind.STOPPED, day(4))], day(4) + timedelta(days=CALENDAR.maturity_days)),
        ([(EventKind.STOPPED, day(13))], day(13) + timedelta(days=CALENDAR.maturity_days)),
    ],
)
def test_the_analysis_is_due_from_its_day_on(happened: Sequence[tuple[EventKind, date]], due: date) -> None:
    events = told(VALIDATED, *happened)
    assert fold(events, CALENDAR, due - timedelta(days=1)).analysis_due is None
    assert fold(events, CALENDAR, due).analysis_due == due
    assert fold(events, CALENDAR, due + timedelta(days=30)).analysis_due == due


def test_a_stop_by_a_person_is_shown() -> None:
    events = told(VALIDATED, (EventKind.STOPPED, day(4)))
    assert [fold(events, CALENDAR, day(number)).stopped for number in (3, 4)] == [False, True]


def test_an_analysis_made_is_due_no_more() -> None:
    assert fold(told(VALIDATED, ANALYSED), CALENDAR, AFTER).analysis_due is None


def test_what_is_not_running_is_never_due() -> None:
    assert fold(told((EventKind.ANALYSIS_DUE, day(2))), CALENDAR, AFTER).analysis_due is None


def test_an_extension_gives_a_new_final_day_and_happens_once() -> None:
    events = told(VALIDATED, ANALYSED, DECIDED, (EventKind.EXTENDED, FINAL))
    final = CALENDAR.final_day(extended=True)
    assert fold(events, CALENDAR, FINAL) == Life(stage=Stage.RUNNING, since=FINAL, extended=True)
    assert fold(events, CALENDAR, final - timedelta(days=1)).analysis_due is None
    assert fold(events, CALENDAR, final).analysis_due == final


def test_an_amendment_with_a_new_first_day_begins_a_new_life() -> None:
    *former, amended = told(VALIDATED, ANALYSED, DECIDED, (EventKind.RETIRED, AFTER), (EventKind.AMENDED, AFTER))
    reopening = dataclasses.replace(amended, detail={"reopens": True})
    later = Calendar(first_day=date(2026, 5, 4), last_day=date(2026, 5, 17))
    assert stage([*former, amended], later, date(2026, 5, 4)) is Stage.RETIRED
    assert stage([*former, reopening], later, date(2026, 5, 3)) is Stage.REGISTERED
    assert stage([*former, reopening], later, date(2026, 5, 4)) is Stage.BLOCKED
    validated = dataclasses.replace(reopening, kind=EventKind.VALIDATED, as_of=date(2026, 5, 3), detail={}, sequence=99)
    assert stage([*former, reopening, validated], later, date(2026, 5, 4)) is Stage.RUNNING


happenings = st.lists(st.tuples(st.sampled_from(EventKind), st.integers(-3, 30).map(day)), max_size=8)
days = st.integers(-5, 40).map(day)


@given(happenings, days, st.randoms(use_true_random=False))
def test_the_order_in_which_events_are_given_does_not_matter(
    happened: list[tuple[EventKind, date]], as_of: date, random: st.DataObject
) -> None:
    events = told(*happened)
    shuffled = events.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fold(shuffled, CALENDAR, as_of) == fold(events, CALENDAR, as_of)


@given(happenings, happenings, days)
def test_the_future_never_changes_the_past(
    happened: list[tuple[EventKind, date]], later: list[tuple[EventKind, date]], as_of: date
) -> None:
    future = [(kind, as_of + timedelta(days=1 + at)) for at, (kind, _) in enumerate(later)]
    assert fold(told(*happened, *future), CALENDAR, as_of) == fold(told(*happened), CALENDAR, as_of)


@given(happenings, days)
def test_a_life_only_takes_steps_of_the_table(happened: list[tuple[EventKind, date]], as_of: date) -> None:
    allowed = {(origin, target) for origins, target in STEPS.values() for origin in origins}
    allowed |= {(Stage.VALIDATED, Stage.RUNNING), (Stage.REGISTERED, Stage.BLOCKED)}
    events = told(*happened)
    before = fold(events[:-1], CALENDAR, as_of).stage
    last = dataclasses.replace(events[-1], as_of=as_of)
    after = fold([*events[:-1], last], CALENDAR, as_of).stage
    # A validation on or after the first day is followed by the calendar's own step.
    two_steps = {(Stage.BLOCKED, Stage.RUNNING), (Stage.REGISTERED, Stage.RUNNING)}
    assert before is after or (before, after) in allowed | two_steps


def test_the_registry_tells_where_experiments_stand(registry: Registry) -> None:
    samples.register(registry)
    registry.register(samples.DOCUMENT, {}, "f", "other", by="ada")
    with registry.append(samples.SLUG) as writer:
        writer.event(EventKind.VALIDATED, samples.day(0))
    assert registry.life(samples.SLUG, samples.day(1)).stage is Stage.RUNNING
    assert {slug: life.stage for slug, life in registry.lives(samples.day(1)).items()} == {
        "other": Stage.BLOCKED,
        "ranker": Stage.RUNNING,
    }
    assert registry.in_stage(samples.day(1), Stage.RUNNING) == ("ranker",)
    assert registry.in_stage(samples.day(0), Stage.REGISTERED, Stage.VALIDATED) == ("other", "ranker")
    assert registry.in_stage(samples.day(0)) == ()
