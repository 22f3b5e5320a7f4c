"""The tables of the record. Rows are only ever added; triggers and the session refuse everything else.

An experiment's slug is the parent of all its rows. Documents are canonical JSON text (see `canonical`), times are UTC,
days are dates. `id` gives the order of recording and is never shown.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import Date, DateTime, ForeignKey, MetaData, Text, TypeDecorator, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMES = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time in Python; SQLite, which knows no zones, keeps the UTC clock reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times (ValueError); hand over UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = f"a time without a zone: {value.isoformat()}; use datetime.now(UTC)"
            raise ValueError(message)
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy's)
        """Hand back an aware UTC time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of all rows."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {str: Text(), date: Date(), datetime: UtcDateTime()}


class ExperimentRow(Base):
    """A slug, from its first registration on: the row other rows refer to."""

    __tablename__ = "experiments"

    slug: Mapped[str] = mapped_column(primary_key=True)
    recorded_at: Mapped[datetime]


class OfExperiment:
    """What every row about one experiment has."""

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-2)
    slug: Mapped[str] = mapped_column(ForeignKey("experiments.slug"), sort_order=-1)
    recorded_at: Mapped[datetime] = mapped_column(sort_order=9)


class PromiseRow(OfExperiment, Base):
    """One version of a promise; version 1 is the registration, later ones are amendments with a reason."""

    __tablename__ = "promises"
    __table_args__ = (UniqueConstraint("slug", "version"),)

    version: Mapped[int]
    fingerprint: Mapped[str]
    document: Mapped[str]
    plan: Mapped[str]
    reason: Mapped[str]
    by: Mapped[str]


class EventRow(OfExperiment, Base):
    """Something that happened, once per (kind, as_of, key)."""

    __tablename__ = "events"
    __table_args__ = (UniqueConstraint("slug", "kind", "as_of", "key"),)

    kind: Mapped[str]
    as_of: Mapped[date]
    key: Mapped[str]
    detail: Mapped[str]
    by: Mapped[str]


class SummaryRow(OfExperiment, Base):
    """What the warehouse said up to a day."""

    __tablename__ = "summaries"
    __table_args__ = (UniqueConstraint("slug", "as_of", "revision"),)

    as_of: Mapped[date]
    revision: Mapped[int]
    data_fingerprint: Mapped[str]
    document: Mapped[str]


class LookRow(OfExperiment, Base):
    """An entry of the ledger of alpha, or its re-evaluation on restated data (revision > 0)."""

    __tablename__ = "looks"
    __table_args__ = (UniqueConstraint("slug", "variant", "metric", "purpose", "as_of", "revision"),)

    variant: Mapped[str]
    metric: Mapped[str]
    purpose: Mapped[str]
    as_of: Mapped[date]
    revision: Mapped[int]
    document: Mapped[str]


class FindingRow(OfExperiment, Base):
    """What one check said of one day. The column is `check_name` because CHECK is a word of SQL."""

    __tablename__ = "findings"
    __table_args__ = (UniqueConstraint("slug", "check_name", "as_of", "revision"),)

    check_name: Mapped[str]
    as_of: Mapped[date]
    revision: Mapped[int]
    status: Mapped[str]
    document: Mapped[str]


class DecisionRow(OfExperiment, Base):
    """A verdict of one day, as the decision package wrote it."""

    __tablename__ = "decisions"
    __table_args__ = (UniqueConstraint("slug", "as_of", "revision"),)

    as_of: Mapped[date]
    revision: Mapped[int]
    fingerprint: Mapped[str]
    document: Mapped[str]


class MemoRow(OfExperiment, Base):
    """A memo in all its formats."""

    __tablename__ = "memos"
    __table_args__ = (UniqueConstraint("slug", "kind", "as_of", "revision"),)

    kind: Mapped[str]
    as_of: Mapped[date]
    revision: Mapped[int]
    documents: Mapped[str]


class MessageRow(Base):
    """The intent to post a message; without a slug it speaks of several experiments."""

    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]
    slug: Mapped[str | None] = mapped_column(ForeignKey("experiments.slug"), index=True)
    channel: Mapped[str]
    thread: Mapped[str]
    payload: Mapped[str]
    intended_at: Mapped[datetime]
    links: Mapped[str] = mapped_column(server_default="{}")


class PostingRow(Base):
    """That a message is out, or refused for good (no `ts`): a row of its own, because rows never change.

    `ts` is the messenger's name for it.
    """

    __tablename__ = "postings"

    key: Mapped[str] = mapped_column(ForeignKey("messages.key"), primary_key=True)
    ts: Mapped[str]
    posted_at: Mapped[datetime]
    place: Mapped[str | None]
    thread_ts: Mapped[str | None]
    problem: Mapped[str | None]


class AttachmentRow(Base):
    """What is to follow a message in its thread."""

    __tablename__ = "attachments"
    __table_args__ = (UniqueConstraint("key", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(ForeignKey("messages.key"))
    name: Mapped[str]
    kind: Mapped[str]
    document: Mapped[str]


class AttachedRow(Base):
    """That an attachment is out, or refused for good (no `ref`)."""

    __tablename__ = "attached"

    key: Mapped[str] = mapped_column(ForeignKey("messages.key"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    ref: Mapped[str]
    problem: Mapped[str]
    attached_at: Mapped[datetime]
