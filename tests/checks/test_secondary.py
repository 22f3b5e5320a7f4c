"""Secondary metrics are corrected as promised; diagnostics only described."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from tests.fakes import a_promise, moments_of, summary_of_moments
from trialflow.checks.finding import Finding, Status
from trialflow.checks.secondary import secondary

NAMES = ("sessions", "latency", "conversion", "errors")
P_VALUES = (0.03, 0.08, 0.001, 0.04)
N = 1e9  # so many units that Student's t is normal


def given(name: str, p: float) -> Any:
    return moments_of([[N, N]], [1.0, 1.0 + float(norm.isf(p / 2)) * np.sqrt(2.0 / N)])


def run(multiplicity: str = "holm", **metrics: Any) -> Finding:
    promise = a_promise(metrics=metrics or {"secondary": NAMES}, analysis={"multiplicity": multiplicity})
    found = {name: given(name, p) for name, p in zip(NAMES, P_VALUES, strict=True)}
    return secondary(promise, summary_of_moments(promise, found)).finding


def adjusted(finding: Finding) -> list[float]:
    return [row["adjusted_p_value"] for row in finding.evidence["comparisons"]]


def test_holm_steps_down() -> None:
    # by hand: .001·4, then .03·3, .04·2 raised to the one before, .08·1 raised likewise
    assert adjusted(run()) == pytest.approx([0.09, 0.09, 0.004, 0.09], rel=1e-3)


def test_bonferroni_multiplies() -> None:
    assert adjusted(run("bonferroni")) == pytest.approx([0.12, 0.32, 0.004, 0.16], rel=1e-3)


def test_no_correction_leaves_them() -> None:
    assert adjusted(run("none")) == pytest.approx(P_VALUES, rel=1e-3)


def test_diagnostics_have_no_p_value_and_are_not_counted() -> None:
    finding = run(secondary=["conversion"], diagnostics=["sessions"])
    by_metric = {row["metric"]: row for row in finding.evidence["comparisons"]}
    assert by_metric["sessions"]["p_value"] is None
    assert by_metric["sessions"]["role"] == "diagnostic"
    assert by_metric["conversion"]["adjusted_p_value"] == pytest.approx(0.001, rel=1e-3)


def test_a_metric_without_rows_is_no_data() -> None:
    finding = run(secondary=["conversion", "per_view"])
    assert finding.status is Status.NO_DATA
    assert "per_view" in finding.headline


def test_nothing_promised_is_not_applicable() -> None:
    assert run(secondary=[]).status is Status.NOT_APPLICABLE
