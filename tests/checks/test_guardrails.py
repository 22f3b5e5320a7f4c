"""Non-inferiority: each guardrail must be shown not to be worse than its margin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fakes import (
    CUPED,
    THREE_VARIANTS,
    a_metric,
    a_promise,
    day,
    looks_of,
    moments_of,
    path_of_z,
    shares_of,
    summary_of_moments,
    summary_of_units,
    until,
)
from trialflow.checks.finding import Finding, Status
from trialflow.checks.guardrails import guardrails
from trialflow.checks.history import Checked, History
from trialflow.spec.look import LookPurpose
from trialflow.spec.promise import Promise
from trialflow.stats import JointMoments, boundaries

N = 25_000.0


def fixed(*guarded: dict[str, Any], **changes: Any) -> Promise:
    """One look on the only day."""
    metrics = {"guardrails": list(guarded)}
    fields: dict[str, Any] = {
        "calendar": {"first_day": day(1), "last_day": day(1)},
        "analysis": {"stopping": {"policy": "fixed"}},
        "replay": True,
    }
    return a_promise(metrics=metrics, **(fields | changes))


def relative(metric: str, margin: float) -> dict[str, Any]:
    return {"metric": metric, "margin": {"relative": margin}}


def absolute(metric: str, margin: float) -> dict[str, Any]:
    return {"metric": metric, "margin": {"absolute": margin}}


def run(promise: Promise, metrics: dict[str, JointMoments], history: History | None = None) -> Checked:
    primary = {"value": moments_of(next(iter(metrics.values())).n, 1.0)}
    summary = summary_of_moments(promise, primary | metrics)
    return guardrails(promise, summary, history or History(), extended=False)


def row(finding: Finding, variant: str = "new") -> dict[str, Any]:
    return next(dict(one) for one in finding.evidence["comparisons"] if one["variant"] == variant)


@pytest.mark.parametrize(("margin", "z"), [(0.02, 2.7012), (0.05, 3.4251)])
def test_a_relative_margin_counts_the_control_mean_as_the_estimate_it_is(margin: float, z: float) -> None:
    # 1000/25000 against 1100/25000: methods §17
    promise = fixed(relative("conversion", margin))
    checked = run(promise, {"conversion": shares_of([[N, N]], [[1_000.0, 1_100.0]])})
    (look,) = checked.looks
    assert look.z == pytest.approx(z, abs=5e-5)
    assert look.purpose is LookPurpose.NON_INFERIORITY
    assert look.boundary == pytest.approx(1.6449, abs=5e-5)  # one-sided .05
    assert row(checked.finding)["non_inferior"] is True
    assert checked.finding.status is Status.PASS


def test_less_is_better_turns_the_margin_round() -> None:
    # Z = ((1 + δ) p_C − p_T) / √(V_T + (1 + δ)² V_C), methods §17, by hand
    p_c, p_t, margin = 0.040, 0.0395, 0.05
    v_c, v_t = p_c * (1 - p_c) / N, p_t * (1 - p_t) / N
    z = ((1 + margin) * p_c - p_t) / np.sqrt(v_t + (1 + margin) ** 2 * v_c)
    promise = fixed(relative("errors", margin))
    checked = run(promise, {"errors": shares_of([[N, N]], [[p_c * N, p_t * N]])})
    assert checked.looks[0].z == pytest.approx(float(z), rel=1e-9)


@pytest.mark.parametrize(("metric", "worse"), [("conversion", -1), ("errors", 1)])
def test_a_change_for_the_worse_beyond_the_margin_is_not_shown(metric: str, worse: int) -> None:
    promise = fixed(relative(metric, 0.02))
    finding = run(promise, {metric: shares_of([[N, N]], [[4_000.0, 4_000.0 + worse * 400.0]])}).finding
    assert row(finding)["non_inferior"] is False
    assert finding.status is Status.WARN
    better = run(promise, {metric: shares_of([[N, N]], [[4_000.0, 4_000.0 - worse * 400.0]])}).finding
    assert row(better)["non_inferior"] is True


def test_an_absolute_margin_is_on_the_metrics_own_scale() -> None:
    promise = fixed(absolute("latency", 0.1))
    checked = run(promise, {"latency": moments_of([[N, N]], [200.0, 200.05], 4.0)})
    assert checked.looks[0].z == pytest.approx(0.05 / np.sqrt(8.0 / N), rel=1e-4)
    assert row(checked.finding)["margin"] == 0.1


def test_not_significantly_worse_is_not_a_pass() -> None:
    # 100 units cannot tell a loss of 2 % from none: no significant harm, and nothing shown either.
    promise = fixed(relative("conversion", 0.02))
    finding = run(promise, {"conversion": shares_of([[100.0, 100.0]], [[40.0, 40.0]])}).finding
    shown = row(finding)
    assert shown["lower"] < 0.0 < shown["upper"]
    assert shown["non_inferior"] is False
    assert finding.status is Status.WARN
    assert finding.headline == "Not shown to be within the margin: conversion (new)."


def test_only_what_goes_on_is_not_shown_yet() -> None:
    lasting = {"first_day": day(1), "last_day": day(2)}
    told = {"conversion": shares_of([[100.0, 100.0]], [[40.0, 40.0]])}
    finding = run(fixed(relative("conversion", 0.02), calendar=lasting), told).finding
    assert finding.headline == "Not yet shown to be within the margin: conversion (new)."
    assert finding.next_step == "Keep the experiment running to its next planned look."
    over = run(fixed(relative("conversion", 0.02)), told).finding
    assert over.next_step == ""


def test_the_interval_is_that_of_a_one_sided_test() -> None:
    promise = fixed(relative("conversion", 0.02))
    shown = row(run(promise, {"conversion": shares_of([[N, N]], [[1_000.0, 1_100.0]])}).finding)
    assert shown["level"] == pytest.approx(0.9)
    assert shown["upper"] - shown["estimate"] == pytest.approx(1.6449 * shown["std_error"], rel=1e-4)


def test_every_treatment_needs_every_guardrail() -> None:
    promise = fixed(absolute("latency", 0.1), variants=THREE_VARIANTS)
    finding = run(promise, {"latency": moments_of([[N, N, N]], [200.0, 200.0, 200.3], 4.0)}).finding
    assert row(finding, "one")["non_inferior"] is True
    assert row(finding, "two")["non_inferior"] is False
    assert finding.evidence["shown_on"] == {"one|latency": day(1).isoformat(), "two|latency": None}
    assert finding.headline == "Not shown to be within the margin: latency (two)."


def test_a_guardrail_without_rows_is_no_data_even_beside_one_that_passes() -> None:
    promise = fixed(absolute("latency", 0.1), relative("conversion", 0.02))
    finding = run(promise, {"latency": moments_of([[N, N]], [200.0, 200.0], 4.0)}).finding
    assert finding.status is Status.NO_DATA
    assert "conversion" in finding.headline


def test_a_promise_without_guardrails_is_not_judged() -> None:
    checked = run(fixed(), {"latency": moments_of([[N, N]], 1.0)})
    assert checked.finding.status is Status.NOT_APPLICABLE
    assert checked.looks == ()


def weekly() -> Promise:
    return a_promise(planned=1_000.0 * 14, metrics={"guardrails": [absolute("latency", 0.1)]})


def test_interim_looks_spend_the_guardrails_own_alpha_by_the_calendar() -> None:
    promise = weekly()
    summary = {"latency": path_of_z(promise, np.zeros(28), units_a_day=1_000.0)}
    looks = looks_of(run(promise, summary).looks, LookPurpose.NON_INFERIORITY)
    expected = boundaries([1.0, 2.0, 3.0, 4.0], alpha=0.05, sides=1)
    assert [look.boundary for look in looks] == pytest.approx(expected.z.tolist(), abs=1e-6)
    assert looks[-1].alpha_spent == 0.05


def test_non_inferiority_shown_at_a_look_stands_on_later_days() -> None:
    promise = weekly()
    path = path_of_z(promise, np.zeros(28), units_a_day=20_000.0)
    whole = summary_of_moments(promise, {"value": path, "latency": path})
    for number in (14, 20):
        finding = guardrails(promise, until(whole, number), History(), extended=False).finding
        assert finding.evidence["shown_on"]["new|latency"] in {day(7).isoformat(), day(14).isoformat()}
        assert finding.status is Status.PASS


def test_on_an_extended_last_day_alpha_is_left_for_the_end() -> None:
    promise = a_promise(
        metrics={"guardrails": [absolute("latency", 0.1)]},
        calendar={"first_day": day(1), "last_day": day(28), "max_extension_days": 14},
    )
    path = path_of_z(promise, np.zeros(42))
    summary = summary_of_moments(promise, {"value": path, "latency": path})
    looks = guardrails(promise, summary, History(), extended=True).looks
    assert [(look.as_of, look.alpha_spent == 0.05) for look in looks][-2:] == [(day(28), False), (day(42), True)]


def test_under_an_always_valid_policy_no_alpha_is_spent() -> None:
    promise = a_promise(
        metrics={"guardrails": [absolute("latency", 0.5)]}, analysis={"stopping": {"policy": "always_valid"}}
    )
    n = 1_000.0 * np.arange(1, 6)[:, None]
    checked = run(promise, {"latency": moments_of(n, [1.0, 1.0])})
    assert checked.looks == ()
    assert row(checked.finding)["non_inferior"] is True
    assert row(checked.finding)["boundary"] > 1.96
    tiny = run(promise, {"latency": moments_of([[99.0, 99.0]], [1.0, -5.0])}).finding
    assert row(tiny)["non_inferior"] is False


def test_after_cuped_a_margin_counts_the_shared_pre_period_mean() -> None:
    generator = np.random.default_rng(5)
    rows = {}
    for name, effect in (("control", 0.0), ("new", -2.94)):
        pre = generator.normal(10.0, 3.0, size=4_000)
        rows[name] = np.stack([pre + effect + generator.normal(size=4_000), pre], axis=1)
    promise = fixed(relative("sessions", 0.3), analysis={"stopping": {"policy": "fixed"}, **CUPED})
    summary = summary_of_units(promise, {"sessions": [rows]}, new_units=[[4_000, 4_000]])
    checked = guardrails(promise, summary, History(), extended=False)
    shown = row(checked.finding)
    assert shown["variance_reduction"] > 0.8
    # By hand: T̄ − .7 C̄ of the adjusted means has θ² Var(X̄) (1 − .7)² on top of their own variances.
    values = np.concatenate([rows["control"], rows["new"]])
    within = [one - one.mean(axis=0) for one in rows.values()]
    pooled = sum(one.T @ one for one in within)
    theta = pooled[0, 1] / pooled[1, 1]
    adjusted = {name: one[:, 0] - theta * (one[:, 1] - values[:, 1].mean()) for name, one in rows.items()}
    own = sum(factor**2 * adjusted[name].var(ddof=1) / 4_000 for name, factor in (("new", 1.0), ("control", 0.7)))
    common = theta**2 * pooled[1, 1] / (8_000 - 2) / 8_000 * 0.3**2
    z = (adjusted["new"].mean() - 0.7 * adjusted["control"].mean()) / np.sqrt(own + common)
    assert checked.looks[0].z == pytest.approx(z, rel=1e-3)


def test_a_metric_where_nothing_varies_is_no_data() -> None:
    promise = fixed(absolute("latency", 0.1), definitions=[a_metric("latency")])
    finding = run(promise, {"latency": moments_of([[N, N]], 1.0, 0.0)}).finding
    assert finding.status is Status.NO_DATA
