"""The plan's charts as Vega-Lite: the effect against the duration, and the chance against the duration."""

from __future__ import annotations

from typing import Any

from trialflow.memo.words import percent, whole
from trialflow.overview.plan_words import axis, effect_text, minimum
from trialflow.overview.planning import Plannable

WEEKS = {
    "field": "weeks",
    "type": "quantitative",
    "title": "Weeks of exposure",
    "axis": {"tickMinStep": 1, "format": "d", "grid": False},
    "scale": {"zero": False, "nice": False},
}


def effect_chart(plan: Plannable) -> dict[str, Any]:
    """The smallest effect shown with the promised power after so many weeks; a line more where CUPED's gain is known."""
    factor, unit = axis(plan)
    asked = percent(plan.finding.evidence["power_per_test"], 0)
    series = [("without CUPED", "effect"), *([("with CUPED", "adjusted")] if plan.gain else [])]
    values = [
        {
            "weeks": one.weeks,
            "effect": factor * found,
            "line": name,
            "told": effect_text(plan, found),
            "units": whole(one.units),
        }
        for one in plan.curve
        for name, key in series
        if (found := getattr(one, key)) is not None
    ]
    colour = {
        "field": "line",
        "type": "nominal",
        "scale": {"domain": [name for name, _ in series], "range": ["@mark", "@second"][: len(series)]},
        "legend": {"title": None} if plan.gain else None,
    }
    y = {"field": "effect", "type": "quantitative", "title": f"Smallest effect, {unit}", "scale": {"zero": True}}
    tips = [
        {"field": "weeks", "title": "Weeks"},
        {"field": "units", "title": "Units"},
        {"field": "told", "title": f"Shown with {asked}"},
        *([{"field": "line", "title": "Plan"}] if plan.gain else []),
    ]
    return _over_weeks(plan, values, y, colour, tips, level=minimum(plan), name="worth having")


def chance_chart(plan: Plannable) -> dict[str, Any]:
    """The chance that the smallest effect worth having is shown by the end of a run of so many weeks."""
    asked = plan.finding.evidence["power_per_test"]
    values = [
        {
            "weeks": one.weeks,
            "chance": min(one.chance, 1.0),
            "told": percent(min(one.chance, 1.0)),
            "units": whole(one.units),
        }
        for one in plan.curve
        if one.chance is not None
    ]
    y = {
        "field": "chance",
        "type": "quantitative",
        "title": "Chance to show it",
        "axis": {"format": ".0%"},
        "scale": {"domain": [0, 1]},
    }
    tips = [
        {"field": "weeks", "title": "Weeks"},
        {"field": "units", "title": "Units"},
        {"field": "told", "title": "Chance"},
    ]
    return _over_weeks(plan, values, y, {"value": "@mark"}, tips, level=asked, name="asked for")


def _over_weeks(
    plan: Plannable,
    values: list[dict[str, Any]],
    y: dict[str, Any],
    colour: dict[str, Any],
    tips: list[dict[str, Any]],
    *,
    level: float,
    name: str,
) -> dict[str, Any]:
    line = {"x": WEEKS, "y": y, "color": colour}
    nearest = {"name": "near", "select": {"type": "point", "on": "pointerover", "nearest": True, "fields": ["weeks"]}}
    return {
        "height": 260,
        "data": {"values": values},
        "layer": [
            {
                "data": {"values": [{"level": level, "name": name}]},
                "layer": [
                    {
                        "mark": {"type": "rule", "color": "@good", "strokeDash": [5, 4], "strokeWidth": 1.5},
                        "encoding": {"y": {"field": "level", "type": "quantitative"}},
                    },
                    {
                        "mark": {"type": "text", "align": "right", "baseline": "bottom", "dy": -3, "color": "@good"},
                        "encoding": {
                            "y": {"field": "level", "type": "quantitative"},
                            "x": {"value": "width"},
                            "text": {"field": "name"},
                        },
                    },
                ],
            },
            {
                "data": {"values": [{"weeks": plan.weeks}]},
                "mark": {"type": "rule", "color": "@soft", "strokeDash": [2, 3]},
                "encoding": {"x": {"field": "weeks", "type": "quantitative"}},
            },
            {"mark": {"type": "line", "strokeWidth": 2, "interpolate": "monotone"}, "encoding": line},
            {
                "params": [nearest],
                "mark": {"type": "point", "filled": True, "opacity": 1},
                "encoding": {
                    **line,
                    "tooltip": tips,
                    "size": {"condition": {"param": "near", "empty": False, "value": 140}, "value": 45},
                },
            },
        ],
    }
