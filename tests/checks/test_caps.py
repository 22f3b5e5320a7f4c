"""Caps promised as a quantile: what registration refuses and what it keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes import a_metric, a_promise, day
from trialflow.checks.caps import cap_problems, caps
from trialflow.checks.finding import Status
from trialflow.spec.promise import Plan, PlannedCap, Promise


def capped(*found: PlannedCap) -> Promise:
    promise = a_promise(definitions=[a_metric("value", cap={"quantile": 0.99})])
    return replace(promise, plan=Plan(caps=found))


def found(value: float = 80.0, units: int = 2_000) -> PlannedCap:
    return PlannedCap(metric="value", quantile=0.99, value=value, units=units, origin="28 days before")


def test_a_quantile_that_the_history_tells_is_accepted() -> None:
    assert cap_problems(capped(found())) == ()


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ((), "there is no history to find it in"),
        ((found(units=1_000),), "the 1,000 units of the history are too few"),  # 1,000 × .99 × .01 = 9.9
        ((found(value=0.0),), "is 0 in the history"),
    ],
)
def test_what_the_history_cannot_tell_is_refused_with_a_cure(known: tuple[PlannedCap, ...], words: str) -> None:
    (problem,) = cap_problems(capped(*known))
    assert (problem.where, problem.field, problem.value) == ("metrics/value.yaml", "cap.quantile", "0.99")
    assert problem.message.startswith(words)
    assert problem.cure.startswith("write cap: {value: …}")


def test_a_stated_value_needs_no_history() -> None:
    assert cap_problems(a_promise(definitions=[a_metric("value", cap={"value": 3.0})])) == ()


def test_the_finding_keeps_the_value_with_its_origin() -> None:
    finding = caps(capped(found()), day(1)).finding
    assert finding.status is Status.PASS
    assert "value at 80" in finding.headline
    assert finding.evidence["caps"] == [
        {"metric": "value", "quantile": 0.99, "value": 80.0, "units": 2_000, "origin": "28 days before"}
    ]
    assert caps(capped(), day(1)).finding.status is Status.NOT_APPLICABLE
