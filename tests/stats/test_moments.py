"""Moments merge, and whatever they are made from they mean the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from tests.strategies import Rows, rows, same
from trialflow.stats import JointMoments, Moments


@given(rows(columns=3, smallest=0), rows(columns=3, smallest=0))
def test_adding_moments_is_pooling_rows(first: Rows, second: Rows) -> None:
    merged = JointMoments.from_rows(first) + JointMoments.from_rows(second)
    pooled = JointMoments.from_rows(np.concatenate([first, second]))
    scale = 1.0 + float(np.abs(pooled.m2).max())
    same(merged.n, pooled.n)
    same(merged.mean, pooled.mean, atol=1e-9 * scale)
    same(merged.m2, pooled.m2, atol=1e-9 * scale)
    one = JointMoments.from_rows(first).variable(1) + JointMoments.from_rows(second).variable(1)
    same(one.m2, pooled.variable(1).m2, atol=1e-9 * scale)


@given(rows(columns=2, smallest=0))
def test_raw_sums_and_rows_give_the_same_moments(values: Rows) -> None:
    made = JointMoments.from_sums(float(len(values)), values.sum(axis=0), values.T @ values)
    direct = JointMoments.from_rows(values)
    size = 1.0 + float((values**2).sum())
    same(made.mean, direct.mean, atol=1e-10 * size)
    same(made.m2, direct.m2, atol=1e-10 * size)


@given(rows())
def test_the_variance_has_n_minus_1_in_the_denominator(values: Rows) -> None:
    expected = np.var(values, ddof=1)
    same(Moments.from_rows(values[:, 0]).variance, expected, atol=1e-9 * (1.0 + float(expected)))


def test_a_published_variance_comes_back() -> None:
    made = Moments.from_variance(n=[10.0, 1.0, 0.0], mean=[2.0, 3.0, np.nan], variance=[4.0, np.nan, np.nan])
    same(made.variance, [4.0, np.nan, np.nan])
    same(made.mean, [2.0, 3.0, 0.0])
    same(made.m2, [36.0, 0.0, 0.0])


def test_a_proportion_is_the_mean_of_zeros_and_ones() -> None:
    counted = Moments.from_proportion(n=5.0, successes=2.0)
    listed = Moments.from_rows([1.0, 0.0, 1.0, 0.0, 0.0])
    same([counted.n, counted.mean, counted.m2], [listed.n, listed.mean, listed.m2])


def test_taking_a_row_takes_it_from_every_part() -> None:
    path = Moments.from_variance(n=[[2.0, 3.0], [4.0, 5.0]], mean=[[1.0, 2.0], [3.0, 4.0]], variance=1.0)
    last = path.take(-1, 1)
    same([last.n, last.mean, last.m2], [5.0, 4.0, 4.0])
