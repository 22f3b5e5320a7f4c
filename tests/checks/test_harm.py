"""Harm: its own one-sided sequential boundary, on every day."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fakes import (
    THREE_VARIANTS,
    a_metric,
    a_promise,
    day,
    looks_of,
    moments_of,
    path_of_z,
    summary_of_moments,
    until,
)
from trialflow.checks.finding import Status
from trialflow.checks.harm import MINIMUM_UNITS, harm, under_the_null
from trialflow.checks.history import Checked, History
from trialflow.spec.look import LookPurpose
from trialflow.spec.promise import Promise
from trialflow.stats import (
    Moments,
    SpendingFunction,
    alpha_spent,
    boundaries,
    difference_in_means,
    exit_probabilities,
    normal_score,
)

LATENCY = {"guardrails": [{"metric": "latency", "margin": {"absolute": 0.1}}]}


def run(promise: Promise, z: Any, *, units_a_day: float = 1_000.0) -> Checked:
    summary = summary_of_moments(promise, {"value": path_of_z(promise, z, units_a_day=units_a_day)})
    return harm(promise, summary, History())


def test_no_effect_is_no_harm() -> None:
    checked = run(a_promise(), np.zeros(28))
    assert checked.finding.status is Status.PASS
    assert not checked.finding.blocks
    assert len(checked.looks) == 28


def test_spending_by_the_calendar_sums_to_the_harm_alpha() -> None:
    looks = looks_of(run(a_promise(), np.zeros(28)).looks, LookPurpose.HARM)
    time = np.arange(1, 29) / 28
    expected = alpha_spent(SpendingFunction.POCOCK, time, 0.01, 1)
    assert [look.alpha_spent for look in looks] == pytest.approx(expected.tolist(), rel=1e-9)
    assert looks[-1].alpha_spent == pytest.approx(0.01)
    crossed = exit_probabilities([look.boundary for look in looks], [look.information for look in looks], sides=1)
    assert crossed.upper.sum() == pytest.approx(0.01, abs=1e-6)


def test_its_boundary_is_one_sided_pococks_on_the_information_that_was_there() -> None:
    looks = looks_of(run(a_promise(), np.zeros(7)).looks, LookPurpose.HARM)
    time = np.arange(1, 29) / 28
    expected = boundaries(np.arange(1.0, 29.0), fractions=time, alpha=0.01, sides=1, spending=SpendingFunction.POCOCK)
    assert [look.boundary for look in looks] == pytest.approx(expected.z[:7].tolist(), abs=1e-6)


def test_a_promised_extension_lengthens_the_calendar_of_spending() -> None:
    promise = a_promise(calendar={"first_day": day(1), "last_day": day(28), "max_extension_days": 14})
    looks = looks_of(run(promise, np.zeros(28)).looks, LookPurpose.HARM)
    assert looks[-1].alpha_spent == pytest.approx(float(alpha_spent(SpendingFunction.POCOCK, 28 / 42, 0.01, 1)))


def test_harm_fails_blocks_and_names_variant_metric_and_day() -> None:
    z = np.zeros(10)
    z[4:] = -6.0
    finding = run(a_promise(), z).finding
    assert finding.status is Status.FAIL
    assert finding.blocks
    assert finding.evidence["harmful"] == [{"day": day(5).isoformat(), "variant": "new", "metric": "value"}]
    assert finding.next_step


def test_harm_once_shown_stands() -> None:
    z = np.zeros(10)
    z[4] = -6.0
    assert run(a_promise(), z).finding.status is Status.FAIL


def test_a_benefit_is_not_harm() -> None:
    assert run(a_promise(), np.full(10, 9.0)).finding.status is Status.PASS


def test_there_is_no_look_before_a_hundred_units_in_the_smaller_arm() -> None:
    assert MINIMUM_UNITS == 100
    assert run(a_promise(), [-9.0], units_a_day=99.0).looks == ()
    assert len(run(a_promise(), [-9.0], units_a_day=100.0).looks) == 1
    uneven = summary_of_moments(a_promise(), {"value": moments_of([[5_000.0, 99.0]], [1.0, -5.0])})
    assert harm(a_promise(), uneven, History()).looks == ()


def test_where_less_is_better_more_is_harm() -> None:
    promise = a_promise(definitions=[a_metric("value", direction="decrease")])
    n = 1_000.0 * np.arange(1, 8)[:, None]
    worse = summary_of_moments(promise, {"value": moments_of(n, [1.0, 1.5])})
    assert harm(promise, worse, History()).finding.status is Status.FAIL
    better = summary_of_moments(promise, {"value": moments_of(n, [1.0, 0.5])})
    assert harm(promise, better, History()).finding.status is Status.PASS


@pytest.mark.parametrize(("loss", "status"), [(0.05, Status.PASS), (0.3, Status.FAIL)])
def test_a_guardrail_is_harmed_only_beyond_its_margin(loss: float, status: Status) -> None:
    promise = a_promise(metrics=LATENCY)
    n = 5_000.0 * np.arange(1, 8)[:, None]
    metrics = {"value": moments_of(n, [1.0, 1.0]), "latency": moments_of(n, [1.0, 1.0 + loss])}
    finding = harm(promise, summary_of_moments(promise, metrics), History()).finding
    assert finding.status is status
    assert {row["metric"] for row in finding.evidence["harmful"]} == ({"latency"} if loss > 0.1 else set())


def test_every_treatment_and_metric_has_its_own_series() -> None:
    promise = a_promise(metrics=LATENCY, variants=THREE_VARIANTS)
    n = 1_000.0 * np.arange(1, 4)[:, None]
    metrics = {"value": moments_of(n, [1.0, 1.0, 0.5]), "latency": moments_of(n, [1.0, 1.0, 1.0])}
    checked = harm(promise, summary_of_moments(promise, metrics), History())
    assert len(checked.looks) == 3 * 2 * 2
    assert {(row["variant"], row["metric"]) for row in checked.finding.evidence["harmful"]} == {("two", "value")}


def test_without_any_number_there_is_no_data() -> None:
    summary = summary_of_moments(a_promise(), {"value": moments_of(np.zeros((3, 2)), 0.0)})
    assert harm(a_promise(), summary, History()).finding.status is Status.NO_DATA


def test_an_earlier_day_knows_nothing_of_later_harm() -> None:
    z = np.zeros(10)
    z[9] = -9.0
    whole = summary_of_moments(a_promise(), {"value": path_of_z(a_promise(), z)})
    assert harm(a_promise(), until(whole, 9), History()).finding.status is Status.PASS


def growing(generator: np.random.Generator, runs: int, units_a_day: int, scale: float) -> Moments:
    """Lognormal values with skewness 33, moments (run, day) of everything up to each day."""
    values = scale * generator.lognormal(0.0, 1.5, size=(runs, 28, units_a_day))
    n = units_a_day * np.arange(1.0, 29.0) * np.ones((runs, 1))
    sums, squares = (np.cumsum((values**power).sum(axis=2), axis=1) for power in (1, 2))
    return Moments(n=n, mean=sums / n, m2=squares - sums**2 / n)


def alarms(seed: int, runs: int, per_day: tuple[int, int], scale: float = 1.0) -> tuple[float, float]:
    """The share of experiments in which harm downwards is called: by Welch's spread, and by that of the null."""
    generator = np.random.default_rng(seed)
    control, new = (growing(generator, runs, n, one) for n, one in zip(per_day, (1.0, scale), strict=True))
    plain = difference_in_means(control, new)
    days = np.arange(1.0, 29.0)
    bound = boundaries(days, fractions=days / 28, alpha=0.01, sides=1, spending=SpendingFunction.POCOCK).z
    enough = new.n >= MINIMUM_UNITS
    crossed = [(-normal_score(one) >= bound) & enough for one in (plain, under_the_null(plain, control.n, new.n))]
    return float(crossed[0].any(axis=1).mean()), float(crossed[1].any(axis=1).mean())


