"""Where an experiment stands in the list: what is shown, what is held back, and what a person is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.memo.scenes import START, compared, promise
from trialflow.checks.finding import Status
from trialflow.decision import Decision, FollowUp, Signature, Verdict
from trialflow.overview.brief import Brief
from trialflow.overview.standing import Standing, standing
from trialflow.registry import Event, EventKind

TWO_WEEKS = 14
CALENDAR = {"first_day": START, "last_day": START + timedelta(days=TWO_WEEKS - 1)}
EXTENDABLE = {"calendar": CALENDAR | {"max_extension_days": 7}}


def day(number: int) -> date:
    """The day of the calendar, counted from 1."""
    return START + timedelta(days=number - 1)


def brief(check: str, as_of: int = 8, status: Status = Status.PASS, next_step: str = "", **numbers: Any) -> Brief:
    return Brief(
        check=check, as_of=day(as_of), status=status, headline=f"{check} says", next_step=next_step, numbers=numbers
    )


def effects(*rows: Mapping[str, Any], as_of: int = 8) -> Brief:
    rows = rows or (compared("conversion", control=0.05, estimate=0.002, std_error=0.0005),)
    return brief("effects", as_of, comparisons=list(rows))


def told(*kinds: EventKind | tuple[EventKind, int] | tuple[EventKind, int, dict[str, Any]]) -> list[Event]:
    """Registration and validation on the eve, then these events on their days."""
    given = [
        (EventKind.REGISTERED, 0),
        (EventKind.VALIDATED, 0),
        *(one if isinstance(one, tuple) else (one, 8) for one in kinds),
    ]
    return [
        Event(slug="ranker-v7", kind=kind, as_of=day(on), detail=more[0] if more else {}, sequence=number)
        for number, (kind, on, *more) in enumerate(given)
    ]


def at(
    *briefs: Brief,
    events: list[Event] | None = None,
    decided_as: Decision | None = None,
    today: int = 8,
    **changes: Any,
) -> Standing:
    """The standing at the end of a day; `changes` are the promise's."""
    return standing(
        promise(**changes),
        told() if events is None else events,
        {one.check: one for one in briefs},
        decided_as,
        today=day(today),
    )


def decided(verdict: Verdict, *, signed: Verdict | None = None, variant: str = "v7", **changes: Any) -> Decision:
    signature = signed and Signature(
        verdict=signed,
        recommended=verdict,
        signed_by="ada",
        signed_on=day(14),
        decision="x",
        variant=variant,
        **changes,
    )
    return Decision(
        experiment="ranker-v7",
        as_of=day(14),
        verdict=verdict,
        reasons=(),
        findings={},
        variant=variant,
        signature=signature,
    )


# What is held back


def test_under_a_failed_split_no_effect_is_shown():
    healthy = at(effects(), brief("srm"))
    assert healthy.effect is not None
    assert healthy.effect.estimate == pytest.approx(0.04)
    broken = at(effects(), brief("srm", status=Status.FAIL, next_step="Find the cause"))
    assert broken.effect is None
    assert broken.next_step == "Find the cause"


@pytest.mark.parametrize("status", [one for one in Status if one is not Status.FAIL])
def test_only_a_failed_split_hides_effects(status):
    assert at(effects(), brief("srm", status=status)).effect is not None


def test_before_anything_was_compared_there_is_no_effect():
    assert at(brief("srm")).effect is None
    assert at(brief("effects", comparisons=[])).effect is None


# The effect


def test_the_effect_is_the_primary_one_of_the_whole_audience():
    row = compared("conversion", control=0.05, estimate=0.002, std_error=0.0005)
    inside = compared("conversion", control=0.05, estimate=0.01, std_error=0.0005, segment_dimension="device")
    other = compared("revenue", control=2.0, estimate=1.5, std_error=0.1, role="secondary")
    found = at(effects(inside, other, row)).effect
    assert (found.metric, found.variant, found.as_of) == ("conversion", "v7", day(8))
    assert found.estimate == pytest.approx(0.04)
    assert (found.lower, found.upper) == (pytest.approx(0.0204), pytest.approx(0.0596))
    assert found.minimum == 0.02


VARIANTS = [
    {"name": "control", "role": "control", "weight": 0.4},
    {"name": "v7", "role": "treatment", "weight": 0.3},
    {"name": "v8", "role": "treatment", "weight": 0.3},
]


def test_of_several_treatments_the_largest_gain_leads_until_one_is_decided_on():
    rows = [
        compared("conversion", control=0.05, estimate=gain, std_error=0.0005, variant=name)
        for name, gain in (("v7", 0.001), ("v8", 0.002))
    ]
    assert at(effects(*rows), variants=VARIANTS).effect.variant == "v8"
    chosen = at(effects(*rows), variants=VARIANTS, decided_as=decided(Verdict.SHIP, signed=Verdict.SHIP))
    assert chosen.effect.variant == "v7"


