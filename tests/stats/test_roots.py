"""Roots of monotone functions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import same
from trialflow.stats.roots import bracket, root

PLACES = st.floats(min_value=-50.0, max_value=50.0)


@given(PLACES, st.sampled_from([0.1, 1.0, 30.0]))
def test_the_root_of_a_step_like_curve_is_found(place: float, steepness: float) -> None:
    same(root(lambda x: math.tanh(steepness * (x - place)), -60.0, 70.0), place, rtol=1e-9, atol=1e-9)


@given(PLACES)
def test_a_bracket_is_found_from_anywhere(place: float) -> None:
    low, high = bracket(lambda x: x - place, 3.0, 0.1)
    assert low <= place <= high


@pytest.mark.parametrize(("place", "end"), [(-5.0, 0.0), (7.0, 2.0)])
def test_without_a_change_of_sign_the_nearer_end_is_given(place: float, end: float) -> None:
    assert root(lambda x: x - place, 0.0, 2.0) == end


def test_an_infinite_value_on_the_way_is_no_obstacle() -> None:
    same(root(lambda x: math.inf if x > 1.0 else x - 0.25, 0.0, 64.0), 0.25)
