"""Charts as SVG and PNG: the same chart gives the same bytes; matplotlib's object interface only, imported late.

Colours are those of Okabe & Ito (2008, "Color Universal Design"); every series also has its own marker and is named
beside its line, so nothing rests on colour alone. In SVG each colour is a CSS variable that follows the page's theme.
"""

from __future__ import annotations

import functools
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from trialflow.memo.memo import Allocation, Chart, EffectOverTime, Forest, ForestRow, Lifetime, Memo
from trialflow.memo.words import MINUS, MONTHS, decimals_for, fixed, p_value, significant, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIGHT: Mapping[str, str] = {
    "ink": "#1b2530",
    "muted": "#5b6875",
    "grid": "#dfe4e9",
    "paper": "#ffffff",
    "one": "#0072b2",
    "two": "#d55e00",
    "three": "#009e73",
    "four": "#b0508a",
    "warn": "#c04f00",
}
DARK: Mapping[str, str] = {
    "ink": "#e8edf2",
    "muted": "#9fadba",
    "grid": "#34404c",
    "paper": "#161c23",
    "one": "#56b4e9",
    "two": "#e69f00",
    "three": "#2fc79a",
    "four": "#cc79a7",
    "warn": "#f0894a",
}
SERIES = (("one", "o"), ("two", "s"), ("three", "^"), ("four", "D"))
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
WIDTH = 7.4
SETTINGS: Mapping[str, Any] = {
    "svg.hashsalt": "trialflow",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.unicode_minus": True,
    "axes.linewidth": 0.8,
    "path.simplify": False,
}
MOST_TICKS = 7
TIP = "tip: "  # what follows it in an artist's id becomes the text that a browser shows beside the pointer


def svg(chart: Chart, *, prefix: str = "", standalone: bool = True) -> str:
    """The chart as SVG text. `prefix` keeps ids apart when several stand in one page.

    A `standalone` picture carries its own light and dark colours; otherwise the page's style sheet brings them.
    """
    text = _drawn(chart, "svg").decode()
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r"font: ([^;\"']*?)'DejaVu Sans'[^;\"]*", rf"font: \1{FONT.replace(chr(34), chr(39))}", body)
    for name, colour in LIGHT.items():
        body = body.replace(f"{colour}", f"var(--chart-{name}, {colour})")
    body = re.sub(rf'<g id="{TIP}([^"]*)">', r"<g><title>\1</title>", body)
    body = re.sub(r'(id=")', rf"\1{prefix}", body)
    body = re.sub(r"(url\(#|href=\"#)", rf"\1{prefix}", body)
    head, rest = body.split(">", 1)
    head = re.sub(r' (width|height)="[^"]*pt"', "", head)
    style = f"<style>{theme()}</style>" if standalone else ""
    title = f"<title>{escape(chart.title)}</title><desc>{escape(chart.alt)}</desc>"
    label = escape(chart.alt, {'"': "&quot;"})
    return f'{head} role="img" aria-label="{label}">{style}{title}{rest}'.strip() + "\n"


def png(chart: Chart, *, dpi: int = 160) -> bytes:
    """The chart as PNG on light paper, for places without SVG (Slack)."""
    return _drawn(chart, "png", dpi)


def files(memo: Memo) -> Mapping[str, bytes]:
    """Every chart of a memo as SVG and PNG under the names that its Markdown form refers to."""
    named: dict[str, bytes] = {}
    for index, chart in enumerate(memo.charts, start=1):
        named[file_name(index, chart, "svg")] = svg(chart).encode()
        named[file_name(index, chart, "png")] = png(chart)
    return named


def file_name(index: int, chart: Chart, suffix: str) -> str:
    """`2-forest.svg` for the second chart of a memo."""
    return f"{index}-{chart.kind.replace('_', '-')}.{suffix}"


def theme() -> str:
    """The CSS variables of the charts, in light and in dark."""
    light = "".join(f"--chart-{name}:{colour};" for name, colour in LIGHT.items())
    dark = "".join(f"--chart-{name}:{colour};" for name, colour in DARK.items())
    return f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"


METADATA: Mapping[str, Mapping[str, str | None]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "png": {"Software": None},
}


