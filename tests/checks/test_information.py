"""How far the experiment is on the way to the information it promised."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes import THREE_VARIANTS, a_promise, day, moments_of, path_of_z, summary_of_moments
from trialflow.checks.effects import primary_paths
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import History
from trialflow.checks.information import information
from trialflow.spec.promise import Promise


def run(promise: Promise, days: int, *, units_a_day: float = 1_000.0) -> Finding:
    treatments = len(promise.experiment.treatments)
    path = path_of_z(promise, np.zeros((days, treatments)), units_a_day=units_a_day)
    summary = summary_of_moments(promise, {"value": path})
    return information(promise, summary, primary_paths(promise, summary, History())).finding


def test_the_fraction_is_information_over_plan() -> None:
    finding = run(a_promise(planned=10_000.0), 14)
    # two arms of 14,000 units with variance 1: 1 / (1/14000 + 1/14000) = 7000
    assert finding.evidence["achieved"] == pytest.approx(7_000.0)
    assert finding.evidence["fraction"] == pytest.approx(0.7)
    assert finding.status is Status.PASS


def test_under_running_warns_at_the_final_look_only() -> None:
    promise = a_promise(planned=20_000.0)
    assert run(promise, 27).status is Status.PASS
    assert run(promise, 28).status is Status.WARN


def test_reaching_the_plan_passes() -> None:
    assert run(a_promise(planned=14_000.0), 28).status is Status.PASS


def test_without_a_plan_nothing_is_said() -> None:
    finding = run(a_promise(), 28)
    assert finding.status is Status.NOT_APPLICABLE
    assert finding.evidence["fraction"] is None


def test_extension_days_are_left_on_the_regular_last_day_only() -> None:
    promise = a_promise(planned=20_000.0, calendar={"first_day": day(1), "last_day": day(28), "max_extension_days": 14})
    left = {number: run(promise, number).evidence["extension_left"] for number in (27, 28, 29, 42)}
    assert left == {27: False, 28: True, 29: False, 42: False}
    assert run(promise, 28).status is Status.PASS  # not final: the experiment goes on
    assert run(promise, 42).evidence["final"]


def test_the_slowest_treatment_tells_the_fraction() -> None:
    promise = a_promise(planned=1_000.0, variants=THREE_VARIANTS)
    summary = summary_of_moments(promise, {"value": moments_of([[2_000.0, 2_000.0, 500.0]], 1.0)})
    finding = information(promise, summary, primary_paths(promise, summary, History())).finding
    assert finding.evidence["achieved"] == pytest.approx(1.0 / (1 / 2_000 + 1 / 500))


def test_nothing_measured_is_no_information() -> None:
    promise = a_promise(planned=1_000.0)
    summary = summary_of_moments(promise, {"value": moments_of(np.zeros((3, 2)), 0.0)})
    finding = information(promise, summary, primary_paths(promise, summary, History())).finding
    assert finding.evidence["fraction"] == 0.0
