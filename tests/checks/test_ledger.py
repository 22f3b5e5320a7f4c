"""The ledger of alpha: what is spent once is never spent again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import a_promise, day, looks_of, moments_of, path_of_z, recorded, summary_of_moments, until
from trialflow.checks.effects import effects
from trialflow.checks.finding import Status
from trialflow.checks.guardrails import guardrails
from trialflow.checks.harm import harm
from trialflow.checks.history import Checked, History
from trialflow.checks.ledger import UNREACHABLE, Budget, Series, take_looks
from trialflow.spec.look import Look, LookPurpose
from trialflow.spec.promise import Promise
from trialflow.stats import Moments, SpendingFunction, boundaries, difference_in_means, exit_probabilities
from trialflow.warehouse.summary import Summary

UNITS = 1_000.0
GUARDED = {
    "primary": {"metric": "value", "minimum_effect": {"absolute": 0.1}},
    "guardrails": [{"metric": "latency", "margin": {"absolute": 0.2}}],
}


def four_weeks() -> Promise:
    return a_promise(planned=UNITS * 14, metrics=GUARDED)


def wandering(promise: Promise, seed: int, days: int = 28, *, drift: float = 0.0) -> Summary:
    """Two metrics that walk at random around a drift of the primary one."""
    generator = np.random.default_rng(seed)
    steps = generator.normal(size=(2, days))
    z = np.cumsum(steps, axis=1) / np.sqrt(np.arange(1, days + 1)) + np.array([[drift], [0.0]])
    metrics = {
        name: path_of_z(promise, row, units_a_day=UNITS) for name, row in zip(("value", "latency"), z, strict=True)
    }
    return summary_of_moments(promise, metrics)


def judged(promise: Promise, summary: Summary, history: History) -> tuple[Checked, ...]:
    """Every check that takes looks."""
    effect = effects(promise, summary, history)
    extended = bool(effect.finding.evidence["extended"])
    return effect, guardrails(promise, summary, history, extended=extended), harm(promise, summary, history)


def monitored(promise: Promise, summary: Summary, numbers: list[int]) -> tuple[History, dict[int, str]]:
    """The record after monitoring these days in this order, and the findings of each as one text."""
    history, findings = History(), {}
    for number in numbers:
        results = judged(promise, until(summary, number), history)
        history = recorded(history, *results)
        findings[number] = canonical([result.finding.document() for result in results])
    return history, findings


def canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True, allow_nan=False)


def by_identity(history: History) -> list[Look]:
    return sorted(history.looks, key=lambda look: (look.purpose, look.metric, look.variant, look.as_of, look.revision))


def test_a_rerun_never_spends_alpha_twice() -> None:
    promise = four_weeks()
    summary = wandering(promise, 1)
    history, first = monitored(promise, summary, [28])
    again = judged(promise, summary, history)
    assert [result.looks for result in again] == [(), (), ()]
    assert canonical([result.finding.document() for result in again]) == first[28]


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1), order=st.permutations([7, 10, 14, 21, 28]))
def test_the_order_of_days_does_not_matter(seed: int, order: list[int]) -> None:
    promise = four_weeks()
    summary = wandering(promise, seed, drift=1.0)
    in_order, found = monitored(promise, summary, sorted(order))
    shuffled, other = monitored(promise, summary, order)
    assert by_identity(shuffled) == by_identity(in_order)
    assert other == found


def test_the_last_day_first_takes_the_looks_of_the_days_before() -> None:
    promise = four_weeks()
    summary = wandering(promise, 2)
    history, _ = monitored(promise, summary, [21])
    assert [look.as_of for look in looks_of(history.looks, LookPurpose.EFFICACY)] == [day(7), day(14), day(21)]
    assert judged(promise, until(summary, 14), history)[0].looks == ()


def test_order_does_not_matter_when_the_experiment_is_extended() -> None:
    promise = a_promise(
        planned=UNITS * 18,
        metrics=GUARDED,
        calendar={"first_day": day(1), "last_day": day(28), "max_extension_days": 14},
    )
    summary = wandering(promise, 5, days=42)
    in_order, found = monitored(promise, summary, [14, 28, 35, 42])
    shuffled, other = monitored(promise, summary, [42, 28, 14, 35])
    assert by_identity(shuffled) == by_identity(in_order)
    assert other == found


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_recorded_boundaries_never_spend_more_than_was_promised(seed: int) -> None:
    """The alpha that the recorded boundaries spend, computed again from them alone, is the recorded one."""
    generator = np.random.default_rng(seed)
    information = np.cumsum(generator.uniform(0.5, 20.0, size=6))
    planned = information[-1] * generator.uniform(0.5, 2.0)
    series = taken(information, [*np.minimum(information / planned, 1.0)[:-1].tolist(), 1.0])
    spent = exit_probabilities(
        [np.inf if look.boundary >= UNREACHABLE else look.boundary for look in series.taken],
        [look.information for look in series.taken],
    )
    assert spent.upper.sum() + spent.lower.sum() == pytest.approx(series.taken[-1].alpha_spent, abs=1e-7)
    assert series.taken[-1].alpha_spent <= 0.05


BUDGET = Budget(purpose=LookPurpose.EFFICACY, alpha=0.05, sides=2, spending=SpendingFunction.OBRIEN_FLEMING)


def taken(
    information: Any,
    fractions: list[float],
    *,
    z: Any = 0.0,
    numbers: list[int] | None = None,
    history: History | None = None,
    until_day: int | None = None,
) -> Series:
    """Looks at given information on days 1, 2, …; NaN information is a day without a number."""
    at = np.asarray(information, dtype=np.float64)[:until_day]
    statistic = np.broadcast_to(np.asarray(z, dtype=np.float64), np.shape(information))[:until_day]
    known = np.isfinite(at)
    n = np.where(known, 1e8, 0.0)
    variance = np.where(known, n / (2.0 * np.where(known, at, 1.0)), 0.0)
    control = Moments.from_variance(n=n, mean=0.0, variance=variance)
    treatment = Moments.from_variance(
        n=n, mean=np.where(known, statistic / np.sqrt(np.where(known, at, 1.0)), 0), variance=variance
    )
    days = [day(index + 1) for index in range(len(at))]
    looks = numbers or list(range(1, len(fractions) + 1))
    return take_looks(
        experiment="ranker-v7",
        variant="new",
        metric="value",
        budget=BUDGET,
        estimate=difference_in_means(control, treatment),
        sign=1,
        days=days,
        look_days=[day(number) for number in looks],
        fractions=fractions,
        history=history or History(),
    )


def test_boundaries_follow_the_information_that_was_really_there() -> None:
    # t = (.3, .55, .9, 1): methods §1
    series = taken([0.3, 0.55, 0.9, 1.0], [0.3, 0.55, 0.9, 1.0])
    assert [look.boundary for look in series.taken] == pytest.approx([3.9286, 2.8079, 2.1120, 2.0597], abs=5e-5)


def test_a_look_that_cannot_stop_leaves_its_share_to_the_next() -> None:
    # At 1/14 the O'Brien-Fleming-type spend is next to nothing and the boundary lies above 8 (methods §1, K = 14).
    fractions = (np.arange(1, 15) / 14).tolist()
    series = taken(np.arange(1.0, 15.0), fractions)
    assert (series.taken[0].boundary, series.taken[0].alpha_spent) == (UNREACHABLE, 0.0)
    assert series.taken[1].boundary == pytest.approx(5.8153, abs=5e-5)
    assert [look.boundary for look in series.taken[-4:]] == pytest.approx([2.3790, 2.2751, 2.1838, 2.1026], abs=5e-5)


def test_information_that_did_not_grow_spends_what_its_time_allows_and_no_more() -> None:
    series = taken([5.0, 4.0, 8.0], [0.5, 0.5, 1.0])
    assert series.taken[1].boundary == UNREACHABLE  # no spending time has passed
    assert series.taken[1].alpha_spent == series.taken[0].alpha_spent
    assert series.taken[2].alpha_spent == 0.05


@pytest.mark.parametrize("last", [5.0, 4.999, 2.5])
def test_a_final_look_on_shrunken_information_can_still_be_crossed(last: float) -> None:
    first, final = taken([5.0, last], [0.9, 1.0], z=[0.0, 2.5]).taken
    assert final.alpha_spent == 0.05
    assert 1.0 < final.boundary < first.boundary
    assert final.crossed


def test_a_day_without_a_number_is_not_a_look() -> None:
    series = taken([1.0, np.nan, 3.0], [1 / 3, 2 / 3, 1.0])
    assert [look.as_of for look in series.taken] == [day(1), day(3)]
    skipped = boundaries([1.0, 3.0], fractions=[1 / 3, 1.0], alpha=0.05)
    assert [look.boundary for look in series.taken] == pytest.approx(skipped.z.tolist(), abs=1e-6)


def test_a_look_that_was_skipped_is_not_made_up_for_after_a_later_one() -> None:
    first = taken([1.0, np.nan, 3.0], [1 / 3, 2 / 3, 1.0])
    history = History(looks=first.new)
    found = taken([1.0, 2.0, 3.0], [1 / 3, 2 / 3, 1.0], z=[0.0, 9.0, 0.0], history=history)
    assert [look.as_of for look in found.taken] == [day(1), day(3)]
    assert found.new == ()


def test_restated_data_are_a_revision_that_keeps_information_boundary_and_alpha() -> None:
    first = taken([1.0, 2.0], [0.5, 1.0], z=[1.0, 1.5])
    again = taken([1.4, 2.0], [0.7, 1.0], z=[1.2, 1.5], history=History(looks=first.new))
    (revision,) = again.new
    before = first.taken[0]
    assert revision == replace(
        before, z=revision.z, data_fingerprint=revision.data_fingerprint, crossed=False, revision=1
    )
    assert revision.z == pytest.approx(1.2)
    assert revision.data_fingerprint != before.data_fingerprint
    assert again.taken[1] == first.taken[1]


def test_later_looks_are_made_from_what_was_recorded_not_from_restated_information() -> None:
    first = taken([1.0, 2.0, 3.0], [1 / 3, 2 / 3, 1.0], until_day=2)
    history = History(looks=first.new)
    plain = taken([1.0, 2.0, 3.0], [1 / 3, 2 / 3, 1.0], history=history)
    restated = taken([1.9, 2.5, 3.0], [0.6, 0.8, 1.0], history=history)
    assert restated.taken[2].boundary == plain.taken[2].boundary


def test_a_crossing_may_be_withdrawn() -> None:
    first = taken([1.0, 2.0], [0.5, 1.0], z=[4.0, 4.0], until_day=1)
    assert first.crossed_on == day(1)
    again = taken([1.0, 2.0], [0.5, 1.0], z=[1.0, 1.0], history=History(looks=first.new))
    assert again.crossed_on is None
    assert [(look.as_of, look.revision, look.crossed) for look in again.new] == [(day(1), 1, False), (day(2), 0, False)]


def test_a_crossing_only_in_a_revision_does_not_count_and_is_listed() -> None:
    first = taken([1.0, 2.0], [0.5, 1.0], z=[1.0, 1.0], until_day=1)
    again = taken([1.0, 2.0], [0.5, 1.0], z=[4.0, 1.0], history=History(looks=first.new))
    assert again.crossed_on is None
    assert [look.as_of for look in again.late_crossings] == [day(1)]
    assert again.new[0].crossed  # the record says what the statistic did; whether it counts is another question


def test_a_withdrawn_crossing_that_comes_back_counts() -> None:
    first = taken([1.0], [1.0], z=[4.0])
    gone = taken([1.0], [1.0], z=[1.0], history=History(looks=first.new))
    back = taken([1.0], [1.0], z=[5.0], history=History(looks=(*first.new, *gone.new)))
    assert back.crossed_on == day(1)
    assert back.late_crossings == ()


def test_a_recorded_look_whose_data_are_gone_keeps_its_alpha_and_its_answer() -> None:
    first = taken([1.0, 2.0], [0.5, 1.0], z=[4.0, 0.0], until_day=1)
    again = taken([np.nan, 2.0], [0.5, 1.0], z=[4.0, 0.0], history=History(looks=first.new))
    whole = taken([1.0, 2.0], [0.5, 1.0], z=[4.0, 0.0])
    assert again.taken == whole.taken
    assert again.crossed_on == day(1)


def test_a_look_that_an_amendment_took_out_of_the_plan_keeps_its_alpha() -> None:
    first = taken([1.0, 2.0, 3.0], [1 / 3, 2 / 3, 1.0], until_day=2)
    history = History(looks=first.new)
    amended = taken([1.0, 2.0, 3.0], [1.0], numbers=[3], history=history)
    as_planned = taken([1.0, 2.0, 3.0], [1 / 3, 2 / 3, 1.0], history=history)
    assert amended.taken == as_planned.taken


def test_a_look_is_judged_by_the_numbers_that_are_recorded() -> None:
    for z in np.linspace(1.9599639845, 1.9599639846, 11):
        (look,) = taken([1.0], [1.0], z=[float(z)]).taken
        assert look.crossed == (look.z >= look.boundary)


def test_effects_list_a_late_crossing_and_ask_for_a_person() -> None:
    promise = four_weeks()
    calm = summary_of_moments(promise, {"value": path_of_z(promise, np.zeros(14), units_a_day=UNITS)})
    wild = summary_of_moments(promise, {"value": path_of_z(promise, np.full(14, 6.0), units_a_day=UNITS)})
    history = recorded(History(), effects(promise, calm, History()))
    checked = effects(promise, wild, history)
    assert checked.finding.status is Status.WARN
    assert checked.finding.evidence["late_crossings"] == [day(7).isoformat(), day(14).isoformat()]
    assert checked.finding.evidence["crossed_on"] == {"new": None}
    assert checked.finding.next_step
    assert [look.revision for look in checked.looks] == [1, 1]


def test_harm_that_is_seen_only_on_restated_data_is_a_warning_for_a_person() -> None:
    promise = four_weeks()
    calm = summary_of_moments(promise, {"value": path_of_z(promise, np.zeros(14), units_a_day=UNITS)})
    bad = summary_of_moments(promise, {"value": path_of_z(promise, np.full(14, -8.0), units_a_day=UNITS)})
    history = recorded(History(), harm(promise, calm, History()))
    finding = harm(promise, bad, history).finding
    assert finding.status is Status.WARN
    assert finding.evidence["harmful"] == []
    assert len(finding.evidence["late_crossings"]) == 14


def test_each_purpose_has_its_own_budget() -> None:
    promise = four_weeks()
    history, _ = monitored(promise, wandering(promise, 3), [28])
    last = {purpose: looks_of(history.looks, purpose)[-1].alpha_spent for purpose in LookPurpose}
    assert last[LookPurpose.EFFICACY] == 0.05
    assert last[LookPurpose.NON_INFERIORITY] == 0.05
    assert last[LookPurpose.HARM] == pytest.approx(0.01)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_cumulative_alpha_only_grows(seed: int) -> None:
    promise = four_weeks()
    history, _ = monitored(promise, wandering(promise, seed), [28])
    groups: dict[tuple[Any, ...], list[Look]] = {}
    for look in by_identity(history):
        groups.setdefault((look.purpose, look.metric), []).append(look)
    for looks in groups.values():
        assert all(a.alpha_spent <= b.alpha_spent for a, b in pairwise(looks))
        assert all(isinstance(look.as_of, date) and look.boundary > 0.0 for look in looks)


def test_moments_that_never_matured_take_no_look() -> None:
    promise = four_weeks()
    summary = summary_of_moments(promise, {"value": moments_of(np.zeros((14, 2)), 0.0)})
    assert [result.looks for result in judged(promise, summary, History())] == [(), (), ()]
