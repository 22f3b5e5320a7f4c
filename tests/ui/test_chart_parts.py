"""Names on charts that give way to one another, and answers to a pointer, without drawing."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialflow_ui.chart_parts import (
    NAMED,
    NAMED_NARROW,
    WRAPPED,
    Spec,
    colours,
    day_answers,
    day_axis,
    day_rows,
    day_tips,
    free_place,
    heights,
    legend,
    level,
    marked,
    shapes,
    wrapped,
)

FIRST = date(2026, 1, 5)


def days(count: int) -> list[date]:
    return [FIRST + timedelta(days=step) for step in range(count)]


def names(looks: list[int], length: int, width: str) -> list[str]:
    """What stands above looks on these days of an experiment of that length; `width` is "text" or "short"."""
    every = days(length)
    marks = [(every[at], f"look {number}") for number, at in enumerate(looks, start=1)]
    (layer,) = marked(marks, every)
    return [str(row[width]) for row in layer["data"]["values"]]


@pytest.mark.parametrize("span", [*range(1, 11), 28, 90, 400])
def test_a_day_is_named_once_however_few_or_many_there_are(span: int) -> None:
    axis = day_axis(days(span))["axis"]
    for values, most in ((axis["values"], NAMED), (axis["narrow"]["values"], NAMED_NARROW)):
        named = [date.fromisoformat(value) for value in values]
        assert len(set(named)) == len(named) <= most
        assert named[0] == FIRST
        assert named[-1] <= days(span)[-1]
        assert len({later - earlier for earlier, later in pairwise(named)}) <= 1


def test_few_days_are_all_named() -> None:
    assert day_axis(days(3))["axis"]["values"] == ["2026-01-05", "2026-01-06", "2026-01-07"]


def test_looks_with_room_have_their_whole_names() -> None:
    assert names([3, 13], 14, "text") == ["look 1", "look 2"]


def test_many_looks_are_numbered_where_names_would_touch() -> None:
    assert names([1, 3, 5, 7, 9, 11, 13], 14, "short") == ["look 1", "2", "3", "4", "5", "6", "7"]


def test_looks_on_neighbouring_days_of_a_long_time_are_not_all_named() -> None:
    told = names([0, 1, 2, 89], 90, "short")
    assert told[0] == "look 1"
    assert told[1:3] == ["", ""]
    assert told[3] == "4"


def test_the_name_of_a_level_stands_where_the_line_does_not_run() -> None:
    falling = [[(0.0, 1.0), (0.3, 0.55), (1.0, 0.5)]]
    right, above = free_place(falling, 0.98)
    assert (right, above) == (True, False)  # there is no room above, and on the left the line begins
    rising = [[(0.0, 0.1), (1.0, 0.6)]]
    assert free_place(rising, 0.5, ends=(0.0, 1.0)) == (False, True)


def test_the_name_of_a_level_is_drawn_on_a_halo() -> None:
    _, halo, name = level(1.0, "planned", place=(False, True))["layer"]
    assert halo["mark"]["stroke"] == "@card"
    assert "stroke" not in name["mark"]
    assert halo["encoding"] == name["encoding"]


@given(st.text("ab_ ", min_size=1, max_size=60))
def test_a_wrapped_name_is_the_name_in_short_lines(name: str) -> None:
    lines = wrapped(name).split("\n")
    assert "".join(lines).strip(" _") == name.strip(" _")
    assert all(len(line.rstrip(" _")) <= WRAPPED for line in lines)


def test_names_of_metrics_break_after_an_underscore() -> None:
    assert wrapped("recommendation_click") == "recommendation_\nclick"
    assert wrapped("clicks") == "clicks"


def test_rows_with_names_of_several_lines_are_taller_on_a_narrow_chart() -> None:
    short, tall = heights(["clicks"]), heights([wrapped("complained_1d · ranker_with_long_memory")])
    assert short["narrow"]["height"] == short["height"]
    assert tall["narrow"]["height"] > tall["height"]


def test_long_names_in_a_legend_stand_below_one_another() -> None:
    assert legend(["a", "b"])["narrow"]["columns"] == 2
    assert legend(["ranker_with_long_memory", "ranker_without_memory"])["narrow"]["columns"] == 1


def test_the_day_nearest_to_a_pointer_answers_for_all_series_with_the_unit() -> None:
    rows = day_rows(days(2), ["a", "b"], {("a", FIRST): "+1"})
    assert rows[0] == {"day": "2026-01-05", "when": "5 Jan 2026", "told0": "+1", "told1": ""}
    tips = day_tips("Day", ["a", "b"], "Effect (views)")
    assert [tip["title"] for tip in tips] == ["Day", "a, effect (views)", "b, effect (views)"]
    layers: list[Spec] = day_answers({"field": "day"}, rows, tips)["layer"]
    (near,) = layers[-1]["params"]
    assert near["select"]["nearest"] is True
    assert near["select"]["encodings"] == ["x"]
    assert layers[-1]["encoding"]["tooltip"] == tips


def test_each_of_as_many_variants_as_there_may_be_is_told_apart_and_none_looks_judged() -> None:
    variants = [f"variant {number}" for number in range(10)]
    pairs = list(zip(colours(variants)["scale"]["range"], shapes(variants)["scale"]["range"], strict=True))
    assert len(set(pairs)) == len(variants)
    assert not {"@good", "@bad"} & {colour for colour, _ in pairs}
