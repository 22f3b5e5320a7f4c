"""A chart as plain JSON and back: a message carries the data, the picture is drawn when the message is posted."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import date
from typing import Any, get_args, get_origin, get_type_hints

from trialflow.memo.memo import Chart, ChartData

TYPES: Mapping[str, type[Any]] = {kind.__name__: kind for kind in get_args(ChartData)}


def chart_document(chart: Chart) -> dict[str, Any]:
    """The chart as values that JSON can hold; `chart_of` reads it back."""
    return {
        "kind": chart.kind,
        "title": chart.title,
        "alt": chart.alt,
        "type": type(chart.data).__name__,
        "data": _plain(chart.data),
    }


def chart_of(document: Mapping[str, Any]) -> Chart:
    """The chart of a document."""
    data = _built(TYPES[document["type"]], document["data"])
    return Chart(kind=document["kind"], title=document["title"], alt=document["alt"], data=data)


def _plain(value: Any) -> Any:  # noqa: ANN401 (whatever a chart holds)
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no infinity
    return value


def _built(wanted: Any, value: Any) -> Any:  # noqa: ANN401 (a type, and what JSON made of its value)
    """A value of the wanted type: dataclasses, tuples of one type, days and numbers, or None."""
    if value is None:
        return None
    if dataclasses.is_dataclass(wanted):
        hints = get_type_hints(wanted)
        return wanted(**{name: _built(hints[name], one) for name, one in value.items()})  # type: ignore[operator] # a class
    if get_origin(wanted) is tuple:
        return tuple(_built(get_args(wanted)[0], one) for one in value)
    options = [one for one in get_args(wanted) if one is not type(None)]
    if options:
        return _built(options[0], value)
    return date.fromisoformat(value) if wanted is date else float(value) if wanted is float else value
