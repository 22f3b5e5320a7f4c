"""The table and the figure of the docs, from the published rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from tests.calibration.published import Key, key
from tests.calibration.study import SDS, Claim, Measured, Rate, Study

DOCS = Path(__file__).resolve().parents[2] / "docs"
TABLE = DOCS / "calibration.md"
FIGURE = DOCS / "pictures" / "calibration.svg"

INTRODUCTION = """# Calibration

How often every method errs on simulated data, beside how often it says it does. `make calibrate` writes this page, the
figure and `tests/calibration/published.csv`; the test suite runs the first block of every study again and fails where a
rate has changed. Seeds are fixed (PCG64). [Statistics](statistics.md) says what each method is.

**Claim.** *equal*: the assumptions hold, and the measured rate is the promised one within {sds:g} standard errors of the
simulation. *at most*, *at least*: the promise is a bound. *within 1 point*: power at the planned effect. *as measured*: an
assumption is broken on purpose, or the method is a wrong one that is shown for comparison: no promise is made, the rate is
published and pinned. "±" is one standard error of the simulation.

![Measured rates against promised ones](pictures/calibration.svg)

"""


def table(studies: Sequence[Study], published: Mapping[Key, Measured]) -> str:
    """The page of all rates, as Markdown."""
    parts = [INTRODUCTION.format(sds=SDS)]
    for family, members in groupby(studies, key=lambda study: study.family):
        parts.append(f"## {family}\n\n| data | method | rate | promised | measured | runs | claim |\n")
        parts.append("|---|---|---|---|---|---|---|\n")
        for study in members:
            parts += [_row(study, rate, published[key(study, rate)]) for rate in study.rates]
        parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"


def _row(study: Study, rate: Rate, one: Measured) -> str:
    measured = f"{one.value:.4f} ± {one.error:.4f}"
    promised = f"{rate.promised:.3g}"
    cells = (study.data, rate.method, rate.quantity, promised, measured, f"{one.runs:,}", rate.claim.value)
    return f"| {' | '.join(cells)} |\n"


# Which families the figure shows, and the order of methods in it: type I errors at 5 % and 1 − coverage at 95 %.
SHOWN = (
    "Difference of means",
    "CUPED",
    "Difference of proportions",
    "Ratio of sums",
    "Difference of quantiles",
    "Relative effect",
    "Non-inferiority, on the margin",
    "Group sequential, normal statistic",
    "28 daily looks, side by side",
)


def draw(studies: Sequence[Study], published: Mapping[Key, Measured]) -> None:
    """Write the figure: error rates of methods at 5 %, promised and not."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "trialflow", "svg.fonttype": "path", "font.size": 8})
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(8.2, 5.6), layout="constrained")
    styles = {
        "promised, assumptions hold": ("o", "#1b6ca8", "#1b6ca8"),
        "promised as a bound": ("v", "none", "#1b6ca8"),
        "right method, broken assumption": ("o", "none", "#b8860b"),
        "wrong method": ("x", "#b03030", "#b03030"),
    }
    points: dict[str, list[tuple[float, float]]] = {name: [] for name in styles}
    for place, family in enumerate(SHOWN):
        rates = [(study, rate) for study in studies if study.family == family for rate in study.rates]
        errors = [_error(rate, published[key(study, rate)]) for study, rate in rates]
        kept = [(rate, error) for (_, rate), error in zip(rates, errors, strict=True) if error is not None]
        for index, (rate, error) in enumerate(kept):
            points[_style(rate)].append((error, place - 0.32 + 0.64 * index / max(len(kept) - 1, 1)))
    for name, (marker, face, edge) in styles.items():
        x, y = zip(*points[name], strict=True)
        extra = {"color": edge} if marker == "x" else {"facecolors": face, "edgecolors": edge}
        axis.scatter(x, y, marker=marker, s=16, linewidths=0.9, label=name, zorder=3, **extra)
    axis.axvline(0.05, color="#444444", linewidth=0.8)
    axis.set_xscale("log")
    ticks = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
    axis.set_xticks(ticks, [f"{100 * tick:g} %" for tick in ticks])
    axis.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    axis.set_yticks(range(len(SHOWN)), SHOWN)
    axis.invert_yaxis()
    axis.grid(axis="x", color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.set_xlabel("share of simulated runs in error, where 5 % is promised")
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURE, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _error(rate: Rate, one: Measured) -> float | None:
    if rate.quantity == "type I error" and rate.promised == 0.05:
        return max(one.value, 0.002)
    if rate.quantity == "coverage" and rate.promised == 0.95:
        return max(1.0 - one.value, 0.002)
    return None


def _style(rate: Rate) -> str:
    if "(wrong)" in rate.method:
        return "wrong method"
    if rate.claim is Claim.HOLDS:
        return "promised, assumptions hold"
    return "right method, broken assumption" if rate.claim is Claim.MEASURED else "promised as a bound"
