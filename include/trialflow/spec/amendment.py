"""What an amendment changes, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from trialflow.errors import NotSupportedError
from trialflow.spec.fingerprint import from_document

NOT_STATED = "not stated"
IN_USE, NOT_USED = "in use", "not used"
# Lists whose entries have a name: an entry keeps its identity when it moves.
_IDENTITY = ("name", "metric", "dimension", "day")
_IGNORED = frozenset({"schema_version"})
_DEFINITIONS = ("metrics", "sources")
_ABSENT = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One changed field: its dotted path in the promise's document and both values as texts.

    A value that was left to its default reads "not stated (default 0.05)".
    """

    field: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.field}: {self.before} → {self.after}"


def differences(old_document: Mapping[str, Any], new_document: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Every field in which two documents of `fingerprint.document` differ, in the order of the document.

    Empty exactly when the fingerprints are equal.
    """
    old_full, new_full = _with_defaults(old_document), _with_defaults(new_document)
    return tuple(
        Difference(field=field, before=_told(before, field, old_full), after=_told(after, field, new_full))
        for field, before, after in _changes(_named(old_document), _named(new_document), "")
        if field not in _IGNORED
    )


def _whole_definition(path: str) -> bool:
    """Whether the path is that of one metric or source: in or out of use as a whole, not field by field."""
    section, _, name = path.partition(".")
    return section in _DEFINITIONS and name != "" and "." not in name


def _changes(old: object, new: object, path: str) -> Iterator[tuple[str, object, object]]:
    if _whole_definition(path) and (old is _ABSENT or new is _ABSENT):
        yield path, *((NOT_USED, IN_USE) if old is _ABSENT else (IN_USE, NOT_USED))
        return
    sections = [side for side in (old, new) if isinstance(side, Mapping) and side]
    if len(sections) == 2 or (sections and (old is _ABSENT or new is _ABSENT)):
        yield from _inside(_section(old), _section(new), path)
    elif old is _ABSENT or new is _ABSENT or _canonical(old) != _canonical(new):
        yield path, old, new


def _inside(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[tuple[str, object, object]]:
    for key in [*old, *(key for key in new if key not in old)]:
        yield from _changes(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{path}.{key}" if path else key)
    if isinstance(old, _Entries) and isinstance(new, _Entries) and set(old) == set(new) and list(old) != list(new):
        yield f"{path} (order)", list(old), list(new)


class _Entries(dict[str, object]):
    """A list whose entries have names, as a mapping that remembers having been a list."""


def _section(side: object) -> Mapping[str, Any]:
    return side if isinstance(side, Mapping) else {}


def _named(value: object) -> object:
    """Lists of entries that have a name become mappings by that name, if the names are unique."""
    if isinstance(value, Mapping):
        return {key: _named(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        for identity in _IDENTITY:
            names = [str(item[identity]) for item in value if isinstance(item, Mapping) and identity in item]
            if names and len(set(names)) == len(value):
                return _Entries((name, _named(item)) for name, item in zip(names, value, strict=True))
    return value


def _with_defaults(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document with every default written out; empty where this version cannot read it."""
    try:
        promise = from_document(document)
    except (ValidationError, NotSupportedError, KeyError):
        return {}
    full = {
        "experiment": promise.experiment.model_dump(mode="json"),
        "metrics": {name: metric.model_dump(mode="json") for name, metric in promise.metrics.items()},
        "sources": {name: source.model_dump(mode="json") for name, source in promise.sources.items()},
    }
    return _section(_named(full))


def _told(value: object, field: str, full: Mapping[str, Any]) -> str:
    if value is not _ABSENT:
        return _canonical(value) if not isinstance(value, str) else value
    default: object = full
    for part in field.split("."):
        if not isinstance(default, Mapping) or part not in default:
            return NOT_STATED
        default = default[part]
    return (
        NOT_STATED if default in (None, "", [], {}) else f"{NOT_STATED} (default {_canonical(default).strip(chr(34))})"
    )


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
