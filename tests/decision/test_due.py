"""When a final analysis is due."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.decision.test_weigh import findings_of, guarded
from tests.fakes import a_promise, day, moments_of, path_of_z, summary_of_moments
from trialflow.checks.finding import Finding, Status
from trialflow.decision import dues
from trialflow.spec.promise import Promise

UNITS = 1_000.0


def due_on(promise: Promise, findings: dict[str, Finding], number: int) -> list[int]:
    """Days of the calendar on which an analysis is due, as seen on a day."""
    return [(one.as_of - day(1)).days + 1 for one in dues(promise, findings, day(number))]


def run(promise: Promise, z: Any, *, latency: float = 0.0, new_units: Any = None) -> list[int]:
    path = path_of_z(promise, z, units_a_day=UNITS)
    metrics = {"value": path, "latency": moments_of(path.n, [1.0, 1.0 + latency])}
    summary = summary_of_moments(promise, metrics, new_units=new_units)
    return due_on(promise, findings_of(promise, summary), len(path.n))


def path(days: int, **at: float) -> Any:
    z = np.zeros(days)
    for name, value in at.items():
        z[int(name.removeprefix("on_")) - 1] = value
    return z


def test_nothing_is_due_before_the_end_without_a_reason() -> None:
    assert run(guarded(), path(27)) == []


def test_the_last_look_is_due_whatever_it_says() -> None:
    assert run(guarded(), path(28)) == [28]


def test_the_last_look_waits_for_maturity() -> None:
    promise = guarded(calendar={"first_day": day(1), "last_day": day(28), "maturity_days": 3})
    assert run(promise, path(28)) == []
    assert run(promise, path(31)) == [31]


def test_a_benefit_at_an_interim_look_is_due_there() -> None:
    assert run(guarded(), path(14, on_14=4.0)) == [14]
    assert run(guarded(), path(28, on_14=4.0)) == [14]


def test_a_benefit_crossed_within_a_week_is_decided_when_the_week_is_full() -> None:
    promise = guarded(analysis={"stopping": {"policy": "always_valid", "looks": []}})
    crossed = path(14, on_10=8.0)
    assert run(promise, crossed[:13]) == []
    assert run(promise, crossed) == [14]


def test_a_replay_is_decided_at_once() -> None:
    promise = guarded(analysis={"stopping": {"policy": "always_valid", "looks": []}}, replay=True)
    assert run(promise, path(14, on_10=8.0)) == [10]


def test_a_benefit_waits_for_its_guardrails() -> None:
    # 200 units a day: the guardrail's margin of .2 is shown only at a later look than the benefit
    promise = guarded(planned=200.0 * 14)
    z = path(28, on_7=6.0)
    moments = path_of_z(promise, z, units_a_day=200.0)
    latency = moments_of(moments.n, [1.0, 1.11])
    found = findings_of(promise, summary_of_moments(promise, {"value": moments, "latency": latency}))
    shown = found["guardrails"].evidence["shown_on"]["new|latency"]
    assert found["effects"].evidence["crossed_on"] == {"new": day(7).isoformat()}
    assert shown in {day(14).isoformat(), day(21).isoformat()}
    assert due_on(promise, found, 28) == [14 if shown == day(14).isoformat() else 21]


def test_a_benefit_whose_guardrail_is_never_shown_is_due_at_the_end() -> None:
    assert run(guarded(), path(28, on_7=6.0), latency=0.19) == [28]


def test_guardrails_that_are_not_required_are_not_waited_for() -> None:
    promise = guarded(decision={"require_guardrails": False})
    assert run(promise, path(14, on_7=6.0), latency=0.19) == [7]


def test_without_guardrails_a_benefit_waits_for_none() -> None:
    promise = a_promise(planned=UNITS * 14)
    assert run(promise, path(14, on_7=6.0)) == [7]


def test_harm_is_due_at_once() -> None:
    assert run(guarded(), path(10, on_9=-8.0)) == [9]


def test_a_broken_split_is_due_at_once_and_comes_first() -> None:
    units = np.full((14, 2), 1_000)
    units[5:, 1] = 500
    (first, *rest) = run(guarded(), path(14, on_9=-8.0), new_units=units)
    assert 6 <= first <= 8
    assert rest == []


EXTENDABLE = {"planned": UNITS * 20, "calendar": {"first_day": day(1), "last_day": day(28), "max_extension_days": 14}}


def test_an_extension_gives_a_second_analysis() -> None:
    promise = guarded(**EXTENDABLE)
    assert run(promise, path(28)) == [28]
    assert run(promise, path(41)) == [28]
    assert run(promise, path(42)) == [28, 42]


def test_harm_within_the_extension_is_due_at_once() -> None:
    assert run(guarded(**EXTENDABLE), path(35, on_33=-8.0)) == [28, 33]


def test_a_benefit_on_the_last_day_needs_no_second_analysis() -> None:
    assert run(guarded(**EXTENDABLE), path(42, on_28=4.0)) == [28]


def test_harm_on_the_last_day_needs_no_second_analysis() -> None:
    assert run(guarded(**EXTENDABLE), path(42, on_28=-8.0)) == [28]


def test_an_analysis_once_due_stays_due_on_every_later_day() -> None:
    promise = guarded()
    z = path(28, on_14=4.0, on_20=-9.0)
    assert {tuple(run(promise, z[:number])) for number in range(14, 29)} == {(14,)}


@pytest.mark.parametrize("number", [10, 28])
def test_where_effects_were_suppressed_only_the_calendar_speaks(number: int) -> None:
    names = ("effects", "guardrails", "harm", "information")
    suppressed = {
        name: Finding(
            experiment="ranker-v7",
            check=name,
            as_of=day(number),
            status=Status.NOT_APPLICABLE,
            headline="Not computed.",
            evidence={"suppressed": "the day is not complete"},
        )
        for name in names
    }
    assert due_on(guarded(), suppressed, number) == ([28] if number == 28 else [])
