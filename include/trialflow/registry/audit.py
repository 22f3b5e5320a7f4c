"""Does every row agree with itself? Columns with documents, fingerprints with content, revisions with their numbers.

The session and triggers refuse changes; whoever works around them leaves traces that this finds. What it cannot find is a
document changed consistently in a row that nothing else refers to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from trialflow.registry.canonical import canonical, hashed, parsed
from trialflow.registry.looks import look_of, text_of
from trialflow.registry.reading import IDENTITY
from trialflow.registry.record import EventKind
from trialflow.registry.schema import (
    DecisionRow,
    EventRow,
    FindingRow,
    LookRow,
    MemoRow,
    PromiseRow,
    SummaryRow,
)

SHORT = 16  # hex digits of the fingerprints of findings and decisions


@dataclass(frozen=True, slots=True, kw_only=True)
class Inconsistency:
    """A row that does not agree with itself, and in what."""

    row: str
    problem: str


def audit(session: Session, slug: str) -> tuple[Inconsistency, ...]:
    """Everything that is wrong with the rows of an experiment; empty when all is well."""
    return tuple(
        Inconsistency(row=_name(row), problem=problem)
        for table, look_at in TABLES.items()
        for row in session.scalars(select(table).filter_by(slug=slug).order_by(table.id))
        for problem in _problems(row, look_at)
    ) + tuple(_gaps(session, slug))


def _problems(row: Any, look_at: Callable[[Any], Iterator[str]]) -> Iterator[str]:  # noqa: ANN401 (a row of any table)
    try:
        yield from look_at(row)
    except (KeyError, TypeError, ValueError) as problem:
        yield f"its document cannot be read ({type(problem).__name__}: {problem})"


def _name(row: Any) -> str:  # noqa: ANN401 (a row of any table)
    names = ("version", "kind", "check_name", "variant", "metric", "purpose", "as_of", "key", "revision")
    said = [f"{name} {value}" for name in names if (value := getattr(row, name, None)) not in (None, "")]
    return f"{row.__tablename__}, {', '.join(said)}"


def _differs(row: Any, document: Mapping[str, Any], columns: Mapping[str, str]) -> Iterator[str]:  # noqa: ANN401 (any row)
    """Columns that say otherwise than the document; `columns` maps column to field."""
    for column, field in columns.items():
        if str(getattr(row, column)) != str(document[field]):
            yield f"{column} is {getattr(row, column)!s}, its document says {document[field]!s}"


def _plain(text: str) -> Iterator[str]:
    if canonical(parsed(text)) != text:
        yield "its document is not in the form in which documents are written"


def _promise(row: PromiseRow) -> Iterator[str]:
    yield from _plain(row.document)
    yield from _plain(row.plan)
    if hashed(row.document) != row.fingerprint:
        yield f"its content has the fingerprint {hashed(row.document)}, recorded is {row.fingerprint}"


def _finding(row: FindingRow) -> Iterator[str]:
    yield from _plain(row.document)
    columns = {"slug": "experiment", "check_name": "check", "as_of": "as_of", "status": "status"}
    yield from _differs(row, parsed(row.document), columns)


def _look(row: LookRow) -> Iterator[str]:
    if text_of(look_of(row.document)) != row.document:
        yield "its document is not in the form in which looks are written"
    columns = {name: name for name in ("variant", "metric", "purpose", "as_of", "revision")}
    yield from _differs(row, parsed(row.document), {"slug": "experiment"} | columns)


def _decision(row: DecisionRow) -> Iterator[str]:
    yield from _plain(row.document)
    yield from _differs(row, parsed(row.document), {"slug": "experiment", "as_of": "as_of"})
    if hashed(row.document)[:SHORT] != row.fingerprint:
        yield f"its content has the fingerprint {hashed(row.document)[:SHORT]}, recorded is {row.fingerprint}"


def _summary(row: SummaryRow) -> Iterator[str]:
    yield from _plain(row.document)
    columns = {"slug": "experiment", "as_of": "as_of", "data_fingerprint": "data_fingerprint"}
    yield from _differs(row, parsed(row.document), columns)


def _memo(row: MemoRow) -> Iterator[str]:
    yield from _plain(row.documents)


def _event(row: EventRow) -> Iterator[str]:
    yield from _plain(row.detail)
    EventKind(row.kind)
    if row.kind == EventKind.SIGNED:
        yield from _differs(row, parsed(row.detail), {"key": "decision", "by": "signed_by"})


TABLES: Mapping[type[Any], Callable[[Any], Iterator[str]]] = {
    PromiseRow: _promise,
    EventRow: _event,
    SummaryRow: _summary,
    LookRow: _look,
    FindingRow: _finding,
    DecisionRow: _decision,
    MemoRow: _memo,
}


def _gaps(session: Session, slug: str) -> Iterator[Inconsistency]:
    """Rows that are missing: revisions count from 0, versions from 1, and each version was told as an event."""
    for table, names in IDENTITY.items():
        numbers: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for row in session.scalars(select(table).filter_by(slug=slug).order_by(table.revision)):
            numbers[tuple(getattr(row, name) for name in names)].append(row.revision)
        for identity, found in numbers.items():
            if found != list(range(len(found))):
                said = ", ".join(str(part) for part in identity[1:])
                yield Inconsistency(row=f"{table.__tablename__}, {said}", problem=f"revisions are {found}")
    versions = {row.version: row for row in session.scalars(select(PromiseRow).filter_by(slug=slug))}
    if sorted(versions) != list(range(1, len(versions) + 1)):
        yield Inconsistency(row="promises", problem=f"versions are {sorted(versions)}")
    told = session.scalars(
        select(EventRow).where(EventRow.slug == slug, EventRow.kind.in_([EventKind.REGISTERED, EventKind.AMENDED]))
    )
    events = {(detail := parsed(event.detail))["version"]: detail for event in told}
    for version, row in versions.items():
        detail = events.get(version, {})
        if detail.get("fingerprint") != row.fingerprint or (version > 1 and detail.get("reason") != row.reason):
            problem = "the event that told of it says another fingerprint or reason, or there is none"
            yield Inconsistency(row=f"promises, version {version}", problem=problem)
