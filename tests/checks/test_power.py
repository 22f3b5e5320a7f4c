"""Power before the start."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.fakes import THREE_VARIANTS, a_metric, a_promise, an_experiment, day
from trialflow.checks.finding import Status
from trialflow.checks.power import Baseline, baselines, enough_by, plan, power, power_problems
from trialflow.spec.promise import Plan, Promise
from trialflow.stats import JointMoments, inflation, non_inferiority_units
from trialflow.warehouse.summary import HistorySummary

ONE = Baseline(mean=1.0, std_dev=1.0, origin="given")


def promise(**changes: Any) -> Promise:
    fields: dict[str, Any] = {"analysis": {"stopping": {"policy": "fixed"}}}
    return a_promise(**(fields | changes))


def made(asked: Promise, units_per_day: float | None = 1_000.0, **known: Baseline) -> Plan:
    return plan(asked, known or {"value": ONE}, units_per_day=units_per_day)


def test_required_units_are_the_textbook_number() -> None:
    # 2 (1.959964 + .841621)² σ² / δ² with σ = 1, δ = .1: 1569.8, published as 1570 per group
    (metric,) = made(promise()).metrics
    assert metric.units_per_variant == 1_570
    assert metric.planned_information == pytest.approx(784.888, abs=1e-3)  # half of it
    assert metric.minimum_effect == 0.1


def test_a_relative_minimum_effect_is_taken_of_the_baseline() -> None:
    asked = promise(metrics={"primary": {"metric": "value", "minimum_effect": {"relative": 0.02}}})
    (metric,) = made(asked, value=Baseline(mean=-5.0, std_dev=1.0, origin="given")).metrics
    assert metric.minimum_effect == pytest.approx(0.1)


def test_interim_looks_cost_information() -> None:
    fixed = made(promise()).metrics[0].planned_information
    weekly = made(a_promise(analysis={"stopping": {"policy": "group_sequential", "looks": [7, 14, 21]}}))
    # gsDesign's inflation factor of four equal O'Brien-Fleming-type looks is a little over 2 %
    assert fixed is not None
    assert 1.01 * fixed < (weekly.metrics[0].planned_information or 0.0) < 1.03 * fixed


def test_more_treatments_split_alpha_and_cost_units() -> None:
    asked = promise(variants=THREE_VARIANTS)
    assert (made(asked).metrics[0].units_per_variant or 0) > 1_570


def test_an_unequal_allocation_asks_more_of_control() -> None:
    variants = [
        {"name": "control", "role": "control", "weight": 0.8},
        {"name": "new", "role": "treatment", "weight": 0.2},
    ]
    one = made(promise(variants=variants))
    # control needs (1 + 4) / 2 of the equal allocation's units
    assert one.metrics[0].units_per_variant == pytest.approx(1_569.8 * 2.5, rel=1e-3)


def test_a_ramp_counts_with_the_days_of_its_steps() -> None:
    ramp = [
        {"day": day(1), "weights": {"control": 0.9, "new": 0.1}},
        {"day": day(15), "weights": {"control": 0.5, "new": 0.5}},
    ]
    asked = promise(calendar={"ramp": ramp})
    locked = made(asked, 1_000.0)
    # Fourteen days at .1 and fourteen at .5: 30 % of the units, so the difference has variance σ² (1/.7 + 1/.3) / N
    # where halves had σ² 4 / N: 3,139.6 × 4.7619 / 4.
    needed = power(asked, locked, day(0)).finding.evidence["needed_units"]
    assert needed == pytest.approx(3_139.6 * (1 / 0.7 + 1 / 0.3) / 4, rel=1e-3)


def test_a_ramp_that_never_reaches_a_treatment_is_refused() -> None:
    asked = promise(calendar={"ramp": [{"day": day(1), "weights": {"control": 1.0, "new": 0.0}}]})
    (problem,) = power_problems(asked, made(asked), "file")
    assert (problem.field, problem.value) == ("calendar.ramp", "new")


def test_a_guardrail_is_planned_for_its_margin_and_a_share_of_the_chance_to_miss() -> None:
    asked = promise(metrics={"guardrails": [{"metric": "conversion", "margin": {"relative": 0.02}}]})
    share = Baseline(mean=0.04, std_dev=(0.04 * 0.96) ** 0.5, origin="given")
    rows = {one.metric: one for one in made(asked, value=ONE, conversion=share).metrics}
    # methods §17: n per arm for a base of 4 %, a margin of 2 %, alpha .05 one-sided and power .8 is 727,218. With one
    # guardrail each test has power .9: (1.644854 + 1.281552)² / (1.644854 + .841621)² = 8.563852 / 6.182558 times as many.
    assert rows["conversion"].units_per_variant == pytest.approx(727_218 * 8.563852 / 6.182558, rel=1e-5)
    assert rows["conversion"].planned_information is None


def test_the_primary_shares_the_chance_to_miss_with_its_guardrails() -> None:
    asked = promise(metrics={"guardrails": [{"metric": "latency", "margin": {"absolute": 0.2}}]})
    locked = made(asked, value=ONE, latency=ONE)
    primary = locked.of("value")
    # 2 (1.959964 + 1.281552)² / .1²: 2,101.5, the textbook number at power .9
    assert primary is not None
    assert primary.units_per_variant == 2_102
    evidence = power(asked, locked, day(0)).finding.evidence
    assert (evidence["power"], evidence["power_per_test"]) == (0.8, 0.9)


def test_guardrails_that_a_ship_does_not_need_cost_the_primary_nothing() -> None:
    asked = promise(
        metrics={"guardrails": [{"metric": "latency", "margin": {"absolute": 0.2}}]},
        decision={"require_guardrails": False},
    )
    primary = made(asked, value=ONE, latency=ONE).of("value")
    assert primary is not None
    assert primary.units_per_variant == 1_570


def test_what_is_stated_stands_before_what_was_measured() -> None:
    asked = promise(baselines={"value": {"mean": 7.0, "std_dev": 2.0}})
    rows = np.random.default_rng(1).normal(size=(50, 1))
    history = HistorySummary(
        metric="value", variables=("value",), moments=JointMoments.from_rows(rows), units_per_day=np.asarray(10.0)
    )
    assert baselines(asked, [history], "28 days before")["value"].mean == 7.0
    measured = baselines(promise(), [history], "28 days before")["value"]
    assert measured.std_dev == pytest.approx(rows.std(ddof=1))
    assert measured.origin == "28 days before"


def test_a_ratio_has_the_spread_of_its_linearised_value() -> None:
    generator = np.random.default_rng(2)
    views = generator.integers(1, 9, size=400).astype(float)
    clicks = 0.3 * views + generator.normal(size=400)
    asked = promise(metrics={"primary": {"metric": "per_view", "minimum_effect": {"absolute": 0.1}}})
    history = HistorySummary(
        metric="per_view",
        variables=("numerator", "denominator"),
        moments=JointMoments.from_rows(np.stack([clicks, views], axis=1)),
        units_per_day=np.asarray(10.0),
    )
    found = baselines(asked, [history], "before")["per_view"]
    ratio = clicks.sum() / views.sum()
    assert found.mean == pytest.approx(ratio)
    assert found.std_dev == pytest.approx(((clicks - ratio * views) / views.mean()).std(ddof=1))


def test_a_metric_that_never_varied_has_no_baseline() -> None:
    history = HistorySummary(
        metric="value",
        variables=("value",),
        moments=JointMoments.from_rows(np.ones((9, 1))),
        units_per_day=np.asarray(1.0),
    )
    assert baselines(promise(), [history], "before") == {}


def test_too_little_traffic_is_refused_with_the_day_by_which_it_would_do() -> None:
    asked = promise()
    (problem,) = power_problems(asked, made(asked, 50.0), "file")
    assert problem.field == "calendar.last_day"
    # 3,140 units at 50 a day are 63 days, nine full weeks
    assert str(day(63)) in problem.cure
    assert power_problems(asked, made(asked, 113.0), "file") == ()


def test_enough_by_closes_a_full_week() -> None:
    one = made(promise(), 100.0)
    assert enough_by(an_experiment(), one, 700) == day(7)
    assert enough_by(an_experiment(), one, 701) == day(14)


def test_without_a_baseline_there_is_no_promise() -> None:
    asked = promise()
    (problem,) = power_problems(asked, Plan(), "file")
    assert problem.field == "baselines.value"


def test_a_replay_is_exempt() -> None:
    asked = promise(replay=True)
    assert power_problems(asked, made(asked, 1.0), "file") == ()
    assert power_problems(asked, Plan(), "file") == ()


def test_the_finding_warns_of_margins_that_the_traffic_cannot_resolve() -> None:
    asked = promise(metrics={"guardrails": [{"metric": "latency", "margin": {"absolute": 0.001}}]})
    locked = made(asked, value=ONE, latency=ONE)
    finding = power(asked, locked, day(0)).finding
    assert finding.status is Status.WARN
    assert "latency" in finding.headline
    assert power(promise(), made(promise()), day(0)).finding.status is Status.PASS


def test_without_a_plan_the_finding_says_so() -> None:
    assert power(promise(), Plan(), day(0)).finding.status is Status.NOT_APPLICABLE


def test_a_confidence_sequence_is_tuned_to_the_units_planned() -> None:
    asked = a_promise(analysis={"stopping": {"policy": "always_valid"}}, definitions=[a_metric("value")])
    assert made(asked).tuning_units == 3_140


def test_a_guardrail_is_planned_by_the_test_it_will_face() -> None:
    """Less is better, relative margin: the test weighs control's variance by (1 + δ)², and interim looks cost information."""
    asked = a_promise(
        metrics={"guardrails": [{"metric": "latency", "margin": {"relative": 0.2}}]},
        analysis={"stopping": {"policy": "group_sequential", "looks": [7, 14, 21]}},
    )
    planned = made(asked, latency=Baseline(mean=5.0, std_dev=1.0, origin="test")).of("latency")
    factor = inflation([0.25, 0.5, 0.75, 1.0], alpha=0.05, power=0.9, sides=1)
    # (1 + 1.2²) σ² (z_.95 + z_.9)² / margin², by hand: 2.44 × 8.56385 / 1 = 20.8958
    assert planned is not None
    assert planned.units_per_variant == math.ceil(20.8958 * factor)
    same_at_one_look = non_inferiority_units(
        std_dev=1.0, relative=0.2, mean=5.0, direction_sign=-1, alpha=0.05, power=0.9
    )
    assert float(same_at_one_look) == pytest.approx(20.8958, abs=1e-3)
