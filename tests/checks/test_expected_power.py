"""What the expected traffic will show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from tests.fakes import a_metric, a_promise, day
from trialflow.checks.expected_power import power_by_day
from trialflow.checks.power import Baseline, plan, power
from trialflow.spec.promise import Plan, Promise

ONE = Baseline(mean=2.0, std_dev=1.0, origin="given")
WEEKLY = {"stopping": {"policy": "group_sequential", "looks": [7, 14, 21]}}
FIXED = {"stopping": {"policy": "fixed"}}


def chances(promise: Promise, units_per_day: float | None) -> dict[str, float]:
    made = plan(promise, {"value": ONE}, units_per_day=units_per_day)
    return {row["day"]: row["power"] for row in power_by_day(promise, made)}


def test_a_fixed_horizon_has_its_power_on_the_last_day() -> None:
    # 100 units a day are 1,400 in each variant: Φ(.1 √(1400 / 2) − 1.96)
    assert chances(a_promise(analysis=FIXED), 100.0) == {
        day(28).isoformat(): pytest.approx(norm.cdf(0.1 * np.sqrt(700) - norm.ppf(0.975)), rel=1e-5)
    }


def test_exactly_the_planned_units_bring_the_promised_power_at_the_last_look() -> None:
    promise = a_promise(analysis=WEEKLY)
    needed = power(promise, plan(promise, {"value": ONE}, units_per_day=None), day(0)).finding.evidence["needed_units"]
    found = chances(promise, needed / 28)
    assert list(found) == [day(number).isoformat() for number in (7, 14, 21, 28)]
    assert found[day(28).isoformat()] == pytest.approx(0.8, abs=1e-3)
    assert sorted(found.values()) == list(found.values())
    # A quarter of the information of a four-look O'Brien-Fleming-type design: z = 4.3326 (methods §1), drift 2.83.
    assert found[day(7).isoformat()] == pytest.approx(norm.sf(4.3326 - 2.83 / 2), abs=2e-4)


def test_a_window_brings_units_later_and_more_traffic_more_power() -> None:
    prompt = a_promise(analysis=WEEKLY)
    window = {"from_day": 0, "to_day": 3}
    late = a_promise(analysis=WEEKLY, definitions=[a_metric("value", window=window)], calendar={"maturity_days": 3})
    assert chances(late, 120.0)[day(14).isoformat()] < chances(prompt, 120.0)[day(14).isoformat()]
    assert chances(prompt, 240.0)[day(14).isoformat()] > chances(prompt, 120.0)[day(14).isoformat()]


def test_a_confidence_sequence_has_less_power_than_planned_with_the_planned_units() -> None:
    promise = a_promise(analysis={"stopping": {"policy": "always_valid"}})
    found = chances(promise, 3_140 / 28)
    assert list(found) == [day(number).isoformat() for number in (7, 14, 21, 28)]
    # methods §3: with 14 looks .483 where a group-sequential design has .784; 28 looks and no burn-in differ little.
    assert 0.40 < found[day(28).isoformat()] < 0.55


def test_a_ramp_delays_what_can_be_shown() -> None:
    ramp = [{"day": day(1), "weights": {"control": 0.9, "new": 0.1}}, {"day": day(15), "weights": dict(HALVES)}]
    ramped = chances(a_promise(analysis=WEEKLY, calendar={"ramp": ramp}), 150.0)
    plain = chances(a_promise(analysis=WEEKLY), 150.0)
    assert all(ramped[when] < plain[when] for when in plain)


HALVES = {"control": 0.5, "new": 0.5}


@pytest.mark.parametrize("made", [Plan(), "no traffic"])
def test_without_a_plan_or_traffic_nothing_is_expected(made: Any) -> None:
    promise = a_promise(analysis=WEEKLY)
    known = plan(promise, {"value": ONE}, units_per_day=None) if made == "no traffic" else made
    assert power_by_day(promise, known) == []


@pytest.mark.parametrize(("margin", "factor"), [({"absolute": 0.01}, 1.0), ({"relative": 0.005}, None)])
def test_a_guardrail_is_told_the_smallest_margin_that_the_traffic_shows(
    margin: dict[str, float], factor: float | None
) -> None:
    promise = a_promise(metrics={"guardrails": [{"metric": "latency", "margin": margin}]}, analysis=FIXED)
    made = plan(promise, {"value": ONE, "latency": ONE}, units_per_day=1_000.0)
    rows = {row["metric"]: row for row in power(promise, made, day(0)).finding.evidence["metrics"]}
    # 14,000 in each variant, power .9 with one guardrail: (1.644854 + 1.281552) √(2 / 14000) σ
    absolute = (norm.ppf(0.95) + norm.ppf(0.9)) * np.sqrt(2 / 14_000)
    found = rows["latency"]["resolvable"]
    if factor is not None:
        assert found == pytest.approx(absolute, rel=1e-9)
    else:
        # A share of the mean of 2, and a little more, since less is better: control counts with (1 + δ)².
        assert absolute / 2 < found < 1.02 * absolute / 2
    # The primary at .9 as well: (1.959964 + 1.281552) √(2 / 14000) σ
    assert rows["value"]["resolvable"] == pytest.approx(
        (norm.ppf(0.975) + norm.ppf(0.9)) * np.sqrt(2 / 14_000), rel=1e-9
    )


def test_too_little_traffic_is_told_what_it_could_show() -> None:
    promise = a_promise(metrics={"guardrails": [{"metric": "latency", "margin": {"absolute": 0.001}}]})
    finding = power(promise, plan(promise, {"value": ONE, "latency": ONE}, units_per_day=1_000.0), day(0)).finding
    assert "resolvable" in finding.next_step
