"""Post what stands in the outbox, through Airflow's Slack provider."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, BaseOperator
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException, AirflowSkipException

from trialflow_operators.base import refusing, workspace
from trialflow_operators.times import day_of

if TYPE_CHECKING:
    from airflow.providers.slack.hooks.slack import SlackHook
    from airflow.sdk import Context

    from trialflow.memo.links import Addresses
    from trialflow.stages.delivery import Post, Upload

CONNECTION = "trialflow_slack"
EVENT_TYPE = "trialflow"
PAGE = 200
CLOCKS_APART = timedelta(minutes=10)
ALT_TEXT_FOR = timedelta(hours=1)
"""Slack has been seen to drop, without a word, files that carry an alternative text (slackapi/python-slack-sdk#1818)."""
LOOKS = (0.5, 1.0, 2.0, 4.0)
"""Seconds between looks for a file just shared: Slack shares it some time after it has said "ok"."""

NO_PLACE = frozenset(
    {
        "channel_not_found",
        "is_archived",
        "not_in_channel",
        "restricted_action",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
    }
)
REFUSED = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_too_large",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
    }
)
REFUSED_FILES = REFUSED | {
    "file_type_not_allowed",
    "file_uploads_disabled",
    "file_uploads_except_images_disabled",
    "missing_scope",
    "posting_to_channel_denied",
    "storage_limit_reached",
}
"""An app without the scope for files still posts words."""


@dataclass(slots=True)
class _Seen:
    """What of ours stands in a channel or thread since a time: messages by key, files by name."""

    since: datetime
    keys: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


