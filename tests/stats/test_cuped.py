"""CUPED: less noise, same effect."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate
from tests.stats.reference import case, small_joint
from tests.strategies import Rows, awkward_moments, joint_moments, rows, same
from trialflow.stats import (
    CupedAdjustment,
    Estimate,
    JointMoments,
    adjust,
    difference_in_means,
    fixed_horizon,
    relative_effect,
)


def stacked(*variants: JointMoments) -> JointMoments:
    return JointMoments(
        n=np.stack([np.asarray(one.n) for one in variants]),
        mean=np.stack([one.mean for one in variants]),
        m2=np.stack([one.m2 for one in variants]),
    )


def contrast(adjusted: CupedAdjustment, treatment: int = 1) -> Estimate:
    return difference_in_means(adjusted.moments.take(..., 0), adjusted.moments.take(..., treatment))


@given(joint_moments(smallest=3), joint_moments(smallest=3), joint_moments(smallest=3))
def test_the_noise_within_variants_never_grows(first: JointMoments, second: JointMoments, third: JointMoments) -> None:
    both = stacked(first, second, third)
    adjusted = adjust(both)
    before, after = both.variable(0).m2.sum(), adjusted.moments.m2.sum()
    assert after <= before * (1.0 + 1e-9)
    assert 0.0 <= adjusted.variance_reduction <= 1.0
    same(adjusted.variance_reduction, 1.0 - after / before if before > 0.0 else 0.0, atol=1e-7)


@given(rows(columns=2, smallest=4), rows(columns=2, smallest=4), st.sampled_from([-50.0, 3.0]))
def test_a_constant_added_to_the_pre_period_changes_nothing(control: Rows, treatment: Rows, shift: float) -> None:
    before = contrast(adjust(stacked(JointMoments.from_rows(control), JointMoments.from_rows(treatment))))
    moved = np.asarray([0.0, shift])
    after = contrast(adjust(stacked(*(JointMoments.from_rows(arm + moved) for arm in (control, treatment)))))
    if bool(before.estimable & after.estimable):
        same(after.estimate, before.estimate, rtol=1e-5, atol=1e-5)
        same(after.std_error, before.std_error, rtol=1e-4, atol=1e-6)


@given(st.lists(awkward_moments(columns=2), min_size=2, max_size=4))
def test_nothing_becomes_nan(variants: list[JointMoments]) -> None:
    adjusted = adjust(stacked(*variants))
    parts = (adjusted.moments.n, adjusted.moments.mean, adjusted.moments.m2, adjusted.theta)
    assert all(np.isfinite(part).all() for part in (*parts, adjusted.variance_reduction, adjusted.shared_variance))


def test_without_a_pre_period_the_moments_come_back_unadjusted() -> None:
    variants = [JointMoments.from_rows([[value, 0.0] for value in values]) for values in ([1, 2, 4], [2, 3, 9])]
    adjusted = adjust(stacked(*variants))
    assert adjusted.theta == 0.0
    assert adjusted.variance_reduction == 0.0
    same(adjusted.moments.mean, [7 / 3, 14 / 3])
    same(adjusted.moments.m2, [one.m2[0, 0] for one in variants])


def test_theta_does_not_depend_on_the_effect() -> None:
    control, treatment = small_joint("minutes", "pre_minutes")
    harmed = JointMoments(n=treatment.n, mean=treatment.mean + np.asarray([500.0, 0.0]), m2=treatment.m2)
    same(adjust(stacked(control, treatment)).theta, adjust(stacked(control, harmed)).theta)


def test_the_control_mean_is_the_same_in_every_comparison() -> None:
    control, treatment = small_joint("minutes", "pre_minutes")
    third = JointMoments(n=treatment.n, mean=treatment.mean + np.asarray([1.0, 4.0]), m2=treatment.m2)
    adjusted = adjust(stacked(control, treatment, third))
    first, second = contrast(adjusted, 1), contrast(adjusted, 2)
    assert first.control == second.control
    direct = difference_in_means(adjusted.moments.take(1), adjusted.moments.take(2))
    same(second.estimate - first.estimate, direct.estimate)


@pytest.mark.parametrize(("case_id", "outcome"), [("small", "minutes"), ("small-spend", "spend")])
def test_the_standard_error_is_close_to_the_robust_one_of_ancova(case_id: str, outcome: str) -> None:
    # Another, asymptotically equal estimator in R (sandwich HC1): agreement within half a percent at 600 units.
    estimate = contrast(adjust(stacked(*small_joint(outcome, f"pre_{outcome}"))))
    same(estimate.std_error, case("cuped", case_id).expected["ancova_se_hc1"], rtol=5e-3)


def simulated(generator: np.random.Generator, *, runs: int, units: tuple[int, int], factor: float) -> JointMoments:
    """Two variants (run, variant) with pre-period correlation .8 and a treatment mean `factor` times control's."""
    arms = []
    for size, mean in zip(units, (5.0, 5.0 * factor), strict=True):
        pre = generator.normal(size=(runs, size))
        value = mean + 0.8 * pre + 0.6 * generator.normal(size=(runs, size))
        both = np.stack([value, pre + 2.0], axis=-1)
        arms.append((both.sum(axis=1), np.einsum("rui,ruj->rij", both, both)))
    counts = np.broadcast_to(np.asarray(units, dtype=float), (runs, 2))
    return JointMoments.from_sums(
        counts, np.stack([sums for sums, _ in arms], axis=1), np.stack([squares for _, squares in arms], axis=1)
    )


def test_the_level_holds_and_rho_squared_of_the_variance_goes() -> None:
    adjusted = adjust(simulated(np.random.default_rng(5), runs=5000, units=(200, 100), factor=1.0))
    assert_rate(fixed_horizon(contrast(adjusted), level=0.95).p_value < 0.05, 0.05)
    assert abs(float(adjusted.variance_reduction.mean()) - 0.64) < 0.005


def test_the_lift_interval_covers_when_the_shared_mean_counts() -> None:
    adjusted = adjust(simulated(np.random.default_rng(6), runs=5000, units=(120, 120), factor=4.0))
    arguments = {"critical": 1.959963984540054, "level": 0.95}
    with_it = relative_effect(contrast(adjusted), shared_variance=adjusted.shared_variance, **arguments).interval
    without = relative_effect(contrast(adjusted), **arguments).interval
    assert_rate((with_it.lower <= 3.0) & (with_it.upper >= 3.0), 0.95)
    assert np.mean((without.lower <= 3.0) & (without.upper >= 3.0)) < 0.93
