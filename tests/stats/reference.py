"""Reference cases: figures from other programs, each compared at its own tolerance."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from trialflow.stats import JointMoments

FOLDER = Path(__file__).parent.parent / "reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case of one topic; `source` is its birth certificate."""

    topic: str
    id: str
    inputs: Mapping[str, Any]
    expected: Mapping[str, Any]
    rtol: float
    atol: float
    source: str

    def __str__(self) -> str:
        return f"{self.topic}/{self.id}"


@cache
def cases(topic: str) -> tuple[Case, ...]:
    """Every case of a topic, in the order of its file."""
    document = json.loads((FOLDER / f"{topic}.json").read_text())
    return tuple(
        Case(
            topic=topic,
            id=case["id"],
            inputs=case["inputs"],
            expected=case["expected"],
            rtol=case["rtol"],
            atol=case.get("atol", 0.0),
            source=case.get("source", document["source"]),
        )
        for case in document["cases"]
    )


def case(topic: str, case_id: str) -> Case:
    """One case by name."""
    return next(found for found in cases(topic) if found.id == case_id)


def compare(got: Any, expected: Any, *, rtol: float, atol: float, where: str) -> None:
    """Assert |got − expected| ≤ atol + rtol |expected| for every number; null is undefined, "Infinity" is infinite."""
    if isinstance(expected, Mapping):
        for name, value in expected.items():
            compare(got[name], value, rtol=rtol, atol=atol, where=f"{where}.{name}")
    elif isinstance(expected, Sequence) and not isinstance(expected, str):
        assert len(got) == len(expected), f"{where}: {len(got)} values for {len(expected)}"
        for index, (one, other) in enumerate(zip(got, expected, strict=True)):
            compare(one, other, rtol=rtol, atol=atol, where=f"{where}[{index}]")
    elif expected is None:
        assert got is None or math.isnan(got), f"{where}: {got} should be undefined"
    elif isinstance(expected, bool) or expected == "Infinity":
        assert got == (math.inf if expected == "Infinity" else expected), f"{where}: {got} should be {expected}"
    else:
        assert abs(got - expected) <= atol + rtol * abs(expected), f"{where}: {got} should be {expected}"


@cache
def small_data() -> Mapping[str, np.ndarray[Any, Any]]:
    """The columns of `ab_small.csv`: 600 simulated users."""
    with (FOLDER / "ab_small.csv").open() as file:
        rows = list(csv.DictReader(file))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    text = {"variant", "country", "user_id"}
    return {name: np.array(values, dtype=object if name in text else float) for name, values in columns.items()}


def small_joint(*columns: str) -> tuple[JointMoments, JointMoments]:
    """Joint moments of columns of `ab_small.csv` in control and treatment."""
    data = small_data()
    rows = np.column_stack([data[name] for name in columns])
    control, treatment = (JointMoments.from_rows(rows[data["variant"] == name]) for name in ("control", "treatment"))
    return control, treatment


@cache
def derived(name: str) -> Mapping[str, Any]:
    """Inputs computed from public data whose rows cannot be copied here; the file holds their origin."""
    inputs: Mapping[str, Any] = json.loads((FOLDER / "derived_inputs.json").read_text())["inputs"]
    found: Mapping[str, Any] = inputs[name]
    return found


def derived_joint(name: str) -> tuple[JointMoments, JointMoments]:
    """Joint moments of control and treatment from `derived_inputs.json`."""
    arms = derived(name)
    control, treatment = (
        JointMoments(
            n=np.asarray(float(arms[arm]["n"])), mean=np.asarray(arms[arm]["mean"]), m2=np.asarray(arms[arm]["m2"])
        )
        for arm in ("control", "treatment")
    )
    return control, treatment