@pytest.mark.parametrize(
    ("metric", "direction", "gain", "good"),
    [
        ("conversion", "increase", 0.01, True),
        ("conversion", "increase", -0.01, False),
        ("latency", "decrease", -0.01, True),
        ("latency", "decrease", 0.01, False),
        ("conversion", "increase", 0.0005, None),
    ],
)
def test_good_and_bad_follow_the_metrics_direction(metric, direction, gain, good):
    row = compared(metric, control=0.05, estimate=gain, std_error=0.001, direction=direction)
    metrics = {"primary": {"metric": metric, "minimum_effect": {"relative": 0.02}}, "guardrails": []}
    found = at(effects(row), metrics=metrics).effect
    assert found.good is good
    assert found.minimum == (0.02 if direction == "increase" else -0.02)


def test_an_absolute_smallest_effect_is_shown_as_a_share_of_control():
    metrics = {"primary": {"metric": "conversion", "minimum_effect": {"absolute": 0.005}}, "guardrails": []}
    assert at(effects(), metrics=metrics).effect.minimum == pytest.approx(0.1)


# Guardrails


GUARDED = {
    "primary": {"metric": "conversion", "minimum_effect": {"relative": 0.02}},
    "guardrails": [
        {"metric": "latency", "margin": {"relative": 0.02}},
        {"metric": "revenue", "margin": {"relative": 0.02}},
    ],
}


def guardrails(*rows: tuple[str, str, bool]) -> Brief:
    compared = [{"metric": metric, "variant": variant, "non_inferior": within} for metric, variant, within in rows]
    return brief("guardrails", comparisons=compared)


def test_a_guardrail_counts_once_it_is_shown_within_its_margin_for_every_treatment():
    both = guardrails(
        ("latency", "v7", True), ("latency", "v8", True), ("revenue", "v7", True), ("revenue", "v8", False)
    )
    found = at(both, variants=VARIANTS, metrics=GUARDED)
    assert (found.guardrails_shown, found.guardrails) == (1, 2)


def test_a_guardrail_that_was_not_compared_is_not_shown():
    assert at(metrics=GUARDED).guardrails_shown == 0
    assert at(guardrails(("latency", "v7", True)), metrics=GUARDED).guardrails_shown == 1


def test_other_metrics_count_for_no_guardrail():
    assert at(guardrails(("visits", "v7", True)), metrics=GUARDED).guardrails_shown == 0


# Days


def test_the_day_counts_from_the_first_and_stops_with_the_calendar():
    assert at(brief("srm", 1), today=1).day == 1
    assert at(brief("srm", 8)).day == 8
    assert at(brief("srm", 40), today=40).day == TWO_WEEKS
    assert at().day == 0


def test_an_extension_that_is_used_makes_the_calendar_longer():
    extended = told((EventKind.ANALYSED, 14), (EventKind.DECIDED, 14), (EventKind.EXTENDED, 14))
    found = at(brief("srm", 18), events=extended, today=18, **EXTENDABLE)
    assert (found.day, found.days, found.last_day) == (18, 21, day(21))
    assert at(**EXTENDABLE).days == TWO_WEEKS


def test_information_is_what_the_check_says():
    assert at(brief("information", fraction=0.4)).information == 0.4
    assert at().information is None


# The expected decision


def test_without_a_forecast_a_decision_is_expected_on_the_last_look():
    assert at().expected_decision == day(14)
    assert at(events=told()[:1], today=0).expected_decision == day(14)


def test_while_it_runs_the_earliest_day_that_the_data_forecast_counts():
    rows = [{"expected_decision": str(day(12))}, {"expected_decision": str(day(10))}, {"expected_decision": None}]
    assert at(brief("information", forecast=rows)).expected_decision == day(10)


def test_an_extension_moves_the_expected_decision():
    extended = told((EventKind.ANALYSED, 14), (EventKind.DECIDED, 14), (EventKind.EXTENDED, 14))
    assert at(brief("srm", 16), events=extended, today=16, **EXTENDABLE).expected_decision == day(21)


@pytest.mark.parametrize("kind", [EventKind.ANALYSED, EventKind.DECIDED, EventKind.WITHDRAWN])
def test_nothing_is_expected_once_it_is_judged_or_over(kind):
    before = [(EventKind.ANALYSED, 14)] if kind is EventKind.DECIDED else []
    assert at(events=told(*before, (kind, 14)), today=14).expected_decision is None


# The next step


