"""Parts that charts have in common: axes, names that give way to one another, levels, and answers to a pointer.

A part says under "narrow" what stands instead where there is little room; pages.js chooses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from trialflow.memo.words import short_day

Spec = dict[str, Any]
SERIES = ("@mark", "@second", "@third", "@fourth", "@fifth")  # none of them says that a series does well or badly
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
HEIGHT = 240
NAMED, NAMED_NARROW = 7, 4  # days on an axis, at most
STEPS = (1, 2, 3, 4, 7, 14, 28, 56, 91, 182)  # days between two named ones: from a week on whole weeks
WIDE, NARROW = 360, 190  # pixels that a plot has at least, beside its axis; pages.js says when it is narrow
LETTER, SYMBOL, GAP = 7, 26, 4  # pixels: a letter with some air, a legend's symbol, between two names
ROW, LINE = 34, 15  # pixels for one interval of a forest, and for one line of a name
WRAPPED, WHOLE = 15, 42  # letters of a name on one line of a narrow chart, and at most on the one line of a wide one
HALO: Mapping[str, Any] = {"stroke": "@card", "strokeWidth": 4, "strokeJoin": "round"}


def layered(
    values: Sequence[Mapping[str, Any]], *layers: Spec, height: int = HEIGHT, narrow: Spec | None = None
) -> Spec:
    """Layers over the same rows."""
    return {"data": {"values": list(values)}, "height": height, "layer": list(layers)} | (
        {"narrow": narrow} if narrow else {}
    )


LINES = "split(datum.label, '\\n')"
NAME_AXIS: Mapping[str, Any] = {
    "labelLimit": LETTER * WHOLE,
    "ticks": False,
    "domain": False,
    "labelExpr": f"length(datum.label) > {WHOLE} ? {LINES} : join({LINES}, '')",
    "narrow": {"labelExpr": LINES, "labelLimit": LETTER * (WRAPPED + 1)},
}
"""Names of rows on one line; long ones, and all on a narrow chart, on as many as `wrapped` made."""


def wrapped(name: str) -> str:
    """A name with line breaks after spaces and underscores, so that a narrow chart need not cut it."""
    lines = [""]
    for part in re.findall(rf"[^_ ]{{1,{WRAPPED}}}[_ ]*", name) or [name]:
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > WRAPPED:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def heights(labels: Iterable[str], *, row: int = ROW) -> dict[str, Any]:
    """Heights of a chart with a row for each wrapped label: wide, and narrow where a name may take several lines."""
    known = list(labels)
    wide, narrow = (
        max((label.count("\n") + 1 for label in known if len(label) > longest), default=1) for longest in (WHOLE, 0)
    )
    tall, taller = (max(row, lines * LINE + 6) * len(known) for lines in (wide, narrow))
    return {"height": tall, "narrow": {"height": taller}}


def row_answers(y: Spec, tips: Sequence[Spec]) -> Spec:
    """Rows that answer to a pointer over their whole width."""
    return {
        "mark": {"type": "rect", "color": "transparent"},
        "encoding": {"y": y, "x": {"value": 0}, "x2": {"value": "width"}, "tooltip": list(tips)},
    }


def day_answers(x: Spec, rows: Sequence[Mapping[str, Any]], tips: Sequence[Spec]) -> Spec:
    """The day nearest to a pointer answers, wherever in the plot the pointer is, and a line shows which one it is."""
    near = {"type": "point", "on": "pointerover", "clear": "pointerout", "nearest": True, "encodings": ["x"]}
    shown = {"condition": {"param": "near", "empty": False, "value": 0.7}, "value": 0}
    return {
        "data": {"values": list(rows)},
        "layer": [
            {"mark": {"type": "rule", "color": "@soft"}, "encoding": {"x": x, "opacity": shown}},
            {
                "params": [{"name": "near", "select": near}],
                "mark": {"type": "point", "opacity": 0, "size": 1},
                "encoding": {"x": x, "y": {"value": 0}, "tooltip": list(tips)},
            },
        ],
    }


def day_rows(days: Sequence[date], names: Sequence[str], told: Mapping[tuple[str, date], str]) -> list[dict[str, Any]]:
    """What is told on each day, of all series together: the rows of `day_answers`."""
    return [
        {
            "day": at.isoformat(),
            "when": short_day(at),
            **{f"told{place}": told.get((name, at), "") for place, name in enumerate(names)},
        }
        for at in days
    ]


def day_tips(about: str, names: Sequence[str], axis: str) -> list[Spec]:
    """The day, and what each series says on it in the axis' unit."""
    several = len(names) > 1
    return [
        {"field": "when", "title": about},
        *(
            {"field": f"told{place}", "title": f"{name}, {axis[:1].lower()}{axis[1:]}" if several else axis}
            for place, name in enumerate(names)
        ),
    ]


