"""The quarterly holdout: everybody against those who never got what was shipped."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes import a_promise, moments_of, summary_of_moments
from trialflow.checks.finding import Status
from trialflow.checks.holdout import Shipped, holdout
from trialflow.spec.promise import Promise

HELD = [
    {"name": "held", "role": "holdout", "weight": 0.1},
    {"name": "everybody", "role": "treatment", "weight": 0.9},
]
SHIPPED = (
    Shipped(experiment="a", naive=0.3, estimate=0.2, std_error=0.03, shrunken=True),
    Shipped(experiment="b", naive=0.1, estimate=0.1, std_error=0.04, exposure=0.5),
)


def promise() -> Promise:
    return a_promise(variants=HELD, analysis={"stopping": {"policy": "fixed"}})


def test_the_measured_effect_stands_beside_the_sum_of_what_was_shipped() -> None:
    summary = summary_of_moments(promise(), {"value": moments_of([[1e6, 9e6]], [1.0, 1.15])})
    finding = holdout(promise(), summary, SHIPPED).finding
    evidence = finding.evidence
    error = np.sqrt(1 / 1e6 + 1 / 9e6)
    assert finding.status is Status.PASS
    assert evidence["shipped_sum"] == pytest.approx(0.25)
    assert evidence["shipped_naive_sum"] == pytest.approx(0.35)
    assert [(one["experiment"], one["shrunken"]) for one in evidence["shipped"]] == [("a", True), ("b", False)]
    assert evidence["shipped_std_error"] == pytest.approx(np.hypot(0.03, 0.02))
    assert evidence["gap"] == pytest.approx(-0.10)
    half = 1.959964 * np.hypot(error, np.hypot(0.03, 0.02))
    assert evidence["gap_upper"] == pytest.approx(-0.10 + half, rel=1e-4)
    # 2.8016 standard errors at alpha .05 and power .8
    assert evidence["minimum_detectable_effect"] == pytest.approx(2.80159 * error, rel=1e-5)


def test_an_empty_holdout_is_no_data() -> None:
    summary = summary_of_moments(promise(), {"value": moments_of([[0.0, 9e3]], 1.0)})
    finding = holdout(promise(), summary, ()).finding
    assert finding.status is Status.NO_DATA
    assert finding.next_step


def test_nothing_shipped_promises_nothing() -> None:
    summary = summary_of_moments(promise(), {"value": moments_of([[1e4, 9e4]], [1.0, 1.0])})
    evidence = holdout(promise(), summary, ()).finding.evidence
    assert evidence["shipped_sum"] == 0.0
    assert evidence["gap_lower"] == pytest.approx(evidence["comparisons"][0]["lower"])
