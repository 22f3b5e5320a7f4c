"""The locked promise as a list of fields, with what amendments changed in each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from trialflow.memo.words import significant
from trialflow.registry import Amendment

NAMED_BY = ("name", "metric", "dimension", "day")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one amendment did to a field."""

    on: date
    version: int
    before: str
    after: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One stated field: where it stands, its value as text, and how it came to be. `value` is "" for what is gone."""

    group: str
    path: str
    value: str
    changes: tuple[Change, ...] = ()


def promised_fields(document: Mapping[str, Any], amendments: Sequence[Amendment]) -> tuple[Field, ...]:
    """Every field of the promise in force in the order of its document, then fields that amendments took away."""
    changed = _changes(amendments)
    stated = dict(_flat({name: value for name, value in document.items() if name != "schema_version"}, ""))
    gone = {path: "" for path in changed if not any(one == path or one.startswith(f"{path}.") for one in stated)}
    return tuple(
        Field(
            group=path.partition(".")[0],
            path=path.partition(".")[2] or path,
            value=value,
            changes=tuple(change for field, found in changed.items() if _touches(field, path) for change in found),
        )
        for path, value in (stated | gone).items()
    )


def _touches(changed: str, path: str) -> bool:
    return path == changed or path.startswith(f"{changed}.")


def _changes(amendments: Sequence[Amendment]) -> dict[str, list[Change]]:
    found: dict[str, list[Change]] = {}
    for one in amendments:
        for difference in one.differences:
            found.setdefault(difference.field, []).append(
                Change(
                    on=one.recorded_at.date(),
                    version=one.version,
                    before=difference.before,
                    after=difference.after,
                    reason=one.reason,
                    by=one.by,
                )
            )
    return found


def _flat(value: object, path: str) -> Iterator[tuple[str, str]]:
    inside = _named(value)
    if isinstance(inside, Mapping) and inside:
        for key, item in inside.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, text(value)


def _named(value: object) -> object:
    """A list whose entries have names is read by those names, as the differences of an amendment are."""
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        for name in NAMED_BY:
            keys = [str(one[name]) for one in value if isinstance(one, Mapping) and name in one]
            if keys and len(set(keys)) == len(value):
                return dict(zip(keys, value, strict=True))
    return value


def text(value: object) -> str:
    """A JSON value in a cell."""
    if value is None or value == "":
        return "not stated"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return significant(value, 6)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(text(one) for one in value) or "none"
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {text(one)}" for name, one in value.items()) or "none"
    return str(value)
