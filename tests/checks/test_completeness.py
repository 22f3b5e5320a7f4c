"""Whether the logs are all there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fakes import (
    THREE_VARIANTS,
    a_metric,
    a_promise,
    a_source,
    day,
    exposures_only,
    moments_of,
    shares_of,
    summary_of_moments,
)
from trialflow.checks.completeness import completeness, stale_days
from trialflow.checks.finding import Finding, Status
from trialflow.stats import JointMoments
from trialflow.warehouse.summary import Summary


def steady(days: int = 14, units: float = 1_000.0) -> JointMoments:
    return moments_of(units * np.arange(1, days + 1)[:, None], [1.0, 1.0])


def found(summary: Summary, **changes: Any) -> Finding:
    return completeness(a_promise(**changes), summary).finding


def problems(finding: Finding) -> list[str]:
    return [row["day"] for row in finding.evidence["problems"]]


def test_every_day_there_passes() -> None:
    finding = found(summary_of_moments(a_promise(), {"value": steady()}))
    assert finding.status is Status.PASS
    assert finding.next_step == ""


def with_units(counts: list[int]) -> Summary:
    new_units = np.asarray([[one, one] for one in counts])
    return summary_of_moments(a_promise(), {"value": steady(len(counts))}, new_units=new_units)


def test_a_day_without_exposures_fails_on_that_day_and_warns_later() -> None:
    today = found(with_units([500, 500, 0]))
    assert (today.status, problems(today)) == (Status.FAIL, [day(3).isoformat()])
    later = found(with_units([500, 500, 0, 500]))
    assert (later.status, problems(later)) == (Status.WARN, [day(3).isoformat()])


def test_a_sharp_drop_of_exposures_is_a_problem_a_weekend_is_not() -> None:
    week = [500, 510, 490, 505, 500, 300, 310]
    assert found(with_units([*week, 90])).status is Status.FAIL
    assert found(with_units([*week, 250])).status is Status.PASS


def test_no_exposures_at_all_is_no_data() -> None:
    assert found(exposures_only(a_promise(), np.zeros((3, 2)))).status is Status.NO_DATA


def test_days_after_enrolment_need_no_exposures() -> None:
    promise = a_promise(calendar={"first_day": day(1), "last_day": day(7), "maturity_days": 3})
    units = [[100, 100]] * 7 + [[0, 0]] * 3
    summary = summary_of_moments(promise, {"value": steady(10)}, new_units=units)
    assert completeness(promise, summary).finding.status is Status.PASS


def test_units_in_two_variants_are_counted() -> None:
    summary = summary_of_moments(a_promise(), {"value": steady()}, mixed_units=3)
    assert found(summary).evidence["mixed_units"] == 3


def test_a_metric_without_rows_is_a_problem_once_its_window_has_closed() -> None:
    windowed = a_metric("value", window={"to_day": 6})
    promise = a_promise(definitions=[windowed])
    for days, status in ((6, Status.PASS), (7, Status.FAIL)):
        empty = moments_of(np.zeros((days, 2)), 0.0)
        summary = summary_of_moments(promise, {"value": empty}, new_units=np.full((days, 2), 100))
        assert completeness(promise, summary).finding.status is status


def test_a_metric_nobody_gave_is_a_problem() -> None:
    promise = a_promise(metrics={"secondary": ["sessions"]})
    finding = completeness(promise, summary_of_moments(promise, {"value": steady()})).finding
    assert finding.status is Status.FAIL
    assert "sessions" in finding.headline


def orders(daily: list[list[int]], *, units: int = 1_000) -> Summary:
    """Units a day and variant, of whom some order."""
    counts = np.cumsum(np.asarray(daily), axis=0)
    n = units * np.arange(1, len(daily) + 1)[:, None] * np.ones(2)
    promise = a_promise()
    return summary_of_moments(promise, {"value": shares_of(n, counts)})


def test_a_day_without_any_event_is_lost_logs() -> None:
    finding = found(orders([[50, 50], [50, 50], [0, 0]]))
    assert finding.status is Status.FAIL
    assert problems(finding) == [day(3).isoformat()]


def test_lost_logs_of_one_variant_are_seen_too() -> None:
    finding = found(orders([[50, 50], [50, 50], [50, 0], [50, 50]]))
    assert finding.status is Status.WARN
    assert problems(finding) == [day(3).isoformat()]


def test_few_expected_events_may_be_missing_by_chance() -> None:
    assert found(orders([[5, 5], [5, 5], [0, 0]])).status is Status.PASS


@pytest.mark.parametrize("unit", [0.01, 1.0, 100.0])
@pytest.mark.parametrize(("buyers", "status"), [(50, Status.FAIL), (5, Status.PASS)])
def test_lost_logs_are_the_same_in_cents_and_in_euros(unit: float, buyers: int, status: Status) -> None:
    n = 1_000.0 * np.arange(1, 4)[:, None] * np.ones(2)
    share = np.asarray([[buyers], [2 * buyers], [2 * buyers]]) / n
    amounts = moments_of(n, 20.0 * unit * share, (20.0 * unit) ** 2 * share * (1.0 - share))
    assert found(summary_of_moments(a_promise(), {"value": amounts})).status is status


RUNNING = a_source("daily_moments", cumulative=True)


def running(days: int, variants: int = 2) -> JointMoments:
    n = 1_000.0 * np.arange(1, days + 1)[:, None] * np.ones(variants)
    return moments_of(n, np.ones(variants))


def frozen(path: JointMoments, index: int, arm: int) -> JointMoments:
    n, mean, m2 = path.n.copy(), path.mean.copy(), path.m2.copy()
    n[index:, arm] -= n[index, arm] - n[index - 1, arm]
    m2[index:, arm] = (n[index:, arm] - 1.0)[:, None, None]
    return JointMoments(n=n, mean=mean, m2=m2)


def test_running_totals_that_stand_still_in_one_arm_are_stale() -> None:
    promise = a_promise(source=RUNNING)
    summary = summary_of_moments(promise, {"value": frozen(running(14), 9, 0)})
    assert stale_days(promise, summary, "value") == (day(10),)
    finding = completeness(promise, summary).finding
    assert (finding.status, problems(finding)) == (Status.WARN, [day(10).isoformat()])


def test_running_totals_that_all_stand_still_are_not_stale() -> None:
    promise = a_promise(source=RUNNING)
    path = running(14)
    still = JointMoments(n=path.n.copy(), mean=path.mean, m2=path.m2.copy())
    still.n[10:], still.m2[10:] = still.n[9], still.m2[9]
    assert stale_days(promise, summary_of_moments(promise, {"value": still}), "value") == ()


def test_an_arm_among_three_that_stands_still_is_stale() -> None:
    promise = a_promise(source=RUNNING, variants=THREE_VARIANTS)
    summary = summary_of_moments(promise, {"value": frozen(running(14, 3), 9, 2)})
    assert stale_days(promise, summary, "value") == (day(10),)


def test_only_running_totals_can_stand_still() -> None:
    promise = a_promise(source=a_source("daily_moments"))
    assert stale_days(promise, summary_of_moments(promise, {"value": frozen(running(14), 9, 0)}), "value") == ()


def test_a_total_is_asked_for_at_the_end_only() -> None:
    promise = a_promise(source=a_source("totals"))
    empty = summary_of_moments(promise, {"value": moments_of(np.zeros((27, 2)), 0.0)}, new_units=np.zeros((27, 2)))
    assert completeness(promise, empty).finding.status is Status.NO_DATA
    n = np.zeros((28, 2))
    n[-1] = 5_000.0
    whole = summary_of_moments(promise, {"value": moments_of(n, 1.0)})
    assert completeness(promise, whole).finding.status is Status.PASS
