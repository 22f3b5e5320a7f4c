"""What one task records about one experiment, in one transaction.

Everything is recorded at most once: equal content is no new row, changed content is the next revision of the same
thing. So a retry, a rerun or a backfill of the same day leaves the record as it is.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from trialflow.checks.finding import Finding
from trialflow.errors import RegistryError
from trialflow.registry import looks as ledger
from trialflow.registry.canonical import canonical
from trialflow.registry.record import EventKind, Message, Recorded
from trialflow.registry.schema import (
    AttachmentRow,
    DecisionRow,
    EventRow,
    FindingRow,
    LookRow,
    MemoRow,
    MessageRow,
    SummaryRow,
)
from trialflow.spec.look import Look


class Writer:
    """Adds to the record of one experiment; made by `Registry.append`, of no use after its `with` block."""

    def __init__(self, session: Session, slug: str, now: datetime) -> None:
        self._session = session
        self.slug = slug
        self._now = now

    def summary(self, as_of: date, data_fingerprint: str, document: Mapping[str, Any]) -> Recorded:
        """Record what the warehouse said up to a day."""
        content = {"data_fingerprint": data_fingerprint, "document": canonical(document)}
        return self._revise(SummaryRow, {"as_of": as_of}, content)

    def looks(self, looks: Iterable[Look]) -> tuple[Look, ...]:
        """Record looks; returns them as they now stand.

        The first record of a look spends its alpha. A look that comes again with another statistic or data fingerprint
        is a revision, which keeps the recorded information, boundary and alpha: nothing is ever spent twice.
        """
        given = tuple(looks)
        self._refuse_others(look.experiment for look in given)
        _refuse_twins("look", (ledger.identity(look) for look in given))
        return tuple(self._look(look) for look in given)

    def findings(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Record findings; returns those that are new or say something else than before."""
        given = tuple(findings)
        self._refuse_others(finding.experiment for finding in given)
        _refuse_twins("finding", ((finding.check, finding.as_of) for finding in given))
        return tuple(finding for finding in given if self._finding(finding).created)

    def event(
        self,
        kind: EventKind,
        as_of: date,
        key: str = "",
        detail: Mapping[str, Any] | None = None,
        by: str = "",
    ) -> bool:
        """Record that something happened; False when it stands already, whose detail then stays.

        `key` tells apart what may happen more than once on a day: a rollout step's number, a finding's fingerprint.
        """
        identity = {"slug": self.slug, "kind": EventKind(kind).value, "as_of": as_of, "key": key}
        if self._session.scalar(select(EventRow.id).filter_by(**identity)) is not None:
            return False
        self._add(EventRow(**identity, detail=canonical(detail or {}), by=by, recorded_at=self._now))
        return True

    def decision(self, document: Mapping[str, Any], fingerprint: str, as_of: date) -> Recorded:
        """Record a verdict."""
        return self._revise(
            DecisionRow, {"as_of": as_of}, {"fingerprint": fingerprint, "document": canonical(document)}
        )

    def memo(self, kind: str, as_of: date, documents: Mapping[str, str]) -> Recorded:
        """Record a memo: `documents` maps each format to its text."""
        return self._revise(MemoRow, {"kind": kind, "as_of": as_of}, {"documents": canonical(documents)})

    def intend(self, message: Message) -> bool:
        """Put a message into the outbox; False when a message of that key was intended already."""
        return intend(self._session, message, self.slug, self._now)

    def _look(self, look: Look) -> Look:
        identity = ledger.identity(look)
        found = self._latest(LookRow, identity)
        if found is None:
            first = dataclasses.replace(look, revision=0)
            self._revise(LookRow, identity, {"document": ledger.text_of(first)})
            return first
        recorded = ledger.look_of(found.document)
        revised = ledger.reevaluated(recorded, look)
        if revised is not recorded:
            self._revise(LookRow, identity, {"document": ledger.text_of(revised)})
        return revised

    def _finding(self, finding: Finding) -> Recorded:
        identity = {"check_name": finding.check, "as_of": finding.as_of}
        return self._revise(
            FindingRow, identity, {"status": finding.status.value, "document": canonical(finding.document())}
        )

    def _revise(self, table: type[Any], identity: Mapping[str, Any], content: Mapping[str, Any]) -> Recorded:
        """Add the next revision, unless the latest one says the same."""
        found = self._latest(table, identity)
        if found is not None and all(getattr(found, name) == value for name, value in content.items()):
            return Recorded(revision=found.revision, created=False)
        revision = 0 if found is None else found.revision + 1
        self._add(table(slug=self.slug, **identity, revision=revision, **content, recorded_at=self._now))
        return Recorded(revision=revision, created=True)

    def _latest(self, table: type[Any], identity: Mapping[str, Any]) -> Any:  # noqa: ANN401 (a row of that table)
        query = select(table).filter_by(slug=self.slug, **identity).order_by(table.revision.desc()).limit(1)
        return self._session.scalar(query)

    def _add(self, row: object) -> None:
        self._session.add(row)
        self._session.flush()

    def _refuse_others(self, slugs: Iterable[str]) -> None:
        others = sorted(set(slugs) - {self.slug})
        if others:
            message = f"{others[0]!r} cannot be recorded while {self.slug!r} is written; open an `append` of its own"
            raise RegistryError(message)


def intend(session: Session, message: Message, slug: str | None, now: datetime) -> bool:
    """Add a message to the outbox, once per key."""
    if session.scalar(select(MessageRow.id).filter_by(key=message.key)) is not None:
        return False
    texts = {"key": message.key, "channel": message.channel, "thread": message.thread}
    documents = {"payload": canonical(message.payload), "links": canonical({"links": message.links})}
    session.add(MessageRow(**texts, **documents, slug=slug, intended_at=now))
    session.flush()
    session.add_all(
        AttachmentRow(key=message.key, name=one.name, kind=one.kind, document=canonical(one.document))
        for one in message.attachments
    )
    session.flush()
    return True


def _refuse_twins(noun: str, identities: Iterable[Any]) -> None:
    """The same thing twice in one call would silently become a revision of itself."""
    counted: Counter[Hashable] = Counter(str(identity) for identity in identities)
    twins = [identity for identity, count in counted.items() if count > 1]
    if twins:
        message = f"the {noun} {twins[0]} was given twice in one call; give each once"
        raise RegistryError(message)
