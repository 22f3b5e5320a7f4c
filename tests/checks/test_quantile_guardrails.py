"""A quantile as a guardrail: shown within its margin on the looks of the promise, whichever days are run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.fakes import a_metric, a_promise, day, moments_of, summary_of_moments
from trialflow.checks.finding import Status
from trialflow.checks.guardrails import guardrails
from trialflow.checks.harm import harm
from trialflow.checks.history import Checked, History
from trialflow.spec.look import LookPurpose
from trialflow.spec.promise import Promise
from trialflow.stats import JointMoments, QuantileSummary, ValueCounts, quantile_of_events
from trialflow.warehouse.summary import MetricQuantile, Summary

LOOKS = (7, 14, 28)
UNITS_A_DAY, REQUESTS = 200, 20


def promised(margin: float = 0.2) -> Promise:
    p99 = a_metric("latency", kind="quantile", quantile=0.99, direction="decrease", ranked="events")
    return a_promise(
        metrics={"guardrails": [{"metric": "latency", "margin": {"relative": margin}}]},
        analysis={"stopping": {"policy": "group_sequential", "looks": [7, 14]}},
        definitions=[p99],
    )


def requests(generator: np.random.Generator, units: int, slower: float) -> NDArray[np.float64]:
    """Latencies (unit, request): slow units are slow in all their requests."""
    level = generator.normal(0.0, 0.3, size=(units, 1))
    return slower * np.exp(level + generator.normal(0.0, 0.4, size=(units, REQUESTS)))


def p99_of(rows: NDArray[np.float64]) -> QuantileSummary:
    values = ValueCounts.from_rows(rows.ravel())
    point = float(values.quantile(0.99))
    shares = np.stack([(rows <= point).sum(axis=1), np.full(len(rows), float(REQUESTS))], axis=1)
    return quantile_of_events(values, JointMoments.from_rows(shares), probability=0.99)


def world(promise: Promise, through: int, *, slower: float = 1.0, seed: int = 1) -> Summary:
    """The summary of day `through`, with the quantiles that a run of this day knows."""
    generator = np.random.default_rng(seed)
    whole = [requests(generator, 28 * UNITS_A_DAY, by) for by in (1.0, slower)]
    n = UNITS_A_DAY * np.arange(1.0, through + 1.0)[:, None] * np.ones((1, 2))
    summary = summary_of_moments(promise, {"value": moments_of(n, [1.0, 1.0]), "latency": moments_of(n, [1.0, 1.0])})
    known = []
    for number in sorted({look for look in LOOKS if look < through} | {through}):
        both = [p99_of(rows[: number * UNITS_A_DAY]) for rows in whole]
        arrays: dict[str, Any] = {
            name: np.asarray([float(getattr(one, name)) for one in both])
            for name in ("n", "point", "lower", "upper", "lower_rank", "upper_rank")
        }
        quantile = QuantileSummary(probability=0.99, level=0.95, **arrays)
        known.append(MetricQuantile(metric="latency", quantile=quantile, day=day(number)))
    return replace(summary, quantiles=tuple(known))


def looks(checked: Checked, purpose: LookPurpose) -> list[Any]:
    return [look for look in checked.looks if look.metric == "latency" and look.purpose is purpose]


def test_a_latency_that_did_not_rise_is_shown_within_its_margin() -> None:
    promise = promised()
    checked = guardrails(promise, world(promise, 28), History(), extended=False)
    assert checked.finding.status is Status.PASS
    taken = looks(checked, LookPurpose.NON_INFERIORITY)
    assert [look.as_of for look in taken] == [day(number) for number in LOOKS]
    assert taken[-1].alpha_spent == pytest.approx(0.05)


def test_a_latency_at_the_margin_is_not_shown() -> None:
    promise = promised()
    checked = guardrails(promise, world(promise, 28, slower=1.2), History(), extended=False)
    assert checked.finding.status is Status.WARN


def test_looks_are_the_same_whatever_days_are_run() -> None:
    promise = promised()
    at_once = guardrails(promise, world(promise, 28), History(), extended=False).looks
    history = History()
    for number in (5, 7, 9, 14, 20, 28):
        new = guardrails(promise, world(promise, number), history, extended=False).looks
        history = History(looks=(*history.looks, *new))
    assert history.looks == at_once


def test_harm_to_a_quantile_is_looked_for_on_planned_days_only() -> None:
    promise = promised()
    assert looks(harm(promise, world(promise, 9), History()), LookPurpose.HARM)[-1].as_of == day(7)
    checked = harm(promise, world(promise, 14, slower=1.6), History())
    assert [look.as_of for look in looks(checked, LookPurpose.HARM)] == [day(7), day(14)]
    assert checked.finding.status is Status.FAIL
    assert {row["metric"] for row in checked.finding.evidence["harmful"]} == {"latency"}


def test_on_a_day_between_looks_there_is_a_number_and_no_look() -> None:
    promise = promised()
    checked = guardrails(promise, world(promise, 9), History(), extended=False)
    (row,) = checked.finding.evidence["comparisons"]
    assert row["estimate"] is not None
    assert row["boundary"] is None
