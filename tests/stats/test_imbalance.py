"""Imbalance before the experiment."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate
from tests.strategies import awkward_moments, joint_moments, same
from trialflow.stats import Gap, JointMoments
from trialflow.stats.imbalance import pre_period_imbalance


def stacked(*arms: JointMoments) -> JointMoments:
    parts = {name: np.stack([np.asarray(getattr(one, name)) for one in arms]) for name in ("n", "mean", "m2")}
    return JointMoments(**parts)


@given(joint_moments(smallest=5), joint_moments(smallest=5))
def test_it_does_not_depend_on_order_or_units(one: JointMoments, other: JointMoments) -> None:
    scale = np.asarray([3.0, 0.2])
    scaled = (JointMoments(n=arm.n, mean=arm.mean * scale, m2=arm.m2 * np.outer(scale, scale)) for arm in (other, one))
    before, after = pre_period_imbalance(stacked(one, other)), pre_period_imbalance(stacked(*scaled))
    same(before.p_value, after.p_value, rtol=1e-5, atol=1e-9)


@given(st.lists(awkward_moments(columns=2), min_size=2, max_size=4))
def test_no_number_is_missing_without_a_mark(arms: list[JointMoments]) -> None:
    found = pre_period_imbalance(stacked(*arms))
    assert bool(found.estimable) == bool(np.isfinite(found.statistic)) == bool(0.0 <= found.p_value <= 1.0)
    assert (found.because == "") == found.estimable


def drawn(generator: np.random.Generator, shift: float) -> JointMoments:
    arms = []
    for index, units in enumerate((300, 150, 150)):
        x = generator.normal(size=(2000, units, 2))
        x[..., 1] = 0.7 * x[..., 0] + 0.5 * x[..., 1] + shift * (index == 2)
        arms.append((np.full(2000, float(units)), x.sum(axis=1), np.einsum("rui,ruj->rij", x, x)))
    n, sums, squares = (np.stack(parts, axis=1) for parts in zip(*arms, strict=True))
    return JointMoments.from_sums(n, sums, squares)


def test_sound_splits_rarely_alarm_and_a_shifted_variant_does() -> None:
    generator = np.random.default_rng(8)
    sound = pre_period_imbalance(drawn(generator, 0.0))
    same(sound.df, np.full(2000, 4.0))
    assert_rate(sound.p_value < 0.05, 0.05, sds=5.0)
    assert np.mean(pre_period_imbalance(drawn(generator, 0.3)).p_value < 0.001) > 0.9


def test_a_covariate_that_is_not_finite_does_not_count() -> None:
    generator = np.random.default_rng(9)
    arms = [JointMoments.from_rows(generator.normal(size=(40, 1)) @ [[1.0, 0.0]]) for _ in range(2)]
    alone = pre_period_imbalance(stacked(*arms))
    endless = np.asarray([[0.0, np.nan], [np.nan, np.inf]])
    infinite = np.asarray([0.0, np.inf])
    broken = [JointMoments(n=arm.n, mean=arm.mean + infinite, m2=arm.m2 + endless) for arm in arms]
    found = pre_period_imbalance(stacked(*broken))
    same(found.p_value, alone.p_value)
    assert found.left_out.tolist() == [False, True]
    assert not found.separated.any()
    assert not alone.left_out.any()


def test_variants_that_cannot_be_compared_are_not_called_balanced() -> None:
    generator = np.random.default_rng(10)
    sound = [JointMoments.from_rows(generator.normal(size=(40, 2))) for _ in range(2)]
    missing = JointMoments(n=sound[0].n, mean=np.full(2, np.nan), m2=sound[0].m2)
    nobody = JointMoments.from_rows(np.zeros((0, 2)))
    single = JointMoments.from_rows(np.ones((1, 2)))
    zeros = JointMoments.from_rows(np.zeros((40, 2)))
    table = [(*sound,), (missing, sound[1]), (nobody, sound[1]), (single, single), (zeros, zeros)]
    found = pre_period_imbalance(
        JointMoments(**{k: np.stack([getattr(stacked(*arms), k) for arms in table]) for k in ("n", "mean", "m2")})
    )
    gaps = [Gap.NONE, Gap.NO_VALUE, Gap.NOTHING_TO_COMPARE, Gap.TOO_FEW_UNITS, Gap.NO_VARIATION]
    assert found.gap.tolist() == gaps
    for value in (found.statistic, found.df, found.p_value):
        assert np.isnan(value).tolist() == [False, True, True, True, True]


def test_moments_that_are_not_finite_in_part_are_marked() -> None:
    generator = np.random.default_rng(12)
    arms = [JointMoments.from_rows(generator.normal(size=(40, 2))) for _ in range(2)]
    crossed = np.array(arms[0].m2)
    crossed[0, 1] = crossed[1, 0] = np.nan
    for broken in (
        JointMoments(n=arms[0].n, mean=arms[0].mean, m2=crossed),
        JointMoments(n=np.asarray(np.nan), mean=arms[0].mean, m2=arms[0].m2),
        JointMoments(n=np.asarray(np.inf), mean=arms[0].mean, m2=arms[0].m2),
    ):
        found = pre_period_imbalance(stacked(broken, arms[1]))
        assert str(found.because) == Gap.NO_VALUE.reason
        assert np.isnan([found.statistic, found.df, found.p_value]).all()


def test_a_constant_that_differs_between_variants_is_named() -> None:
    generator = np.random.default_rng(11)
    arms = [
        JointMoments.from_rows(np.column_stack([generator.normal(size=40), np.full(40, level)])) for level in (0, 1)
    ]
    found = pre_period_imbalance(stacked(*arms))
    assert found.separated.tolist() == found.left_out.tolist() == [False, True]
