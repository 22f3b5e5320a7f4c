"""Reading the whole record at once, for pages that show many experiments: a fixed number of queries, whatever its size.

The newest finding of a check is found by one step into the index per experiment and check; documents are fetched apart
by row id, because rows never change and a reader may keep what it has read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Select, func, literal, select, true, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from trialflow.checks.finding import Finding, Status
from trialflow.registry.canonical import parsed
from trialflow.registry.promises import stored
from trialflow.registry.reading import decision_of, event_of
from trialflow.registry.record import Event, StoredDecision, StoredPromise
from trialflow.registry.schema import DecisionRow, EventRow, ExperimentRow, FindingRow, PromiseRow

BATCH = 10_000
"""Row ids per query: below the limits of both databases, above what a record of any usual size needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingKey:
    """Where a finding stands in the record, without its document."""

    row: int
    slug: str
    check: str
    as_of: date
    status: Status


def promises_in_force(session: Session) -> dict[str, int]:
    """Row id of the latest version of every promise, by slug in order. One query."""
    other = aliased(PromiseRow)
    newest = select(func.max(other.version)).where(other.slug == PromiseRow.slug).scalar_subquery()
    query = select(PromiseRow.slug, PromiseRow.id).where(PromiseRow.version == newest)
    return dict(sorted((slug, row) for slug, row in session.execute(query)))


def promise_documents(session: Session, rows: Iterable[int]) -> dict[int, StoredPromise]:
    """Promises by row id. One query for each BATCH of them."""
    wanted = sorted(rows)
    found: dict[int, StoredPromise] = {}
    for start in range(0, len(wanted), BATCH):
        query = select(PromiseRow).where(PromiseRow.id.in_(wanted[start : start + BATCH]))
        found |= {row.id: stored(row) for row in session.scalars(query)}
    return found


def newest_findings(session: Session, checks: Sequence[str]) -> tuple[FindingKey, ...]:
    """Per experiment and check, in their order, the finding of the latest day in its latest revision. One query."""
    wanted = union_all(*(select(literal(check).label("check_name")) for check in checks)).subquery()
    newest = (
        select(FindingRow.id)
        .where(FindingRow.slug == ExperimentRow.slug, FindingRow.check_name == wanted.c.check_name)
        .order_by(FindingRow.as_of.desc(), FindingRow.revision.desc())
        .limit(1)
        .correlate(ExperimentRow, wanted)
        .scalar_subquery()
    )
    rows = select(newest).select_from(ExperimentRow).join(wanted, true())
    return _keys(session, _columns().where(FindingRow.id.in_(rows)).order_by(FindingRow.slug, FindingRow.check_name))


def findings_on(session: Session, checks: Sequence[str], days: Mapping[str, date]) -> tuple[FindingKey, ...]:
    """Findings of these checks on each experiment's own day in their latest revision, by experiment and check.

    One query for each BATCH of days.
    """
    other = aliased(FindingRow)
    same = (other.slug == FindingRow.slug, other.check_name == FindingRow.check_name, other.as_of == FindingRow.as_of)
    newest = select(func.max(other.revision)).where(*same).scalar_subquery()
    wanted = sorted(days.items())
    found: tuple[FindingKey, ...] = ()
    for start in range(0, len(wanted), BATCH):
        here = tuple_(FindingRow.slug, FindingRow.as_of).in_(wanted[start : start + BATCH])
        query = _columns().where(FindingRow.check_name.in_(checks), here, FindingRow.revision == newest)
        found += _keys(session, query.order_by(FindingRow.slug, FindingRow.check_name))
    return found


def every_finding(session: Session, slug: str) -> tuple[FindingKey, ...]:
    """Every finding of one experiment in every revision, newest day first. One query, without documents."""
    by_day = (FindingRow.as_of.desc(), FindingRow.check_name, FindingRow.revision.desc())
    return _keys(session, _columns().where(FindingRow.slug == slug).order_by(*by_day))


def finding_documents(session: Session, rows: Iterable[int]) -> dict[int, Finding]:
    """Findings by row id. One query for each BATCH of them."""
    wanted = sorted(rows)
    found: dict[int, Finding] = {}
    for start in range(0, len(wanted), BATCH):
        query = select(FindingRow.id, FindingRow.document).where(FindingRow.id.in_(wanted[start : start + BATCH]))
        found |= {row: Finding.from_document(parsed(document)) for row, document in session.execute(query)}
    return found


def event_rows(session: Session) -> dict[str, tuple[int, ...]]:
    """Row ids of all events by slug, each by day and order of recording. One query."""
    query = select(EventRow.slug, EventRow.id).order_by(EventRow.slug, EventRow.as_of, EventRow.id)
    told = groupby(session.execute(query), itemgetter(0))
    return {slug: tuple(row for _, row in rows) for slug, rows in told}


def events_by_row(session: Session, rows: Iterable[int]) -> dict[int, Event]:
    """Events by row id. One query for each BATCH of them."""
    wanted = sorted(rows)
    found: dict[int, Event] = {}
    for start in range(0, len(wanted), BATCH):
        query = select(EventRow).where(EventRow.id.in_(wanted[start : start + BATCH]))
        found |= {row.id: event_of(row) for row in session.scalars(query)}
    return found


def newest_decisions(session: Session) -> dict[str, int]:
    """Row id of the decision of the latest day, in its latest revision, by slug. One query."""
    newest = (
        select(DecisionRow.id)
        .where(DecisionRow.slug == ExperimentRow.slug)
        .order_by(DecisionRow.as_of.desc(), DecisionRow.revision.desc())
        .limit(1)
        .correlate(ExperimentRow)
        .scalar_subquery()
    )
    rows = select(ExperimentRow.slug, newest.label("newest")).subquery()
    query = select(rows.c.slug, rows.c.newest).where(rows.c.newest.is_not(None))
    return {slug: row for slug, row in session.execute(query)}  # noqa: C416 (rows of a result are no pairs to mypy)


def decision_documents(session: Session, rows: Iterable[int]) -> dict[int, StoredDecision]:
    """Decisions by row id. One query for each BATCH of them."""
    wanted = sorted(rows)
    found: dict[int, StoredDecision] = {}
    for start in range(0, len(wanted), BATCH):
        query = select(DecisionRow).where(DecisionRow.id.in_(wanted[start : start + BATCH]))
        found |= {row.id: decision_of(row) for row in session.scalars(query)}
    return found


def _columns() -> Select[Any]:
    columns: tuple[InstrumentedAttribute[Any], ...] = (
        FindingRow.id,
        FindingRow.slug,
        FindingRow.check_name,
        FindingRow.as_of,
        FindingRow.status,
    )
    return select(*columns)


def _keys(session: Session, query: Select[Any]) -> tuple[FindingKey, ...]:
    return tuple(
        FindingKey(row=row, slug=slug, check=check, as_of=as_of, status=Status(status))
        for row, slug, check, as_of, status in session.execute(query)
    )
