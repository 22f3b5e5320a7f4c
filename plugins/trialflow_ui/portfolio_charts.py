"""Vega-Lite specifications of the portfolio and the catalog. Colours are named by meaning; pages.js gives them per theme."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from trialflow.memo.words import MONTHS, day, percent
from trialflow.overview.catalog import BaselineSeen, Health
from trialflow.overview.portfolio import Month, Outcome, VerdictRow
from trialflow.overview.returns import Returned, Sum

Spec = dict[str, Any]
NAMES: Spec = {"labelAngle": 0, "labelExpr": "split(datum.label, ' ')", "labelOverlap": True}
"""Names below a pair of bars, a word a line: they stand side by side on a phone too."""
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


def _grouped(values: Iterable[Spec], *, x: str, order: Sequence[str], group: tuple[str, str]) -> Spec:
    return {
        "$schema": SCHEMA,
        "height": 180,
        "data": {"values": list(values)},
        "mark": {"type": "bar", "cornerRadiusEnd": 2},
        "encoding": {
            "x": {"field": x, "type": "nominal", "sort": list(order), "title": None, "axis": NAMES},
            "xOffset": {"field": "what", "sort": list(group)},
            "y": {"field": "experiments", "type": "quantitative", "title": "experiments", "axis": {"tickMinStep": 1}},
            "color": _series(group),
            "tooltip": [{"field": x}, {"field": "what"}, {"field": "experiments"}],
        },
    }


def _series(names: tuple[str, str]) -> Spec:
    colours = ["@mark", "@second"]
    return {"field": "what", "title": None, "scale": {"domain": list(names), "range": colours}}


def decision_days(outcomes: Iterable[Outcome]) -> Spec:
    """How many decisions took how many days."""
    values = [{"days": one.days, "experiment": one.slug} for one in outcomes if one.days is not None]
    return {
        "$schema": SCHEMA,
        "height": 180,
        "data": {"values": values},
        "mark": {"type": "bar", "color": "@mark", "cornerRadiusEnd": 2},
        "encoding": {
            "x": {
                "field": "days",
                "bin": {"maxbins": 16, "minstep": 1},
                "title": "days from the first day to the decision",
            },
            "y": {"aggregate": "count", "title": "experiments", "axis": {"tickMinStep": 1}},
            "tooltip": [
                {"field": "days", "bin": {"maxbins": 16, "minstep": 1}, "title": "days"},
                {"aggregate": "count", "title": "experiments"},
            ],
        },
    }


def returns(rows: Iterable[Returned]) -> Spec | None:
    """Shipped effects as shares of the control value, as seen and shrunken; None where none has bounds."""
    values = [
        {
            "experiment": row.slug,
            "what": what,
            "effect": found.share,
            "lower": found.lower,
            "upper": found.upper,
            "shown": f"{found.text} ({found.span})",
        }
        for row in rows
        for what, found in (("as seen", row.naive), ("shrunken", row.shrunken))
        if found is not None and None not in (found.share, found.lower, found.upper)
    ]
    if not values:
        return None
    tips = [{"field": "experiment"}, {"field": "what"}, {"field": "shown", "title": "effect"}]
    return {
        "$schema": SCHEMA,
        "height": 36 * len({value["experiment"] for value in values}),
        "data": {"values": values},
        "encoding": {
            "y": {"field": "experiment", "type": "nominal", "title": None, "sort": None},
            "yOffset": {"field": "what", "sort": ["as seen", "shrunken"]},
            "color": _series(("as seen", "shrunken")),
            "tooltip": tips,
        },
        "layer": [_zero(), *_intervals("share of the control value", "effect", "%")],
    }


def holdout(sums: Sequence[Sum], unit: str) -> Spec:
    """The two sums of shipped effects above what the holdout measured."""
    values = [
        {
            "what": one.name,
            "value": one.value,
            "lower": one.lower,
            "upper": one.upper,
            "shown": f"{one.text} {one.span}",
        }
        for one in sums
    ]
    names = [one.name for one in sums]
    colours = ["@mark", "@second", "@third"]
    return {
        "$schema": SCHEMA,
        "height": 34 * len(values),
        "data": {"values": values},
        "encoding": {
            "y": {"field": "what", "type": "nominal", "title": None, "sort": names},
            "color": {"field": "what", "legend": None, "scale": {"domain": names, "range": colours}},
            "tooltip": [{"field": "what"}, {"field": "shown", "title": "effect"}],
        },
        "layer": [_zero(), *_intervals(unit, "value", "")],
    }


def _intervals(title: str, middle: str, form: str) -> list[Spec]:
    """A line from the lower to the upper end and a dot at the estimate."""
    axis: Spec = {"title": title, "titleLimit": 600, "tickCount": 8} | ({"format": form} if form else {})
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


def baselines(rows: Iterable[BaselineSeen]) -> Spec | None:
    """The measured means by day of registration; None for fewer than two days."""
    values = [
        {"day": row.brief.as_of.isoformat(), "mean": row.shown_mean, "experiment": row.slug, "shown": row.mean}
        for row in rows
        if row.measured and row.brief
    ]
    if len({value["day"] for value in values}) < 2:
        return None
    return {
        "$schema": SCHEMA,
        "height": 180,
        "data": {"values": values},
        "mark": {"type": "line", "point": {"filled": True, "size": 70}, "color": "@mark"},
        "encoding": {
            "x": {"field": "day", "type": "temporal", "title": None},
            "y": {"field": "mean", "type": "quantitative", "scale": {"zero": False}, "title": "mean before the start"},
            "tooltip": [
                {"field": "experiment"},
                {"field": "day", "type": "temporal"},
                {"field": "shown", "title": "mean"},
            ],
        },
    }


def health(rows: Iterable[Health]) -> Spec | None:
    """Rejection rates of A/A validations with their intervals against the promised alpha; None without one."""
    known = [row for row in rows if row.splits]
    values = [
        {
            "experiment": row.slug,
            "rate": row.rate,
            "lower": row.lower,
            "upper": row.upper,
            "shown": f"{percent(row.rate)} ({percent(row.lower)} to {percent(row.upper)}), {day(row.brief.as_of)}",
        }
        for row in known
    ]
    if not values:
        return None
    return {
        "$schema": SCHEMA,
        "height": 26 * len(values),
        "data": {"values": values},
        "encoding": {
            "y": {"field": "experiment", "type": "nominal", "title": None, "sort": None},
            "color": {"value": "@mark"},
            "tooltip": [{"field": "experiment"}, {"field": "shown", "title": "rejected"}],
        },
        "layer": [
            *(_zero(alpha) for alpha in sorted({row.alpha for row in known})),
            *_intervals("share rejected", "rate", "%"),
        ],
    }
