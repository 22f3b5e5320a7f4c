"""Leaving out what is faulty: a document made whole with stand-ins, so that the rules can speak about the rest."""

from __future__ import annotations

import types
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from trialflow.spec.translation import annotation_at, fields_at, nearest, without_tag

_TEXT = "missing"
_DAY = "2001-01-01"


def mend(whole: dict[str, Any], fault: ErrorDetails, model: object) -> tuple[str, ...] | None:
    """Change `whole` so that this fault is gone, and name the fields that now say nothing; None where it cannot be.

    What is unknown or optional is removed, what is needed gets a stand-in of its type: in its place, also in a list, so
    that its neighbours keep theirs.
    """
    path = without_tag(fault["loc"], model)
    if not path:
        return None
    holder = _at(whole, path[:-1])
    if isinstance(holder, dict):
        _mend_entry(holder, str(path[-1]), fault, model)
    elif isinstance(holder, list) and isinstance(path[-1], int) and path[-1] < len(holder):
        holder[path[-1]] = _stand_in_at(model, fault["loc"])
    return (_dotted(path), *(_dotted((*path[:-1], name)) for name in _meant(fault, path, holder, model)))


def stand_in(annotation: object, constraints: Iterable[object] = ()) -> object:
    """A JSON value that a field of this type accepts: the least of what it needs, numbers within their bounds."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        return stand_in(inner, (*metadata, *constraints))
    if get_origin(annotation) in {Union, types.UnionType}:
        return stand_in(next(one for one in get_args(annotation) if one is not types.NoneType), constraints)
    bounds = _bounds(constraints)
    if get_origin(annotation) is Literal:
        return get_args(annotation)[0]
    if get_origin(annotation) is tuple:
        return [stand_in(get_args(annotation)[0]) for _ in range(bounds.get("min_length", 0))]
    if get_origin(annotation) is dict:
        return {}
    return _plain(annotation, bounds)


def _plain(annotation: object, bounds: dict[str, Any]) -> object:
    if not isinstance(annotation, type) or issubclass(annotation, date):
        return _DAY
    if issubclass(annotation, BaseModel):
        needed = {name: field for name, field in annotation.model_fields.items() if field.is_required()}
        return {name: stand_in(field.annotation, field.metadata) for name, field in needed.items()}
    if issubclass(annotation, StrEnum):
        return next(iter(annotation)).value
    if issubclass(annotation, bool):
        return False
    if issubclass(annotation, int):
        return bounds.get("ge", bounds.get("gt", 0) + 1)
    return _number(bounds) if issubclass(annotation, float) else _TEXT


def _number(bounds: dict[str, Any]) -> float:
    low = bounds.get("gt", bounds.get("ge", 0.0))
    high = bounds.get("lt", bounds.get("le", low + 2.0))
    return float(low + high) / 2


def _bounds(constraints: Iterable[object]) -> dict[str, Any]:
    """Limits by name, whether pydantic has taken its Field apart or (deeper inside a type) not yet."""
    found: dict[str, Any] = {}
    for one in constraints:
        if isinstance(one, FieldInfo):
            found |= _bounds(one.metadata)
        for name in ("gt", "ge", "lt", "le", "min_length"):
            if getattr(one, name, None) is not None:
                found[name] = getattr(one, name)
    return found


def _at(whole: object, path: tuple[int | str, ...]) -> object:
    """What stands at a place; None where an earlier repair has replaced the section around it."""
    for part in path:
        if isinstance(whole, dict) and str(part) in whole:
            whole = whole[str(part)]
        elif isinstance(whole, list) and isinstance(part, int) and part < len(whole):
            whole = whole[part]
        else:
            return None
    return whole


def _mend_entry(holder: dict[str, Any], name: str, fault: ErrorDetails, model: object) -> None:
    loc = fault["loc"]
    section = annotation_at(model, loc[:-1])
    optional = (
        isinstance(section, type)
        and issubclass(section, BaseModel)
        and (name not in section.model_fields or not section.model_fields[name].is_required())
    )
    if optional or loc[-1] == "[key]":
        holder.pop(name, None)
    else:
        holder[name] = _stand_in_at(model, loc)


def _stand_in_at(model: object, loc: tuple[int | str, ...]) -> object:
    holder = annotation_at(model, loc[:-1])
    if isinstance(holder, type) and issubclass(holder, BaseModel):
        field = holder.model_fields[str(loc[-1])]
        return stand_in(field.annotation, field.metadata)
    arguments = get_args(holder)
    return stand_in(arguments[-1] if get_origin(holder) is dict else arguments[0])


def _meant(fault: ErrorDetails, path: tuple[int | str, ...], holder: object, model: object) -> list[str]:
    """A misspelt field stands for the one that was meant, or for any that its section leaves out."""
    if fault["type"] != "extra_forbidden":
        return []
    known = fields_at(model, fault["loc"][:-1])
    meant = nearest(str(path[-1]), known)
    if meant is not None:
        return [meant]
    # A stray field of the whole document is most likely a remark; it must not silence every rule.
    return [name for name in known if isinstance(holder, dict) and name not in holder] if path[:-1] else []


def _dotted(path: Iterable[int | str]) -> str:
    return ".".join(str(part) for part in path)
