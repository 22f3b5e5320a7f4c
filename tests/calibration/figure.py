"""The figure of the docs: which method errs how often on which kind of data, and what the wrong methods do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.calibration.published import Key, key
from tests.calibration.study import Measured, Rate, Study

COLUMNS = ("normal", "heavy tails", "many zeros", "few units", "unequal", "unequal and\nheavy or zeros")
FEW_UNITS = 40
UNEQUAL_FROM = 4.0
SILENT = ("zeros", "silent", "without views", "click in", "share 0.00")

# What the rows show: (label, family, method, words that the data must have). The largest fitting rate counts.
ROWS: tuple[tuple[str, str, str, str], ...] = (
    ("Welch", "Difference of means", "Welch", ""),
    ("Welch, CUPED on", "CUPED", "Welch, CUPED on", ""),
    ("capped at a pooled quantile", "Difference of means", "capped at the pooled", ""),
    ("two shares, unpooled", "Difference of proportions", "unpooled", ""),
    ("ratio of sums", "Ratio of sums", "delta method", ""),
    ("ratio of sums, CUPED on", "Ratio of sums", "delta method, CUPED on", ""),
    ("quantile", "Difference of quantiles", "order statistics, units", ""),
    ("Mann–Whitney", "Ranks", "Mann–Whitney", ""),
    ("relative effect (Fieller)", "Relative effect", "Fieller", ""),
    ("relative effect, CUPED on", "Relative effect", "Fieller after CUPED", ""),
    ("non-inferiority, relative margin", "Non-inferiority, on the margin", "relative margin, 20 %", ""),
    ("non-inferiority, CUPED on", "Non-inferiority, on the margin", "relative margin, 20 %, CUPED on", ""),
    ("equivalence", "Equivalence", "two one-sided tests, truth", ""),
    ("Welch's analysis of variance", "Several variants", "Welch's analysis of variance", ""),
    ("Dunnett", "Several variants", "Dunnett", ""),
    ("segments differ (Cochran's Q)", "Segments and strata", "Cochran's Q, equal effects", ""),
    ("post-stratified", "Segments and strata", "post-stratified", ""),
    ("days differ (Cochran's Q)", "Days", "Cochran's Q over days, at .05", ""),
    ("late − early (novelty)", "Novelty", "late − early contrast", ""),
    ("pre-period imbalance", "Pre-period imbalance", "Hotelling", ""),
    ("group sequential, 28 looks", "28 daily looks, side by side", "O'Brien–Fleming type", ""),
    ("group sequential, CUPED on", "28 daily looks, side by side", "O'Brien–Fleming type", "with CUPED"),
    ("repeated intervals, 4 looks", "4 weekly looks", "repeated intervals", ""),
    ("stage-wise interval after a stop", "After a group-sequential stop", "stage-wise interval", ""),
    ("confidence sequence, 28 looks", "28 daily looks, side by side", "asymptotic confidence sequence", ""),
    ("confidence sequence, CUPED on", "28 daily looks, side by side", "asymptotic confidence sequence", "with CUPED"),
    ("harm at 1 %, 28 looks", "28 daily looks, side by side", "harm, spread of the null", ""),
    ("harm at 1 %, CUPED on", "28 daily looks, side by side", "harm, spread of the null", "with CUPED"),
)

# Methods that are shown as a warning: (label, words of the method). Every rate at 5 % counts.
WRONG: tuple[tuple[str, str], ...] = (
    ("fixed test on every day", "fixed-horizon test on every day (wrong)"),
    ("credible interval on every day", "credible interval on every day (wrong)"),
    ("chi-square of the split on every day", "chi-square on every day (wrong), at .05"),
    ("rows taken for units", "taken for units (wrong)"),
    ("new users left out of CUPED", "new users left out (wrong)"),
    ("absolute interval / control mean", "absolute interval / control mean (wrong)"),
    ("control mean taken as known", "control mean taken as known (wrong)"),
    ("plain interval of winners", "plain interval, winners (wrong)"),
)

ERRORS = ("type I error", "any false alarm", "rejections")


def column(data: str) -> int | None:
    """Which of COLUMNS the data belong to; None for kinds that are no case of them."""
    if "shocks" in data:
        return None
    heavy, zeros = "lognormal" in data, any(word in data for word in SILENT)
    sizes = [int(size) for size in re.findall(r"(?<![\d.])\d+(?= [/+])|(?<=[/+] )\d+", data.replace(",", ""))]
    several = re.search(r"4 × (\d+)$", data)
    sizes = [int(several[1])] if several else sizes
    if sizes and max(sizes) >= UNEQUAL_FROM * min(sizes):
        return 5 if heavy or zeros else 4
    # Ten units a day are hundreds by the end: a stream has few units where it has a handful a day.
    few = 10 if "a day" in data or " × " in data else FEW_UNITS
    if sizes and min(sizes) <= few:
        return 3
    if zeros or heavy:
        return 2 if zeros else 1
    return 0 if any(word in data for word in ("normal", "share 0.1", "Poisson views", "views, Poisson")) else None


def error_of(rate: Rate, one: Measured) -> float | None:
    """The rate of errors; None for rates that are none."""
    if rate.quantity in ERRORS:
        return one.value
    return 1.0 - one.value if rate.quantity == "coverage" else None


def promised_error(rate: Rate) -> float:
    """What was promised of it."""
    return rate.promised if rate.quantity in ERRORS else 1.0 - rate.promised


Found = list[tuple[Study, Rate, float]]


def errors(studies: Sequence[Study], published: Mapping[Key, Measured]) -> Found:
    """All rates of errors."""
    measured = ((study, rate, error_of(rate, published[key(study, rate)])) for study in studies for rate in study.rates)
    return [(study, rate, error) for study, rate, error in measured if error is not None]


def cells(found: Found) -> list[list[tuple[float, float] | None]]:
    """Of every row and column the (measured, promised) error that is largest beside its promise."""
    return [[_largest(found, row, place) for place in range(len(COLUMNS))] for row in ROWS]


def _largest(found: Found, row: tuple[str, str, str, str], place: int) -> tuple[float, float] | None:
    _, family, method, words = row
    adjusted = "CUPED" in method + words or family == "CUPED"
    fitting = [
        (error, promised_error(rate))
        for study, rate, error in found
        if study.family == family
        and rate.method.startswith(method)
        and ("CUPED" in rate.method + study.data and "CUPED off" not in rate.method) == adjusted
        and "(wrong)" not in rate.method
        and all(other.quantity != "no number" for other in study.rates)
        and column(study.data) == place
    ]
    return max(fitting, key=lambda pair: pair[0] / pair[1]) if fitting else None


def paint(figure: Any, studies: Sequence[Study], published: Mapping[Key, Measured]) -> None:
    """Both panels, on an empty figure."""
    found = errors(studies, published)
    upper, lower = figure.subplots(2, 1, height_ratios=(len(ROWS), len(WRONG) + 1.0))
    _matrix(upper, cells(found))
    _strip(lower, found)


def _matrix(axis: Any, table: Iterable[Sequence[tuple[float, float] | None]]) -> None:
    for y, row in enumerate(table):
        for x, cell in enumerate(row):
            if cell is None:
                axis.text(x, y, "·", ha="center", va="center", color="#999999")
                continue
            face, ink = _colours(cell[0] / cell[1])
            axis.add_patch(_box(x, y, face))
            axis.text(x, y, _percent(cell[0]), ha="center", va="center", color=ink)
    axis.set_xlim(-0.5, len(COLUMNS) - 0.5)
    axis.set_ylim(len(ROWS) - 0.5, -0.5)
    axis.set_xticks(range(len(COLUMNS)), COLUMNS)
    axis.set_yticks(range(len(ROWS)), [row[0] for row in ROWS])
    axis.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    for side in axis.spines.values():
        side.set_visible(False)
    axis.set_title("Largest error in percent by kind of data; promised are 5 (harm: 1)", loc="left")
    axis.set_xlabel("blue: fewer errors than promised · pale: as promised · orange and red: more")


def sentence(row: Sequence[tuple[float, float] | None]) -> str:
    """A row in words, in percent."""
    names = [name.replace("\n", " ") for name in COLUMNS]
    found = [f"{name} {_percent(cell[0])}" for name, cell in zip(names, row, strict=True) if cell is not None]
    return f"{', '.join(found)} %"


def _box(x: int, y: int, face: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.48, y - 0.44), 0.96, 0.88, facecolor=face, edgecolor="none")


def _percent(error: float) -> str:
    return f"{100 * error:.1f}" if error < 0.0995 else f"{100 * error:.0f}"


# Measured over promised error up to which a colour holds, the colour, and that of the number on it.
SHADES = ((0.6, "#c9dcec", "#222222"), (1.25, "#eef3ee", "#222222"), (1.6, "#fbe3c4", "#222222"))
LARGE, HUGE = ("#f0a868", "#222222"), ("#b03030", "#ffffff")


def _colours(ratio: float) -> tuple[str, str]:
    for most, face, ink in SHADES:
        if ratio <= most:
            return face, ink
    return LARGE if ratio <= 2.5 else HUGE


def _strip(axis: Any, found: Found) -> None:
    import matplotlib as mpl

    for y, (_, words) in enumerate(WRONG):
        values = [error for _, rate, error in found if words in rate.method and abs(promised_error(rate) - 0.05) < 1e-9]
        axis.plot([min(values), max(values)], [y, y], color="#e0b0b0", linewidth=1.5, zorder=1)
        axis.scatter(values, [y] * len(values), marker="x", s=18, linewidths=1.0, color="#b03030", zorder=2)
    axis.axvline(0.05, color="#444444", linewidth=0.8)
    axis.set_xscale("log")
    ticks = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
    axis.set_xticks(ticks, [f"{100 * tick:g} %" for tick in ticks])
    axis.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    axis.set_yticks(range(len(WRONG)), [label for label, _ in WRONG])
    axis.set_ylim(len(WRONG) - 0.5, -0.5)
    axis.grid(axis="x", color="#e4e4e4", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.set_title("Wrong methods, a cross for each kind of data: errors where 5 % is promised", loc="left")
