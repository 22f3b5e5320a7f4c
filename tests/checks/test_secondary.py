"""Secondary metrics are corrected as promised; diagnostics only described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from tests.fakes import CUPED, a_metric, a_promise, moments_of, summary_of_moments, summary_of_units
from trialflow.checks.finding import Finding, Status
from trialflow.checks.secondary import secondary
from trialflow.spec.promise import Promise
from trialflow.stats import QuantileSummary, ValueCounts, quantile_of_units
from trialflow.warehouse.summary import MetricQuantile, Summary

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


def with_quantiles(promise: Promise, rows: Mapping[str, NDArray[np.float64]]) -> Summary:
    """Two days of per-unit values, half of the units on each, and the quantile of all of them."""
    halves = [
        dict(zip(rows, pair, strict=True)) for pair in zip(*(np.split(one, 2) for one in rows.values()), strict=True)
    ]
    summary = summary_of_units(promise, {"latency": halves})
    tails = [quantile_of_units(ValueCounts.from_rows(one), probability=0.9) for one in rows.values()]
    arrays: dict[str, Any] = {
        name: np.asarray([float(getattr(one, name)) for one in tails])
        for name in ("n", "point", "lower", "upper", "lower_rank", "upper_rank")
    }
    return replace(
        summary,
        quantiles=(MetricQuantile(metric="latency", quantile=QuantileSummary(probability=0.9, level=0.95, **arrays)),),
    )


def test_a_quantile_is_compared_once_and_with_a_p_value() -> None:
    promise = a_promise(
        metrics={"secondary": ["latency"]},
        analysis=CUPED,
        definitions=[a_metric("latency", kind="quantile", quantile=0.9)],
    )
    generator = np.random.default_rng(11)
    rows = {"control": generator.exponential(1.0, size=4_000), "new": generator.exponential(1.3, size=4_000)}
    summary = with_quantiles(promise, rows)
    (row,) = secondary(promise, summary).finding.evidence["comparisons"]
    # The quantile of an exponential is its mean × ln 10; √(p q / n) / f = mean √(0.9 / 0.1 / n).
    assert row["control"] == pytest.approx(np.quantile(rows["control"], 0.9))
    assert row["estimate"] == pytest.approx(0.3 * np.log(10), abs=0.25)
    assert row["std_error"] == pytest.approx(np.sqrt((1 + 1.3**2) * 9 / 4_000), rel=0.25)
    assert row["p_value"] < 0.001
    assert row["variance_reduction"] is None
    assert row["method"] == "quantiles, order statistics"


def test_a_quantile_of_too_few_units_says_so() -> None:
    promise = a_promise(
        metrics={"secondary": ["latency"]}, definitions=[a_metric("latency", kind="quantile", quantile=0.9)]
    )
    rows = {name: np.arange(20.0) for name in ("control", "new")}
    finding = secondary(promise, with_quantiles(promise, rows)).finding
    assert finding.evidence["comparisons"][0]["why_not"] == "the quantile is too extreme for so few units"
    assert finding.status is Status.NO_DATA
