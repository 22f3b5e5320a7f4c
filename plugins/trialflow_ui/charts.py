"""Charts of the pages: what the library wants drawn, as Vega-Lite specifications and as tables of their numbers.

A specification names colours by their meaning ("@good"), which pages.js draws in the page's theme.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from trialflow.memo.memo import Allocation, Chart, EffectOverTime, Forest, Lifetime
from trialflow.memo.words import p_value, short_day, significant, whole
from trialflow.overview.curves import Curve, effect_range, split_range
from trialflow_ui.chart_parts import (
    NAME_AXIS,
    ROW,
    Spec,
    by_width,
    colours,
    day_answers,
    day_axis,
    day_rows,
    day_tips,
    free_place,
    heights,
    layered,
    legend,
    level,
    marked,
    place_of,
    quantity,
    row_answers,
    shapes,
    wrapped,
)


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
    points = [(line.name, at, value) for line in data.lines for at, value in zip(line.days, line.values, strict=True)]
    days = sorted({at for _, at, _ in points})
    names = [line.name for line in data.lines]
    x = day_axis([*days, *(at for at, _ in data.marks)])
    y = quantity("value", data.axis, zero=data.stepped)
    encoding = {"x": x, "y": y, "color": colours(names)}
    told = {(name, at): significant(value, 4) for name, at, value in points}
    lines = [
        [(place_of(at, days), value) for at, value in zip(line.days, line.values, strict=True)] for line in data.lines
    ]
    shape = {"type": "line", "strokeWidth": 2, "interpolate": "step-after" if data.stepped else "linear"}
    spec = layered(
        [{"day": at.isoformat(), "series": name, "value": value} for name, at, value in points],
        *(level(value, text, place=free_place(lines, value)) for value, text in data.levels),
        *marked(data.marks, days),
        {"mark": shape, "encoding": encoding},
        {
            "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
            "encoding": {**encoding, "shape": shapes(names)},
        },
        day_answers(x, day_rows(days, names, told), day_tips("Day", names, data.axis)),
    )
    rows = [(name, short_day(at), significant(value, 4)) for name, at, value in points]
    return Drawing(title=data.title, alt=data.alt, spec=spec, columns=("Series", "Day", data.axis), rows=tuple(rows))


def _effect(chart: Chart) -> tuple[Drawing, ...]:
    data = chart.data
    assert isinstance(data, EffectOverTime)  # noqa: S101 (a chart's kind names its data)
    values = [
        {"day": at.isoformat(), "series": path.variant, "effect": middle, "lower": low, "upper": high}
        for path in data.paths
        for at, middle, low, high in zip(path.days, path.estimate, path.lower, path.upper, strict=True)
        if middle is not None
    ]
    told = {
        (path.variant, at): _told(middle, low, high)
        for path in data.paths
        for at, middle, low, high in zip(path.days, path.estimate, path.lower, path.upper, strict=True)
        if middle is not None
    }
    days = sorted({at for _, at in told})
    looks = sorted({at for path in data.paths for at in path.look_days})
    numbered = {at: str(number) for number, at in enumerate(looks, start=1)}
    names = [path.variant for path in data.paths]
    x, ends = day_axis([*days, *looks]), effect_range(data)
    lines = [
        [
            (place_of(at, days), middle)
            for at, middle in zip(path.days, path.estimate, strict=True)
            if middle is not None
        ]
        for path in data.paths
    ]
    least = data.minimum_effect
    levels = (
        [] if least is None else [level(least, "minimum effect", "@good", place=free_place(lines, least, ends=ends))]
    )
    rows = [row | {"look": numbered.get(at, "")} for at, row in zip(days, day_rows(days, names, told), strict=True)]
    spec = layered(
        values,
        *_bands(x, data.axis, ends, names, continuous=True),
        *marked([(at, f"look {number}") for at, number in numbered.items()], days),
        *_estimates(x, data.axis, names),
        *levels,
        day_answers(x, rows, [*day_tips("Day", names, data.axis), {"field": "look", "title": "Look"}]),
    )
    cells = [
        (path.variant, short_day(at), *map(_number, (middle, low, high)), "yes" if at in path.look_days else "")
        for path in data.paths
        for at, middle, low, high in zip(path.days, path.estimate, path.lower, path.upper, strict=True)
    ]
    columns = ("Variant", "Day", data.axis, "Lower bound", "Upper bound", "Look")
    return (Drawing(title=chart.title, alt=chart.alt, spec=spec, columns=columns, rows=tuple(cells)),)


def _lifetime(chart: Chart) -> tuple[Drawing, ...]:
    data = chart.data
    assert isinstance(data, Lifetime)  # noqa: S101 (a chart's kind names its data)
    known = [
        (path.variant, at, middle, low, high)
        for path in data.paths
        for at, middle, low, high in zip(path.days, path.estimate, path.lower, path.upper, strict=True)
        if middle is not None
    ]
    x = {
        "field": "day",
        "type": "quantitative",
        "title": "Days since first exposure",
        "scale": {"padding": 14, "nice": False},
        "axis": {"tickMinStep": 1, "format": "d", "grid": False, "tickCount": by_width(50)},
    }
    names = [path.variant for path in data.paths]
    days = sorted({at for _, at, *_ in known})
    told = {(name, at): _told(middle, low, high) for name, at, middle, low, high in known}
    rows = [
        {"day": at, "when": str(at), **{f"told{place}": told.get((name, at), "") for place, name in enumerate(names)}}
        for at in days
    ]
    spec = layered(
        [
            {"day": at, "series": name, "effect": middle, "lower": low, "upper": high}
            for name, at, middle, low, high in known
        ],
        *_bands(x, data.axis, effect_range(data), names, continuous=False),
        *_estimates(x, data.axis, names),
        day_answers(x, rows, day_tips("Days since exposure", names, data.axis)),
    )
    cells = [
        (path.variant, str(at), *map(_number, (middle, low, high)))
        for path in data.paths
        for at, middle, low, high in zip(path.days, path.estimate, path.lower, path.upper, strict=True)
    ]
    columns = ("Variant", "Day since exposure", data.axis, "Lower bound", "Upper bound")
    return (Drawing(title=chart.title, alt=chart.alt, spec=spec, columns=columns, rows=tuple(cells)),)


def _forest(chart: Chart) -> tuple[Drawing, ...]:
    data = chart.data
    assert isinstance(data, Forest)  # noqa: S101 (a chart's kind names its data)
    low, high = data.reach
    values = [
        {
            "label": wrapped(_one_line(row.label)),
            "metric": _one_line(row.label),
            "role": row.role,
            "effect": row.estimate,
            "from": max(row.lower, low),
            "to": min(row.upper, high),
            "margin": row.margin,
            "within": "" if row.margin is None else f"{_signed(row.margin)}%",
            "text": row.text,
            "tone": _tone(row.lower, row.upper, row.good_direction),
        }
        for row in data.rows
    ]
    y = {"field": "label", "type": "nominal", "sort": None, "title": None, "axis": NAME_AXIS}
    x = {
        "type": "quantitative",
        "title": data.axis,
        "scale": {"domain": [low, high], "nice": False},
        "axis": {"grid": True, "tickCount": by_width(60)},
    }
    tone = {
        "field": "tone",
        "type": "nominal",
        "scale": {"domain": list(TONES), "range": list(TONES.values())},
        "legend": legend(list(TONES)),
    }
    tips = [
        {"field": "metric", "title": "Metric"},
        {"field": "role", "title": "Role"},
        {"field": "text", "title": "Effect relative to control"},
        {"field": "within", "title": "Margin"},
    ]
    spec = layered(
        values,
        {"mark": {"type": "rule", "color": "@soft"}, "encoding": {"x": {"datum": 0}}},
        {
            "mark": {"type": "rule", "strokeWidth": 3, "clip": True},
            "encoding": {"y": y, "x": {**x, "field": "from"}, "x2": {"field": "to"}, "color": tone},
        },
        {
            "mark": {"type": "tick", "color": "@care", "thickness": 3, "size": 20, "clip": True},
            "transform": [{"filter": "isValid(datum.margin)"}],
            "encoding": {"y": y, "x": {**x, "field": "margin"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1, "clip": True},
            "encoding": {"y": y, "x": {**x, "field": "effect"}, "color": tone},
        },
        row_answers(y, tips),
        **heights([str(row["label"]) for row in values]),
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
        {"variant": name, "label": wrapped(name), "units": seen, "planned": plan}
        for name, seen, plan in zip(data.variants, data.observed, data.expected, strict=True)
    ]
    y = {"field": "label", "type": "nominal", "sort": None, "title": None, "axis": NAME_AXIS}
    counts = {"labelExpr": "datum.value ? format(datum.value, '~s') : '0'", "tickCount": by_width(70)}
    x = {"type": "quantitative", "title": data.unit, "axis": counts}
    tips = [
        {"field": "variant", "title": "Variant"},
        {"field": "units", "title": data.unit, "format": ","},
        {"field": "planned", "title": "Planned", "format": ",.0f"},
    ]
    spec = layered(
        values,
        {"mark": {"type": "bar", "color": "@mark", "height": 18}, "encoding": {"y": y, "x": {**x, "field": "units"}}},
        {
            "mark": {"type": "tick", "color": "@ink", "thickness": 3, "size": 30},
            "encoding": {"y": y, "x": {**x, "field": "planned"}},
        },
        row_answers(y, tips),
        **heights([str(row["label"]) for row in values], row=ROW + 8),
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
    days = [at for at, _ in known]
    x = day_axis(days)
    values = [{"day": at.isoformat(), "p": max(value, low)} for at, value in known]
    rows = [{"day": at.isoformat(), "when": short_day(at), "told": p_value(value)} for at, value in known]
    y = {
        "field": "p",
        "type": "quantitative",
        "title": "p-value of the split (log scale)",
        "scale": {"type": "log", "domain": [low, high], "clamp": True},
        "axis": {"format": "~g", "tickCount": 4},
    }
    spec = layered(
        values,
        *([level(data.threshold, "alarm", "@bad", place=(True, True))] if data.threshold else []),
        {"mark": {"type": "line", "color": "@mark", "strokeWidth": 2}, "encoding": {"x": x, "y": y}},
        {
            "mark": {"type": "point", "color": "@mark", "filled": True, "size": 45, "opacity": 1},
            "encoding": {"x": x, "y": y},
        },
        day_answers(x, rows, [{"field": "when", "title": "Day"}, {"field": "told", "title": "Split"}]),
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


def _told(middle: float, low: float | None, high: float | None) -> str:
    span = "" if low is None or high is None else f" ({_signed(low)} to {_signed(high)})"
    return f"{_signed(middle)}{span}"


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
        "encoding": {"x": x, "y": y, "y2": {"field": "upper"}, "color": colours(names)},
    }


def _estimates(x: Spec, axis: str, names: Sequence[str]) -> Iterable[Spec]:
    y = {"field": "effect", "type": "quantitative", "title": axis}
    encoding = {"x": x, "y": y, "color": colours(names)}
    yield {"mark": {"type": "line", "strokeWidth": 2, "clip": True}, "encoding": encoding}
    mark = {"type": "point", "filled": True, "size": 50, "opacity": 1, "clip": True}
    yield {"mark": mark, "encoding": {**encoding, "shape": shapes(names)}}


def _number(value: float | None) -> str:
    return "" if value is None else significant(value, 3)


def _signed(value: float) -> str:
    return f"+{significant(value, 3)}" if value > 0 else significant(value, 3)


def _one_line(label: str) -> str:
    return " · ".join(label.split("\n"))
