"""Specifications that Vega-Lite draws: what stands in them, without drawing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from trialflow.memo.memo import Allocation, Chart, EffectOverTime, EffectPath, Forest, ForestRow, Lifetime, LifetimePath
from trialflow.overview.curves import Curve, Line
from trialflow_ui.charts import Drawing, curve, drawings

FIRST = date(2026, 3, 2)
DAYS = tuple(FIRST + timedelta(days=step) for step in range(9))
WIDE_AT_FIRST = (-9.0, -5.0, -3.0, *(-1.0,) * 6)

EFFECT = Chart(
    kind="effect_over_time",
    title="Effect",
    alt="words",
    data=EffectOverTime(
        paths=(
            EffectPath(
                variant="v7",
                days=DAYS,
                estimate=(None, *(0.5,) * 8),
                lower=WIDE_AT_FIRST,
                upper=tuple(-value for value in WIDE_AT_FIRST),
                look_days=(DAYS[-1],),
            ),
        ),
        axis="Effect (views)",
        good_direction=1,
        minimum_effect=0.25,
    ),
)
FOREST = Chart(
    kind="forest",
    title="Forest",
    alt="words",
    data=Forest(
        rows=(
            ForestRow(
                label="clicks\nv7", role="primary", good_direction=1, estimate=2.0, lower=1.0, upper=3.0, text="+2%"
            ),
            ForestRow(
                label="latency", role="guardrail", good_direction=-1, estimate=2.0, lower=1.0, upper=3.0, margin=4.0
            ),
            ForestRow(label="rare", role="secondary", good_direction=1, estimate=0.0, lower=-500.0, upper=500.0),
        ),
        axis="%",
    ),
)
ALLOCATION = Chart(
    kind="allocation",
    title="Units",
    alt="words",
    data=Allocation(
        variants=("control", "v7"),
        observed=(10.0, 12.0),
        expected=(11.0, 11.0),
        unit="Units",
        days=DAYS[:3],
        p_values=(1.0, 0.01, 0.0),
        threshold=0.001,
    ),
)
LIFETIME = Chart(
    kind="lifetime",
    title="Lifetime",
    alt="words",
    data=Lifetime(
        paths=(LifetimePath(variant="v7", days=(0, 1), estimate=(0.3, 0.2), lower=(0.1, 0.0), upper=(0.5, 0.4)),),
        axis="Effect",
        good_direction=1,
    ),
)
CURVE = Curve(key="c", title="Curve", alt="words", axis="%", lines=(Line(name="a", days=DAYS[:2], values=(1.0, 2.0)),))
EVERY = [*(one for chart in (EFFECT, FOREST, ALLOCATION, LIFETIME) for one in drawings(chart)), curve(CURVE)]


def values(drawing: Drawing) -> list[dict[str, object]]:
    return list(drawing.spec["data"]["values"])


def marks(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        mark = node.get("mark")
        if isinstance(mark, dict):
            yield mark["type"]
        for item in node.values():
            yield from marks(item)
    elif isinstance(node, list):
        for item in node:
            yield from marks(item)


@pytest.mark.parametrize("drawing", EVERY, ids=lambda drawing: drawing.title)
def test_a_specification_is_plain_json_and_names_no_colour_of_its_own(drawing: Drawing) -> None:
    text = json.dumps(drawing.spec, allow_nan=False)
    assert "#" not in text
    assert "rgb" not in text
    assert drawing.alt
    assert drawing.rows
    assert all(len(row) == len(drawing.columns) for row in drawing.rows)


def test_the_wide_first_bounds_of_an_effect_run_out_of_the_picture() -> None:
    (drawing,) = drawings(EFFECT)
    domain = drawing.spec["layer"][1]["encoding"]["y"]["scale"]["domain"]
    assert -2 < domain[0] < -1
    assert 1 < domain[1] < 2


def test_a_day_without_an_estimate_is_left_out_of_the_line_and_told_in_the_table() -> None:
    (drawing,) = drawings(EFFECT)
    assert len(values(drawing)) == len(DAYS) - 1
    assert len(drawing.rows) == len(DAYS)
    assert drawing.rows[-1][-1] == "yes"


def test_colours_of_a_forest_follow_the_good_direction_of_each_metric() -> None:
    (drawing,) = drawings(FOREST)
    assert [row["tone"] for row in values(drawing)] == ["good", "bad", "includes zero"]
    assert values(drawing)[0]["label"] == "clicks · v7"


def test_an_interval_that_reaches_too_far_is_cut_at_the_edge() -> None:
    (drawing,) = drawings(FOREST)
    assert max(abs(float(str(row["to"]))) for row in values(drawing)) < 100


def test_a_p_value_of_zero_stands_at_the_lower_end_of_its_logarithmic_axis() -> None:
    _, split = drawings(ALLOCATION)
    low = split.spec["layer"][1]["encoding"]["y"]["scale"]["domain"][0]
    assert low > 0
    assert values(split)[-1]["p"] == low
    assert math.log10(low) > -10


def axis_days(drawing: Drawing) -> Any:
    return next(found for found in found_axes(drawing.spec) if "values" in found)["values"]


def found_axes(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if isinstance(node.get("axis"), dict):
            yield node["axis"]
        for item in node.values():
            yield from found_axes(item)
    elif isinstance(node, list):
        for item in node:
            yield from found_axes(item)


def answers(drawing: Drawing) -> tuple[list[dict[str, object]], list[str]]:
    """Rows that answer to a pointer, and the titles of what they say."""
    layer = drawing.spec["layer"][-1]
    rows = layer.get("data", drawing.spec["data"])["values"]
    last = layer["layer"][-1] if "layer" in layer else layer
    return rows, [tip["title"] for tip in last["encoding"]["tooltip"]]


def test_a_day_without_an_estimate_has_no_place_on_the_axis() -> None:
    (drawing,) = drawings(EFFECT)
    assert axis_days(drawing)[0] == DAYS[1].isoformat()


def test_an_axis_reaches_to_the_looks_to_come() -> None:
    ahead = replace(CURVE, marks=((FIRST + timedelta(days=60), "look 1"),))
    assert axis_days(curve(ahead)) == ["2026-03-02", "2026-03-16", "2026-03-30", "2026-04-13", "2026-04-27"]


def test_every_day_of_an_effect_answers_with_its_bounds_and_its_look() -> None:
    rows, titles = answers(drawings(EFFECT)[0])
    assert titles == ["Day", "Effect (views)", "Look"]
    assert len(rows) == len(DAYS) - 1
    assert (rows[-1]["told0"], rows[-1]["look"]) == ("+0.5 (−1 to +1)", "1")
    assert rows[0]["look"] == ""


def test_every_row_of_a_forest_answers_and_says_nothing_of_a_margin_it_has_not() -> None:
    rows, titles = answers(drawings(FOREST)[0])
    assert titles == ["Metric", "Role", "Effect relative to control", "Margin"]
    assert [row["within"] for row in rows] == ["", "+4%", ""]


@pytest.mark.parametrize("drawing", EVERY, ids=lambda drawing: drawing.title)
def test_every_chart_answers_to_a_pointer(drawing: Drawing) -> None:
    rows, titles = answers(drawing)
    assert rows
    assert len(titles) > 1


def test_days_since_exposure_are_whole_numbers() -> None:
    (drawing,) = drawings(LIFETIME)
    formats = {found.get("format") for found in found_axes(drawing.spec) if "tickMinStep" in found}
    assert formats == {"d"}


def test_intervals_by_lifetime_are_bars_and_bounds_over_time_a_band() -> None:
    assert "area" in set(marks(drawings(EFFECT)[0].spec))
    assert "area" not in set(marks(drawings(LIFETIME)[0].spec))
