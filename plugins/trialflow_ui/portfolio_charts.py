"""Vega-Lite specifications of the portfolio and the catalog. Colours are named by meaning; pages.js gives them per theme."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from trialflow.memo.words import MONTHS, percent, short_day
from trialflow.overview.catalog import Health
from trialflow.overview.portfolio import Month, Outcome, VerdictRow
from trialflow.overview.returns import Returned, Sum
from trialflow_ui.chart_parts import NAME_AXIS, by_width, heights, legend, row_answers, wrapped

Spec = dict[str, Any]
NAMES: Spec = {
    "labelAngle": 0,
    "labelExpr": "split(datum.label, ' ')",
    "labelOverlap": "parity",
    "labelSeparation": 6,
    "ticks": False,
}
"""Names below a pair of bars, a word a line: they stand side by side on a phone too."""
PAIR = 40  # pixels for a pair of bars or intervals that lie below one another
MOST_LYING = 12  # pairs of bars that lie on a narrow chart; of more it would be a scroll of its own
COUNTS: Spec = {"tickMinStep": 1, "format": "d", "tickCount": by_width(40)}
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


def months(rows: Sequence[Month]) -> Spec:
    """Started and decided experiments side by side, a pair of bars per month."""
    names = [f"{MONTHS[row.first.month - 1][:3]} {row.first.year}" for row in rows]
    values = [
        {"month": name, "what": what, "experiments": count}
        for name, row in zip(names, rows, strict=True)
        for what, count in (("started", row.started), ("decided", row.decided))
    ]
    return _grouped(values, x="month", order=names, group=("started", "decided"))


def verdicts(rows: Sequence[VerdictRow]) -> Spec:
    """How often each verdict was recommended and how often it was signed."""
    values = [
        {"verdict": row.verdict.value, "what": what, "experiments": count}
        for row in rows
        for what, count in (("recommended", row.recommended), ("signed", row.signed))
    ]
    order = [row.verdict.value for row in rows]
    return _grouped(values, x="verdict", order=order, group=("recommended", "signed"))


def _grouped(values: Sequence[Spec], *, x: str, order: Sequence[str], group: tuple[str, str]) -> Spec:
    """Pairs of bars that answer as one; on a narrow chart they lie, so that every name has a line of its own."""
    name: Spec = {"field": x, "type": "nominal", "sort": list(order), "title": None}
    count: Spec = {"field": "experiments", "type": "quantitative", "title": "experiments"}
    pair: Spec = {"field": "what", "sort": list(group)}
    told = [{x: at} | {one["what"]: one["experiments"] for one in values if one[x] == at} for at in order]
    tips = [{"field": field, "title": field.capitalize()} for field in (x, *group)]
    whole: Spec = {"data": {"values": told}, "mark": {"type": "rect", "color": "transparent"}}
    upright: Spec = {"x": {**name, "axis": NAMES}, "xOffset": pair, "y": {**count, "axis": {**COUNTS, "tickCount": 6}}}
    lying: Spec = {
        "y": {**name, "axis": {"ticks": False, "domain": False}},
        "yOffset": pair,
        "x": {**count, "axis": COUNTS},
    }
    bars: Spec = {"mark": {"type": "bar", "cornerRadiusEnd": 2}}
    colour = {"color": _series(group)}
    column = {"x": upright["x"], "y": {"value": 0}, "y2": {"value": "height"}, "tooltip": tips}
    row = {"y": lying["y"], "x": {"value": 0}, "x2": {"value": "width"}, "tooltip": tips}
    narrow: Spec = {
        "height": PAIR * len(order),
        "layer": [{**bars, "encoding": {**lying, **colour}}, {**whole, "encoding": row}],
    }
    return {
        "$schema": SCHEMA,
        "height": 180,
        "data": {"values": list(values)},
        "layer": [{**bars, "encoding": {**upright, **colour}}, {**whole, "encoding": column}],
        **({"narrow": narrow} if len(order) <= MOST_LYING else {}),
    }


def _series(names: tuple[str, str]) -> Spec:
    colours = ["@mark", "@second"]
    return {"field": "what", "legend": legend(names), "scale": {"domain": list(names), "range": colours}}


def decision_days(outcomes: Iterable[Outcome]) -> Spec:
    """How many decisions took how many days."""
    values = [{"days": one.days, "experiment": one.slug} for one in outcomes if one.days is not None]
    bins: Spec = {"field": "days", "bin": {"maxbins": 16, "minstep": 1}}
    title = "days from the first day to the decision"
    x: Spec = {**bins, "title": title, "axis": {"format": "d", "labelSeparation": 8}}
    count: Spec = {"aggregate": "count", "title": "experiments", "axis": {**COUNTS, "tickCount": 6}}
    tips: list[Spec] = [{**bins, "title": "Days"}, {"aggregate": "count", "title": "Experiments"}]
    return {
        "$schema": SCHEMA,
        "height": 180,
        "data": {"values": values},
        "layer": [
            {"mark": {"type": "bar", "color": "@mark", "cornerRadiusEnd": 2}, "encoding": {"x": x, "y": count}},
            {
                "mark": {"type": "rect", "color": "transparent"},
                "encoding": {"x": x, "y": {"value": 0}, "y2": {"value": "height"}, "tooltip": tips},
            },
        ],
    }


def returns(rows: Iterable[Returned]) -> Spec | None:
    """Shipped effects as shares of the control value, as seen and shrunken; None where none has bounds."""
    known = [
        (row.slug, what, found)
        for row in rows
        for what, found in ((SEEN, row.naive), (SHRUNKEN, row.shrunken))
        if found is not None and None not in (found.share, found.lower, found.upper)
    ]
    if not known:
        return None
    values = [
        {"experiment": wrapped(slug), "what": what, "effect": one.share, "lower": one.lower, "upper": one.upper}
        for slug, what, one in known
    ]
    told: dict[str, Spec] = {}
    for slug, what, one in known:
        row = told.setdefault(slug, {"experiment": wrapped(slug), "slug": slug, SEEN: "", SHRUNKEN: ""})
        row[what] = f"{one.text} ({one.span})"
    tips = [
        {"field": field, "title": title}
        for field, title in (("slug", "Experiment"), (SEEN, "As seen"), (SHRUNKEN, "Shrunken"))
    ]
    y: Spec = {"field": "experiment", "type": "nominal", "title": None, "sort": None, "axis": NAME_AXIS}
    return {
        "$schema": SCHEMA,
        "data": {"values": values},
        "encoding": {
            "y": y,
            "yOffset": {"field": "what", "sort": [SEEN, SHRUNKEN]},
            "color": _series((SEEN, SHRUNKEN)),
        },
        "layer": [
            _zero(),
            *_intervals("share of the control value", "effect", "%"),
            _row_answers(y, tips, told.values()),
        ],
        **heights([row["experiment"] for row in told.values()], row=PAIR),
    }


SEEN, SHRUNKEN = "as seen", "shrunken"


def _row_answers(y: Spec, tips: Sequence[Spec], rows: Iterable[Spec]) -> Spec:
    """Whole rows answer; what the chart says of all its layers does not hold for this one."""
    layer = row_answers(y, tips)
    return {**layer, "data": {"values": list(rows)}, "encoding": {"yOffset": None, "color": None, **layer["encoding"]}}


def holdout(sums: Sequence[Sum], unit: str) -> Spec:
    """The two sums of shipped effects above what the holdout measured."""
    values = [
        {
            "what": wrapped(one.name),
            "sum": one.name,
            "value": one.value,
            "lower": one.lower,
            "upper": one.upper,
            "shown": f"{one.text} {one.span}",
        }
        for one in sums
    ]
    names = [str(one["what"]) for one in values]
    colours = ["@mark", "@second", "@third"]
    y: Spec = {"field": "what", "type": "nominal", "title": None, "sort": names, "axis": NAME_AXIS}
    tips = [{"field": "sum", "title": "What"}, {"field": "shown", "title": "Effect"}]
    return {
        "$schema": SCHEMA,
        "data": {"values": values},
        "encoding": {
            "y": y,
            "color": {"field": "what", "legend": None, "scale": {"domain": names, "range": colours}},
        },
        "layer": [_zero(), *_intervals(unit, "value", ""), _row_answers(y, tips, values)],
        **heights(names),
    }


def _intervals(title: str, middle: str, form: str) -> list[Spec]:
    """A line from the lower to the upper end and a dot at the estimate."""
    axis: Spec = {"title": title, "titleLimit": 600, "tickCount": by_width(60)} | ({"format": form} if form else {})
    return [
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {
                "x": {"field": "lower", "type": "quantitative", "axis": axis},
                "x2": {"field": "upper"},
            },
            "transform": [{"filter": "isValid(datum.lower) && isValid(datum.upper)"}],
        },
        {
            "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
            "encoding": {"x": {"field": middle, "type": "quantitative", "axis": axis}},
        },
    ]


def _zero(at: float = 0.0) -> Spec:
    return {
        "data": {"values": [{"at": at}]},
        "mark": {"type": "rule", "color": "@soft", "strokeDash": [4, 3]},
        "encoding": {
            "x": {"field": "at", "type": "quantitative"},
            "y": None,
            "yOffset": None,
            "color": None,
            "tooltip": None,
        },
    }


def health(rows: Iterable[Health]) -> Spec | None:
    """Rejection rates of A/A validations with their intervals against the promised alpha; None without one."""
    known = [row for row in rows if row.splits]
    values = [
        {
            "experiment": wrapped(row.slug),
            "slug": row.slug,
            "rate": row.rate,
            "lower": row.lower,
            "upper": row.upper,
            "shown": f"{percent(row.rate)} ({percent(row.lower)} to {percent(row.upper)})",
            "day": short_day(row.brief.as_of),
        }
        for row in known
    ]
    if not values:
        return None
    y: Spec = {"field": "experiment", "type": "nominal", "title": None, "sort": None, "axis": NAME_AXIS}
    tips = [
        {"field": "slug", "title": "Experiment"},
        {"field": "shown", "title": "Rejected"},
        {"field": "day", "title": "As of"},
    ]
    return {
        "$schema": SCHEMA,
        "data": {"values": values},
        "encoding": {"y": y, "color": {"value": "@mark"}},
        "layer": [
            *(_zero(alpha) for alpha in sorted({row.alpha for row in known})),
            *_intervals("share rejected", "rate", "%"),
            _row_answers(y, tips, values),
        ],
        **heights([str(row["experiment"]) for row in values]),
    }
