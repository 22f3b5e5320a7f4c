"""Imbalance before the experiment."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate
from tests.strategies import awkward_moments, joint_moments, same
from trialflow.stats import JointMoments
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
def test_no_number_is_missing(arms: list[JointMoments]) -> None:
    found = pre_period_imbalance(stacked(*arms))
    assert np.isfinite(found.statistic)
    assert 0.0 <= found.p_value <= 1.0


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
    same(pre_period_imbalance(stacked(*broken)).p_value, alone.p_value)
