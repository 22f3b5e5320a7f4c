"""Later days against the days before: a prediction, not an experiment."""

from __future__ import annotations

import numpy as np
import pytest

from tests.stats.calibration import assert_rate
from trialflow.errors import StatisticsError
from trialflow.stats.level import level_shift


def test_the_mean_of_days_to_come_is_predicted_as_by_hand() -> None:
    """By hand: mean 10, s = √2.5, t = (12 − 10) / (√2.5 · √(1/5 + 1/2)) = 1.511858 with 4 df."""
    found = level_shift([8.0, 9.0, 10.0, 11.0, 12.0], [11.0, 13.0], sign=1)
    assert (found.before, found.after, found.df) == (10.0, 12.0, 4)
    assert found.std_dev == pytest.approx(2.5**0.5)
    assert found.statistic == pytest.approx(1.511858, abs=1e-6)
    # With 4 df, P(T > t) = 1/2 - 3/8 · t/√(1 + t²/4) · (1 - t²/(1 + t²/4)/12) in closed form, by hand 0.102553
    assert found.p_value == pytest.approx(0.102553, abs=1e-6)
    assert level_shift([8.0, 9.0, 10.0, 11.0, 12.0], [11.0, 13.0], sign=-1).p_value == pytest.approx(1 - found.p_value)


@pytest.mark.parametrize(
    ("before", "after"), [([1.0, 2.0, 3.0, 4.0], [9.0]), ([1.0] * 6, [9.0]), ([1.0, 2.0, 3.0, 4.0, 5.0], [np.nan])]
)
def test_too_few_days_or_days_that_do_not_vary_give_no_number(before: list[float], after: list[float]) -> None:
    assert not level_shift(before, after, sign=1).estimable


def test_without_a_shift_it_warns_as_often_as_promised() -> None:
    generator = np.random.default_rng(7)
    days = generator.normal(5.0, 2.0, size=(4_000, 14 + 5))
    assert_rate([level_shift(run[:14], run[14:], sign=1).p_value < 0.05 for run in days], 0.05)


def test_another_sign_is_refused() -> None:
    with pytest.raises(StatisticsError, match="must be 1"):
        level_shift([1.0], [1.0], sign=0)
