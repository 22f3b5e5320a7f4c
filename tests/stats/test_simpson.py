"""Simpson's reversal."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import same
from trialflow.stats import Gap, Moments
from trialflow.stats.simpson import pooled, simpson


def shares(n: list[float], hits: list[float]) -> Moments:
    return Moments.from_proportion(n=n, successes=hits)


def test_days_with_different_splits_can_turn_an_effect_round() -> None:
    # A ramp: 1 % in treatment on the poor first day, 50 % on the good second one, +0.2 points on both.
    control, treatment = shares([99_000.0, 50_000.0], [990.0, 2_500.0]), shares([1_000.0, 50_000.0], [12.0, 2_600.0])
    check = simpson(control, treatment)
    assert not check.reversed  # the crude effect points the same way here, only much too far
    assert check.crude.estimate > 5.0 * check.standardised.estimate
    same(check.shift, check.crude.estimate - check.standardised.estimate)
    assert check.allocation_p < 1e-6


@given(st.lists(st.tuples(st.integers(20, 200), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=5))
def test_the_same_split_everywhere_reverses_nothing(segments: list[tuple[int, int, int]]) -> None:
    n = [float(size) for size, _, _ in segments]
    control, treatment = shares(n, [float(a) for _, a, _ in segments]), shares(n, [float(b) for _, _, b in segments])
    check = simpson(control, treatment)
    assert not check.reversed
    if len(segments) > 1:
        same(check.allocation_p, 1.0)
    else:
        assert np.isnan(check.allocation_p)
        assert str(check.because) == Gap.TOO_FEW_EFFECTS.reason
    if bool(check.crude.estimable & check.standardised.estimable):
        same(check.shift, 0.0, atol=1e-9)


def test_splits_that_cannot_be_compared_are_not_called_even() -> None:
    control = shares([[100.0, 90.0], [100.0, 0.0], [100.0, 90.0], [100.0, np.nan]], [[10.0, 9.0]] * 4)
    treatment = shares([[100.0, 90.0], [100.0, 0.0], [0.0, 0.0], [100.0, 90.0]], [[10.0, 9.0]] * 4)
    check = simpson(control, treatment)
    assert check.gap.tolist() == [Gap.NONE, Gap.TOO_FEW_EFFECTS, Gap.NOTHING_TO_COMPARE, Gap.NO_VALUE]
    assert np.isnan(check.allocation_p).tolist() == [False, True, True, True]


@given(st.lists(st.lists(st.integers(-9, 9), min_size=1, max_size=9), min_size=1, max_size=4))
def test_pooling_segments_is_pooling_rows(segments: list[list[int]]) -> None:
    parts = [Moments.from_rows(one) for one in segments]
    stacked = Moments(**{key: np.stack([getattr(one, key) for one in parts], axis=-1) for key in ("n", "mean", "m2")})
    got, expected = pooled(stacked), Moments.from_rows([value for one in segments for value in one])
    same([got.n, got.mean, got.m2], [expected.n, expected.mean, expected.m2])
