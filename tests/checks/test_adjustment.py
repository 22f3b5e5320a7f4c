"""Adjusted against unadjusted: a pre-period that differs between variants is seen, whatever the treatment does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fakes import CUPED, THREE_VARIANTS, a_promise, day, moments_of, summary_of_moments, summary_of_units, until
from trialflow.checks.adjustment import adjustment
from trialflow.checks.effects import primary_paths
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import History
from trialflow.spec.promise import Promise
from trialflow.warehouse.summary import Summary

FIXED = {"stopping": {"policy": "fixed"}, **CUPED}


def promise(days: int = 1, **changes: Any) -> Promise:
    calendar = {"first_day": day(1), "last_day": day(days)}
    return a_promise(calendar=calendar, analysis=FIXED, replay=True, **changes)


def found(promised: Promise, summary: Summary) -> Finding:
    return adjustment(promised, summary, primary_paths(promised, summary, History())).finding


def world(promised: Promise, *, shift: float, effect: float = 0.0, seed: int = 1, days: int = 1) -> Summary:
    """2,000 units in each variant; the treatments' pre-period lies `shift` standard deviations higher."""
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(days):
        today = {}
        for variant in promised.experiment.variants:
            other = variant.name != "control"
            pre = generator.normal(shift * other, 1.0, size=2_000 // days)
            today[variant.name] = np.stack([pre + effect * other + generator.normal(size=len(pre)), pre], axis=1)
        rows.append(today)
    return summary_of_units(promised, {"value": rows})


def test_a_large_effect_is_no_disagreement() -> None:
    finding = found(promise(), world(promise(), shift=0.0, effect=5.0))
    (row,) = finding.evidence["variants"]
    assert finding.status is Status.PASS
    assert row["unadjusted"] - row["adjusted"] == pytest.approx(row["pull"], rel=1e-6)
    assert row["adjusted"] == pytest.approx(5.0, abs=0.15)
    assert 0.01 < row["p_value"] <= 1.0


def test_variants_that_differed_before_they_began_are_a_warning_with_a_next_step() -> None:
    finding = found(promise(), world(promise(), shift=0.2))
    (row,) = finding.evidence["variants"]
    assert finding.status is Status.WARN
    assert row["disagree"]
    assert row["pull"] == pytest.approx(0.2, abs=0.1)
    assert finding.next_step


def test_the_pull_is_tested_with_the_error_of_the_pre_period_alone() -> None:
    promised, summary = promise(), world(promise(), shift=0.05)
    (row,) = found(promised, summary).evidence["variants"]
    moments = summary.metrics[0].moments
    theta = moments.m2[0, :, 0, 1].sum() / moments.m2[0, :, 1, 1].sum()
    error = theta * np.sqrt((moments.m2[0, :, 1, 1] / 1_999 / 2_000).sum())
    assert row["pull_std_error"] == pytest.approx(float(error), rel=1e-6)


def test_before_the_final_look_only_a_band_for_all_days_is_read() -> None:
    promised = promise(days=2)
    generator = np.random.default_rng(3)
    today = {}
    for name, shift in (("control", 0.0), ("new", 3.0 * np.sqrt(2 / 1_000))):
        pre = generator.normal(size=1_000)
        pre = (pre - pre.mean()) / pre.std(ddof=1) + shift  # three standard errors apart after one day, exactly
        today[name] = np.stack([pre + generator.normal(size=1_000), pre], axis=1)
    both = summary_of_units(promised, {"value": [today, today]})
    early, late = (found(promised, until(both, number)).evidence["variants"][0] for number in (1, 2))
    assert early["p_value"] is None
    assert late["p_value"] < 0.01
    assert early["z"] == pytest.approx(3.0)  # beyond a fixed horizon's 2.58, and not beyond the band
    assert (early["disagree"], late["disagree"]) == (False, True)


def test_sound_experiments_are_warned_of_as_seldom_as_promised() -> None:
    warned = [
        found(promise(), world(promise(), shift=0.0, seed=seed)).status is Status.WARN for seed in range(100, 500)
    ]
    assert sum(warned) <= 12  # 400 × 1 %: more than 12 has a chance of 0.06 %


def test_several_treatments_share_the_level_and_are_named() -> None:
    promised = promise(variants=THREE_VARIANTS)
    finding = found(promised, world(promised, shift=0.3))
    assert [row["variant"] for row in finding.evidence["variants"]] == ["one", "two"]
    assert "one, two" in finding.headline


def test_a_source_without_a_pre_period_is_not_applicable() -> None:
    summary = summary_of_moments(promise(), {"value": moments_of([[900.0, 900.0]], 1.0)})
    assert found(promise(), summary).status is Status.NOT_APPLICABLE


def test_a_pre_period_that_does_not_vary_is_no_data() -> None:
    generator = np.random.default_rng(9)
    rows = {name: np.stack([generator.normal(size=50), np.zeros(50)], axis=1) for name in ("control", "new")}
    assert found(promise(), summary_of_units(promise(), {"value": [rows]})).status is Status.NO_DATA
