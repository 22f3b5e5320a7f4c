"""What the registry hands out: frozen, with documents as plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from trialflow.spec.amendment import Difference
from trialflow.spec.experiment import Calendar


class EventKind(StrEnum):
    """What can happen to an experiment.

    ANALYSED is a verdict that waits for a person, SIGNED the person's answer (as_of and key of the verdict, the signature
    as detail), DECIDED the day from which it counts: the day of the signature, or at once for an extension that the
    promise foresaw. ANSWER_REFUSED keeps an answer that could not be recorded as a signature. FOLLOW_UP_DONE has the key
    "<as_of>|<index>" of the signature's list, WATCHED ends the watch after a launch.
    """

    REGISTERED = "registered"
    AMENDED = "amended"
    VALIDATED = "validated"
    VALIDATION_FAILED = "validation_failed"
    WAIVED = "waived"
    PAUSED = "paused"
    RESUMED = "resumed"
    STOPPED = "stopped"
    ANALYSIS_DUE = "analysis_due"
    ANALYSED = "analysed"
    DECIDED = "decided"
    SIGNED = "signed"
    EXTENDED = "extended"
    ANSWER_REFUSED = "answer_refused"
    FOLLOW_UP_DONE = "follow_up_done"
    ROLLOUT_STEP = "rollout_step"
    ROLLOUT_PAUSED = "rollout_paused"
    ROLLOUT_RESUMED = "rollout_resumed"
    LAUNCHED = "launched"
    ROLLED_BACK = "rolled_back"
    WATCHED = "watched"
    RETEST_DUE = "retest_due"
    WITHDRAWN = "withdrawn"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened as of a day. `sequence` orders events of one experiment by recording."""

    slug: str
    kind: EventKind
    as_of: date
    key: str = ""
    detail: Mapping[str, Any]
    by: str = ""
    sequence: int = 0
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The answer of a registration: the version in force, whether it is new, and what differs from the one before."""

    slug: str
    version: int
    created: bool
    differences: tuple[Difference, ...] = ()

    @property
    def amended(self) -> bool:
        """Whether this registration recorded an amendment."""
        return self.created and self.version > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPromise:
    """One version of a promise: `document` is what was fingerprinted, `plan` what registration computed."""

    slug: str
    version: int
    fingerprint: str
    document: Mapping[str, Any]
    plan: Mapping[str, Any]
    reason: str
    by: str
    recorded_at: datetime

    @property
    def calendar(self) -> Calendar:
        """The calendar of the promise."""
        return Calendar.model_validate(self.document["experiment"]["calendar"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """A later version of a promise: why it was made, by whom, and field by field what changed."""

    slug: str
    version: int
    reason: str
    by: str
    recorded_at: datetime
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSummary:
    """A summary as it was recorded."""

    slug: str
    as_of: date
    revision: int
    data_fingerprint: str
    document: Mapping[str, Any]
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    """A decision as it was recorded; `document` is what `Decision.document()` gave."""

    slug: str
    as_of: date
    revision: int
    fingerprint: str
    document: Mapping[str, Any]
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMemo:
    """A memo as it was recorded: `documents` maps a format ("markdown", "html", "slack" …) to its text."""

    slug: str
    kind: str
    as_of: date
    revision: int
    documents: Mapping[str, str]
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """What follows a message in its thread: `kind` says how it is posted, `name` tells it apart, `document` is all of it."""

    kind: str
    name: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to post. `key` says what it tells, once and for all; `thread` is the key of the message it answers.

    `links` are (text, target) pairs, put below the payload when it is posted: where this installation can be reached is
    no part of what is told. Of a stored message only those `attachments` are read that still wait.
    """

    key: str
    channel: str
    payload: Mapping[str, Any]
    thread: str = ""
    links: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """An intended message and, once it is posted, the messenger's `ts` of it.

    `place` is the messenger's own name of the channel, `thread_ts` the message it answers ("" opens a thread; both None
    where they were not recorded), `problem` what went wrong: without a `ts` the messenger has refused it for good.
    """

    message: Message
    slug: str | None
    intended_at: datetime
    posted_at: datetime | None
    ts: str
    place: str | None = None
    thread_ts: str | None = None
    problem: str = ""

    @property
    def posted(self) -> bool:
        """Whether the message is out."""
        return bool(self.ts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The revision in force after a write, and whether the write made it."""

    revision: int
    created: bool
