"""Charts: the same bytes each time, words for everything, nothing that rests on colour alone."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import date, timedelta

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.memo.scenes import Scene, ship, two_treatments
from trialflow.memo.charts import DARK, DRAW, LIGHT, png, svg
from trialflow.memo.memo import (
    Allocation,
    Chart,
    EffectOverTime,
    EffectPath,
    Forest,
    ForestRow,
    Lifetime,
    LifetimePath,
)

CHARTS = ship().memo.charts
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
LUMINANCE = (0.2126, 0.7152, 0.0722)


def contrast(first: str, second: str) -> float:
    """WCAG 2.1 contrast ratio of two colours."""

    def luminance(colour: str) -> float:
        channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
        return sum(weight * one for weight, one in zip(LUMINANCE, linear, strict=True))

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "from tests.memo.scenes import ship; from trialflow.memo.charts import png, svg; "
        "import hashlib, sys; charts = ship().memo.charts; sys.stdout.write(''.join(map(svg, charts)) "
        "+ hashlib.sha256(b''.join(map(png, charts))).hexdigest())"
    )
    drawn = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert drawn.stdout == "".join(map(svg, CHARTS)) + hashlib.sha256(b"".join(map(png, CHARTS))).hexdigest()


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.kind)
def test_numbers_appear_beside_the_pointer_and_in_no_id(chart: Chart) -> None:
    root = ET.fromstring(svg(chart, prefix="c1-"))
    tips = [one.text or "" for one in root.iter() if one.tag.endswith("title")][1:]  # the first is the picture's own
    assert tips
    assert all(re.search(r"\d", tip) for tip in tips)
    assert not any("tip" in one.attrib.get("id", "") for one in root.iter())


def test_a_forest_shows_zero_and_nothing_far_beyond_its_intervals() -> None:
    wide = {"role": "primary", "good_direction": 1}
    rows = (ForestRow(label="mail", estimate=119.0, lower=73.0, upper=183.0, margin=-10.0, **wide),)  # type: ignore[arg-type]
    figure = Figure()
    DRAW["forest"](figure, Forest(rows=rows, axis="Effect (%)"))
    left, right = figure.axes[0].get_xlim()
    assert -60 < left < -10
    assert 183 < right < 240


def test_a_lifetime_is_shown_whole() -> None:
    path = LifetimePath(
        variant="v7", days=(0, 1, 2), estimate=(0.04, 0.09, 0.02), lower=(0.02, 0.06, 0.0), upper=(0.06, 0.12, 0.04)
    )
    figure = Figure()
    DRAW["lifetime"](figure, Lifetime(paths=(path,), axis="Effect (views)", good_direction=1))
    low, high = figure.axes[0].get_ylim()
    assert low < 0.0
    assert high > 0.12


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.kind)
def test_a_picture_is_valid_xml_with_its_words_and_theme(chart: Chart) -> None:
    root = ET.fromstring(svg(chart))
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == chart.alt
    text = svg(chart)
    assert "prefers-color-scheme:dark" in text
    assert not any(f": {colour}" in text for colour in LIGHT.values())  # only variables of the theme
    assert png(chart).startswith(b"\x89PNG")


def test_all_four_kinds_are_drawn_with_the_unit_on_the_axis() -> None:
    assert [chart.kind for chart in CHARTS] == ["effect_over_time", "forest", "lifetime", "allocation"]
    for chart in CHARTS:
        text = svg(chart)
        assert "percentage points" in text or "%" in text or "Units" in text


def test_every_series_is_named_beside_its_line() -> None:
    text = svg(two_treatments().memo.charts[0])
    assert ">v7<" in text
    assert ">v8<" in text


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_words_and_lines_stand_out_from_the_paper(theme: dict[str, str]) -> None:
    for name in ("ink", "muted"):
        assert contrast(theme[name], theme["paper"]) >= 4.5  # WCAG 2.1 AA, text
    for name in ("one", "two", "three", "four", "warn"):
        assert contrast(theme[name], theme["paper"]) >= 3.0  # WCAG 2.1 AA, graphics


def test_the_numbers_beside_a_forest_end_inside_the_picture() -> None:
    wide = {"role": "primary", "good_direction": 1}
    rows = (
        ForestRow(label="views", estimate=14.7, lower=10.3, upper=19.2, **wide),  # type: ignore[arg-type]
        ForestRow(label="money", estimate=-88.8, lower=-97.6, upper=-80.0, **wide),  # type: ignore[arg-type]
    )
    figure = Figure()
    canvas = FigureCanvasAgg(figure)
    DRAW["forest"](figure, Forest(rows=rows, axis="Effect (%)"))
    canvas.draw()
    words = figure.axes[0].texts
    assert len(words) == 3  # two intervals and the legend
    for text in words:
        box = text.get_window_extent(canvas.get_renderer())
        assert box.x0 >= 0, text.get_text()
        assert box.x1 <= figure.bbox.x1, text.get_text()
    assert words[-1].get_text().count(" · ") == 2


def test_missing_and_extreme_values_are_drawn_without_complaint(recwarn: pytest.WarningsRecorder) -> None:
    days = tuple(date(2026, 1, 1) + timedelta(days=n) for n in range(3))
    nothing = EffectPath(variant="v", days=days, estimate=(None,) * 3, lower=(None,) * 3, upper=(None,) * 3)
    far = ForestRow(label="far", role="primary", good_direction=1, estimate=900.0, lower=-5.0, upper=4000.0)
    near = ForestRow(label="near", role="guardrail", good_direction=-1, estimate=1.0, lower=-1.0, upper=2.0, margin=2.0)
    empty = Allocation(variants=("a", "b"), observed=(0.0, 0.0), expected=(0.0, 0.0), unit="Units")
    for kind, data in (
        ("effect_over_time", EffectOverTime(paths=(nothing,), axis="Effect", good_direction=1)),
        ("forest", Forest(rows=(far, near, near), axis="Effect (%)")),
        ("allocation", empty),
    ):
        assert svg(Chart(kind=kind, title="t", alt="a", data=data))  # type: ignore[arg-type]  # kind is one of three
    assert [str(one.message) for one in recwarn] == []


def test_importing_the_memo_floor_loads_no_heavy_library() -> None:
    code = "import sys, trialflow.memo; print([m for m in ('matplotlib', 'jinja2', 'slack_sdk') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert done.stdout.strip() == "[]"


def test_a_chart_has_words(scene: Scene) -> None:
    assert all(chart.alt and chart.title for chart in scene.memo.charts)
