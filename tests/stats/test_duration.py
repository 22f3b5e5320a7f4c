"""From traffic to days."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import same
from trialflow.errors import StatisticsError
from trialflow.stats import (
    achieved_power,
    days_needed,
    detectable_over_time,
    information_over_time,
    matured_units,
    minimum_detectable_effect,
)

TRAFFIC = st.lists(st.integers(min_value=0, max_value=500), min_size=1, max_size=40)


@given(TRAFFIC, st.integers(min_value=0, max_value=10), st.integers(min_value=1, max_value=9000))
def test_the_day_found_is_the_first_with_enough_units(traffic: list[int], maturity: int, need: int) -> None:
    matured = matured_units(traffic, maturity_days=maturity)
    day = float(days_needed(need, new_units=traffic, maturity_days=maturity, full_weeks=False))
    if np.isinf(day):
        assert matured[-1] < need
    else:
        assert matured[int(day) - 1] >= need
        assert day == 1 or matured[int(day) - 2] < need


def test_steady_traffic_goes_on_for_ever_and_ends_on_a_full_week() -> None:
    assert days_needed([100.0, 701.0, 1400.0], new_units=100.0).tolist() == [7.0, 14.0, 14.0]
    assert days_needed(1400.0, new_units=100.0, maturity_days=7) == 21.0
    assert days_needed(10.0, new_units=0.0) == np.inf


def test_units_count_once_their_window_has_passed() -> None:
    assert matured_units([5, 6, 7], maturity_days=1).tolist() == [0.0, 5.0, 11.0]
    assert matured_units([5, 6], maturity_days=9).tolist() == [0.0, 0.0]


def test_what_is_detectable_at_the_end_is_what_the_plan_says() -> None:
    plan: dict[str, Any] = {"alpha": 0.05, "power": 0.8, "std_dev": 2.0}
    path = detectable_over_time(np.full(14, 1000.0), control_share=0.5, treatment_share=0.25, maturity_days=2, **plan)
    assert np.isinf(path[:2]).all()
    assert (np.diff(path[2:]) < 0.0).all()
    same(path[-1], minimum_detectable_effect(units_per_variant=6000.0, ratio=0.5, **plan))
    information = information_over_time(np.full(14, 1000.0), std_dev=2.0, control_share=0.5, treatment_share=0.25)
    same(achieved_power(effect=path[-1], information=information[11], alpha=0.05), 0.8)


@pytest.mark.parametrize(
    "call",
    [
        lambda: days_needed(0.0, new_units=5.0),
        lambda: days_needed(5.0, new_units=[-1.0]),
        lambda: matured_units([1.0], maturity_days=-1),
        lambda: information_over_time([1.0], std_dev=1.0, control_share=0.8, treatment_share=0.4),
    ],
)
def test_impossible_traffic_is_refused(call: Any) -> None:
    with pytest.raises(StatisticsError):
        call()