def test_a_skewed_metric_on_a_small_share_raises_no_false_alarms() -> None:
    naive, ours = alarms(5, 600, (90, 10))
    assert naive > 0.06  # what the rule is for
    assert ours <= 0.01


def test_real_harm_on_a_small_share_is_still_found() -> None:
    assert alarms(6, 100, (450, 50), scale=0.5)[1] > 0.9


def test_at_equal_sizes_the_spread_is_left_alone() -> None:
    equal = Moments(n=np.full(3, 50.0), mean=np.zeros(3), m2=np.array([9.0, 90.0, 900.0]))
    other = Moments(n=np.full(3, 50.0), mean=np.zeros(3), m2=np.full(3, 90.0))
    plain = difference_in_means(equal, other)
    assert under_the_null(plain, equal.n, other.n).std_error == pytest.approx(plain.std_error, rel=1e-12)


def test_the_smaller_variant_takes_the_larger_spread_and_never_a_smaller_one() -> None:
    # per unit variances 4 and 1 with 300 and 100 units: 1 + (1 - 100/300) (4 - 1) = 3
    control = Moments.from_variance(n=np.asarray([300.0, 300.0]), mean=np.zeros(2), variance=np.asarray([4.0, 1.0]))
    new = Moments.from_variance(n=np.asarray([100.0, 100.0]), mean=np.zeros(2), variance=np.asarray([1.0, 4.0]))
    found = under_the_null(difference_in_means(control, new), control.n, new.n)
    assert found.std_error**2 == pytest.approx([4 / 300 + 3 / 100, 1 / 300 + 4 / 100])
    assert found.treatment_std_error**2 == pytest.approx([3 / 100, 4 / 100])
