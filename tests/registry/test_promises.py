from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from trialflow.errors import LockedError, UnknownExperimentError
from trialflow.registry import EventKind, Registry

from . import samples


def changed(**calendar: str) -> dict[str, Any]:
    """The sample promise with another calendar."""
    document = copy.deepcopy(samples.DOCUMENT)
    document["experiment"]["calendar"] |= calendar
    return document


def test_a_registration_is_locked_under_version_one(registry: Registry) -> None:
    registered = registry.register(samples.DOCUMENT, samples.PLAN, "f1", "ranker", by="ada", reason="first")
    assert (registered.version, registered.created, registered.amended) == (1, True, False)
    promise = registry.promise("ranker")
    assert promise.document == samples.DOCUMENT
    assert promise.plan == samples.PLAN
    assert (promise.fingerprint, promise.by, promise.reason) == ("f1", "ada", "first")
    assert promise.calendar.first_day == samples.FIRST_DAY
    assert [event.kind for event in registry.events("ranker")] == [EventKind.REGISTERED]


def test_the_same_promise_again_records_nothing(registry: Registry) -> None:
    samples.register(registry)
    before = registry.digest("ranker")
    again = registry.register(samples.DOCUMENT, {"other": "plan"}, "fingerprint-1", "ranker", by="bob", reason="again")
    assert (again.version, again.created) == (1, False)
    assert registry.digest("ranker") == before
    assert registry.promise("ranker").plan == samples.PLAN


@pytest.mark.parametrize("reason", ["", "  "])
def test_another_promise_without_a_reason_is_refused_and_says_what_differs(registry: Registry, reason: str) -> None:
    samples.register(registry)
    before = registry.digest("ranker")
    with pytest.raises(LockedError, match=r"experiment\.calendar\.last_day: 2026-03-15 → 2026-03-22") as refused:
        registry.register(changed(last_day="2026-03-22"), {}, "f2", "ranker", by="bob", reason=reason)
    assert "Give a reason" in str(refused.value)
    assert registry.digest("ranker") == before


def test_an_amendment_keeps_its_reason_and_what_changed(registry: Registry) -> None:
    samples.register(registry)
    registered = registry.register(
        changed(last_day="2026-03-22"), {"metrics": [1]}, "f2", "ranker", by="bob", reason="slow traffic"
    )
    assert (registered.version, registered.created, registered.amended) == (2, True, True)
    (amendment,) = registry.amendments("ranker")
    assert (amendment.version, amendment.reason, amendment.by) == (2, "slow traffic", "bob")
    assert amendment.differences == registered.differences
    (difference,) = amendment.differences
    assert (difference.field, difference.before, difference.after) == (
        "experiment.calendar.last_day",
        "2026-03-15",
        "2026-03-22",
    )
    assert registry.promise("ranker").plan == {"metrics": [1]}
    assert [promise.fingerprint for promise in registry.versions("ranker")] == ["fingerprint-1", "f2"]


def test_only_an_amendment_that_moves_the_first_day_reopens(registry: Registry) -> None:
    samples.register(registry)
    registry.register(changed(last_day="2026-03-22"), {}, "f2", "ranker", by="bob", reason="longer")
    registry.register(changed(first_day="2026-03-09"), {}, "f3", "ranker", by="bob", reason="split repaired")
    reopens = {event.key: event.detail["reopens"] for event in registry.events("ranker") if "reopens" in event.detail}
    assert reopens == {"version 2": False, "version 3": True}


def test_an_amendment_given_twice_is_recorded_once(registry: Registry) -> None:
    samples.register(registry)
    first = registry.register(changed(last_day="2026-03-22"), {}, "f2", "ranker", by="bob", reason="longer")
    again = registry.register(changed(last_day="2026-03-22"), {}, "f2", "ranker", by="bob", reason="longer")
    assert (first.version, again.version, again.created) == (2, 2, False)
    assert len(registry.amendments("ranker")) == 1


def test_a_promise_may_be_amended_back_to_what_it_was(registry: Registry) -> None:
    samples.register(registry)
    registry.register(changed(last_day="2026-03-22"), {}, "f2", "ranker", by="bob", reason="longer")
    back = registry.register(samples.DOCUMENT, {}, "fingerprint-1", "ranker", by="bob", reason="shorter")
    assert (back.version, back.created) == (3, True)


def test_every_experiment_stands_once_by_slug_in_its_latest_version(registry: Registry) -> None:
    for slug in ("zebra", "ant", "a-b", "a_c"):
        registry.register(samples.DOCUMENT, {}, "f1", slug, by="ada")
    registry.register(changed(last_day="2026-03-22"), {}, "f2", "ant", by="ada", reason="longer")
    assert registry.slugs() == ("a-b", "a_c", "ant", "zebra")
    assert [promise.version for promise in registry.promises()] == [1, 1, 2, 1]


ASKED = {
    "promise": lambda registry: registry.promise("nobody"),
    "append": lambda registry: registry.append("nobody").__enter__(),
    "life": lambda registry: registry.life("nobody", samples.FIRST_DAY),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_an_experiment_nobody_registered_is_named_in_the_refusal(
    registry: Registry, ask: Callable[[Registry], object]
) -> None:
    with pytest.raises(UnknownExperimentError, match="no experiment 'nobody' is registered"):
        ask(registry)


def test_times_are_aware_and_in_utc(url: str) -> None:
    moment = datetime(2026, 3, 1, 23, 59, 59, 123456, tzinfo=UTC)
    with Registry.open(url, clock=lambda: moment) as registry:
        samples.register(registry)
        recorded = registry.promise("ranker").recorded_at
        assert recorded == moment
        assert recorded.utcoffset() == moment.utcoffset()
        (event,) = registry.events("ranker")
        assert (event.as_of, event.recorded_at) == (moment.date(), moment)


def test_a_clock_without_a_zone_is_refused(url: str) -> None:
    naive = datetime(2026, 3, 1)
    with Registry.open(url, clock=lambda: naive) as registry, pytest.raises(Exception, match="without a zone"):
        samples.register(registry)
