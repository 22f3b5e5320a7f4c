"""The page of the docs: every rate as a table; the figure is drawn by `figure`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from tests.calibration import figure
from tests.calibration.published import Key, key
from tests.calibration.study import SDS, Measured, Rate, Study

DOCS = Path(__file__).resolve().parents[2] / "docs"
TABLE = DOCS / "calibration.md"
STATISTICS = DOCS / "statistics.md"
FIGURE = DOCS / "pictures" / "calibration.svg"
ROW = re.compile(r"<!-- row: (.+?) -->.*?<!-- end -->", re.DOTALL)

INTRODUCTION = """# Calibration

How often every method errs on simulated data, beside how often it says it does. `make calibrate` writes this page, the
figure and `tests/calibration/published.csv`; the test suite runs the first block of every study again and fails where a
rate has changed. Seeds are fixed (PCG64). [Statistics](statistics.md) says what each method is.

**Claim.** *equal*: the assumptions hold, and the measured rate is the promised one within {sds:g} standard errors of the
simulation. *at most*, *at least*: the promise is a bound. *within 1 point*: power at the planned effect. *as measured*: an
assumption is broken on purpose, or the method is a wrong one that is shown for comparison: no promise is made, the rate is
published and pinned. "±" is one standard error of the simulation.

![Largest measured error of every method on every kind of data](pictures/calibration.svg)

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


def with_rows(text: str, studies: Sequence[Study], published: Mapping[Key, Measured]) -> str:
    """A page whose places `<!-- row: label -->…<!-- end -->` say what the figure's row says."""
    table = figure.cells(figure.errors(studies, published))
    words = {row[0]: figure.sentence(line) for row, line in zip(figure.ROWS, table, strict=True)}
    return ROW.sub(lambda place: f"<!-- row: {place[1]} -->{words[place[1]]}<!-- end -->", text)


def draw(studies: Sequence[Study], published: Mapping[Key, Measured]) -> None:
    """Write the figure."""
    import matplotlib as mpl

    mpl.use("svg")
    sizes = {"font.size": 8.5, "axes.titlesize": 9, "axes.titleweight": "bold"}
    mpl.rcParams.update({"svg.hashsalt": "trialflow", "svg.fonttype": "path", **sizes})
    from matplotlib import pyplot as plt

    drawing = plt.figure(figsize=(8.2, 10.2), layout="constrained")
    figure.paint(drawing, studies, published)
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(FIGURE, metadata={"Date": None, "Creator": None})
    plt.close(drawing)
