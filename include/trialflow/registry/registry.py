"""The registry: one door to the record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any, Self

from sqlalchemy import Engine, select
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from trialflow.checks.finding import Finding
from trialflow.errors import RegistryError
from trialflow.registry import connection, life, promises, reading, writer
from trialflow.registry.audit import Inconsistency, audit
from trialflow.registry.digest import digest
from trialflow.registry.life import Life, Stage
from trialflow.registry.migration import prepare
from trialflow.registry.record import (
    Amendment,
    Event,
    Message,
    Registered,
    StoredDecision,
    StoredMemo,
    StoredMessage,
    StoredPromise,
    StoredSummary,
)
from trialflow.registry.schema import AttachedRow, AttachmentRow, Base, MessageRow, PostingRow
from trialflow.registry.writer import Writer
from trialflow.spec.look import Look

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


class Registry:
    """The append-only record of all experiments.

    Compute first, then write: `append` holds the experiment's lock (on SQLite the whole file's) until its block ends,
    and a second `append` inside it would wait for itself. Reads never wait. Any number of processes may use the same
    record; open it after forking.
    """

    def __init__(self, engine: Engine, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock

    @classmethod
    def open(cls, url: str | URL, *, migrate: bool = True, clock: Clock = utc_now) -> Self:
        """Open the record at a URL, `sqlite:///<file>` or `postgresql://…`, and bring it to this version's schema.

        Raises NotSupportedError for other databases; SchemaError when the record is newer than this version, or older
        while `migrate` is off; NoRecordError when it is empty then.
        """
        engine = connection.engine_of(url)
        prepare(engine, migrate=migrate)
        return cls(engine, clock=clock)

    @classmethod
    def to_read(cls, url: str | URL) -> Self:
        """Open a record that is there without changing anything: no file is made, no schema, and nothing can be written.

        Raises NoRecordError where nothing was recorded yet, SchemaError when it is older or newer than this version.
        """
        engine = connection.engine_of(url, read_only=True)
        try:
            prepare(engine, migrate=False)
        except RegistryError:
            engine.dispose()
            raise
        return cls(engine)

    @classmethod
    def empty(cls) -> Self:
        """A record with nothing in it, in memory and anew for every question: what there is to read where none is."""
        return cls(connection.empty_engine(Base.metadata))

    def close(self) -> None:
        """Give back all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # Writing

    def register(
        self,
        promise_document: Mapping[str, Any],
        plan_document: Mapping[str, Any],
        fingerprint: str,
        slug: str,
        by: str,
        reason: str = "",
        *,
        as_of: date | None = None,
        refuse: Callable[[Sequence[StoredPromise]], None] | None = None,
    ) -> Registered:
        """Lock a promise, or record an amendment of it.

        `refuse` is called with all promises in force while nobody else can register, and raises what speaks against this
        one: two promises that exclude each other never get in side by side.

        The fingerprint in force again: nothing is recorded. Other content: with a reason an amendment, without one
        LockedError. `as_of` is the day the event is told for (default: today, UTC); it never decides a stage.
        """
        now = self._clock()
        offered = promises.offer(
            slug=slug,
            fingerprint=fingerprint,
            document=promise_document,
            plan=plan_document,
            reason=reason,
            by=by,
            now=now,
        )
        with connection.writing(self._engine, slug) as session:
            if refuse is not None:
                connection.hold(session.connection(), "registrations")
                refuse(promises.all_in_force(session))
            return promises.register(session, offered, as_of or now.date())

    @contextmanager
    def append(self, slug: str) -> Iterator[Writer]:
        """One transaction on one experiment: all of it is recorded at the end of the block, or nothing.

        What is read through the registry inside the block is what was committed before it, and nobody else can add to
        it until the block ends. Raises UnknownExperimentError.
        """
        with connection.writing(self._engine, slug) as session:
            promises.known(session, slug)
            yield Writer(session, slug, self._clock())

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Hold the lock of that name among all processes that use this record, without a transaction."""
        with connection.alone(self._engine, name):
            yield

    def intend(self, message: Message) -> bool:
        """Put a message that speaks of several experiments into the outbox; False when its key is known."""
        with connection.writing(self._engine, f"message {message.key}") as session:
            return writer.intend(session, message, None, self._clock())

    def posted(
        self, key: str, ts: str, *, place: str | None = None, thread_ts: str | None = None, problem: str = ""
    ) -> bool:
        """Record that a message is out, or without a `ts` that it was refused for good, with the `problem`.

        False when that stands already. Raises RegistryError for an unknown key.
        """
        with connection.writing(self._engine, f"message {key}") as session:
            if session.scalar(select(MessageRow.key).filter_by(key=key)) is None:
                message = f"no message {key!r} was intended; record the intent before posting"
                raise RegistryError(message)
            if session.scalar(select(PostingRow.key).filter_by(key=key)) is not None:
                return False
            where = {"place": place, "thread_ts": thread_ts}
            session.add(PostingRow(key=key, ts=ts, posted_at=self._clock(), problem=problem, **where))
            return True

    def attached(self, key: str, name: str, ref: str, *, problem: str = "") -> bool:
        """Record that an attachment of a message is out, or without a `ref` that it was refused for good.

        False when that stands already. Raises RegistryError for what was not intended.
        """
        identity = {"key": key, "name": name}
        with connection.writing(self._engine, f"message {key}") as session:
            if session.scalar(select(AttachmentRow.id).filter_by(**identity)) is None:
                message = f"no attachment {name!r} of message {key!r} was intended; record the intent before posting"
                raise RegistryError(message)
            if session.scalar(select(AttachedRow.key).filter_by(**identity)) is not None:
                return False
            session.add(AttachedRow(**identity, ref=ref, problem=problem, attached_at=self._clock()))
            return True

    # Reading

    @property
    def name(self) -> str:
        """Which record this is: its address, without the password."""
        return self._engine.url.render_as_string(hide_password=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One transaction for many questions (see `registry.overview`); nothing can be written in it."""
        with connection.reading(self._engine) as session:
            yield session

    def slugs(self) -> tuple[str, ...]:
        """Every registered experiment."""
        return tuple(promise.slug for promise in self.promises())

    def promise(self, slug: str) -> StoredPromise:
        """The promise in force. Raises UnknownExperimentError."""
        with self._read() as session:
            return promises.known(session, slug)

    def promises(self) -> tuple[StoredPromise, ...]:
        """The promise in force of every experiment, by slug."""
        with self._read() as session:
            return promises.all_in_force(session)

    def versions(self, slug: str) -> tuple[StoredPromise, ...]:
        """Every version of a promise, oldest first."""
        with self._read() as session:
            return promises.versions(session, slug)

    def amendments(self, slug: str) -> tuple[Amendment, ...]:
        """Every change of a promise after its registration, field by field, oldest first."""
        with self._read() as session:
            return promises.amendments(session, slug)

    def events(self, slug: str) -> tuple[Event, ...]:
        """What happened to an experiment, by day and order of recording."""
        with self._read() as session:
            return reading.events(session, slug)

    def looks(self, slug: str, *, revisions: bool = False) -> tuple[Look, ...]:
        """The ledger of alpha: each look in its latest revision, or all revisions."""
        with self._read() as session:
            return reading.looks(session, slug, revisions=revisions)

    def findings(
        self, slug: str, as_of: date | None = None, check: str | None = None, *, revisions: bool = False
    ) -> tuple[Finding, ...]:
        """Findings by day and check, each in its latest revision, or all revisions."""
        with self._read() as session:
            return reading.findings(session, slug, as_of=as_of, check=check, revisions=revisions)

    def summaries(self, slug: str, as_of: date | None = None, *, revisions: bool = False) -> tuple[StoredSummary, ...]:
        """Summaries by day, each in its latest revision, or all revisions."""
        with self._read() as session:
            return reading.summaries(session, slug, as_of=as_of, revisions=revisions)

    def decisions(self, slug: str, *, revisions: bool = False) -> tuple[StoredDecision, ...]:
        """Verdicts by day, each in its latest revision, or all revisions."""
        with self._read() as session:
            return reading.decisions(session, slug, revisions=revisions)

    def memos(
        self, slug: str, as_of: date | None = None, kind: str | None = None, *, revisions: bool = False
    ) -> tuple[StoredMemo, ...]:
        """Memos by day and kind, each in its latest revision, or all revisions."""
        with self._read() as session:
            return reading.memos(session, slug, as_of=as_of, kind=kind, revisions=revisions)

    def messages(self, slug: str | None = None) -> tuple[StoredMessage, ...]:
        """Messages in the order of intent, of one experiment or all."""
        with self._read() as session:
            return reading.messages(session, slug=slug)

    def message(self, key: str) -> StoredMessage | None:
        """One message by its key."""
        with self._read() as session:
            return next(iter(reading.messages(session, key=key)), None)

    def outbox(self) -> tuple[StoredMessage, ...]:
        """Messages that are intended and not out yet with all their attachments, oldest intent first."""
        with self._read() as session:
            return reading.messages(session, waiting=True)

    def thread_root(self, thread: str, place: str) -> str:
        """The `ts` of the message that opened a thread in a place; "" when nothing of it is out there yet."""
        with self._read() as session:
            return reading.thread_root(session, thread, place)

    def life(self, slug: str, as_of: date) -> Life:
        """Where an experiment stands at the end of a day. Raises UnknownExperimentError."""
        with self._read() as session:
            calendar = promises.known(session, slug).calendar
            return life.fold(reading.events(session, slug), calendar, as_of)

    def lives(self, as_of: date) -> dict[str, Life]:
        """Where every experiment stands at the end of a day."""
        with self._read() as session:
            by_slug = {slug: tuple(told) for slug, told in groupby(reading.events(session), lambda event: event.slug)}
            return {
                promise.slug: life.fold(by_slug[promise.slug], promise.calendar, as_of)
                for promise in promises.all_in_force(session)
            }

    def in_stage(self, as_of: date, *stages: Stage) -> tuple[str, ...]:
        """Slugs of the experiments that are in one of the stages at the end of a day, by slug."""
        return tuple(slug for slug, standing in self.lives(as_of).items() if standing.stage in stages)

    def audit(self, slug: str) -> tuple[Inconsistency, ...]:
        """Every row of an experiment that does not agree with itself; empty when all is well."""
        with self._read() as session:
            return audit(session, slug)

    def digest(self, slug: str) -> str:
        """A hash over all that is recorded about an experiment but clocks, people and the order of writing days."""
        with self._read() as session:
            return digest(session, slug)

    @contextmanager
    def _read(self) -> Iterator[Session]:
        with connection.reading(self._engine) as session:
            yield session
