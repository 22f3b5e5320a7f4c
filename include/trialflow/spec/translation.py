"""pydantic's errors in plain words: what stands there, what is wrong with it, and what to write instead."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from trialflow.errors import Problem
from trialflow.spec.descriptions import describe
from trialflow.spec.document import COLUMN_PATTERN, NAME_PATTERN, SLUG_PATTERN, TABLE_PATTERN
from trialflow.spec.yaml_text import Page, shown

MISSING = "is missing"
UNKNOWN_FIELD = "is not a known field"

_PATTERN_CURES = {
    SLUG_PATTERN: "use lower-case letters and digits, single hyphens or underscores between, as in new-ranker-2026",
    NAME_PATTERN: "use letters, digits and underscores, a letter first, as in error_rate",
    COLUMN_PATTERN: "give one column name: letters, digits and underscores",
    TABLE_PATTERN: "give a table name, if needed with its schema, as in analytics.events",
}
_KINDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "tuple_type": "a list",
    "dict_type": "a section of name: value lines",
    "model_type": "a section of name: value lines",
    "model_attributes_type": "a section of name: value lines",
}
_BOUNDS = {
    "greater_than": ("must be more than", "gt"),
    "greater_than_equal": ("must be at least", "ge"),
    "less_than": ("must be less than", "lt"),
    "less_than_equal": ("must be at most", "le"),
}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    names = {name.lower(): name for name in sorted(set(known))}
    near = difflib.get_close_matches(word.lower(), list(names), n=1, cutoff=0.6)
    return names[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """The cure for an unknown word: the nearest known one, else all that are known."""
    names = sorted(set(known))
    meant = nearest(word, names)
    if meant is not None:
        return f"did you mean {meant}?"
    return otherwise or (f"known: {', '.join(names)}" if names else "none is known yet")


def problem_of(error: ErrorDetails, page: Page, model: object) -> Problem:
    """One pydantic error about the page as a Problem; `model` is the model or union that refused the page."""
    kind = error["type"]
    path = ("grain",) if kind.startswith("union_tag") else without_tag(error["loc"], model)
    dotted = ".".join(str(part) for part in path)
    found = error["input"].get("grain") if kind.startswith("union_tag") else error["input"]
    value = "nothing" if kind == "missing" else shown(found)
    message, cure = _words(error, path, model)
    return Problem(where=page.place(dotted), field=dotted or "(whole text)", value=value, message=message, cure=cure)


def without_tag(loc: Sequence[int | str], model: object) -> tuple[int | str, ...]:
    """The place in the document: a union's tag and pydantic's mark of a faulty key are not part of it."""
    inner = loc if isinstance(model, type) else loc[1:] if loc and loc[0] in _tags(model) else loc
    return tuple(part for part in inner if part != "[key]")


def _words(error: ErrorDetails, path: tuple[int | str, ...], model: object) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx", {})
    leaf = str(path[-1]) if path else ""
    if kind == "missing":
        return MISSING, f"add it: {_meaning(error, model)}"
    if kind == "extra_forbidden":
        known = fields_at(model, error["loc"][:-1])
        return UNKNOWN_FIELD, did_you_mean(leaf, known, otherwise=f"known fields here: {', '.join(known)}")
    if kind in {"enum", "literal_error"}:
        return _not_allowed(error, model)
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return f"is not one of {', '.join(_tags(model))}", "say what a row of its tables is"
    if kind in _KINDS:
        return f"should be {_KINDS[kind]}", _type_cure(kind, error["input"])
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"{words} {context[key]:g}", _meaning(error, model)
    if kind == "string_pattern_mismatch":
        return "has characters that are not allowed here", _PATTERN_CURES.get(
            context["pattern"], "use letters, digits, - and _"
        )
    if kind in {"too_short", "too_long", "string_too_short", "string_too_long"}:
        return _length(kind, context), _meaning(error, model)
    if kind in {"date_parsing", "date_type", "date_from_datetime_parsing", "date_from_datetime_inexact"} or (
        kind == "value_error" and "calendar day" in error["msg"]
    ):
        return "is not a calendar day", "write it as YYYY-MM-DD, as in 2026-03-02"
    return error["msg"], _meaning(error, model)


def _not_allowed(error: ErrorDetails, model: object) -> tuple[str, str]:
    allowed = _choices(annotation_at(model, error["loc"]))
    listed = ", ".join(allowed) or str(error.get("ctx", {}).get("expected", ""))
    return f"is not one of {listed}", did_you_mean(str(error["input"]), allowed, otherwise="write one of them")


def _type_cure(kind: str, found: object) -> str:
    if found is None:
        return "give a value, or leave the whole line out where it is optional"
    if kind == "string_type" and not isinstance(found, list | dict):
        return f'put it in quotes: "{"true" if found is True else "false" if found is False else found}"'
    if kind == "tuple_type":
        return "write it as a list: [first, second], or one '- item' per line"
    if kind in {"dict_type", "model_type", "model_attributes_type"}:
        return "write its fields indented below it, one name: value per line"
    if kind == "bool_type":
        return "write true or false, without quotes"
    if isinstance(found, str):
        return "write a number in digits, without quotes, units or percent signs (a share of 2 % is 0.02)"
    return f"write {_KINDS[kind]}"


def _length(kind: str, context: dict[str, Any]) -> str:
    thing = "characters" if kind.startswith("string") else "entries"
    if kind.endswith("short"):
        return "is empty" if context["min_length"] == 1 else f"needs at least {context['min_length']} {thing}"
    return f"has more than {context['max_length']} {thing}"


def _meaning(error: ErrorDetails, model: object) -> str:
    """What the field means; for an entry of a list or section, what the nearest field around it means."""
    loc = error["loc"]
    for end in range(len(loc), 0, -1):
        holder = annotation_at(model, loc[: end - 1])
        meaning = describe(holder.__name__, str(loc[end - 1])) if isinstance(holder, type) else ""
        if meaning:
            return meaning
    return "give another value"


def fields_at(model: object, loc: Sequence[int | str]) -> list[str]:
    """The known fields of the section at a place of a model; none where there is no section."""
    holder = annotation_at(model, loc)
    return list(holder.model_fields) if isinstance(holder, type) and issubclass(holder, BaseModel) else []


def annotation_at(model: object, loc: Sequence[int | str]) -> object:
    """The type that stands at a place of a model, without Annotated and Optional; None where there is none."""
    current = _bare(model)
    for part in loc:
        if get_origin(current) in {Union, types.UnionType}:
            current = _tags(model).get(str(part))
        elif isinstance(current, type) and issubclass(current, BaseModel):
            found = current.model_fields.get(str(part))
            current = _bare(found.annotation) if found else None
        else:
            arguments = get_args(current)
            current = _bare(arguments[-1] if get_origin(current) is dict else arguments[0]) if arguments else None
    return current


def _bare(annotation: object) -> object:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, types.UnionType}:
        choices = [choice for choice in get_args(annotation) if choice is not types.NoneType]
        return _bare(choices[0]) if len(choices) == 1 else annotation
    return annotation


def _tags(model: object) -> dict[str, Any]:
    """The members of the union of sources by the grain that selects them."""
    members = [_bare(member) for member in get_args(_bare(model))]
    return {
        str(tag): member
        for member in members
        if isinstance(member, type) and issubclass(member, BaseModel) and "grain" in member.model_fields
        for tag in get_args(member.model_fields["grain"].annotation)
    }


def _choices(annotation: object) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return [str(member) for member in annotation]
    return []
