"""The ASOS experiments replayed look by look: how many stop, and when, under four rules.

    python docs/figures/asos_looks.py                 # draw ../pictures/asos_looks.svg from asos_looks.parquet
    python docs/figures/asos_looks.py --raw FILE      # make asos_looks.parquet from the published file first

Nobody knows the truth of these experiments, so the figure shows how often and when rules speak, not how often they err.
The rules know before the first look only when the experiment will end and, for the confidence sequence, about how many
units it will have then. Both are taken from the data, as a plan would have stated them.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "include"))

from trialflow.stats import Moments, asymptotic, boundaries, difference_in_means  # noqa: E402

DATA = HERE / "asos_looks.parquet"
PICTURE = HERE.parent / "pictures" / "asos_looks.svg"
KEYS = ("experiment", "treatment", "metric")
RENAMED = {
    "experiment_id": "experiment",
    "variant_id": "treatment",
    "metric_id": "metric",
    "time_since_start": "days",
    "count_c": "n_control",
    "count_t": "n_treatment",
    "mean_c": "mean_control",
    "mean_t": "mean_treatment",
    "variance_c": "variance_control",
    "variance_t": "variance_treatment",
}
ALPHA = 0.05
Z = 1.959963984540054
NEVER = np.nan

PEEKING, LAST, SEQUENTIAL, ALWAYS = (
    "fixed test at every look",
    "fixed test at the last look",
    "group sequential",
    "confidence sequence",
)
RULES = (PEEKING, LAST, SEQUENTIAL, ALWAYS)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """When each series stopped under each rule: share of its run in (0, 1], NaN for never; arrays of shape (series,).

    `held` says whether a series is significant at its last look.
    """

    stopped: dict[str, Floats]
    held: NDArray[np.bool_]

    def count(self, rule: str) -> int:
        """How many series stop."""
        return int(np.isfinite(self.stopped[rule]).sum())


def reduce(raw: Path) -> None:
    """Write the looks that have variances, sorted."""
    table = pq.read_table(raw).rename_columns(list(RENAMED.values()))
    known = pc.and_(pc.is_finite(table["variance_control"]), pc.is_finite(table["variance_treatment"]))
    kept = table.filter(pc.fill_null(known, fill_value=False)).sort_by(
        [(name, "ascending") for name in (*KEYS, "days")]
    )
    kept = kept.replace_schema_metadata(None)
    pq.write_table(kept, DATA, compression="zstd", compression_level=19)


def replay(data: Path = DATA) -> Replay:
    """All series under all rules."""
    table = pq.read_table(data)
    columns = {name: table[name].to_numpy() for name in table.column_names}
    labels = [f"{a}|{b}|{c}" for a, b, c in zip(*(columns[key] for key in KEYS), strict=True)]
    _, first = np.unique(labels, return_index=True)
    starts = np.sort(first)
    found = [
        _one({name: column[begin:end] for name, column in columns.items()})
        for begin, end in zip(starts, [*starts[1:], len(labels)], strict=True)
    ]
    return Replay(
        stopped={rule: np.array([one[rule] for one in found]) for rule in RULES},
        held=np.array([np.isfinite(one[LAST]) for one in found]),
    )


def _one(look: dict[str, Any]) -> dict[str, float]:
    """When one series stops under each rule."""
    control, treatment = (
        Moments.from_variance(n=look[f"n_{arm}"], mean=look[f"mean_{arm}"], variance=look[f"variance_{arm}"])
        for arm in ("control", "treatment")
    )
    path = difference_in_means(control, treatment)
    # The first looks of some have no number yet: nothing has varied.
    z = np.where(path.estimable, np.abs(path.estimate / path.std_error), 0.0)
    time = look["days"] / look["days"][-1]
    units = control.n + treatment.n
    sequence = asymptotic(path, n=units, tuning_n=float(units[-1]), alpha=ALPHA)
    return {
        PEEKING: _first(z >= Z, time),
        LAST: float(time[-1]) if z[-1] >= Z else NEVER,
        SEQUENTIAL: _first(z >= _boundary(path.information, time), time),
        ALWAYS: _first(sequence.crossed, time),
    }


def _boundary(information: Floats, time: Floats) -> Floats:
    """O'Brien–Fleming type, spending by the calendar; inf at looks that are not taken.

    A look is worth taking when information has grown by a hundredth since the last one; sums that keep growing let it
    stand still or fall. The last look is always taken.
    """
    taken: list[int] = []
    for place, at in enumerate(information):
        last = place == len(information) - 1
        if at > 0.0 and (last or not taken or at >= 1.01 * information[taken[-1]]):
            taken.append(place)
    reached = np.maximum.accumulate(information[taken])
    bound = np.full(len(information), np.inf)
    bound[taken] = boundaries(reached, fractions=time[taken], alpha=ALPHA).z
    return bound


def _first(crossed: NDArray[np.bool_], time: Floats) -> float:
    return float(time[int(np.argmax(crossed))]) if crossed.any() else NEVER


def draw(result: Replay) -> None:
    """How many series have stopped by which share of their run."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "trialflow", "svg.fonttype": "path", "font.size": 9})
    from matplotlib import pyplot as plt

    total = len(result.held)
    figure, axis = plt.subplots(figsize=(8.2, 4.4), layout="constrained")
    # Okabe & Ito's colours, each with a line style of its own.
    styles = {
        PEEKING: ("#d55e00", "-"),
        LAST: ("#5b6875", ":"),
        SEQUENTIAL: ("#0072b2", "-"),
        ALWAYS: ("#009e73", "--"),
    }
    offsets = {PEEKING: 0, LAST: 8, SEQUENTIAL: -2, ALWAYS: -4}
    for rule, (colour, line) in styles.items():
        times = np.sort(result.stopped[rule][np.isfinite(result.stopped[rule])])
        x = np.concatenate([[0.0], times, [1.0]])
        y = np.concatenate([[0], np.arange(1, len(times) + 1), [len(times)]])
        axis.step(x, y, where="post", color=colour, linestyle=line, linewidth=1.8)
        axis.annotate(
            f"{rule}: {len(times)}",
            (1.0, len(times)),
            xytext=(8, offsets[rule]),
            textcoords="offset points",
            va="center",
            color=colour,
            annotation_clip=False,
        )
    axis.set_xlim(0.0, 1.0)
    axis.set_ylim(0, 1.06 * result.count(PEEKING))
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1.0], ["start", "25 %", "50 %", "75 %", "end"])
    axis.set_xlabel("share of the experiment's run")
    axis.set_ylabel(f"series stopped, of {total}")
    axis.grid(color="#dfe4e9", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def summary(result: Replay) -> str:
    """The table of the docs, as Markdown."""
    lines = ["| rule | series stopped | of them not significant at the last look | median stop |", "|---|---|---|---|"]
    for rule in RULES:
        times = result.stopped[rule]
        stopped = np.isfinite(times)
        gone = int((stopped & ~result.held).sum())
        median = f"{100 * float(np.median(times[stopped])):.0f} % of the run"
        lines.append(f"| {rule} | {result.count(rule)} of {len(times)} | {gone} | {median} |")
    return "\n".join(lines)


def main() -> None:
    """Draw the picture and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--raw", type=Path, help="the published parquet file")
    raw = parser.parse_args().raw
    if raw:
        reduce(raw)
    result = replay()
    draw(result)
    print(summary(result))


if __name__ == "__main__":
    main()