def test_the_next_step_of_each_stage():
    signed = told((EventKind.ANALYSED, 14), (EventKind.DECIDED, 14))
    assert "A/A validation before" in at(events=told()[:1], today=0).next_step
    assert "Not validated" in at(events=told()[:1], today=3).next_step
    assert "Starts on" in at(today=0).next_step
    assert "Next look on" in at(brief("srm", 5), today=5).next_step
    assert at(events=told((EventKind.ANALYSED, 14)), today=14).next_step == "Sign the verdict"
    held = decided(Verdict.HOLD, signed=Verdict.HOLD)
    assert at(events=signed, decided_as=held, today=14).next_step == f"Nothing more: ended with {Verdict.HOLD}"


def test_the_next_look_is_the_first_that_is_not_over():
    on_it, after = (at(brief("srm", number), today=number).next_step for number in (7, 8))
    assert on_it in ("Next look on 8 Mar 2026", "Next look on 2026-03-08")
    assert after in ("Next look on 15 Mar 2026", "Next look on 2026-03-15")


@pytest.mark.parametrize("status", [Status.FAIL, Status.NO_DATA])
def test_what_is_urgent_goes_before_the_calendar(status):
    alarm = brief("completeness", status=status, next_step="Load the missing days")
    assert at(alarm).next_step == "Load the missing days"


def test_a_warning_does_not_take_the_next_steps_place():
    assert "Next look" in at(brief("completeness", status=Status.WARN, next_step="Watch it")).next_step


URGENT_ONES = [
    brief("srm", status=Status.FAIL, next_step="srm"),
    brief("completeness", status=Status.FAIL, next_step="completeness"),
    brief("harm", status=Status.FAIL, next_step="harm"),
    brief("guardrails", status=Status.FAIL, next_step="guardrails"),
    brief("effects", status=Status.FAIL, next_step="effects"),
    brief("information", status=Status.FAIL, next_step="information"),
    brief("another", status=Status.FAIL, next_step="another"),
    brief("other", status=Status.FAIL, next_step="other"),
]


@given(st.permutations(URGENT_ONES), st.integers(1, len(URGENT_ONES)))
def test_of_several_alarms_the_same_is_told_in_whatever_order_they_come(shuffled, count):
    found = shuffled[:count]
    first = min(found, key=URGENT_ONES.index)
    assert at(*found).next_step == first.next_step


@given(st.permutations([brief("srm"), *(replace(one, status=Status.NO_DATA) for one in URGENT_ONES[1:])]))
def test_what_failed_is_told_before_what_has_no_data(shuffled):
    failed = brief("zeal", status=Status.FAIL, next_step="zeal")
    assert at(*shuffled, failed).next_step == "zeal"
    assert at(failed, *shuffled).next_step == "zeal"
    assert at(*shuffled).next_step == "completeness"


@pytest.mark.parametrize("today", [8, 10, 14, 20])
def test_a_pause_goes_before_everything_while_it_lasts(today):
    paused = told((EventKind.PAUSED, 5))
    alarm = brief("srm", 4, status=Status.FAIL, next_step="Find the cause")
    found = at(alarm, events=paused, today=today)
    assert found.next_step.startswith("Paused")
    assert found.late_since is None


@pytest.mark.parametrize("today", [8, 9, 12, 30])
def test_a_stop_asks_for_the_final_analysis_on_whatever_day_it_is_read(today):
    found = at(brief("srm"), events=told((EventKind.STOPPED, 8)), today=today)
    assert found.next_step == "Final analysis for 9 Mar 2026 is due"
    assert found.late_since is None


def test_the_analysis_that_a_stop_asks_for_goes_before_a_day_that_nobody_looked_at():
    found = at(brief("srm", 6), events=told((EventKind.STOPPED, 8)), today=12)
    assert found.next_step == "Final analysis for 9 Mar 2026 is due"
    assert found.late_since == day(7)


# Days that nobody looked at


def late(*seen: int, events: list[Event] | None = None, today: int, **changes: Any) -> int | None:
    """The number of the day since which nothing was looked at, where one is late."""
    found = at(*(brief("srm", number) for number in seen), events=events, today=today, **changes).late_since
    return (found - START).days + 1 if found else None


def test_a_day_is_late_once_its_grace_is_over():
    assert [late(5, today=number) for number in (5, 6, 7, 8)] == [None, None, 6, 6]
    assert [late(today=number) for number in (0, 1, 2, 9)] == [None, None, 1, 1]


def test_the_last_day_is_late_like_any_other():
    assert [late(13, today=number) for number in (14, 15, 30)] == [None, 14, 14]
    assert "Nothing was looked at since 15 Mar 2026" in at(brief("srm", 13), today=15).next_step


def test_after_the_last_day_nothing_more_is_late():
    assert late(14, today=40) is None
    assert at(brief("srm", 14), today=40).next_step == "Final analysis for 15 Mar 2026 is due"


