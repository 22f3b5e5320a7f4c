from __future__ import annotations

import numpy as np

from tests.fakes import a_metric, a_promise, a_source, summary_of_units
from trialflow.checks.day_to_day import varies
from trialflow.checks.finding import Status
from trialflow.spec.promise import Promise
from trialflow.warehouse.summary import Summary

DAYS, UNITS = 20, 200


def windowed(**changes) -> Promise:
    return a_promise(definitions=[a_metric("value", window={"to_day": 2})], **changes)


def days_of(promise: Promise, *, swing: float) -> Summary:
    """Daily units whose treatment effect swings by `swing` standard deviations of a unit from day to day."""
    rng = np.random.default_rng(3)
    effects = 0.1 + swing * rng.normal(size=DAYS)
    daily = [{"control": rng.normal(size=UNITS), "new": rng.normal(size=UNITS) + effect} for effect in effects]
    return summary_of_units(promise, {"value": daily})


def test_independent_units_pass():
    promise = windowed()
    finding = varies(promise, days_of(promise, swing=0.0)).finding
    assert finding.status is Status.PASS
    (row,) = finding.evidence["variants"]
    assert (row["days"], row["df"]) == (DAYS, DAYS - 1)
    assert 0.3 < row["dispersion"] < 2.0


def test_effects_that_swing_with_the_days_are_a_warning_with_the_robust_error():
    promise = windowed()
    finding = varies(promise, days_of(promise, swing=0.5)).finding
    assert finding.status is Status.WARN
    assert "too narrow" in finding.headline
    assert finding.next_step
    (row,) = finding.evidence["variants"]
    assert row["hac_std_error"] > 1.5 * row["std_error"]


def test_the_daily_effects_are_those_of_the_day_s_own_units():
    """The mean of the daily effects equals the plain difference when all days have equally many, equally noisy units."""
    promise = windowed()
    summary = days_of(promise, swing=0.0)
    (row,) = varies(promise, summary).finding.evidence["variants"]
    whole = summary.of("value").moments.take(-1)
    pooled = np.sqrt((whole.covariance[:, 0, 0] / whole.n).sum())
    assert abs(row["std_error"] / pooled - 1) < 0.02


def test_units_that_count_on_many_days_are_not_judged():
    open_ended = a_promise()
    assert varies(open_ended, days_of(open_ended, swing=0.0)).finding.status is Status.NOT_APPLICABLE
    running = windowed(source=a_source("daily_moments", cumulative=True))
    assert varies(running, days_of(running, swing=0.0)).finding.status is Status.NOT_APPLICABLE
    totals = windowed(source=a_source("totals"))
    assert "totals" in varies(totals, days_of(totals, swing=0.0)).finding.headline


def test_few_days_are_not_judged_and_no_rows_are_no_data():
    promise = windowed()
    rng = np.random.default_rng(4)
    few = [{"control": rng.normal(size=9), "new": rng.normal(size=9)} for _ in range(3)]
    assert varies(promise, summary_of_units(promise, {"value": few})).finding.status is Status.NOT_APPLICABLE
    none = summary_of_units(promise, {"conversion": few})
    assert varies(promise, none).finding.status is Status.NO_DATA
