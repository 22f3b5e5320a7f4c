"""Reading the record for pages: few queries, and nothing that never changes is parsed twice.

Rows of the record are only ever added, so a promise or a finding that was parsed once is kept under its row id for as long
as the process lives (the latest MOST of each). Which row is the newest is asked anew on every page.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import chain
from threading import Lock
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from trialflow.decision import Decision, Signature
from trialflow.overview.brief import Brief, brief
from trialflow.registry import Event, EventKind, Registry, StoredPromise
from trialflow.registry.overview import (
    FindingKey,
    decision_documents,
    event_rows,
    events_by_row,
    every_finding,
    finding_documents,
    findings_on,
    newest_decisions,
    newest_findings,
    promise_documents,
    promises_in_force,
)
from trialflow.spec.fingerprint import from_document
from trialflow.spec.plan_document import plan_from_document
from trialflow.spec.promise import Promise

MOST = 20_000
Kept = TypeVar("Kept")


class Keep(Generic[Kept]):
    """The most recently used values by (record, row id). Safe among threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._values: OrderedDict[tuple[str, int], Kept] = OrderedDict()
        self._lock = Lock()

    def get(
        self, record: str, rows: Iterable[int], read: Callable[[Sequence[int]], Mapping[int, Kept]]
    ) -> dict[int, Kept]:
        """The values of these rows; those that are not kept are read, all at once."""
        wanted = list(rows)
        with self._lock:
            found = {row: self._values[record, row] for row in wanted if (record, row) in self._values}
        missing = [row for row in wanted if row not in found]
        read_now = dict(read(missing)) if missing else {}
        with self._lock:
            for row, value in read_now.items():
                self._values[record, row] = value
            for row in wanted:
                if (record, row) in self._values:
                    self._values.move_to_end((record, row))
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return found | read_now


PROMISES: Keep[Promise] = Keep()
BRIEFS: Keep[Brief] = Keep()
EVENTS: Keep[Event] = Keep(200_000)
DECISIONS: Keep[tuple[Decision, str]] = Keep()
"""Without signatures, which are events; with the fingerprint that a signature names."""


class Reader:
    """One page's view of the record, inside one transaction."""

    def __init__(self, session: Session, record: str) -> None:
        self._session = session
        self._record = record

    def promises(self) -> dict[str, Promise]:
        """The promise in force of every experiment, by slug. Two queries at most."""
        rows = promises_in_force(self._session)
        found = PROMISES.get(self._record, rows.values(), self._read_promises)
        return {slug: found[row] for slug, row in rows.items()}

    def _read_promises(self, rows: Sequence[int]) -> dict[int, Promise]:
        return {row: promise_of(stored) for row, stored in promise_documents(self._session, rows).items()}

    def events(self) -> dict[str, tuple[Event, ...]]:
        """What happened to every experiment, by slug. Two queries at most."""
        rows = event_rows(self._session)
        found = EVENTS.get(self._record, chain.from_iterable(rows.values()), self._read_events)
        return {slug: tuple(found[row] for row in told) for slug, told in rows.items()}

    def _read_events(self, rows: Sequence[int]) -> dict[int, Event]:
        return events_by_row(self._session, rows)

    def briefs(self, checks: Sequence[str]) -> dict[str, dict[str, Brief]]:
        """The newest finding of each check in brief, by slug and check. Two queries at most."""
        return self._by_slug(newest_findings(self._session, checks))

    def briefs_on(self, checks: Sequence[str], days: Mapping[str, date]) -> dict[str, dict[str, Brief]]:
        """The findings of each experiment's own day in brief, by slug and check. Two queries at most."""
        return self._by_slug(findings_on(self._session, checks, days)) if days else {}

    def _by_slug(self, keys: Sequence[FindingKey]) -> dict[str, dict[str, Brief]]:
        found = BRIEFS.get(self._record, [key.row for key in keys], self._read_briefs)
        by_slug: dict[str, dict[str, Brief]] = {}
        for key in keys:
            by_slug.setdefault(key.slug, {})[key.check] = found[key.row]
        return by_slug

    def _read_briefs(self, rows: Sequence[int]) -> dict[int, Brief]:
        return {row: brief(finding) for row, finding in finding_documents(self._session, rows).items()}

    def log(self, slug: str) -> tuple[FindingKey, ...]:
        """Every finding of one experiment without its evidence, newest first. One query."""
        return every_finding(self._session, slug)

    def decisions(self, events: Mapping[str, Sequence[Event]]) -> dict[str, Decision]:
        """The newest decision on every experiment with its signature, by slug. Two queries at most."""
        rows = newest_decisions(self._session)
        found = DECISIONS.get(self._record, rows.values(), self._read_decisions)
        return {slug: _signed(*found[row], events.get(slug, ())) for slug, row in rows.items()}

    def _read_decisions(self, rows: Sequence[int]) -> dict[int, tuple[Decision, str]]:
        return {
            row: (Decision.from_document(one.document, None), one.fingerprint)
            for row, one in decision_documents(self._session, rows).items()
        }


def _signed(decision: Decision, fingerprint: str, events: Iterable[Event]) -> Decision:
    signature = signature_of(events, decision.as_of, fingerprint)
    return decision if signature is None else replace(decision, signature=signature)


def signature_of(events: Iterable[Event], as_of: date, fingerprint: str) -> Signature | None:
    """The signature under one recommendation, among an experiment's events."""
    signed = [one for one in events if one.kind is EventKind.SIGNED and one.as_of == as_of and one.key == fingerprint]
    return Signature.from_document(signed[-1].detail) if signed else None


def promise_of(stored: StoredPromise) -> Promise:
    """A stored promise, with its plan."""
    return from_document(stored.document, plan_from_document(stored.plan))


@contextmanager
def reader(registry: Registry) -> Iterator[Reader]:
    """One consistent view of the record for one page."""
    with registry.reading() as session:
        yield Reader(session, registry.name)
