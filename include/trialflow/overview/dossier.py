"""Everything that is on record about one experiment, in a number of queries that does not grow with its days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from sqlalchemy.orm import Session

from trialflow.checks.finding import Finding
from trialflow.decision import Decision
from trialflow.errors import UnknownExperimentError
from trialflow.memo.evidence import Evidence
from trialflow.overview.reader import Keep, promise_of, signature_of
from trialflow.overview.standing import effects_may_be_shown
from trialflow.registry import Amendment, Event, StoredMemo, StoredPromise, reading
from trialflow.registry.dossier import MemoKey, StoredFinding, finding_revisions, memo_keys
from trialflow.registry.overview import FindingKey, every_finding, finding_documents
from trialflow.registry.promises import amendments, versions
from trialflow.spec.look import Look
from trialflow.spec.promise import Promise

CURVES: Mapping[str, tuple[str, ...]] = {"information": ("fraction",), "srm": ("observed",)}
"""Checks of which every day is drawn, and the numbers that are drawn."""
LOG_DAYS = 14
"""Days on one page of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a log keeps of a finding."""

    headline: str
    numbers: Mapping[str, Any] = field(default_factory=dict)


FINDINGS: Keep[Finding] = Keep(2_000)
TOLD: Keep[Told] = Keep(200_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """One experiment. `log` has the newest revision of every finding, newest day first; `newest` the last of each check.

    `days` are all days of the log, newest first, of which `page` (from 1) is told with headlines.
    `decisions` stand by day, each in its newest revision and with its signature; `looks` hold every revision.
    """

    promise: Promise
    versions: tuple[StoredPromise, ...]
    amendments: tuple[Amendment, ...]
    events: tuple[Event, ...]
    log: tuple[FindingKey, ...]
    revisions: Mapping[int, int]
    newest: Mapping[str, Finding]
    told: Mapping[int, Told]
    looks: tuple[Look, ...]
    decisions: tuple[Decision, ...]
    memos: tuple[MemoKey, ...]
    days: tuple[date, ...]
    page: int

    @property
    def slug(self) -> str:
        """The experiment's slug."""
        return self.promise.slug

    @property
    def decision(self) -> Decision | None:
        """The newest decision."""
        return self.decisions[-1] if self.decisions else None

    @property
    def pages(self) -> int:
        """How many pages the log has."""
        return max(1, -(-len(self.days) // LOG_DAYS))

    @property
    def opened(self) -> tuple[date, ...]:
        """The days on the chosen page of the log."""
        return self.days[(self.page - 1) * LOG_DAYS : self.page * LOG_DAYS]

    @property
    def evidence(self) -> Evidence:
        """The newest finding of each check, as memos read it."""
        return Evidence(findings=dict(sorted(self.newest.items())))

    @property
    def shown(self) -> bool:
        """Whether any effect may be shown: never under a failed split, never once the verdict is INVALID."""
        return effects_may_be_shown(self.newest.get("srm"), self.decision)


class Dated(Protocol):
    """Whatever stands under a day of the log."""

    @property
    def as_of(self) -> date:
        """The day."""


class Archive:
    """The record of one transaction, asked about single experiments."""

    def __init__(self, session: Session, record: str) -> None:
        self._session = session
        self._record = record

    def dossier(self, slug: str, page: int = 1) -> Dossier:
        """The experiment; `page` (from 1) chooses the days of the log of which the headlines are read.

        Ten queries at most. Raises UnknownExperimentError.
        """
        every = self._versions(slug)
        events = reading.events(self._session, slug)
        keys = every_finding(self._session, slug)
        log = _newest_revisions(keys)
        decided = self.decisions(slug, events)
        memos = self.memos(slug)
        dated: tuple[Dated, ...] = (*log, *events, *decided, *memos)
        days = tuple(sorted({one.as_of for one in dated}, reverse=True))
        page = max(1, min(page, -(-len(days) // LOG_DAYS)))
        opened = set(days[(page - 1) * LOG_DAYS : page * LOG_DAYS])
        return Dossier(
            promise=promise_of(every[-1]),
            versions=every,
            amendments=amendments(self._session, slug) if len(every) > 1 else (),
            events=events,
            log=log,
            revisions=_revisions(keys),
            newest=self._newest(log),
            told=self._told([key for key in log if key.check in CURVES or key.as_of in opened]),
            looks=reading.looks(self._session, slug, revisions=True),
            decisions=decided,
            memos=memos,
            days=days,
            page=page,
        )

    def _versions(self, slug: str) -> tuple[StoredPromise, ...]:
        every = versions(self._session, slug)
        if not every:
            raise UnknownExperimentError(f"no experiment {slug!r} is registered; check the slug")
        return every

    def decisions(self, slug: str, events: Sequence[Event]) -> tuple[Decision, ...]:
        """Every decision by day with its signature. One query."""
        return tuple(
            Decision.from_document(one.document, signature_of(events, one.as_of, one.fingerprint))
            for one in reading.decisions(self._session, slug)
        )

    def promise(self, slug: str) -> Promise:
        """The promise in force. Raises UnknownExperimentError."""
        return promise_of(self._versions(slug)[-1])

    def events(self, slug: str) -> tuple[Event, ...]:
        """What happened to it. One query."""
        return reading.events(self._session, slug)

    def finding(self, slug: str, check: str, as_of: date) -> tuple[StoredFinding, ...]:
        """Every revision of a finding, newest first."""
        return finding_revisions(self._session, slug, check, as_of)

    def days_of(self, slug: str, check: str) -> tuple[FindingKey, ...]:
        """The findings of one check, newest day first."""
        return tuple(key for key in _newest_revisions(every_finding(self._session, slug)) if key.check == check)

    def newest_of(self, slug: str, check: str) -> Finding | None:
        """The last finding of one check."""
        return self._newest(self.days_of(slug, check)).get(check)

    def memo(self, slug: str, kind: str, as_of: date, revision: int | None = None) -> StoredMemo | None:
        """A memo in its newest revision, or in the one asked for."""
        every = reading.memos(self._session, slug, as_of=as_of, kind=kind, revisions=True)
        wanted = [one for one in every if revision in (None, one.revision)]
        return max(wanted, key=lambda one: one.revision, default=None)

    def memos(self, slug: str) -> tuple[MemoKey, ...]:
        """Every memo in every revision without its texts, newest day first. One query."""
        return memo_keys(self._session, slug)

    def _newest(self, log: Sequence[FindingKey]) -> dict[str, Finding]:
        rows: dict[str, int] = {}
        for key in log:
            rows.setdefault(key.check, key.row)
        found = FINDINGS.get(self._record, rows.values(), lambda wanted: finding_documents(self._session, wanted))
        return {check: found[row] for check, row in rows.items()}

    def _told(self, keys: Sequence[FindingKey]) -> dict[int, Told]:
        return TOLD.get(self._record, [key.row for key in keys], self._read_told)

    def _read_told(self, rows: Sequence[int]) -> dict[int, Told]:
        return {row: _told_of(finding) for row, finding in finding_documents(self._session, rows).items()}


def _told_of(finding: Finding) -> Told:
    numbers = {name: finding.evidence.get(name) for name in CURVES.get(finding.check, ())}
    return Told(headline=finding.headline, numbers=numbers)


def _newest_revisions(keys: Sequence[FindingKey]) -> tuple[FindingKey, ...]:
    """Keys stand by day, check and newest revision first."""
    first: dict[tuple[date, str], FindingKey] = {}
    for key in keys:
        first.setdefault((key.as_of, key.check), key)
    return tuple(first.values())


def _revisions(keys: Sequence[FindingKey]) -> dict[int, int]:
    """How many revisions the finding has, by the row of its newest."""
    counted: dict[tuple[date, str], list[int]] = {}
    for key in keys:
        counted.setdefault((key.as_of, key.check), []).append(key.row)
    return {rows[0]: len(rows) for rows in counted.values()}


def newest_memos(memos: Sequence[MemoKey]) -> tuple[MemoKey, ...]:
    """Each memo once, in its newest revision; they come with the newest revision first."""
    found: dict[tuple[date, str], MemoKey] = {}
    for one in memos:
        found.setdefault((one.as_of, one.kind), one)
    return tuple(found.values())