def by_width(pixels: int) -> Spec:
    """So many pixels for each tick."""
    return {"expr": f"clamp(floor(width / {pixels}), 3, 9)"}


def day_axis(days: Sequence[date]) -> Spec:
    """An axis of days. The named ones stand whole days apart, so that none is named twice."""
    first, last = min(days), max(days)
    return {
        "field": "day",
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc", "padding": 14},
        "axis": {
            "format": "%-d %b",
            "grid": False,
            "labelOverlap": "greedy",
            "values": _named_days(first, last, NAMED),
            "narrow": {"values": _named_days(first, last, NAMED_NARROW)},
        },
    }


def _named_days(first: date, last: date, most: int) -> list[str]:
    span = (last - first).days
    step = next((one for one in STEPS if span // one < most), span // (most - 1) + 1)
    return [(first + timedelta(days=number)).isoformat() for number in range(0, span + 1, step)]


def place_of(at: date, days: Sequence[date]) -> float:
    """Where a day stands between the first and the last one, from 0 to 1."""
    span = (days[-1] - days[0]).days
    return (at - days[0]).days / span if span else 0.5


def quantity(field: str, title: str, *, zero: bool = False) -> Spec:
    """An upright axis of numbers."""
    return {"field": field, "type": "quantitative", "title": title, "scale": {"zero": zero}}


def colours(names: Iterable[str]) -> Spec:
    """A colour for each series, explained where there are several."""
    domain = list(dict.fromkeys(names))
    return _told_apart(domain, [SERIES[place % len(SERIES)] for place in range(len(domain))])


def shapes(names: Iterable[str]) -> Spec:
    """A shape for the points of each series. With its colour it is its own up to the most variants there may be."""
    domain = list(dict.fromkeys(names))
    turned = [place + place // len(SERIES) for place in range(len(domain))]
    return _told_apart(domain, [SHAPES[turn % len(SHAPES)] for turn in turned])


def _told_apart(domain: Sequence[str], by: Sequence[str]) -> Spec:
    scale = {"domain": domain, "range": by}
    return {"field": "series", "type": "nominal", "scale": scale, "legend": legend(domain) if len(domain) > 1 else None}


def legend(names: Sequence[str]) -> Spec:
    """As many names side by side as there is room for."""
    longest = LETTER * max(map(len, names)) + SYMBOL
    wide, narrow = (max(1, min(room // longest, len(names))) for room in (WIDE, NARROW))
    return {"title": None, "symbolOpacity": 1, "labelLimit": WIDE, "columns": wide, "narrow": {"columns": narrow}}


Place = tuple[bool, bool]
"""Where the name of a level stands: at the right end or at the left, above the level or below."""
PLACES: tuple[Place, ...] = ((False, True), (True, True), (False, False), (True, False))
NAME_WIDTH, NAME_HEIGHT, DOT = 0.35, 0.12, 0.03  # of the plot, for the name of a level and the half of a dot


def free_place(
    lines: Sequence[Sequence[tuple[float, float]]], level: float, *, ends: tuple[float, float] | None = None
) -> Place:
    """The place where the least of the lines would run through the name. Points are (share of the width, value)."""
    values = [value for line in lines for _, value in line]
    low, high = ends or (min([*values, level]), max([*values, level]))
    height = (high - low) or 1.0

    def crossed(place: Place) -> int:
        right, above = place
        left, bottom = (1 - NAME_WIDTH if right else 0.0), level if above else level - NAME_HEIGHT * height
        touched = (bottom - DOT * height, bottom + (NAME_HEIGHT + DOT) * height)
        through = sum(
            left <= at <= left + NAME_WIDTH and touched[0] <= value <= touched[1]
            for line in lines
            for at, value in _between(line)
        )
        outside = bottom < low or bottom + NAME_HEIGHT * height > high
        return through + (1 if outside else 0)

    return min(PLACES, key=crossed)


def _between(line: Sequence[tuple[float, float]], steps: int = 10) -> Iterable[tuple[float, float]]:
    """Points along a line, its own among them."""
    for (x, y), (right, top) in pairwise(line):
        for step in range(steps):
            yield x + (right - x) * step / steps, y + (top - y) * step / steps
    yield from line[-1:]


def level(value: float, text: str, colour: str = "@soft", *, place: Place) -> Spec:
    """A level to compare with: a dashed line, named at one end."""
    right, above = place
    mark = {
        "type": "text",
        "align": "right" if right else "left",
        "baseline": "bottom" if above else "top",
        "dx": -4 if right else 4,
        "dy": -3 if above else 4,
        "color": colour,
        "fontSize": 12,
    }
    y = {"field": "level", "type": "quantitative"}
    encoding = {"y": y, "x": {"value": "width" if right else 0}, "text": {"field": "text"}}
    rule = {"type": "rule", "color": colour, "strokeDash": [6, 4], "strokeWidth": 1.5}
    return {
        "data": {"values": [{"level": value, "text": text}]},
        "layer": [
            {"mark": rule, "encoding": {"y": y}},
            {"mark": {**mark, **HALO}, "encoding": encoding},
            {"mark": mark, "encoding": encoding},
        ],
    }


def marked(marks: Sequence[tuple[date, str]], days: Sequence[date]) -> list[Spec]:
    """Days to mark: a dotted line each, named at its upper end as far as there is room."""
    if not marks:
        return []
    every = sorted({*days, *(at for at, _ in marks)})
    places, texts = [place_of(at, every) for at, _ in marks], [text for _, text in marks]
    wide, narrow = _fitted(places, texts, WIDE), _fitted(places, texts, NARROW)
    x = {"field": "day", "type": "temporal", "scale": {"type": "utc", "padding": 14}}
    name = {"type": "text", "baseline": "bottom", "dy": -4, "color": "@soft", "fontSize": 12}
    return [
        {
            "data": {
                "values": [
                    {"day": at.isoformat(), "text": long, "short": short}
                    for (at, _), long, short in zip(marks, wide, narrow, strict=True)
                ]
            },
            "layer": [
                {"mark": {"type": "rule", "color": "@soft", "strokeDash": [1, 3]}, "encoding": {"x": x}},
                {
                    "mark": name,
                    "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "text", "narrow": {"field": "short"}}},
                },
            ],
        }
    ]


def _fitted(places: Sequence[float], texts: Sequence[str], width: int) -> list[str]:
    """Names side by side: whole; else the first whole and of the others what is their own; else only those with room."""
    short = [text if number == 0 else text.split()[-1] for number, text in enumerate(texts)]
    for tried in (list(texts), short):
        if tried == _thinned(places, tried, width):
            return tried
    return _thinned(places, short, width)


def _thinned(places: Sequence[float], texts: Sequence[str], width: int) -> list[str]:
    """The texts, empty where one would touch the one before it."""
    kept, free = [], float("-inf")
    for place, text in zip(places, texts, strict=True):
        half = LETTER * len(text) / 2
        fits = place * width - half >= free
        kept.append(text if fits else "")
        free = place * width + half + GAP if fits else free
    return kept
