"""Post what stands in the outbox, through Airflow's Slack provider."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException, AirflowSkipException

from trialflow_operators.base import refusing, workspace
from trialflow_operators.times import day_of

if TYPE_CHECKING:
    from airflow.providers.slack.hooks.slack import SlackHook
    from airflow.sdk import Context

CONNECTION = "trialflow_slack"
EVENT_TYPE = "trialflow"
LOOK_BACK = 50


class SlackMessenger:
    """Posts through a SlackHook, each key once.

    Before anything goes out to a channel or thread, its latest messages are read for keys: a try that was killed between
    posting and recording has left its message there, and it must not appear twice. Each place is read once per round, so
    rounds must not overlap: `deliver` holds the record's lock.
    """

    def __init__(self, hook: SlackHook, default_channel: str) -> None:
        self._hook = hook
        self._default_channel = default_channel
        self._channel_ids: dict[str, str] = {}
        self._seen: dict[tuple[str, str], dict[str, str]] = {}

    def post(self, *, channel: str, payload: Mapping[str, Any], key: str, thread_ts: str) -> str:
        """Post once; raises OSError when Slack cannot be reached or refuses, so that the message stays in the outbox."""
        from slack_sdk.errors import SlackClientError

        try:
            place = self._channel_id(channel or self._default_channel)
            seen = self._keys_in(place, thread_ts)
            if key not in seen:
                seen[key] = self._send(place, payload, key, thread_ts)
        except (SlackClientError, LookupError) as problem:
            message = f"Slack did not take {key}: {problem}"
            raise OSError(message) from problem
        return seen[key]

    def _channel_id(self, channel: str) -> str:
        """Slack reads histories by id only; a name costs one look-up."""
        if channel not in self._channel_ids:
            named = channel.startswith("#")
            self._channel_ids[channel] = self._hook.get_channel_id(channel[1:]) if named else channel
        return self._channel_ids[channel]

    def _keys_in(self, channel: str, thread_ts: str) -> dict[str, str]:
        place = (channel, thread_ts)
        if place not in self._seen:
            name = "conversations.replies" if thread_ts else "conversations.history"
            asked = {"channel": channel, "limit": LOOK_BACK, "include_all_metadata": True}
            answer = self._hook.call(name, data={**asked, **({"ts": thread_ts} if thread_ts else {})})
            messages: list[dict[str, Any]] = answer.get("messages", [])
            self._seen[place] = {
                message["metadata"]["event_payload"]["key"]: str(message["ts"])
                for message in messages
                if (message.get("metadata") or {}).get("event_type") == EVENT_TYPE
            }
        return self._seen[place]

    def _send(self, channel: str, payload: Mapping[str, Any], key: str, thread_ts: str) -> str:
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": key}}
        sent = self._hook.client.chat_postMessage(
            channel=channel, metadata=metadata, thread_ts=thread_ts or None, **payload
        )
        return str(sent["ts"])


def default_channel() -> str:
    """Where messages without a channel of their own go."""
    return os.environ.get("TRIALFLOW_SLACK_CHANNEL", "#experiments")


class TellOperator(BaseOperator):
    """Post the outbox. Skipped, visibly, while the connection `trialflow_slack` does not exist: nothing is lost."""

    ui_color = "#f3e9f5"

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002 (Airflow calls it so)
        """Return the keys of the messages posted; fails when some could not be, which a retry mends."""
        from airflow.providers.slack.hooks.slack import SlackHook

        from trialflow.stages.telling import deliver

        try:
            BaseHook.get_connection(CONNECTION)
        except AirflowNotFoundException as missing:
            text = f"No connection {CONNECTION!r}: messages stay in the outbox, memos stand in files and in the record."
            raise AirflowSkipException(text) from missing

        delivery = deliver(workspace(), SlackMessenger(SlackHook(slack_conn_id=CONNECTION), default_channel()))
        if delivery.failed:
            listed = "\n".join(delivery.failed)
            raise AirflowException(f"Slack did not take every message; these will be tried again:\n{listed}")
        return list(delivery.posted)


class DigestOperator(BaseOperator):
    """Put the day's digest into the outbox, once per day."""

    template_fields = ("as_of",)

    def __init__(self, *, as_of: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.as_of = as_of

    def execute(self, context: Context) -> int:  # noqa: ARG002 (Airflow calls it so)
        """Return the number of experiments in it."""
        from trialflow.stages.telling import intend_digest

        with refusing():
            return intend_digest(workspace(), day_of(self.as_of), default_channel())
