"""Reading the record back. Where a thing has revisions, the latest is read unless all are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from trialflow.checks.finding import Finding
from trialflow.registry.canonical import parsed
from trialflow.registry.looks import look_of
from trialflow.registry.record import (
    Attachment,
    Event,
    EventKind,
    Message,
    StoredDecision,
    StoredMemo,
    StoredMessage,
    StoredSummary,
)
from trialflow.registry.schema import (
    AttachedRow,
    AttachmentRow,
    DecisionRow,
    EventRow,
    FindingRow,
    LookRow,
    MemoRow,
    MessageRow,
    PostingRow,
    SummaryRow,
)
from trialflow.spec.look import Look

IDENTITY: Mapping[type[Any], tuple[str, ...]] = {
    SummaryRow: ("slug", "as_of"),
    LookRow: ("slug", "as_of", "variant", "metric", "purpose"),
    FindingRow: ("slug", "as_of", "check_name"),
    DecisionRow: ("slug", "as_of"),
    MemoRow: ("slug", "as_of", "kind"),
}
"""What makes two rows revisions of the same thing; also the order things are read in."""


def _rows(table: type[Any], *, every: bool = False, **wanted: object) -> Select[Any]:
    """Rows whose columns equal what is wanted (None: anything), in an order that does not depend on writing."""
    columns = [getattr(table, name) for name in IDENTITY[table]]
    query = select(table).filter_by(**{name: value for name, value in wanted.items() if value is not None})
    if not every:
        other = aliased(table)
        same = and_(*(getattr(other, name) == getattr(table, name) for name in IDENTITY[table]))
        query = query.where(table.revision == select(func.max(other.revision)).where(same).scalar_subquery())
    return query.order_by(*columns, table.revision)


def looks(session: Session, slug: str, *, revisions: bool = False) -> tuple[Look, ...]:
    """The ledger of an experiment, by day."""
    return tuple(look_of(row.document) for row in session.scalars(_rows(LookRow, every=revisions, slug=slug)))


def findings(
    session: Session, slug: str, *, as_of: date | None = None, check: str | None = None, revisions: bool = False
) -> tuple[Finding, ...]:
    """Findings of an experiment, by day and check."""
    query = _rows(FindingRow, every=revisions, slug=slug, as_of=as_of, check_name=check)
    return tuple(Finding.from_document(parsed(row.document)) for row in session.scalars(query))


def summaries(
    session: Session, slug: str, *, as_of: date | None = None, revisions: bool = False
) -> tuple[StoredSummary, ...]:
    """Summaries of an experiment, by day."""
    return tuple(
        StoredSummary(
            slug=slug,
            as_of=row.as_of,
            revision=row.revision,
            data_fingerprint=row.data_fingerprint,
            document=parsed(row.document),
            recorded_at=row.recorded_at,
        )
        for row in session.scalars(_rows(SummaryRow, every=revisions, slug=slug, as_of=as_of))
    )


def decisions(session: Session, slug: str, *, revisions: bool = False) -> tuple[StoredDecision, ...]:
    """Verdicts on an experiment, by day."""
    return tuple(decision_of(row) for row in session.scalars(_rows(DecisionRow, every=revisions, slug=slug)))


def decision_of(row: DecisionRow) -> StoredDecision:
    """A row as a verdict."""
    return StoredDecision(
        slug=row.slug,
        as_of=row.as_of,
        revision=row.revision,
        fingerprint=row.fingerprint,
        document=parsed(row.document),
        recorded_at=row.recorded_at,
    )


def memos(
    session: Session, slug: str, *, as_of: date | None = None, kind: str | None = None, revisions: bool = False
) -> tuple[StoredMemo, ...]:
    """Memos of an experiment, by day and kind."""
    return tuple(
        StoredMemo(
            slug=slug,
            kind=row.kind,
            as_of=row.as_of,
            revision=row.revision,
            documents=parsed(row.documents),
            recorded_at=row.recorded_at,
        )
        for row in session.scalars(_rows(MemoRow, every=revisions, slug=slug, as_of=as_of, kind=kind))
    )


def events(session: Session, slug: str | None = None) -> tuple[Event, ...]:
    """What happened to an experiment (or to all), by day and order of recording."""
    query = select(EventRow).order_by(EventRow.slug, EventRow.as_of, EventRow.id)
    rows = session.scalars(query if slug is None else query.filter_by(slug=slug))
    return tuple(event_of(row) for row in rows)


def event_of(row: EventRow) -> Event:
    """A row as an event."""
    return Event(
        slug=row.slug,
        kind=EventKind(row.kind),
        as_of=row.as_of,
        key=row.key,
        detail=parsed(row.detail),
        by=row.by,
        sequence=row.id,
        recorded_at=row.recorded_at,
    )


def messages(
    session: Session, *, slug: str | None = None, key: str | None = None, waiting: bool = False
) -> tuple[StoredMessage, ...]:
    """Messages in the order of intent; `waiting` for those that are not out yet, with all that follows them."""
    query = (
        select(MessageRow, PostingRow).outerjoin(PostingRow, PostingRow.key == MessageRow.key).order_by(MessageRow.id)
    )
    if slug is not None:
        query = query.where(MessageRow.slug == slug)
    if key is not None:
        query = query.where(MessageRow.key == key)
    following = _waiting_attachments(session)
    if waiting:
        unfinished = and_(PostingRow.ts != "", MessageRow.key.in_(list(following)))
        query = query.where(or_(PostingRow.key.is_(None), unfinished))
    return tuple(_message(intent, posting, following) for intent, posting in session.execute(query))


def _waiting_attachments(session: Session) -> Mapping[str, tuple[Attachment, ...]]:
    """By the key of their message, in the order of intent. Those of a message that was refused wait for nothing."""
    query = (
        select(AttachmentRow)
        .outerjoin(AttachedRow, and_(AttachedRow.key == AttachmentRow.key, AttachedRow.name == AttachmentRow.name))
        .outerjoin(PostingRow, PostingRow.key == AttachmentRow.key)
        .where(AttachedRow.key.is_(None), or_(PostingRow.key.is_(None), PostingRow.ts != ""))
        .order_by(AttachmentRow.id)
    )
    found: dict[str, tuple[Attachment, ...]] = {}
    for row in session.scalars(query):
        one = Attachment(kind=row.kind, name=row.name, document=parsed(row.document))
        found[row.key] = (*found.get(row.key, ()), one)
    return found


def thread_root(session: Session, thread: str, place: str) -> str:
    """The `ts` of the message that opened a thread in a place; "" when nothing of it is out there yet.

    The latest opening counts: a thread whose first message was deleted is opened again. What was posted before threads
    were recorded opened one where it is the message the thread is named after.
    """
    opened = or_(PostingRow.thread_ts == "", and_(PostingRow.thread_ts.is_(None), MessageRow.key == thread))
    query = (
        select(PostingRow.ts)
        .join(MessageRow, MessageRow.key == PostingRow.key)
        .where(
            or_(MessageRow.thread == thread, MessageRow.key == thread),
            PostingRow.ts != "",
            or_(PostingRow.place == place, PostingRow.place.is_(None)),
            opened,
        )
        .order_by(PostingRow.posted_at.desc(), MessageRow.id.desc())
        .limit(1)
    )
    return session.scalar(query) or ""


def _message(
    intent: MessageRow, posting: PostingRow | None, following: Mapping[str, tuple[Attachment, ...]]
) -> StoredMessage:
    texts = {"key": intent.key, "channel": intent.channel, "thread": intent.thread}
    links = tuple((text, target) for text, target in parsed(intent.links).get("links", []))
    return StoredMessage(
        message=Message(
            **texts, payload=parsed(intent.payload), links=links, attachments=following.get(intent.key, ())
        ),
        slug=intent.slug,
        intended_at=intent.intended_at,
        posted_at=posting.posted_at if posting else None,
        ts=posting.ts if posting else "",
        place=posting.place if posting else None,
        thread_ts=posting.thread_ts if posting else None,
        problem=(posting.problem or "") if posting else "",
    )