def test_days_that_a_pause_left_out_are_not_late_after_it():
    resumed = told((EventKind.PAUSED, 5), (EventKind.RESUMED, 9))
    assert [late(4, events=resumed, today=number) for number in (9, 10, 12)] == [None, 9, 9]
    assert late(9, events=resumed, today=10) is None


def test_a_day_that_was_missed_before_a_pause_is_late_after_it():
    assert late(3, events=told((EventKind.PAUSED, 5), (EventKind.RESUMED, 9)), today=10) == 4


def test_until_the_last_unit_of_a_stopped_one_has_matured_days_can_be_late():
    waits = {"calendar": CALENDAR | {"maturity_days": 3}}
    stopped = told((EventKind.STOPPED, 6))
    assert [late(7, events=stopped, today=number, **waits) for number in (8, 9, 10)] == [None, 8, 8]
    assert [late(9, events=stopped, today=number, **waits) for number in (10, 11, 20)] == [None, None, None]
    done = at(brief("srm", 9), events=stopped, today=12, **waits)
    assert done.next_step == "Final analysis for 10 Mar 2026 is due"


def test_nothing_is_late_once_a_boundary_has_asked_for_the_analysis():
    crossed = told((EventKind.ANALYSIS_DUE, 7))
    assert late(7, events=crossed, today=12) is None
    assert at(brief("srm", 7), events=crossed, today=12).next_step == "Final analysis for 8 Mar 2026 is due"


def test_the_days_of_an_old_life_are_not_late_in_the_new_one():
    again = {"calendar": {"first_day": day(20), "last_day": day(33)}}
    reopened = told((EventKind.AMENDED, 8, {"reopens": True}), (EventKind.VALIDATED, 18))
    assert [late(6, events=reopened, today=number, **again) for number in (12, 20, 21, 25)] == [None, None, 20, 20]


def test_nothing_is_late_before_the_validation():
    again = {"calendar": {"first_day": day(10), "last_day": day(23)}}
    reopened = told((EventKind.AMENDED, 8, {"reopens": True}), (EventKind.VALIDATED, 13))
    assert [late(6, events=reopened, today=number, **again) for number in (12, 13, 14)] == [None, None, 13]


def test_days_of_a_used_extension_can_be_late():
    extended = told((EventKind.ANALYSED, 14), (EventKind.DECIDED, 14), (EventKind.EXTENDED, 14))
    assert [late(14, events=extended, today=number, **EXTENDABLE) for number in (15, 16, 22, 40)] == [None, 15, 15, 15]
    assert late(20, events=extended, today=40, **EXTENDABLE) == 21


def test_a_replay_is_never_late():
    assert late(5, today=12, replay=True) is None


RAMP = {"rollout": [{"share": 0.5, "days": 3}, {"share": 1.0, "days": 7}], "watch_days": 7}
SIGNED = ((EventKind.ANALYSED, 14), (EventKind.DECIDED, 14))


def test_a_shipped_one_goes_up_its_ramp_and_is_watched_by_itself():
    shipped = decided(Verdict.SHIP, signed=Verdict.SHIP)
    rolling, launched = (EventKind.ROLLOUT_STEP, 15), (EventKind.LAUNCHED, 25)

    def after(*events: Any) -> str:
        return at(events=told(*SIGNED, *events), decided_as=shipped, today=30, decision=RAMP).next_step

    assert after() == "The ramp begins by itself"
    assert after(rolling) == "The ramp goes on by itself while its gates are quiet"
    assert after(rolling, launched) == "Watched after the launch"
    assert after(rolling, launched, (EventKind.WATCHED, 30)) == "Nothing more: launched"


def test_a_held_one_has_no_ramp_however_it_is_promised():
    held = decided(Verdict.SHIP, signed=Verdict.HOLD)
    assert "ramp" not in at(events=told(*SIGNED), decided_as=held, today=30, decision=RAMP).next_step


def test_what_is_open_of_a_signature_is_the_next_step():
    asked = FollowUp(action="Measure the cost", owner="grace", due=day(60))
    held = decided(Verdict.HOLD, signed=Verdict.HOLD, follow_ups=(asked,))
    signed = (EventKind.SIGNED, 14, held.signature.document())
    step = at(
        events=told((EventKind.ANALYSED, 14), signed, (EventKind.DECIDED, 14)), decided_as=held, today=30
    ).next_step
    assert "Measure the cost" in step
    assert "grace" in step


# Words


def test_simulated_data_and_replays_are_said_so():
    assert at().labels == ("simulated",)
    assert at(replay=True).labels == ("simulated", "replay")


def test_the_last_day_that_was_looked_at_is_the_latest_of_all_findings():
    assert at(brief("srm", 5), brief("effects", 8, comparisons=[])).as_of == day(8)
    assert at().as_of is None
