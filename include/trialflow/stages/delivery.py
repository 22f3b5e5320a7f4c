"""Delivery: the outbox to a messenger. Nothing twice, nothing lost, the order kept within a thread.

Intent, post, record: two transactions. Whoever is killed between post and record has left a message with its key behind;
the messenger looks for it before it posts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from trialflow.errors import TrialflowError
from trialflow.memo.chart_document import chart_of
from trialflow.memo.charts import png
from trialflow.memo.links import Addresses
from trialflow.memo.slack import ALT_LENGTH, escape, plain, shorten, with_links
from trialflow.registry import Attachment, Registry, StoredMessage
from trialflow.stages.workspace import Workspace

REPLY = "reply"
CHART = "chart"
PATIENCE = timedelta(days=7)
"""A message that fails for so long while the messenger answers is given up, so that it holds up its thread no longer."""


class RefusalError(TrialflowError):
    """The messenger will never take this message or file as it is."""


class NoPlaceError(RefusalError):
    """The messenger does not let us post in this channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One message to post. `since` is when it was intended: nobody can have posted it before."""

    key: str
    place: str
    payload: Mapping[str, Any]
    thread_ts: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One file to show, with the words that stand for it. No other file in the place has its name."""

    name: str
    title: str
    alt: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Pictures to show in a thread."""

    place: str
    pictures: tuple[Picture, ...]
    thread_ts: str
    since: datetime


class Messenger(Protocol):
    """Whatever can post: Slack through Airflow's hook, or a stand-in.

    Its methods raise OSError for what may go better later, RefusalError for what never will.
    """

    def place(self, channel: str) -> str:
        """The messenger's own name of a channel; "" stands for the default channel."""
        ...

    def post(self, post: Post) -> tuple[str, str]:
        """Post once: the message's ts, and the ts of the message it answers ("" where it opened a thread)."""
        ...

    def upload(self, upload: Upload) -> Mapping[str, str]:
        """Show each picture once: the messenger's reference by name."""
        ...

    def reachable(self) -> bool:
        """Whether the messenger answers at all, and knows us."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one round of posting did, by key: what is out, what waits for the next round, what was refused for good.

    `problems` says why, for what was tried in vain; the others of `failed` wait for one of these.
    """

    posted: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Round:
    """One walk through the outbox."""

    registry: Registry
    messenger: Messenger
    addresses: Addresses
    posted: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    closed: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    away: bool = False

    def refuse(self, key: str, problem: str) -> None:
        """Note what was refused for good."""
        self.refused.append(key)
        self.problems[key] = problem


def deliver(workspace: Workspace, messenger: Messenger, addresses: Addresses | None = None) -> Delivery:
    """Post what stands in the outbox, oldest first. What fails stays for the next round, and holds up its thread alone.

    One round at a time holds the record's lock; the record is asked again right before every post all the same. Without
    an answer from the messenger the round ends. What is refused for good is put on record so.
    """
    with workspace.registry() as registry, registry.alone("outbox"):
        round_ = _Round(registry=registry, messenger=messenger, addresses=addresses or Addresses())
        for stored in registry.outbox():
            _tell(round_, stored)
    return Delivery(
        posted=tuple(round_.posted),
        failed=tuple(round_.failed),
        refused=tuple(round_.refused),
        problems=round_.problems,
    )


def _tell(round_: _Round, listed: StoredMessage) -> None:
    key = listed.message.key
    thread = listed.message.thread or key
    if round_.away or thread in round_.held:
        round_.failed.append(key)
        return
    stored = round_.registry.message(key) or listed
    try:
        if stored.posted_at is None:
            stored = _main(round_, stored)
        _reply(round_, stored)
    except OSError as problem:
        if _failed(round_, stored, problem):
            round_.held.add(thread)
        return
    try:
        _show(round_, stored)
    except OSError as problem:  # words need not wait for pictures
        _failed(round_, stored, problem)


def _failed(round_: _Round, stored: StoredMessage, problem: OSError) -> bool:
    """Keep it for the next round, or give it up (False) when it, and not the messenger, has been the trouble for long."""
    key = stored.message.key
    round_.problems[key] = str(problem)
    round_.away = not round_.messenger.reachable()
    if round_.away or datetime.now(UTC) - stored.intended_at <= PATIENCE:
        round_.failed.append(key)
        return True
    if stored.posted_at is None:
        _refuse(round_, key, str(problem))
        return False
    for one in stored.message.attachments:
        round_.registry.attached(key, one.name, "", problem=str(problem))
    round_.refuse(key, str(problem))
    return False


def _refuse(round_: _Round, key: str, problem: str) -> None:
    round_.registry.posted(key, "", problem=problem)
    round_.refuse(key, problem)