class SlackMessenger:
    """Posts through a SlackHook, each key and each file once.

    Before anything goes out to a channel or thread, what stands there since the message was intended is read, page by page:
    a try that was killed between posting and recording, or whose answer was lost, has left its message there. Each place is
    read once per round, so rounds must not overlap: `deliver` holds the record's lock.

    What only reads is repeated by slack_sdk's retry handlers. What posts is repeated by them only where Slack says that it
    took nothing (429): after a lost answer nobody knows, and the next round looks first.
    """

    def __init__(
        self, asking: SlackHook, posting: SlackHook, default_channel: str, *, looks: Sequence[float] = LOOKS
    ) -> None:
        self._asking = asking
        self._posting = posting
        self._default_channel = default_channel
        self._looks = looks
        self._channel_ids: dict[str, str] = {}
        self._seen: dict[tuple[str, str], _Seen] = {}

    def place(self, channel: str) -> str:
        """Slack reads histories by id only; a name costs one look-up per round."""
        named = channel or self._default_channel
        if named not in self._channel_ids:
            with _translated(f"the channel {named}"):
                self._channel_ids[named] = self._id_of(named[1:]) if named.startswith("#") else named
        return self._channel_ids[named]

    def post(self, post: Post) -> tuple[str, str]:
        """Post once; a thread that is gone is opened again."""
        with _translated(post.key):
            thread_ts, seen = self._read(post.place, post.thread_ts, post.since)
            if post.key not in seen.keys:
                self._seen.pop((post.place, thread_ts))  # until it is known what became of this post
                seen.keys[post.key] = self._send(post, thread_ts)
                self._seen[post.place, thread_ts] = seen
        return seen.keys[post.key], thread_ts

    def upload(self, upload: Upload) -> dict[str, str]:
        """Share the pictures that do not stand in the thread yet, all in one message."""
        names = {picture.name for picture in upload.pictures}
        with _translated(", ".join(sorted(names)), refused=REFUSED_FILES):
            thread_ts, seen = self._read(upload.place, upload.thread_ts, upload.since)
            if not names <= seen.files.keys():
                self._share(upload, thread_ts, seen.files)
                seen = self._look_for(names, upload.place, thread_ts, upload.since)
        if missing := names - seen.files.keys():
            message = f"Slack took the charts but does not show them yet: {', '.join(sorted(missing))}"
            raise OSError(message)
        return {name: seen.files[name] for name in names}

    def reachable(self) -> bool:
        """Whether Slack answers and knows the token."""
        try:
            with _translated("auth.test"):
                self._posting.call("auth.test")  # asked once: it is no use to insist
        except OSError:
            return False
        return True

    def _id_of(self, name: str) -> str:
        from trialflow.stages.delivery import NoPlaceError

        try:
            return str(self._asking.get_channel_id(name))
        except LookupError as unknown:
            raise NoPlaceError(str(unknown)) from unknown

    def _read(self, place: str, thread_ts: str, since: datetime) -> tuple[str, _Seen]:
        """The thread to post in, "" for the channel, and what stands there."""
        from slack_sdk.errors import SlackApiError

        known = self._seen.get((place, thread_ts))
        if known is None or since < known.since:
            try:
                known = self._seen[place, thread_ts] = self._ask(place, thread_ts, since)
            except SlackApiError as gone:
                if not thread_ts or gone.response.get("error") != "thread_not_found":
                    raise
                return self._read(place, "", since)
        return thread_ts, known

    def _ask(self, place: str, thread_ts: str, since: datetime) -> _Seen:
        client = self._asking.client
        oldest = f"{(since - CLOCKS_APART).timestamp():.6f}"
        asked: dict[str, Any] = {"channel": place, "oldest": oldest, "limit": PAGE, "include_all_metadata": True}
        pages = (
            client.conversations_replies(ts=thread_ts, **asked) if thread_ts else client.conversations_history(**asked)
        )
        seen = _Seen(since)
        for page in pages:
            for message in page.get("messages", []):
                _note(seen, message)
        return seen

    def _send(self, post: Post, thread_ts: str) -> str:
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": post.key}}
        sent = self._posting.client.chat_postMessage(
            channel=post.place,
            metadata=metadata,
            thread_ts=thread_ts or None,
            unfurl_links=False,
            unfurl_media=False,
            **post.payload,
        )
        if not sent.get("ts"):
            message = f"Slack has said ok to {post.key} without a ts"
            raise OSError(message)
        return str(sent["ts"])

    def _share(self, upload: Upload, thread_ts: str, shown: Mapping[str, str]) -> None:
        described = datetime.now(UTC) - upload.since < ALT_TEXT_FOR
        uploads: list[dict[str, Any]] = [
            {
                "content": picture.content,
                "filename": picture.name,
                "title": picture.title,
                "alt_txt": picture.alt if described else None,
            }
            for picture in upload.pictures
            if picture.name not in shown
        ]
        self._posting.client.files_upload_v2(channel=upload.place, thread_ts=thread_ts or None, file_uploads=uploads)

    def _look_for(self, names: set[str], place: str, thread_ts: str, since: datetime) -> _Seen:
        """Read the thread again until the files are there, or patience ends."""
        for wait in self._looks:
            self._seen.pop((place, thread_ts), None)
            _, seen = self._read(place, thread_ts, since)
            if names <= seen.files.keys():
                break
            time.sleep(wait)
        self._seen.pop((place, thread_ts), None)
        return self._read(place, thread_ts, since)[1]


def _note(seen: _Seen, message: Mapping[str, Any]) -> None:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") == EVENT_TYPE:
        seen.keys[str(metadata.get("event_payload", {}).get("key"))] = str(message["ts"])
    for file in message.get("files") or []:
        seen.files[str(file.get("name"))] = str(file.get("id"))


@contextmanager
def _translated(what: str, *, refused: frozenset[str] = REFUSED) -> Iterator[None]:
    """Slack's errors as those of the stages: refused for good, no place to post, or worth another try (OSError)."""
    from slack_sdk.errors import SlackApiError, SlackClientError

    from trialflow.stages.delivery import NoPlaceError, RefusalError

    try:
        yield
    except SlackApiError as problem:
        error, told = _error(problem)
        if error in NO_PLACE:
            raise NoPlaceError(told) from problem
        if error in refused:
            raise RefusalError(told) from problem
        message = f"Slack did not take {what}: {told}"
        raise OSError(message) from problem
    except (SlackClientError, HTTPException, AirflowException, ValueError) as problem:  # ValueError: no JSON
        message = f"Slack did not take {what}: {problem}"
        raise OSError(message) from problem


def _error(problem: Any) -> tuple[str, str]:
    """Slack's short name of an error, and the same with what it says about it."""
    answer = problem.response.data if isinstance(getattr(problem.response, "data", None), dict) else {}
    error = str(answer.get("error") or f"HTTP {getattr(problem.response, 'status_code', '?')}")
    details = (answer.get("response_metadata") or {}).get("messages") or []
    needed = [f"needs {answer['needed']}"] if answer.get("needed") else []
    return error, "; ".join([error, *map(str, details), *needed])


