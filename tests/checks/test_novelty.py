"""Novelty and primacy on a balanced cohort."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, ttest_ind

from tests.fakes import a_metric, a_promise, day
from trialflow.checks.finding import Finding, Status
from trialflow.checks.novelty import not_applicable, novelty
from trialflow.stats import JointMoments
from trialflow.warehouse.summary import LifetimeSummary

HORIZON, EARLY, LATE = 7, 2, 3
REQUIRED = {"policy": "required", "early_days": EARLY, "late_days": LATE, "horizon_days": HORIZON}


def lives(effect: Any, *, units: int = 2_000, seed: int = 1) -> dict[str, Any]:
    """Unit × day values: a lasting level per unit, noise, and an effect by day since exposure in treatment."""
    generator = np.random.default_rng(seed)

    def arm(shift: Any) -> Any:
        return generator.normal(size=(units, 1)) + generator.normal(size=(units, HORIZON)) + shift

    return {"control": arm(0.0), "new": arm(np.asarray(effect))}


def summary_of(values: dict[str, Any]) -> LifetimeSummary:
    contrast = [one[:, -LATE:].mean(axis=1) - one[:, :EARLY].mean(axis=1) for one in values.values()]
    joint = [JointMoments.from_rows(one) for one in contrast]
    daily = [[JointMoments.from_rows(one[:, index]) for one in values.values()] for index in range(HORIZON)]
    return LifetimeSummary(
        metric="value",
        variants=tuple(values),
        horizon_days=HORIZON,
        daily=JointMoments(
            n=np.asarray([[one.n for one in row] for row in daily]),
            mean=np.asarray([[one.mean for one in row] for row in daily]),
            m2=np.asarray([[one.m2 for one in row] for row in daily]),
        ),
        contrast=JointMoments(
            n=np.asarray([one.n for one in joint]),
            mean=np.asarray([one.mean for one in joint]),
            m2=np.asarray([one.m2 for one in joint]),
        ),
    )


LEVEL = np.full(HORIZON, 0.3)
FADING = np.linspace(0.8, 0.0, HORIZON)
GROWING = np.linspace(0.0, 0.8, HORIZON)


def run(effect: Any, *, direction: str = "increase", units: int = 2_000, **policy: Any) -> Finding:
    promise = a_promise(
        analysis={"novelty": {**REQUIRED, **policy}}, definitions=[a_metric("value", direction=direction)]
    )
    return novelty(promise, summary_of(lives(effect, units=units)), day(28)).finding


def test_a_level_effect_passes() -> None:
    finding = run(LEVEL)
    assert finding.status is Status.PASS
    assert "No evidence" in finding.headline  # and not "no novelty"


def test_the_contrast_is_welchs_on_late_minus_early_means_per_unit() -> None:
    values = lives(FADING)
    change = {name: one[:, -LATE:].mean(axis=1) - one[:, :EARLY].mean(axis=1) for name, one in values.items()}
    reference = ttest_ind(change["new"], change["control"], equal_var=False)
    evidence = run(FADING).evidence
    (row,) = evidence["variants"]
    assert row["z"] == pytest.approx(norm.isf(reference.pvalue / 2) * np.sign(reference.statistic), rel=1e-8)
    assert evidence["estimate"] == pytest.approx(change["new"].mean() - change["control"].mean(), rel=1e-9)
    assert evidence["cohort_units"] == [2_000, 2_000]
    assert len(evidence["daily"]) == HORIZON


def test_an_unexplained_fading_effect_fails_where_a_level_one_is_required() -> None:
    finding = run(FADING)
    assert finding.status is Status.FAIL
    assert finding.blocks
    assert finding.next_step
    assert finding.evidence["fading"] == ["new"]


def test_an_explained_one_warns_and_asks_for_nothing_more() -> None:
    finding = run(FADING, explained="The banner was new; the plan expects the settled level.")
    assert finding.status is Status.WARN
    assert not finding.blocks
    assert finding.next_step == ""


def test_where_it_is_only_reported_it_warns() -> None:
    assert run(FADING, policy="report").status is Status.WARN


def test_a_growing_effect_warns_and_never_blocks() -> None:
    finding = run(GROWING)
    assert finding.status is Status.WARN
    assert not finding.blocks
    assert "grows" in finding.headline
    assert finding.evidence["fading"] == []


def test_where_less_is_better_a_rising_difference_fades() -> None:
    assert run(-FADING, direction="decrease").status is Status.FAIL
    assert run(FADING, direction="decrease").status is Status.WARN


def with_score(score: float, **policy: Any) -> Finding:
    """The finding on day 28 of 28 for a contrast of a given z-statistic (of many units, so that t is normal)."""
    summary = summary_of(lives(LEVEL))
    n, variance = np.asarray([2e6, 2e6]), 2.0
    mean = np.asarray([0.0, score * (variance * 2 / 2e6) ** 0.5])
    joint = JointMoments(n=n, mean=mean[:, None], m2=(variance * (n - 1.0))[:, None, None])
    promise = a_promise(analysis={"novelty": {**REQUIRED, **policy}}, definitions=[a_metric("value")])
    return novelty(promise, replace(summary, contrast=joint), day(28)).finding


def test_what_one_look_would_call_a_change_is_none_yet_where_every_day_may_be_looked_at() -> None:
    finding = with_score(-2.1)
    assert finding.status is Status.PASS
    assert finding.evidence["p_value"] > 0.05 > 2 * norm.sf(2.1)
    assert with_score(-2.4).status is Status.FAIL


@pytest.mark.parametrize("score", [-3.0, -2.3, -2.2, -1.0, 2.2, 2.3])
def test_the_interval_the_p_value_and_the_status_agree(score: float) -> None:
    finding = with_score(score)
    evidence = finding.evidence
    excludes_zero = evidence["lower"] > 0 or evidence["upper"] < 0
    assert excludes_zero == (evidence["p_value"] <= evidence["alpha"]) == (finding.status is not Status.PASS)


def test_a_larger_alpha_is_needed_for_a_smaller_change() -> None:
    assert with_score(-2.1, alpha=0.1).status is Status.FAIL


def test_the_fitted_decay_stands_beside_the_test() -> None:
    (row,) = run(0.2 + 1.5 * 0.5 ** np.arange(HORIZON), units=20_000).evidence["variants"]
    assert row["decay"]["why_not"] == ""
    assert row["decay"]["long_run_effect"]["lower"] < 0.2 < row["decay"]["long_run_effect"]["upper"]
    assert row["decay"]["half_life_days"]["estimate"] == pytest.approx(1.0, abs=0.2)
    (level,) = run(LEVEL).evidence["variants"]
    assert level["decay"]["long_run_effect"] is None
    assert "how fast" in level["decay"]["why_not"]


@pytest.mark.parametrize("kind", ["constant", "huge", "three units", "one silent day", "one variant empty"])
def test_no_data_whatever_put_a_number_into_the_finding_that_is_none(kind: str) -> None:
    values = lives(FADING, units=3 if kind == "three units" else 200)
    if kind == "constant":
        values = {name: np.ones_like(one) for name, one in values.items()}
    if kind == "huge":
        values = {name: one + 1e12 for name, one in values.items()}
    if kind == "one silent day":
        values = {name: one * (np.arange(HORIZON) != 4) for name, one in values.items()}
    if kind == "one variant empty":
        values["new"] = values["new"][:0]
    promise = a_promise(analysis={"novelty": REQUIRED}, definitions=[a_metric("value")])
    for number in (3, 7, 8, 28, 90):
        finding = novelty(promise, summary_of(values), day(number)).finding
        json.dumps(finding.document(), allow_nan=False)
        (row,) = finding.evidence["variants"]
        assert (row["estimate"] is None) == bool(row["why_not"])
        assert (row["decay"]["long_run_effect"] is None) == bool(row["decay"]["why_not"])


def test_a_cohort_of_nobody_is_no_data() -> None:
    finding = run(LEVEL, units=1)
    assert finding.status is Status.NO_DATA
    assert finding.evidence["variants"][0]["why_not"]


def test_what_a_source_cannot_support_says_why() -> None:
    finding = not_applicable(a_promise(), day(28), "the source holds moments, not units.").finding
    assert finding.status is Status.NOT_APPLICABLE
    assert "holds moments" in finding.headline
