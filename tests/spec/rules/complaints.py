"""What the rules say about the sample promise after some changes."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.spec.documents import EXPERIMENT, TODAY, catalog, changed
from trialflow.errors import Problem
from trialflow.spec.parsing import parse_experiment
from trialflow.spec.rules import problems_of


def complaints(
    changes: dict[str, Any], *, registered_first_day: date | None = None, **definitions: str
) -> tuple[Problem, ...]:
    """Problems of the sample promise with values set at dotted paths and definitions replaced by name."""
    experiment = parse_experiment(changed(EXPERIMENT, changes), "x.yaml")
    promise = catalog(**definitions).promise(experiment)
    return problems_of(promise, today=TODAY, where="x.yaml", registered_first_day=registered_first_day)