def _main(round_: _Round, stored: StoredMessage) -> StoredMessage:
    """Post the message itself, in the default channel where its own is closed to us, and record it."""
    key, channel = stored.message.key, stored.message.channel
    try:
        try:
            found = _post_in(round_, stored, channel)
        except NoPlaceError as closed:
            if not channel:
                raise OSError(str(closed)) from closed
            meant = f"Meant for {escape(channel)}, where we may not post ({closed})"
            note = f"{meant}: invite the app there, or amend the promise."
            found = _post_in(round_, stored, "", note=note)
    except NoPlaceError as closed:  # nor the default channel: a matter of set-up, not of this message
        raise OSError(str(closed)) from closed
    except RefusalError as refused:
        _refuse(round_, key, str(refused))
        return round_.registry.message(key) or stored
    place, ts, thread_ts, problem = found
    round_.registry.posted(key, ts, place=place, thread_ts=thread_ts, problem=problem)
    round_.posted.append(key)
    return round_.registry.message(key) or stored


def _post_in(round_: _Round, stored: StoredMessage, channel: str, *, note: str = "") -> tuple[str, str, str, str]:
    """Place, ts, thread and problem of the message, posted in a channel; without its layout where that is refused."""
    if channel in round_.closed:
        raise NoPlaceError(round_.closed[channel])
    message = stored.message
    try:
        place = round_.messenger.place(channel)
        root = round_.registry.thread_root(message.thread, place) if message.thread else ""
        links = round_.addresses.resolve(message.links)
        payload = with_links(dict(message.payload), links, note=note)
        post = Post(key=message.key, place=place, payload=payload, thread_ts=root, since=stored.intended_at)
        return (place, *_post(round_.messenger, post, links))
    except NoPlaceError as closed:
        round_.closed[channel] = str(closed)
        raise


def _post(messenger: Messenger, post: Post, links: Sequence[tuple[str, str]] = ()) -> tuple[str, str, str]:
    try:
        return (*messenger.post(post), "")
    except NoPlaceError:
        raise
    except RefusalError as refused:
        bare = replace(post, payload=plain(dict(post.payload), str(refused), links))
        return (*messenger.post(bare), f"shown without its layout: {refused}")


def _reply(round_: _Round, stored: StoredMessage) -> None:
    """Post the replies in which a message goes on, in their order."""
    key = stored.message.key
    for reply in _waiting(stored, REPLY):
        post = Post(
            key=f"{key}#{reply.name}",
            place=stored.place or "",
            payload=reply.document,
            thread_ts=stored.thread_ts or stored.ts,
            since=stored.intended_at,
        )
        try:
            ts, _, problem = _post(round_.messenger, post)
        except RefusalError as refused:
            ts, problem = "", str(refused)
            round_.refuse(post.key, problem)
        round_.registry.attached(key, reply.name, ts, problem=problem)


def _show(round_: _Round, stored: StoredMessage) -> None:
    """Show the charts of a message in its thread, all at once."""
    key = stored.message.key
    charts = _waiting(stored, CHART)
    if not charts:
        return
    shown: Mapping[str, str] = {}
    names = {chart.name: file_name(key, chart.name) for chart in charts}
    try:
        upload = Upload(
            place=stored.place or "",
            pictures=tuple(_picture(chart, names[chart.name]) for chart in charts),
            thread_ts=stored.thread_ts or stored.ts,
            since=stored.intended_at,
        )
        shown, problem = round_.messenger.upload(upload), ""
    except RefusalError as refused:
        problem = str(refused)
        round_.refuse(f"{key}#charts", problem)
    for chart in charts:
        round_.registry.attached(key, chart.name, shown.get(names[chart.name], ""), problem=problem)


def _waiting(stored: StoredMessage, kind: str) -> list[Attachment]:
    return [one for one in stored.message.attachments if one.kind == kind] if stored.posted else []


def file_name(key: str, name: str) -> str:
    """The name of a chart's file: by it the file is found again, so the message is part of it."""
    return f"{name.removesuffix('.png')}-{hashlib.sha256(key.encode()).hexdigest()[:10]}.png"


def _picture(chart: Attachment, name: str) -> Picture:
    """The chart drawn. One that cannot be drawn must not hold up the others."""
    try:
        drawn = chart_of(chart.document)
        content = png(drawn)
    except (ValueError, TypeError, LookupError, ArithmeticError, RuntimeError) as problem:
        message = f"the chart {chart.name} cannot be drawn: {problem}"
        raise RefusalError(message) from problem
    return Picture(name=name, title=drawn.title, alt=shorten(drawn.alt, ALT_LENGTH), content=content)
