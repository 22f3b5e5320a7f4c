"""What is wrong with a planning form: every fault that registration would find, under the name of its field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from trialflow.errors import Problem, PromiseError
from trialflow.overview.plan_form import MOST_DIGITS, STAND_INS, WHERE, Draft, PlanForm, document, fault
from trialflow.spec.admission import admit
from trialflow.spec.catalog import Catalog
from trialflow.spec.promise import Promise
from trialflow.spec.yaml_text import write_yaml

NOT_A_NUMBER = "should be a number"


def admitted(
    drafted: Draft, catalog: Catalog, weeks: int, stated: Mapping[str, Any], *, today: date
) -> tuple[Promise | None, tuple[Problem, ...]]:
    """The promise as registration would read it, or every fault with the name of the field it belongs to."""
    blank = () if drafted.form.metric else (fault("metric", "", "is no metric", "choose one from the list"),)
    text = write_yaml(document(drafted, catalog, weeks, words=STAND_INS, stated=stated))
    try:
        return admit(text, WHERE, catalog=catalog, today=today), (*drafted.faults, *blank)
    except PromiseError as error:
        told = (_named(problem, drafted.form) for problem in error.problems if not blank or not _about(problem))
        unread = {one.field for one in drafted.faults}
        return None, (*drafted.faults, *blank, *(one for one in told if one.field not in unread))


def _about(problem: Problem) -> bool:
    """Whether a problem follows from a metric that was not chosen."""
    return problem.field in ("source", "metrics.primary.metric") or problem.field.startswith("baselines.")


PLACES: Mapping[str, str] = {
    "metrics.primary.metric": "metric",
    "metrics.primary.minimum_effect": "effect",
    "audience": "audience",
    "analysis.alpha": "alpha",
    "analysis.power": "power",
    "analysis.stopping.policy": "policy",
    "analysis.stopping": "looks",
    "analysis.variance_reduction": "cuped",
    "calendar.first_day": "first_day",
    "calendar": "weeks",
    "variants": "control",
}
"""Where the form asks for a field of the promise; the longest one that fits counts."""


def _named(problem: Problem, form: PlanForm) -> Problem:
    """The problem under the name of the form's field; under no name where the form does not ask for it."""
    rows = [number for number, _ in form.numbered]
    name = ""
    if found := re.match(r"metrics\.guardrails\.(\d+)\.(metric|margin)", problem.field):
        name = f"{'guardrail' if found[2] == 'metric' else 'margin'}_{rows[int(found[1])]}"
    elif found := re.match(r"baselines\.(\w+)\.?(mean|std_dev)?", problem.field):
        row = next((number for number, one in form.numbered if one.metric == found[1]), None)
        name = (found[2] or "mean") + ("" if found[1] == form.metric or row is None else f"_{row}")
    else:
        fitting = [place for place in PLACES if f"{problem.field}.".startswith(f"{place}.")]
        name = PLACES[max(fitting, key=len)] if fitting else ""
    message = problem.message if name else f"{problem.field}: {problem.message}"
    empty = problem.value == "{}"
    value, message = ("nothing", "was typed") if empty and name else (problem.value, message)
    return Problem(where=WHERE, field=name, value=value, message=message, cure=_cure(problem, name))


def _cure(problem: Problem, name: str) -> str:
    """The cure in a form, which takes percent and lists the metrics itself."""
    if name == "first_day":
        return "choose a later day"
    if problem.message == NOT_A_NUMBER:
        return f"write at most {MOST_DIGITS} digits, as in 0.02 or 2%"
    if name == "effect" or name.startswith("margin"):
        return "give a number more than 0, as in 2%" if problem.value == "{}" else problem.cure
    return "choose one from the list" if problem.cure.startswith("known:") else problem.cure


def by_field(faults: tuple[Problem, ...]) -> dict[str, tuple[Problem, ...]]:
    """Faults under their fields; those that belong to none stand under the empty name."""
    return {
        name: tuple(one for one in faults if one.field == name) for name in dict.fromkeys(one.field for one in faults)
    }