@functools.lru_cache(maxsize=32)
def _drawn(chart: Chart, kind: str, dpi: int = 72) -> bytes:
    """The picture, drawn once for all formats and for a memo that is made again."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(dict(SETTINGS)):  # type: ignore[arg-type]  # its keys are a closed list of literals
        figure = Figure(facecolor=LIGHT["paper"] if kind == "png" else "none")
        FigureCanvasAgg(figure)
        DRAW[chart.kind](figure, chart.data)
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=dict(METADATA[kind]))
    return buffer.getvalue()


def _plain_axes(axes: Axes, *, grid: str) -> None:
    axes.set_facecolor("none")
    for side in ("top", "right", "left" if grid == "y" else "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LIGHT["muted"])
    axes.spines["left"].set_color(LIGHT["muted"])
    axes.tick_params(colors=LIGHT["muted"], labelcolor=LIGHT["muted"], length=0 if grid == "y" else 3, labelsize=8.5)
    axes.grid(visible=True, axis="y" if grid == "y" else "x", color=LIGHT["grid"], linewidth=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.label.set_color(LIGHT["muted"])
    axes.yaxis.label.set_color(LIGHT["muted"])


def _room(names: Sequence[str]) -> float:
    """Share of the width that the names at the right end of their lines need."""
    return 0.02 + 0.0128 * max(len(_short(name)) for name in names)


def _better(direction: int) -> str:
    return "higher is better" if direction > 0 else "lower is better"


def _effect_over_time(figure: Figure, data: EffectOverTime) -> None:
    figure.set_size_inches(WIDTH, 3.5)
    axes = figure.add_axes((0.085, 0.16, 0.905 - _room([path.variant for path in data.paths]), 0.74))
    first = min(path.days[0] for path in data.paths)
    last = max(path.days[-1] for path in data.paths)
    series = [
        (path.variant, [(day - first).days + 1 for day in path.days], path.estimate, path.lower, path.upper)
        for path in data.paths
    ]
    _lines(axes, series, also=() if data.minimum_effect is None else (data.minimum_effect,))
    looks = sorted({day for path in data.paths for day in path.look_days})
    for number, day in enumerate(looks, start=1):
        x = (day - first).days + 1
        axes.axvline(x, color=LIGHT["muted"], linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
        axes.annotate(
            f"look {number}", (x, 1), xycoords=("data", "axes fraction"), xytext=(0, 4),
            textcoords="offset points", ha="center", fontsize=8, color=LIGHT["muted"],
        )  # fmt: skip
    if data.minimum_effect is not None:
        _level(axes, data.minimum_effect, "minimum effect")
    axes.set_ylabel(data.axis)
    axes.set_xlim(0.5, (last - first).days + 1.5)
    axes.set_xlabel(
        f"Day since {first.day} {MONTHS[first.month - 1]} {first.year} (day 1) · {_better(data.good_direction)}"
    )
    _whole_ticks(axes, (last - first).days + 1)


def _lifetime(figure: Figure, data: Lifetime) -> None:
    figure.set_size_inches(WIDTH, 3.3)
    axes = figure.add_axes((0.085, 0.16, 0.905 - _room([path.variant for path in data.paths]), 0.79))
    series = [(path.variant, list(path.days), path.estimate, path.lower, path.upper) for path in data.paths]
    _lines(axes, series, also=(), whiskers=True)
    axes.set_ylabel(data.axis)
    axes.set_xlabel(f"Days since first exposure (0 = the day of exposure) · {_better(data.good_direction)}")
    last = max(path.days[-1] for path in data.paths)
    axes.set_xlim(-0.5, last + 0.5)
    axes.set_xticks(range(0, last + 1, max(1, math.ceil((last + 1) / 14))))


Series = tuple[str, Sequence[int], Sequence[float | None], Sequence[float | None], Sequence[float | None]]


def _lines(axes: Axes, series: Sequence[Series], *, also: Sequence[float], whiskers: bool = False) -> None:
    """Estimates with their bounds; each series is named at its right end."""
    _plain_axes(axes, grid="y")
    axes.axhline(0, color=LIGHT["ink"], linewidth=1.0, zorder=2)
    ends: list[tuple[float, str, str]] = []
    for position, (name, days, estimate, lower, upper) in enumerate(series):
        colour, marker = _style(position)
        middle, low, high = (_floats(values) for values in (estimate, lower, upper))
        shift = (position - (len(series) - 1) / 2) * 0.18 if whiskers else 0.0
        x = [day + shift for day in days]
        if whiskers:
            axes.vlines(x, low, high, color=colour, linewidth=1.6, alpha=0.55, zorder=3)
        else:
            axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0, zorder=2)
            axes.plot(x, low, color=colour, linewidth=0.8, alpha=0.6, zorder=3)
            axes.plot(x, high, color=colour, linewidth=0.8, alpha=0.6, zorder=3)
        axes.plot(x, middle, color=colour, linewidth=1.8, marker=marker, markersize=4.2 if whiskers else 3.2, zorder=4)
        for at, value, first, last in zip(x, middle, low, high, strict=True):
            if math.isfinite(value):
                _tip(axes, at, value, f"{name}, day {round(at)}: {_numbers(value, first, last)}")
        known = [value for value in middle if math.isfinite(value)]
        if known:
            ends.append((known[-1], name, colour))
    _limit(axes, series, also, whole=whiskers)
    _name_ends(axes, ends)


def _numbers(value: float, low: float, high: float) -> str:
    """`+0.104 (0.012 to 0.196)`."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return significant(value)
    decimals = decimals_for((high - low) / 2)
    return f"{fixed(value, decimals)} ({fixed(low, decimals)} to {fixed(high, decimals)})"


