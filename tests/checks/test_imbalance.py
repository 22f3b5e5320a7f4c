"""The pre-period of the variants, compared early and once at the end."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from scipy.stats import f_oneway

from tests.fakes import CUPED, a_promise, day, moments_of, summary_of_moments, summary_of_units, until
from trialflow.checks.finding import Status
from trialflow.checks.imbalance import ALPHA, imbalance
from trialflow.spec.promise import Promise
from trialflow.warehouse.summary import Summary

FINAL = day(28)


def promised(**changes: Any) -> Promise:
    return a_promise(analysis=CUPED, **changes)


def world(seed: int, *, days: int, shift: float = 0.0, units: int = 100) -> Summary:
    """Units of two variants with value and pre; the pre-period of the treatment is moved by `shift`."""
    generator = np.random.default_rng(seed)

    def rows(moved: float) -> Any:
        pre = generator.exponential(size=units) + moved
        return np.stack([pre + generator.normal(size=units), pre], axis=1)

    return summary_of_units(promised(), {"value": [{"control": rows(0.0), "new": rows(shift)} for _ in range(days)]})


def status_on(summary: Summary, number: int, final: date = FINAL) -> Status:
    return imbalance(promised(), until(summary, number), final_day=final).finding.status


def test_variants_that_began_alike_pass_on_every_day() -> None:
    summary = world(1, days=28)
    assert {status_on(summary, number) for number in range(1, 29)} == {Status.PASS}
    rows = imbalance(promised(), summary, final_day=FINAL).finding.evidence["looks"]
    assert [row["day"] for row in rows] == [day(3).isoformat(), day(7).isoformat(), FINAL.isoformat()]
    assert rows[0]["units"] == 600


def test_a_difference_before_the_start_is_told_from_the_third_day_on() -> None:
    summary = world(2, days=10, shift=0.5)
    assert [status_on(summary, number) for number in (1, 2)] == [Status.PASS] * 2
    assert {status_on(summary, number) for number in range(3, 11)} == {Status.WARN}
    finding = imbalance(promised(), summary, final_day=FINAL).finding
    assert "differed before they began, in value" in finding.headline
    assert finding.next_step
    assert not finding.blocks
    means = finding.evidence["looks"][0]["means"]
    assert means["new"][0] - means["control"][0] == pytest.approx(0.5, abs=0.2)


def test_with_two_variants_and_one_covariate_it_is_the_analysis_of_variance() -> None:
    generator = np.random.default_rng(3)
    control, new = generator.normal(size=(400, 2)), generator.normal(0.1, 1.0, size=(500, 2))
    summary = summary_of_units(promised(), {"value": [{"control": control, "new": new}]})
    (row,) = imbalance(promised(), summary, final_day=day(1)).finding.evidence["looks"]
    # χ² with the same statistic as F, whose denominator has 898 degrees of freedom
    assert row["p_value"] == pytest.approx(f_oneway(control[:, 1], new[:, 1]).pvalue, abs=2e-3)


def test_too_few_units_are_not_compared_and_never_count_as_health() -> None:
    summary = world(4, days=28, shift=5.0, units=3)
    assert status_on(summary, 7) is Status.PASS
    assert (
        "No look at the pre-period was due yet"
        in imbalance(promised(), until(summary, 7), final_day=FINAL).finding.headline
    )
    assert status_on(summary, 28) is Status.NO_DATA


def test_newcomers_in_one_variant_are_an_imbalance_too() -> None:
    generator = np.random.default_rng(5)

    def rows(newcomers: float) -> Any:
        known = (generator.random(2_000) >= newcomers).astype(float)
        return np.stack([generator.normal(size=2_000), np.zeros(2_000), known], axis=1)

    summary = summary_of_units(promised(), {"value": [{"control": rows(0.2), "new": rows(0.4)}]})
    finding = imbalance(promised(), summary, final_day=day(1)).finding
    assert finding.status is Status.WARN
    assert finding.evidence["looks"][0]["covariates"] == ["pre", "known"]


def test_without_a_pre_period_the_check_cannot_be_made_and_says_why() -> None:
    plain = summary_of_moments(a_promise(), {"value": moments_of([[500.0, 500.0]], 1.0)})
    finding = imbalance(a_promise(), plain, final_day=FINAL).finding
    assert finding.status is Status.NOT_APPLICABLE
    assert finding.headline == "The promise reads no pre-period: variance_reduction is none."


def test_false_alarms_over_all_looks_stay_below_the_promised_ones() -> None:
    alarms = [
        imbalance(promised(), world(seed, days=7), final_day=day(7)).finding.status is Status.WARN
        for seed in range(300)
    ]
    # 1 % over all looks: more than 9 of 300 has a chance of .001
    assert ALPHA == 0.01
    assert sum(alarms) <= 9


def test_a_past_that_only_one_variant_has_is_no_chance() -> None:
    generator = np.random.default_rng(6)
    control, new = (np.stack([generator.normal(size=200), np.full(200, pre)], axis=1) for pre in (0.0, 1.0))
    summary = summary_of_units(promised(), {"value": [{"control": control, "new": new}]})
    assert imbalance(promised(), summary, final_day=day(1)).finding.status is Status.WARN


def test_a_past_that_is_the_same_for_everybody_cannot_be_compared() -> None:
    rows = np.stack([np.random.default_rng(7).normal(size=200), np.zeros(200)], axis=1)
    summary = summary_of_units(promised(), {"value": [{"control": rows, "new": rows}]})
    assert imbalance(promised(), summary, final_day=day(1)).finding.status is Status.NO_DATA
