"""Charts of one metric as Vega-Lite: its level as experiments saw it, and its recent weeks in the warehouse."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from trialflow.memo.words import scale_of, short_day, whole
from trialflow.overview.catalog import Entry
from trialflow.overview.metric_levels import When
from trialflow.overview.metric_weeks import Weeks
from trialflow.spec.metric import Metric
from trialflow_ui.chart_parts import day_axis

COLOURS = {When.BEFORE: "@second", When.CONTROL: "@mark"}


def levels(entry: Entry) -> dict[str, Any] | None:
    """Dated levels from the record; None for fewer than two days."""
    values = [
        {
            "day": row.day.isoformat(),
            "mean": row.seen[0].shown_mean,
            "when": row.when.value,
            "told": row.mean,
            "date": short_day(row.day),
            "by": ", ".join(one.slug for one in row.seen),
        }
        for row in entry.history
    ]
    if len({value["day"] for value in values}) < 2:
        return None
    return {
        "height": 200,
        "data": {"values": values},
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0.9},
        "encoding": {
            "x": _days(row.day for row in entry.history),
            "y": _mean(entry.metric),
            "color": {
                "field": "when",
                "type": "nominal",
                "scale": {"domain": [one.value for one in COLOURS], "range": list(COLOURS.values())},
                "legend": {"title": None, "labelLimit": 320},
            },
            "tooltip": [
                {"field": "date", "title": "Known on"},
                {"field": "when", "title": "Of"},
                {"field": "told", "title": "Mean"},
                {"field": "by", "title": "Seen by"},
            ],
        },
    }


def weeks(metric: Metric, found: Weeks) -> dict[str, Any] | None:
    """The mean of each week with its interval; None for fewer than two weeks with a number."""
    values = [
        {
            "day": one.first.isoformat(),
            "mean": one.mean,
            "lower": one.lower,
            "upper": one.upper,
            "told": one.text,
            "interval": one.interval,
            "units": whole(one.units),
            "date": f"{short_day(one.first)} to {short_day(one.last)}",
        }
        for one in found.weeks
        if one.mean is not None
    ]
    if len(values) < 2:
        return None
    tips = [
        {"field": "date", "title": "Week"},
        {"field": "told", "title": "Mean"},
        {"field": "interval", "title": "95% interval"},
        {"field": "units", "title": "Units"},
    ]
    return {
        "height": 220,
        "data": {"values": values},
        "encoding": {"x": _days(one.first for one in found.weeks if one.mean is not None), "tooltip": tips},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 2, "opacity": 0.5, "color": "@mark"},
                "encoding": {"y": _mean(metric, "lower"), "y2": {"field": "upper"}},
            },
            {
                "mark": {"type": "line", "color": "@mark", "point": {"filled": True, "size": 60, "color": "@mark"}},
                "encoding": {"y": _mean(metric)},
            },
        ],
    }


def _days(days: Iterable[date]) -> dict[str, Any]:
    found = day_axis(tuple(days))
    return {**found, "axis": {**found["axis"], "format": "%-d %b %Y"}}


def _mean(metric: Metric, name: str = "mean") -> dict[str, Any]:
    title = f"mean, {scale_of(metric, 'unit').value_suffix.strip()}"
    return {"field": name, "type": "quantitative", "scale": {"zero": False}, "title": title}
