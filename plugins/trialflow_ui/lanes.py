"""Where the calendar of layers draws what: pixels of one plain SVG, computed on the server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from trialflow.memo.words import MONTHS
from trialflow.overview.layers import Calendar, Stay, Window

LEFT, RIGHT, TOP = 150.0, 1190.0, 30.0
"""Pixels: where the days begin and end, and the height of the axis above the lanes."""
ROW, PAD, BAR = 40.0, 8.0, 14.0
THINNEST = 2.0
LAST_TEXT = 45.0
"""Pixels that the text of a tick needs before the right edge."""
LETTER = 6.4
"""Mean width of a letter of a label; generous, because two labels must never meet."""
GAP = 14.0
MOST = 44
"""Letters of a title above a bar; the list below has all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A day of the axis."""

    x: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One experiment: the enrolment, the days until its last look and the promised extension, each (x, width) or None.

    `label_end` says that the label ends at `label_x` instead of beginning there.
    """

    stay: Stay
    y: float
    enrolment: tuple[float, float] | None
    maturing: tuple[float, float] | None
    extension: tuple[float, float] | None
    whole: tuple[float, float]
    label_x: float
    label_end: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnLane:
    """A layer's band."""

    layer: str
    y: float
    height: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All of it; `today` is None outside the window."""

    height: float
    ticks: tuple[Tick, ...]
    lanes: tuple[DrawnLane, ...]
    today: float | None


def picture(calendar: Calendar, today: date) -> Picture:
    """The lanes from top to bottom."""
    lanes: list[DrawnLane] = []
    y = TOP
    for lane in calendar.lanes:
        drawn = _lane(lane.layer, lane.stays, calendar.window, y)
        lanes.append(drawn)
        y += drawn.height
    inside = calendar.window.first <= today <= calendar.window.last
    return Picture(
        height=y + 6.0,
        ticks=tuple(tick for tick in ticks(calendar.window) if tick.x <= RIGHT - LAST_TEXT),
        lanes=tuple(lanes),
        today=_x(calendar.window, today) if inside else None,
    )


def _lane(layer: str, stays: Sequence[Stay], window: Window, top: float) -> DrawnLane:
    """Bars in as few rows as their labels allow."""
    taken: list[float] = []
    bars = []
    for stay in stays:
        bar, left, right = _bar(stay, window)
        row = next((place for place, end in enumerate(taken) if end + GAP <= left), len(taken))
        taken[row : row + 1] = [right]
        bars.append(replace(bar, y=top + PAD + row * ROW))
    return DrawnLane(layer=layer, y=top, height=len(taken) * ROW + 2 * PAD, bars=tuple(bars))


def _bar(stay: Stay, window: Window) -> tuple[Bar, float, float]:
    whole = _span(window, stay.first_day, stay.until) or (LEFT, 0.0)
    after = stay.last_day + timedelta(days=1)
    width = LETTER * len(label(stay))
    to_left = whole[0] + width > RIGHT
    label_x = min(whole[0] + whole[1], RIGHT) if to_left else whole[0]
    bar = Bar(
        stay=stay,
        y=0.0,
        enrolment=_span(window, stay.first_day, stay.last_day),
        maturing=_span(window, after, stay.final_day),
        extension=_span(window, stay.final_day + timedelta(days=1), stay.extension) if stay.extension else None,
        whole=whole,
        label_x=label_x,
        label_end=to_left,
    )
    left, right = (label_x - width, label_x) if to_left else (label_x, label_x + width)
    return bar, min(left, whole[0]), max(right, whole[0] + whole[1])


def label(stay: Stay) -> str:
    """What stands above a bar."""
    title = stay.title if len(stay.title) <= MOST else f"{stay.title[: MOST - 1]}…"
    return " · ".join((title, stay.stage_text, *stay.labels))


def _span(window: Window, first: date, last: date) -> tuple[float, float] | None:
    """Left edge and width of these days inside the window; None where none of them is in it."""
    start, end = max(first, window.first), min(last, window.last)
    if end < start:
        return None
    left = _x(window, start)
    return left, max(round(_x(window, end + timedelta(days=1)) - left, 1), THINNEST)


def _x(window: Window, day: date) -> float:
    """Where a day begins."""
    return round(LEFT + (RIGHT - LEFT) * (day - window.first).days / window.days, 1)


def ticks(window: Window) -> tuple[Tick, ...]:
    """Mondays of a short window, first days of months, quarters or years of longer ones."""
    if window.days <= 70:
        to_monday = range(-window.first.weekday() % 7, window.days, 7)
        mondays = (window.first + timedelta(days=number) for number in to_monday)
        return tuple(Tick(x=_x(window, day), text=f"{day.day} {_month(day)}") for day in mondays)
    years = range(window.first.year, window.last.year + 1)
    if window.days <= 1200:
        step = 3 if window.days > 400 else 1
        wanted = _within(window, (date(year, month, 1) for year in years for month in range(1, 13, step)))
        return tuple(Tick(x=_x(window, day), text=f"{_month(day)} {day.year}") for day in wanted)
    step = 1 + window.days // (366 * 20)
    wanted = _within(window, (date(year, 1, 1) for year in years if year % step == 0))
    return tuple(Tick(x=_x(window, day), text=str(day.year)) for day in wanted)


def _within(window: Window, days: Iterable[date]) -> list[date]:
    return [day for day in days if window.first <= day <= window.last]


def _month(day: date) -> str:
    return MONTHS[day.month - 1][:3]
