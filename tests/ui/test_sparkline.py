"""The small interval in a row: where its marks stand, in pixels worked out by hand.

The picture is 132 pixels wide, no difference stands in the middle, at 66, and each side holds three smallest worthwhile
effects in 60 pixels: 20 pixels are one of them.
"""

from __future__ import annotations

from datetime import date
from xml.etree import ElementTree

import pytest

from trialflow.overview.standing import Effect
from trialflow_ui.render import environment
from trialflow_ui.sparkline import IntervalChart, interval_chart


def effect(estimate=0.02, lower=0.01, upper=0.03, minimum=0.02, good: bool | None = True) -> Effect:
    return Effect(
        metric="orders",
        variant="treatment",
        text="+2.0%",
        span="+1.0% to +3.0%",
        estimate=estimate,
        lower=lower,
        upper=upper,
        minimum=minimum,
        good=good,
        as_of=date(2026, 1, 18),
    )


def test_estimate_bounds_and_the_smallest_effect_stand_in_units_of_that_effect():
    assert interval_chart(effect()) == IntervalChart(
        left=76.0, right=96.0, dot=86.0, minimum=86.0, cut_left=False, cut_right=False
    )


def test_where_less_is_better_the_smallest_effect_stands_on_the_left():
    found = interval_chart(effect(estimate=-0.03, lower=-0.05, upper=-0.01, minimum=-0.02))
    assert found == IntervalChart(left=16.0, right=56.0, dot=36.0, minimum=46.0, cut_left=False, cut_right=False)


def test_an_interval_that_goes_on_is_cut_at_the_edge_and_marked_there():
    right = interval_chart(effect(estimate=0.05, lower=-0.01, upper=0.2))
    assert (right.left, right.right, right.cut_left, right.cut_right) == (56.0, 126.0, False, True)
    left = interval_chart(effect(estimate=-0.05, lower=-0.2, upper=0.01))
    assert (left.left, left.right, left.cut_left, left.cut_right) == (6.0, 76.0, True, False)


def test_an_interval_up_to_the_edge_is_not_cut():
    found = interval_chart(effect(lower=-0.06, upper=0.06))
    assert (found.left, found.right, found.cut_left, found.cut_right) == (6.0, 126.0, False, False)


def test_an_estimate_beyond_the_edge_stands_on_it():
    assert interval_chart(effect(estimate=9.0, upper=10.0)).dot == 126.0
    assert interval_chart(effect(estimate=-9.0, lower=-10.0)).dot == 6.0


def test_a_bound_that_is_missing_is_open_not_zero():
    below = interval_chart(effect(lower=None))
    assert (below.left, below.cut_left, below.right, below.cut_right) == (6.0, True, 96.0, False)
    above = interval_chart(effect(upper=None))
    assert (above.left, above.cut_left, above.right, above.cut_right) == (76.0, False, 126.0, True)


@pytest.mark.parametrize("minimum", [None, 0.0])
def test_without_a_smallest_effect_there_is_no_axis_to_draw_on(minimum):
    assert interval_chart(effect(minimum=minimum)) is None


def test_without_an_estimate_nothing_is_drawn():
    assert interval_chart(effect(estimate=None)) is None
    assert interval_chart(None) is None


@pytest.mark.parametrize(("good", "look"), [(True, "good"), (False, "bad"), (None, "open")])
def test_a_row_draws_these_pixels_in_the_look_of_its_meaning(good, look):
    shown = effect(estimate=0.05, lower=None, upper=0.2, good=good)
    template = environment().from_string('{% import "words.html.j2" as words %}{{ words.interval(chart, effect) }}')
    picture = ElementTree.fromstring(template.render(chart=interval_chart(shown), effect=shown).strip())
    marks = {one.get("class"): one for one in picture if one.get("class") != "cut"}
    assert picture.get("class") == f"interval {look}"
    assert (marks["bar"].get("x1"), marks["bar"].get("x2")) == ("6.0", "126.0")
    assert marks["dot"].get("cx") == "116.0"
    assert marks["minimum"].get("x1") == "86.0"
    assert marks["zero"].get("x1") == "66"
    assert len([one for one in picture if one.get("class") == "cut"]) == 2
