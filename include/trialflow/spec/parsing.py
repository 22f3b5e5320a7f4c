"""From text to model, with every error at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from trialflow.errors import Problem, PromiseError
from trialflow.spec.document import Document
from trialflow.spec.experiment import Experiment
from trialflow.spec.letters import unseen_on
from trialflow.spec.mending import mend
from trialflow.spec.metric import Metric
from trialflow.spec.source import SOURCE_ADAPTER, MomentsSource, Source, UnitSource
from trialflow.spec.translation import MISSING, UNKNOWN_FIELD, problem_of
from trialflow.spec.yaml_text import Page, read_page, shown, write_yaml

T = TypeVar("T")
_EXPERIMENT = TypeAdapter(Experiment)
_METRIC = TypeAdapter(Metric)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Generic[T]):
    """What a page gave: the model if it could be made, every problem, and the fields mended to make it.

    A model is there in spite of problems when stand-ins for the faulty fields were enough; then the rules can speak about
    the rest in the same breath. It must never be registered.
    """

    model: T | None
    problems: tuple[Problem, ...]
    mended: tuple[str, ...] = ()


def parse_experiment(text: str, where: str) -> Experiment:
    """The experiment in a YAML text. Raises PromiseError with every problem of form; the rules come later."""
    return _accepted(read_experiment(read_page(text, where)))


def parse_metric(text: str, where: str) -> Metric:
    """The metric in a YAML text. Raises PromiseError with every problem of form."""
    return _accepted(read_metric(read_page(text, where)))


def parse_source(text: str, where: str) -> UnitSource | MomentsSource:
    """The source in a YAML text. Raises PromiseError with every problem of form."""
    return _accepted(read_source(read_page(text, where)))


def dump(document: Document) -> str:
    """What was stated, as YAML: `parse_…(dump(x), …) == x`."""
    return write_yaml(document.stated())


def read_experiment(page: Page) -> Reading[Experiment]:
    """The page as an experiment, as far as it is one."""
    return _read(page, Experiment, _EXPERIMENT)


def read_metric(page: Page) -> Reading[Metric]:
    """The page as a metric, as far as it is one."""
    return _read(page, Metric, _METRIC)


def read_source(page: Page) -> Reading[UnitSource | MomentsSource]:
    """The page as a source, as far as it is one."""
    return _read(page, Source, SOURCE_ADAPTER)


def _accepted(reading: Reading[T]) -> T:
    if reading.problems or reading.model is None:
        raise PromiseError(reading.problems)
    return reading.model


def _read(page: Page, model: object, adapter: TypeAdapter[T]) -> Reading[T]:
    # At the door and not in the models: what is on record is read whatever it holds.
    page = replace(page, problems=(*page.problems, *unseen_on(page)))
    if not isinstance(page.value, Mapping):
        return Reading(model=None, problems=(*page.problems, _not_a_document(page)))
    try:
        return Reading(model=_validated(adapter, page.value), problems=page.problems)
    except ValidationError as error:
        faults = _faults(error)
    problems = _without_echoes(tuple(problem_of(fault, page, model) for fault in faults))
    unread = {problem.field for problem in page.problems}  # an entry that the form could not read stands as nothing
    problems = tuple(one for one in problems if one.field not in unread or one.value != shown(None))
    return _mend(page.value, faults, model, adapter, (*page.problems, *problems))


def _validated(adapter: TypeAdapter[T], value: Mapping[str, Any]) -> T:
    # Strict and through JSON: a text never becomes a number, true never becomes 1, a list still becomes a tuple.
    return adapter.validate_json(json.dumps(value), strict=True)


def _faults(error: ValidationError) -> list[ErrorDetails]:
    """Pydantic's errors, without the echo that a list with a faulty entry is too short."""
    return [
        fault
        for fault in error.errors(include_url=False)
        if fault["type"] != "too_short" or len(fault["input"]) < fault["ctx"]["min_length"]
    ]


def _mend(
    value: Mapping[str, Any],
    faults: Sequence[ErrorDetails],
    model: object,
    adapter: TypeAdapter[T],
    problems: tuple[Problem, ...],
) -> Reading[T]:
    """Let stand-ins take the place of what is faulty until it is a model; a reading without one where none can be."""
    whole = copy.deepcopy(dict(value))
    mended: list[str] = []
    for _ in range(3):
        for fault in faults:
            fields = mend(whole, fault, model)
            if fields is None:
                return Reading(model=None, problems=problems)
            mended += fields
        try:
            return Reading(model=_validated(adapter, whole), problems=problems, mended=tuple(mended))
        except ValidationError as error:
            faults = _faults(error)
    return Reading(model=None, problems=problems)


def _without_echoes(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """A misspelt field is one problem, not two: the field that it was meant to be is not missing."""
    meant = {
        _sibling(problem.field, problem.cure.removeprefix("did you mean ").removesuffix("?"))
        for problem in problems
        if problem.message == UNKNOWN_FIELD
    }
    return tuple(problem for problem in problems if problem.message != MISSING or problem.field not in meant)


def _sibling(dotted: str, name: str) -> str:
    parent = dotted.rpartition(".")[0]
    return f"{parent}.{name}" if parent else name


def _not_a_document(page: Page) -> Problem:
    empty = page.value is None
    return Problem(
        where=page.where,
        field="(whole text)",
        value=shown(page.value),
        message="is empty" if empty else "is not a document of name: value lines",
        cure="write one field per line, as in slug: new-ranker",
    )
