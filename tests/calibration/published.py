"""The published rates: a CSV beside this file that the full form writes and the short form is held against."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from tests.calibration.study import Measured, Rate, Study

PATH = Path(__file__).parent / "published.csv"
COLUMNS = ("study", "method", "quantity", "promised", "claim", "measured", "error", "runs", "first_block")

Key = tuple[str, str, str]


def key(study: Study, rate: Rate) -> Key:
    """What identifies a rate."""
    return study.name, rate.method, rate.quantity


def write(found: Iterable[tuple[Study, tuple[Measured, ...]]]) -> None:
    """Write the rates of all studies."""
    with PATH.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for study, measured in found:
            for rate, one in zip(study.rates, measured, strict=True):
                numbers = (f"{one.value:.5f}", f"{one.error:.5f}", one.runs, f"{one.first:.6g}")
                writer.writerow((*key(study, rate), f"{rate.promised:.6g}", rate.claim.value, *numbers))


def read() -> dict[Key, Measured]:
    """The published rates by key."""
    with PATH.open(newline="", encoding="utf-8") as file:
        return {
            (row["study"], row["method"], row["quantity"]): Measured(
                value=float(row["measured"]),
                runs=int(row["runs"]),
                error=float(row["error"]),
                first=float(row["first_block"]),
            )
            for row in csv.DictReader(file)
        }
