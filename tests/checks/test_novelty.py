"""Novelty and primacy on a balanced cohort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_ind

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
    assert evidence["p_value"] == pytest.approx(reference.pvalue, rel=1e-8)
    assert evidence["estimate"] == pytest.approx(change["new"].mean() - change["control"].mean(), rel=1e-9)
    assert evidence["cohort_units"] == [2_000, 2_000]
    assert len(evidence["daily"]) == HORIZON


def test_an_unexplained_fading_effect_fails_where_a_level_one_is_required() -> None:
    finding = run(FADING)
    assert finding.status is Status.FAIL
    assert finding.blocks
    assert finding.next_step


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


def test_where_less_is_better_a_rising_difference_fades() -> None:
    assert run(-FADING, direction="decrease").status is Status.FAIL
    assert run(FADING, direction="decrease").status is Status.WARN


def test_a_cohort_of_nobody_is_no_data() -> None:
    assert run(LEVEL, units=1).status is Status.NO_DATA


def test_what_a_source_cannot_support_says_why() -> None:
    finding = not_applicable(a_promise(), day(28), "the source holds moments, not units.").finding
    assert finding.status is Status.NOT_APPLICABLE
    assert "holds moments" in finding.headline