def _tip(axes: Axes, x: float, y: float, text: str) -> None:
    """A text that appears beside the pointer in SVG; nothing is seen of it in the picture."""
    axes.plot([x], [y], linestyle="none", marker="o", markersize=11, alpha=0.0, zorder=9, gid=f"{TIP}{text}")


def _limit(axes: Axes, series: Sequence[Series], also: Sequence[float], *, whole: bool) -> None:
    """A y range that shows the late bounds whole; the very wide early ones of a path run out of the picture."""
    late = [
        value
        for _, days, estimate, lower, upper in series
        for values in (estimate, lower, upper)
        for value in _floats(values)[0 if whole else len(days) // 3 :]
        if math.isfinite(value)
    ]
    shown = [*late, *also, 0.0]
    low, high = min(shown), max(shown)
    room = 0.08 * ((high - low) or 1.0)
    axes.set_ylim(low - room, high + room)


def _name_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Names beside the last point, pushed apart where they would lie on one another."""
    bottom, top = axes.get_ylim()
    gap = 0.075 * (top - bottom)
    placed: list[tuple[float, str, str]] = []
    for value, name, colour in sorted(ends):
        low = placed[-1][0] + gap if placed else -math.inf
        placed.append((max(value, low), name, colour))
    for value, name, colour in placed:
        axes.annotate(
            _short(name), (1, value), xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points",
            va="center", color=colour, fontsize=9, fontweight="bold", annotation_clip=False,
        )  # fmt: skip


def _level(axes: Axes, value: float, name: str) -> None:
    axes.axhline(value, color=LIGHT["three"], linewidth=1.2, linestyle=(0, (5, 3)), zorder=2)
    axes.annotate(
        name, (0, value), xycoords=("axes fraction", "data"), xytext=(4, 3), textcoords="offset points",
        fontsize=8, color=LIGHT["three"],
    )  # fmt: skip


def _forest(figure: Figure, data: Forest) -> None:
    rows = list(reversed(data.rows))
    figure.set_size_inches(WIDTH, 1.15 + 0.42 * len(rows))
    height = figure.get_size_inches()[1]
    left = 0.02 + 0.0118 * max(len(line) for row in rows for line in row.label.split("\n"))
    right = 0.025 + 0.0098 * max(len(_interval_text(row)) for row in rows)
    axes = figure.add_axes((left, 0.62 / height, 1.0 - right - left, (height - 0.95) / height))
    _plain_axes(axes, grid="x")
    axes.spines["left"].set_visible(False)
    axes.axvline(0, color=LIGHT["ink"], linewidth=1.0, zorder=2)
    first, last = data.reach
    for y, row in enumerate(rows):
        _forest_row(axes, y, row, first, last)
    axes.set_xlim(first, last)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"], labelsize=9)
    axes.set_xlabel(data.axis)
    axes.annotate(
        "filled: interval excludes zero (blue good, orange bad) · hollow: interval includes zero · bar: margin",
        (1, 1), xycoords="figure fraction", xytext=(-6, -6), textcoords="offset points", ha="right", va="top",
        fontsize=7.5, color=LIGHT["muted"],
    )  # fmt: skip


def _forest_row(axes: Axes, y: int, row: ForestRow, first: float, last: float) -> None:
    open_ended = row.lower <= 0 <= row.upper
    good = row.estimate * row.good_direction > 0
    colour = LIGHT["muted"] if open_ended else LIGHT["one"] if good else LIGHT["two"]
    low, high = max(row.lower, first), min(row.upper, last)
    axes.hlines(y, low, high, color=colour, linewidth=2.2, zorder=3)
    for end, clipped, marker in ((low, row.lower < first, "<"), (high, row.upper > last, ">")):
        axes.plot([end], [y], marker=marker if clipped else "|", color=colour, markersize=6 if clipped else 8, zorder=3)
    if first <= row.estimate <= last:
        axes.plot(
            [row.estimate], [y], marker="o", markersize=7, color=colour, zorder=4,
            markerfacecolor=LIGHT["paper"] if open_ended else colour, markeredgewidth=1.6,
        )  # fmt: skip
    margin = "" if row.margin is None else f"; margin {_percent(row.margin)}"
    _tip(axes, min(max(row.estimate, first), last), y, f"{' '.join(row.label.split())}: {_interval_text(row)}{margin}")
    if row.margin is not None and first <= row.margin <= last:
        axes.vlines(row.margin, y - 0.34, y + 0.34, color=LIGHT["ink"], linewidth=2.0, zorder=5)
        outer = first if row.margin < 0 else last
        axes.fill_betweenx([y - 0.34, y + 0.34], outer, row.margin, color=LIGHT["warn"], alpha=0.10, linewidth=0)
    axes.annotate(
        _interval_text(row), (1, y),
        xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points", va="center", fontsize=8.5,
        color=LIGHT["ink"], annotation_clip=False,
    )  # fmt: skip


def _interval_text(row: ForestRow) -> str:
    return row.text or f"{_percent(row.estimate)} ({_percent(row.lower)} to {_percent(row.upper)})"


def _percent(value: float) -> str:
    decimals = 1 if abs(value) < 100 else 0  # three figures are enough
    return ("+" if value > 0 else "") + fixed(value, decimals) + "%"


def _allocation(figure: Figure, data: Allocation) -> None:
    evidence = [(day, p) for day, p in zip(data.days, data.p_values, strict=True) if p is not None]
    tall = 1.5 + 0.42 * len(data.variants)
    figure.set_size_inches(WIDTH, max(2.6, tall) if len(evidence) > 1 else tall)
    width = 0.36 if len(evidence) > 1 else 0.66
    height = figure.get_size_inches()[1]
    axes = figure.add_axes((0.13, 0.62 / height, width - 0.02, (height - 1.0) / height))
    _units(axes, data, short=len(evidence) > 1)
    if len(evidence) > 1:
        _split_evidence(
            figure.add_axes((0.645, 0.62 / height, 0.335, (height - 1.0) / height)), evidence, data.threshold
        )


def _units(axes: Axes, data: Allocation, *, short: bool) -> None:
    _plain_axes(axes, grid="x")
    top = max([*data.observed, *data.expected, 1.0])
    for y, (observed, expected) in enumerate(zip(reversed(data.observed), reversed(data.expected), strict=True)):
        colour, _ = _style(len(data.variants) - 1 - y)
        axes.barh(y, observed, height=0.5, color=colour, alpha=0.85, zorder=2)
        axes.vlines(expected, y - 0.36, y + 0.36, color=LIGHT["ink"], linewidth=2.0, zorder=4)
        off = (observed - expected) / expected if expected else math.inf
        gap = (
            f"{fixed(abs(off) * 100, 1)}% {'above' if off > 0 else 'below'} plan"
            if observed != expected
            else "as planned"
        )
        _tip(
            axes, observed / 2, y, f"{list(reversed(data.variants))[y]}: {whole(observed)} of {whole(expected)} planned"
        )
        label = f"{whole(observed)}\n{gap}" if short else f"{whole(observed)} ({gap})"
        axes.annotate(
            label, (max(observed, expected), y), xytext=(6, 0), textcoords="offset points", va="center", fontsize=8,
            color=LIGHT["ink"], annotation_clip=False,
        )  # fmt: skip
    axes.set_yticks(range(len(data.variants)), [_short(name) for name in reversed(data.variants)])
    axes.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"], labelsize=9)
    axes.set_ylim(-0.6, len(data.variants) - 0.4)
    axes.set_xlim(0, top * (1.5 if short else 1.35))
    axes.set_xticks([0, _nice(top / 2), 2 * _nice(top / 2)])
    axes.xaxis.set_major_formatter(lambda value, _: whole(value))
    axes.set_xlabel(f"{data.unit} · bar: seen · line: planned")


def _split_evidence(axes: Axes, evidence: Sequence[tuple[date, float]], threshold: float | None) -> None:
    _plain_axes(axes, grid="y")
    first = evidence[0][0]
    x = [(day - first).days + 1 for day, _ in evidence]
    floor = 1e-8
    values = [max(p, floor) for _, p in evidence]
    axes.step(x, values, where="post", color=LIGHT["one"], linewidth=1.8)
    axes.plot(x[-1], values[-1], "o", color=LIGHT["one"], markersize=4.5)
    for at, shown, (_, p) in zip(x, values, evidence, strict=True):
        _tip(axes, at, shown, f"day {at}: {p_value(p)}")
    axes.set_yscale("log")
    axes.minorticks_off()
    bottom = min([*values, *([threshold] if threshold else [])])
    axes.set_ylim(bottom / 4, 2.5)
    exponents = range(0, math.floor(math.log10(bottom)) - 1, -max(1, math.ceil(-math.log10(bottom) / 5)))
    axes.set_yticks([10.0**exponent for exponent in exponents], [_power(exponent) for exponent in exponents])
    if threshold:
        axes.axhline(threshold, color=LIGHT["warn"], linewidth=1.2, linestyle=(0, (5, 3)))
        axes.annotate(
            f"alarm at {significant(threshold)}", (1, threshold), xycoords=("axes fraction", "data"), xytext=(-3, 4),
            textcoords="offset points", ha="right", fontsize=8, color=LIGHT["warn"],
        )  # fmt: skip
    axes.annotate(
        f"sequential split test, {p_value(evidence[-1][1])}", (0, 1), xycoords="axes fraction", xytext=(0, 6),
        textcoords="offset points", fontsize=8, color=LIGHT["muted"],
    )  # fmt: skip
    axes.set_xlabel("Day")
    axes.set_ylabel("p-value (log scale)")
    _whole_ticks(axes, x[-1], most=5)


def _power(exponent: int) -> str:
    return "1" if exponent == 0 else fixed(10.0**exponent, -exponent) if exponent >= -4 else f"1e{MINUS}{-exponent}"


def _nice(value: float) -> float:
    """The largest of 1, 2, 2.5, 5 × a power of ten that is not above the value."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return max(step * power for step in (1.0, 2.0, 2.5, 5.0) if step * power <= max(value, power))


def _whole_ticks(axes: Axes, last: int, most: int = MOST_TICKS * 2) -> None:
    step = next(step for step in (1, 2, 7, 14, 28, 56, 91, 182, 400, 10_000) if last / step <= most)
    axes.set_xticks([1, *range(step, last + 1, step)] if step > 1 else range(1, last + 1))


def _style(position: int) -> tuple[str, str]:
    name, marker = SERIES[position % len(SERIES)]
    return LIGHT[name], marker


def _floats(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _short(name: str, most: int = 16) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


DRAW: Mapping[str, Callable[..., None]] = {
    "effect_over_time": _effect_over_time,
    "forest": _forest,
    "allocation": _allocation,
    "lifetime": _lifetime,
}
