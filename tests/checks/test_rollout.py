"""The promise of one step of a ramp, and how often its gates cry wolf over a whole ramp."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.fakes import a_promise, a_source, day
from trialflow.checks.finding import Status
from trialflow.checks.rollout import (
    Ramped,
    Stretch,
    baseline_of,
    before_promise,
    harm_finding,
    harm_gate,
    split_gate,
    step_promise,
)
from trialflow.errors import NotSupportedError
from trialflow.spec.experiment import Role
from trialflow.spec.promise import Promise
from trialflow.spec.source import UnitSource
from trialflow.stats import JointMoments
from trialflow.warehouse.summary import EVERYBODY, ExposureSummary, MetricSummary, Summary

KEY = "ranker-v7-rollout"
SHARES = (0.1, 0.5, 0.9)
RAMPED = Ramped(variants=("new",), key=KEY, gated_steps=len(SHARES))
GUARDED: dict[str, Any] = {"guardrails": [{"metric": "conversion", "margin": {"relative": 0.1}}]}
SYSTEM: dict[str, Any] = {"system_guardrails": [{"metric": "errors", "margin": {"absolute": 0.01}}]}


def stretch(number: int = 1, days: int = 2) -> Stretch:
    first = day(1) + timedelta(days=days * (number - 1))
    return Stretch(number=number, share=SHARES[number - 1], first=first, last=first + timedelta(days=days - 1))


def test_a_step_is_a_promise_of_its_own() -> None:
    promise = a_promise(metrics=GUARDED, decision=SYSTEM)
    assert promise.experiment.treatments[0].weight == 0.5  # read before: nothing of it may stick to the step
    step = step_promise(promise, RAMPED, stretch()).experiment
    assert step.slug == KEY
    assert [(one.name, one.role) for one in step.variants] == [("control", Role.CONTROL), ("new", Role.TREATMENT)]
    assert [one.weight for one in step.variants] == pytest.approx([0.9, 0.1])
    assert step.treatments[0].weight == pytest.approx(0.1)
    assert step.metrics.names == ("value", "conversion", "errors")
    assert (step.calendar.first_day, step.calendar.last_day) == (day(1), day(2))
    assert step.analysis.harm_alpha == pytest.approx(promise.experiment.analysis.harm_alpha / 3)
    assert step.analysis.srm_alpha == pytest.approx(promise.experiment.analysis.srm_alpha / 3)
    assert before_promise(promise, RAMPED).experiment.metrics.names == ("value", "conversion", "errors")


def test_whoever_is_left_out_of_a_full_launch_is_compared_with() -> None:
    full = Stretch(number=4, share=1.0, first=day(9), last=day(9))
    alone = step_promise(a_promise(), RAMPED, full).experiment
    assert baseline_of(a_promise().experiment, 1.0) is None
    assert (alone.control.name, alone.treatments) == ("new", ())
    kept = [
        {"name": "control", "role": "control", "weight": 0.45},
        {"name": "new", "role": "treatment", "weight": 0.45},
        {"name": "never", "role": "holdout", "weight": 0.1},
    ]
    step = step_promise(a_promise(variants=kept), RAMPED, full).experiment
    assert [(one.name, one.weight) for one in step.variants] == [("never", pytest.approx(0.1)), ("new", 0.9)]


def test_a_partial_verdict_ramps_its_segment_alone() -> None:
    only = Ramped(variants=("new",), key=KEY, segment="country = Côte d'Ivoire")
    table = a_source().exposures.model_copy(update={"segments": {"country": "land"}, "filter": "bot = 0"})
    promise = a_promise(source=a_source().model_copy(update={"exposures": table}))
    source = step_promise(promise, only, stretch()).source
    assert isinstance(source, UnitSource)
    assert isinstance(promise.source, UnitSource)
    assert source.exposures.filter == "(bot = 0) AND land = 'Côte d''Ivoire'"
    assert promise.source.exposures.filter == "bot = 0"
    with pytest.raises(NotSupportedError, match="no unit-level rows"):
        step_promise(a_promise(source=a_source("daily_moments")), only, stretch())


def test_a_gate_that_looked_at_nothing_does_not_pass() -> None:
    promise = a_promise()
    derived = step_promise(promise, RAMPED, stretch())
    gate = harm_gate(promise, derived, stretch(), summary(derived, np.full((2, 2), 5), np.zeros((2, 2, 5))), ())
    assert gate.unjudged == ("value",)
    assert harm_finding(promise, day(2), [gate]).status is Status.WARN
    assert harm_finding(promise, day(2), [], "the split is broken").status is Status.NOT_APPLICABLE


def summary(derived: Promise, counts: np.ndarray, values: np.ndarray | list[list[np.ndarray]]) -> Summary:
    """Two days and two variants of units that matured at once; `values` (day, variant) hold each unit's value."""
    calendar = derived.experiment.calendar
    days = (calendar.first_day, calendar.last_day)
    sums = np.cumsum([[np.sum(cell) for cell in row] for row in values], axis=0)
    squares = np.cumsum([[np.sum(np.square(cell)) for cell in row] for row in values], axis=0)
    moments = JointMoments.from_sums(np.cumsum(counts, axis=0).astype(float), sums[..., None], squares[..., None, None])
    names = tuple(one.name for one in derived.experiment.variants)
    return Summary(
        experiment=derived.slug,
        as_of=calendar.last_day,
        days=days,
        variants=names,
        exposures=ExposureSummary(days=days, variants=names, new_units=counts.astype(np.int64)),
        metrics=(MetricSummary(metric="value", segment=EVERYBODY, variables=("value",), moments=moments),),
    )


def quiet_ramp(generator: np.random.Generator, promise: Promise) -> tuple[bool, bool]:
    """One ramp without any effect: does the split or the harm gate of any of its steps alarm?

    The same people come back: each visits a day with a chance of .15, keeps the place of its hash, so whoever has the
    winner keeps it, and a lasting level of its own. Steps are therefore not independent of each other.
    """
    people = 6_000
    place, level = generator.random(people), generator.exponential(size=people)
    split = harmful = False
    for number, share in enumerate(SHARES, start=1):
        step = stretch(number)
        derived = step_promise(promise, RAMPED, step)
        seen = np.zeros(people, dtype=bool)
        counts, values = np.zeros((2, 2)), []
        for place_of_day in range(2):
            new = (generator.random(people) < 0.15) & ~seen
            seen |= new
            groups = [np.flatnonzero(new & (place >= share)), np.flatnonzero(new & (place < share))]
            counts[place_of_day] = [group.size for group in groups]
            values.append([level[group] * generator.exponential(size=group.size) for group in groups])
        found = summary(derived, counts, values)
        split |= split_gate(promise, derived, step, found).finding.status is Status.FAIL
        harmful |= harm_gate(promise, derived, step, found, ()).harmful
    return split, harmful


def test_a_whole_ramp_without_an_effect_alarms_no_more_often_than_promised() -> None:
    """Rates far above what anybody promises, so that 400 ramps can tell; the split over steps is at most conservative."""
    alpha = 0.1
    promise = a_promise(analysis={"harm_alpha": alpha, "srm_alpha": alpha})
    generator = np.random.default_rng(20261122)
    alarms = np.asarray([quiet_ramp(generator, promise) for _ in range(400)])
    slack = 4.0 * (alpha * (1.0 - alpha) / len(alarms)) ** 0.5
    split, harmful = alarms.mean(axis=0)
    assert split <= alpha + slack
    assert harmful <= alpha + slack
    assert harmful > alpha / 4.0  # and not because nothing was looked at
