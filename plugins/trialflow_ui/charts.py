"""Charts of the pages: what the library wants drawn, as Vega-Lite specifications and as tables of their numbers.

A specification names colours by their meaning ("@good"), which pages.js draws in the page's theme.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from trialflow.memo.memo import Allocation, Chart, EffectOverTime, Forest, Lifetime
from trialflow.memo.words import p_value, short_day, significant, whole
from trialflow.overview.curves import Curve, effect_range, split_range

Spec = dict[str, Any]
SERIES = ("@mark", "@second", "@third", "@good", "@bad")
HEIGHT = 240
MOST_NAMED = 7  # days on an axis
ROW = 34  # pixels for one interval of a forest


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """One figure: its specification, what it says in words, and its numbers."""

    title: str
    alt: str
    spec: Spec
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def drawings(chart: Chart) -> tuple[Drawing, ...]:
    """What is drawn of a chart: one figure, or two where there are two scales."""
    return DRAW[chart.kind](chart)


def curve(data: Curve) -> Drawing:
    """Lines over days."""
    values = [
        {
            "day": at.isoformat(),
            "when": short_day(at),
            "series": line.name,
            "value": value,
            "told": significant(value, 4),
        }
        for line in data.lines
        for at, value in zip(line.days, line.values, strict=True)
    ]
    shape = {"type": "line", "strokeWidth": 2, "interpolate": "step-after" if data.stepped else "linear"}
    x = _day([at for line in data.lines for at in line.days])
    y = _quantity("value", data.axis, zero=data.stepped)
    series = _colour([line.name for line in data.lines])
    spec = _spec(
        values,
        *(_level(value, text) for value, text in data.levels),
        *_marks(data.marks),
        {"mark": shape, "encoding": {"x": x, "y": y, "color": series}},
        {
            "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": series, "tooltip": _tips("Day", "when", data.axis)},
        },
    )
    rows = [
        (line.name, short_day(at), significant(value, 4))
        for line in data.lines
        for at, value in zip(line.days, line.values, strict=True)
    ]
    return Drawing(title=data.title, alt=data.alt, spec=spec, columns=("", "Day", data.axis), rows=tuple(rows))


def _effect(chart: Chart) -> tuple[Drawing, ...]:
    data = chart.data
    assert isinstance(data, EffectOverTime)  # noqa: S101 (a chart's kind names its data)
    values = [
        {"day": at.isoformat(), "when": short_day(at), "series": path.variant, **_bounds(middle, low, high)}
        for path in data.paths
        for at, middle, low, high in zip(path.days, path.estimate, path.lower, path.upper, strict=True)
        if middle is not None
    ]
    looks = sorted({at for path in data.paths for at in path.look_days})
    x, names = _day([at for path in data.paths for at in path.days]), [path.variant for path in data.paths]
    levels = [] if data.minimum_effect is None else [_level(data.minimum_effect, "minimum effect", "@good")]
    spec = _spec(
        values,
        *_bands(x, data.axis, effect_range(data), names, continuous=True),
        *levels,
        *_marks([(at, f"look {number}") for number, at in enumerate(looks, start=1)]),
        *_estimates(x, data.axis, names, "Day"),
    )
    rows = [
        (path.variant, short_day(at), *map(_number, (middle, low, high)), "yes" if at in path.look_days else "")
        for path in data.paths
        for at, middle, low, high in zip(path.days, path.estimate, path.lower, path.upper, strict=True)
    ]
    columns = ("Variant", "Day", data.axis, "Lower bound", "Upper bound", "Look")
    return (Drawing(title=chart.title, alt=chart.alt, spec=spec, columns=columns, rows=tuple(rows)),)


def _lifetime(chart: Chart) -> tuple[Drawing, ...]:
    data = chart.data
    assert isinstance(data, Lifetime)  # noqa: S101 (a chart's kind names its data)
    values = [
        {"day": at, "when": str(at), "series": path.variant, **_bounds(middle, low, high)}
        for path in data.paths
        for at, middle, low, high in zip(path.days, path.estimate, path.lower, path.upper, strict=True)
        if middle is not None
    ]
    x = {
        "field": "day",
        "type": "quantitative",
        "title": "Days since first exposure",
        "scale": {"padding": 14, "nice": False},
        "axis": {"tickMinStep": 1, "grid": False},
    }
    names = [path.variant for path in data.paths]
    spec = _spec(
        values,
        *_bands(x, data.axis, effect_range(data), names, continuous=False),
        *_estimates(x, data.axis, names, "Days since exposure"),
    )
    rows = [
        (path.variant, str(at), *map(_number, (middle, low, high)))
        for path in data.paths
        for at, middle, low, high in zip(path.days, path.estimate, path.lower, path.upper, strict=True)
    ]
    columns = ("Variant", "Day since exposure", data.axis, "Lower bound", "Upper bound")
    return (Drawing(title=chart.title, alt=chart.alt, spec=spec, columns=columns, rows=tuple(rows)),)


def _forest(chart: Chart) -> tuple[Drawing, ...]:
    data = chart.data
    assert isinstance(data, Forest)  # noqa: S101 (a chart's kind names its data)
    low, high = data.reach
    values = [
        {
            "label": _one_line(row.label),
            "role": row.role,
            "effect": row.estimate,
            "from": max(row.lower, low),
            "to": min(row.upper, high),
            "margin": row.margin,
            "text": row.text,
            "tone": _tone(row.lower, row.upper, row.good_direction),
        }
        for row in data.rows
    ]
    y = {
        "field": "label",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {"labelLimit": 240, "ticks": False, "domain": False},
    }
    x = {
        "type": "quantitative",
        "title": data.axis,
        "scale": {"domain": [low, high], "nice": False},
        "axis": {"grid": True, "tickCount": 9},
    }
    tone = {
        "field": "tone",
        "type": "nominal",
        "scale": {"domain": list(TONES), "range": list(TONES.values())},
        "legend": {"title": None},
    }
    tips = [
        {"field": "label", "title": "Metric"},
        {"field": "role", "title": "Role"},
        {"field": "text", "title": "Effect"},
        {"field": "margin", "title": "Margin (%)", "format": ".3~g"},
    ]
    spec = _spec(
        values,
        {"mark": {"type": "rule", "color": "@soft"}, "encoding": {"x": {"datum": 0}}},
        {
            "mark": {"type": "rule", "strokeWidth": 3, "clip": True},
            "encoding": {"y": y, "x": {**x, "field": "from"}, "x2": {"field": "to"}, "color": tone, "tooltip": tips},
        },
        {
            "mark": {"type": "tick", "color": "@care", "thickness": 3, "size": 20, "clip": True},
            "transform": [{"filter": "isValid(datum.margin)"}],
            "encoding": {"y": y, "x": {**x, "field": "margin"}, "tooltip": tips},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1, "clip": True},
            "encoding": {"y": y, "x": {**x, "field": "effect"}, "color": tone, "tooltip": tips},
        },
        height=ROW * len(values),
    )
    rows = [(_one_line(row.label), row.role, row.text, _number(row.margin)) for row in data.rows]
    columns = ("Metric", "Role", "Relative effect", "Margin (%)")
    return (Drawing(title=chart.title, alt=chart.alt, spec=spec, columns=columns, rows=tuple(rows)),)


TONES: Mapping[str, str] = {"good": "@good", "bad": "@bad", "includes zero": "@soft"}


def _tone(lower: float, upper: float, good: int) -> str:
    if lower <= 0 <= upper:
        return "includes zero"
    return "good" if (lower > 0) == (good > 0) else "bad"


def _allocation(chart: Chart) -> tuple[Drawing, ...]:
    data = chart.data
    assert isinstance(data, Allocation)  # noqa: S101 (a chart's kind names its data)
    values = [
        {"variant": name, "units": seen, "planned": plan}
        for name, seen, plan in zip(data.variants, data.observed, data.expected, strict=True)
    ]
    y = {
        "field": "variant",
        "type": "nominal",
        "sort": None,
        "title": None,
        "axis": {"labelLimit": 200, "ticks": False},
    }
    x = {"type": "quantitative", "title": data.unit, "axis": {"format": "~s", "tickCount": 6}}
    tips = [
        {"field": "variant", "title": "Variant"},
        {"field": "units", "title": "Units", "format": ","},
        {"field": "planned", "title": "Planned", "format": ",.0f"},
    ]
    spec = _spec(
        values,
        {
            "mark": {"type": "bar", "color": "@mark", "height": 18},
            "encoding": {"y": y, "x": {**x, "field": "units"}, "tooltip": tips},
        },
        {
            "mark": {"type": "tick", "color": "@ink", "thickness": 3, "size": 30},
            "encoding": {"y": y, "x": {**x, "field": "planned"}, "tooltip": tips},
        },
        height=(ROW + 8) * len(values),
    )
    rows = [
        (name, whole(seen), whole(plan))
        for name, seen, plan in zip(data.variants, data.observed, data.expected, strict=True)
    ]
    units = Drawing(
        title=f"{chart.title} (the tick)",
        alt=chart.alt,
        spec=spec,
        columns=("Variant", data.unit, "Planned"),
        rows=tuple(rows),
    )
    return (units, *_split_evidence(data))


def _split_evidence(data: Allocation) -> tuple[Drawing, ...]:
    known = [(at, value) for at, value in zip(data.days, data.p_values, strict=True) if value is not None]
    if len(known) < 2:  # a line
        return ()
    low, high = split_range(data.p_values, data.threshold)
    x = _day(data.days)
    values = [
        {"day": at.isoformat(), "when": short_day(at), "p": max(value, low), "told": p_value(value)}
        for at, value in known
    ]
    y = {
        "field": "p",
        "type": "quantitative",
        "title": "p-value of the split (log scale)",
        "scale": {"type": "log", "domain": [low, high], "clamp": True},
        "axis": {"format": "~g", "tickCount": 4},
    }
    spec = _spec(
        values,
        *([_level(data.threshold, "alarm", "@bad", right=True)] if data.threshold else []),
        {"mark": {"type": "line", "color": "@mark", "strokeWidth": 2}, "encoding": {"x": x, "y": y}},
        {
            "mark": {"type": "point", "color": "@mark", "filled": True, "size": 45},
            "encoding": {
                "x": x,
                "y": y,
                "tooltip": [{"field": "when", "title": "Day"}, {"field": "told", "title": "Split"}],
            },
        },
        height=200,
    )
    last = p_value(known[-1][1])
    return (
        Drawing(
            title="Evidence of an uneven split over time: the line only ever falls, an alarm is final",
            alt=f"Sequential p-value of the split by day, {last} on {short_day(known[-1][0])}.",
            spec=spec,
            columns=("Day", "Split"),
            rows=tuple((short_day(at), p_value(value)) for at, value in known),
        ),
    )


DRAW: Mapping[str, Callable[[Chart], tuple[Drawing, ...]]] = {
    "effect_over_time": _effect,
    "lifetime": _lifetime,
    "forest": _forest,
    "allocation": _allocation,
}


def _spec(values: Sequence[Mapping[str, Any]], *layers: Spec, height: int = HEIGHT) -> Spec:
    return {"data": {"values": list(values)}, "height": height, "layer": list(layers)}


def _day(days: Sequence[date]) -> Spec:
    """An axis of days; on a short one each is named once, never twice."""
    short = max(days) - min(days) < timedelta(days=MOST_NAMED)
    return {
        "field": "day",
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc", "padding": 14},
        "axis": {
            "format": "%-d %b",
            "grid": False,
            "labelOverlap": "greedy",
            "labelSeparation": 10,
            "tickCount": {"interval": "day", "step": 1} if short else MOST_NAMED,
        },
    }


def _quantity(field: str, title: str, *, zero: bool = False) -> Spec:
    return {"field": field, "type": "quantitative", "title": title, "scale": {"zero": zero}}


def _colour(names: Iterable[str]) -> Spec:
    domain = list(dict.fromkeys(names))
    legend = {"title": None} if len(domain) > 1 else None
    colours = [SERIES[place % len(SERIES)] for place in range(len(domain))]
    return {"field": "series", "type": "nominal", "scale": {"domain": domain, "range": colours}, "legend": legend}


def _bounds(middle: float, low: float | None, high: float | None) -> dict[str, Any]:
    told = f"{_number(middle)} ({_number(low)} to {_number(high)})"
    return {"effect": middle, "lower": low, "upper": high, "told": told}


def _bands(x: Spec, axis: str, ends: tuple[float, float], names: Sequence[str], *, continuous: bool) -> Iterable[Spec]:
    """Zero, and the bounds around the estimates."""
    y = {
        "field": "lower",
        "type": "quantitative",
        "title": axis,
        "scale": {"domain": list(ends), "nice": False},
        "axis": {"grid": True},
    }
    mark = {"type": "area", "opacity": 0.18} if continuous else {"type": "rule", "strokeWidth": 2, "opacity": 0.6}
    yield {"mark": {"type": "rule", "color": "@soft"}, "encoding": {"y": {"datum": 0}}}
    yield {
        "mark": {**mark, "clip": True},
        "encoding": {"x": x, "y": y, "y2": {"field": "upper"}, "color": _colour(names)},
    }


def _estimates(x: Spec, axis: str, names: Sequence[str], about: str) -> Iterable[Spec]:
    y = {"field": "effect", "type": "quantitative", "title": axis}
    encoding = {"x": x, "y": y, "color": _colour(names)}
    yield {"mark": {"type": "line", "strokeWidth": 2, "clip": True}, "encoding": encoding}
    mark = {"type": "point", "filled": True, "size": 50, "opacity": 1, "clip": True}
    yield {"mark": mark, "encoding": {**encoding, "tooltip": _tips(about, "when", axis)}}


def _tips(about: str, day: str, axis: str) -> list[Spec]:
    return [
        {"field": "series", "title": "Series"},
        {"field": day, "title": about},
        {"field": "told", "title": axis},
    ]


def _level(value: float, text: str, colour: str = "@soft", *, right: bool = False) -> Spec:
    """A level to compare with: a dashed line, named at one end."""
    return {
        "data": {"values": [{"level": value, "text": text}]},
        "layer": [
            {
                "mark": {"type": "rule", "color": colour, "strokeDash": [6, 4], "strokeWidth": 1.5},
                "encoding": {"y": {"field": "level", "type": "quantitative"}},
            },
            {
                "mark": {
                    "type": "text",
                    "align": "right" if right else "left",
                    "baseline": "bottom",
                    "dx": -4 if right else 4,
                    "dy": -3,
                    "color": colour,
                    "fontSize": 12,
                },
                "encoding": {
                    "y": {"field": "level", "type": "quantitative"},
                    "x": {"value": "width" if right else 0},
                    "text": {"field": "text"},
                },
            },
        ],
    }


def _marks(marks: Sequence[tuple[date, str]]) -> list[Spec]:
    """Days to mark: a dotted line each, named at its upper end."""
    if not marks:
        return []
    x = {"field": "day", "type": "temporal", "scale": {"type": "utc", "padding": 14}}
    return [
        {
            "data": {"values": [{"day": at.isoformat(), "text": text} for at, text in marks]},
            "layer": [
                {"mark": {"type": "rule", "color": "@soft", "strokeDash": [1, 3]}, "encoding": {"x": x}},
                {
                    "mark": {"type": "text", "baseline": "bottom", "dy": -4, "color": "@soft", "fontSize": 12},
                    "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "text"}},
                },
            ],
        }
    ]


def _number(value: float | None) -> str:
    return "" if value is None else significant(value, 3)


def _one_line(label: str) -> str:
    return " · ".join(label.split("\n"))