def messenger() -> SlackMessenger:
    """A messenger over the connection `trialflow_slack`. Raises AirflowNotFoundException where there is none."""
    from airflow.providers.slack.hooks.slack import SlackHook
    from slack_sdk.http_retry.builtin_handlers import (
        ConnectionErrorRetryHandler,
        RateLimitErrorRetryHandler,
        ServerErrorRetryHandler,
    )

    BaseHook.get_connection(CONNECTION)
    again = [RateLimitErrorRetryHandler(max_retry_count=5)]
    anyway = [*again, ServerErrorRetryHandler(max_retry_count=2), ConnectionErrorRetryHandler(max_retry_count=2)]
    asking = SlackHook(slack_conn_id=CONNECTION, retry_handlers=list(anyway))
    posting = SlackHook(slack_conn_id=CONNECTION, retry_handlers=list(again))
    return SlackMessenger(asking, posting, default_channel(), looks=LOOKS)


def default_channel() -> str:
    """Where messages without a channel of their own go."""
    return os.environ.get("TRIALFLOW_SLACK_CHANNEL", "#experiments")


def addresses() -> Addresses:
    """Where readers reach Airflow (its own setting `[api] base_url`) and the runbook (TRIALFLOW_RUNBOOK_URL)."""
    from trialflow.memo.links import Addresses

    return Addresses(
        base_url=str(conf.get("api", "base_url", fallback="") or ""),
        runbook_url=os.environ.get("TRIALFLOW_RUNBOOK_URL", ""),
    )


class TellOperator(BaseOperator):
    """Post the outbox. Skipped, visibly, while the connection `trialflow_slack` does not exist: nothing is lost."""

    ui_color = "#f3e9f5"

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002 (Airflow calls it so)
        """Return the keys of the messages posted; fails when some could not be, which a retry mends."""
        from trialflow.stages.delivery import deliver

        try:
            slack = messenger()
        except AirflowNotFoundException as missing:
            text = f"No connection {CONNECTION!r}: messages stay in the outbox, memos stand in files and in the record."
            raise AirflowSkipException(text) from missing

        delivery = deliver(workspace(), slack, addresses())
        for key in delivery.refused:
            self.log.warning("Slack has refused %s for good: %s", key, delivery.problems[key])
        if delivery.failed:
            why = delivery.problems
            listed = "\n".join(f"{key}: {why[key]}" if key in why else f"{key}: waits" for key in delivery.failed)
            raise AirflowException(f"Slack did not take every message; these will be tried again:\n{listed}")
        return list(delivery.posted)


class _DailyOperator(BaseOperator):
    """Puts something into the outbox, about a day."""

    template_fields = ("as_of",)

    def __init__(self, *, as_of: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.as_of = as_of


class RecoverOperator(_DailyOperator):
    """Tell the end of troubles that were told and have ended since: checks that pass again, tasks that were cleared."""

    def execute(self, context: Context) -> int:
        """Return how many have ended."""
        from trialflow.stages.telling import intend_mended, intend_recoveries

        def state_of(dag: str, run: str, task: str, map_index: int) -> str:
            index = None if map_index < 0 else map_index
            found = context["ti"].get_task_states(dag_id=dag, run_ids=[run], task_ids=[task], map_index=index)
            return str(next(iter(found.get(run, {}).values()), ""))

        with refusing():
            return intend_recoveries(workspace(), day_of(self.as_of)) + intend_mended(workspace(), state_of)


class DigestOperator(_DailyOperator):
    """Put the day's digest into the outbox, once per day."""

    def execute(self, context: Context) -> int:  # noqa: ARG002 (Airflow calls it so)
        """Return the number of experiments in it."""
        from trialflow.stages.telling import intend_digest

        with refusing():
            return intend_digest(workspace(), day_of(self.as_of), default_channel())


class ReviewOperator(_DailyOperator):
    """Put the week's review of open follow-ups into the outbox, once per week."""

    def execute(self, context: Context) -> int:  # noqa: ARG002 (Airflow calls it so)
        """Return how many are open."""
        from trialflow.stages.follow_ups import intend_review

        with refusing():
            return intend_review(workspace(), day_of(self.as_of), default_channel())
