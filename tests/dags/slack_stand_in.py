"""A stand-in of Slack's Web API on loopback: channels, threads, files; refuses what Slack refuses, and breaks as it does."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.dags.block_kit import message_error

CHANNEL = "C0TRIALFLOW"
SHOP = "C0SHOP"
TOKEN = "xoxb-test"

Answer = dict[str, Any]


@dataclass(frozen=True)
class Trouble:
    """What goes wrong with one call: before Slack has done anything, or (`done`) after it has done all of it.

    `status` with `headers` is an answer of HTTP; `error` one of Slack's; `cut` breaks the connection, "reset" at once,
    "middle" inside the answer; `wait` answers late by so many seconds; `says` is what it says instead of its answer.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    cut: str = ""
    wait: float = 0.0
    says: str = ""
    done: bool = False


def rate_limited(seconds: int = 0) -> Trouble:
    return Trouble(status=429, headers={"Retry-After": str(seconds)}, error="ratelimited")


@dataclass
class SlackStandIn:
    """What was posted, in order. `away` makes every call fail with 503; `troubles` wait for the next calls by method.

    `shares_late` is how often a thread must be read before a shared file shows in it.
    """

    messages: list[Answer] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=lambda: {CHANNEL: "experiments", SHOP: "shop"})
    not_in: set[str] = field(default_factory=set)
    troubles: dict[str, list[Trouble]] = field(default_factory=dict)
    uploads: dict[str, Answer] = field(default_factory=dict)
    pending: list[Answer] = field(default_factory=list)
    scopes: set[str] = field(default_factory=lambda: {"files:write"})
    away: bool = False
    page: int = 1000
    shares_late: int = 0
    url: str = ""
    last_ts: float = 0.0

    def answer(self, method: str, asked: Answer) -> Answer:
        return METHODS.get(method, _unknown)(self, asked)

    def trouble(self, method: str) -> Trouble | None:
        waiting = self.troubles.get(method)
        return waiting.pop(0) if waiting else None

    def next_ts(self) -> str:
        """Slack's names of messages are times, and never the same twice."""
        self.last_ts = max(time.time(), self.last_ts + 0.000001)
        return f"{self.last_ts:.6f}"

    def chat(self, count: int, *, thread_ts: str = "") -> None:
        """What people write meanwhile."""
        for number in range(count):
            self.messages.append(
                {"channel": CHANNEL, "ts": self.next_ts(), "thread_ts": thread_ts or None, "text": f"hm, {number}"}
            )

    @property
    def keys(self) -> list[str]:
        return [message["metadata"]["event_payload"]["key"] for message in self.messages if message.get("metadata")]

    @property
    def files(self) -> list[Answer]:
        return [file for message in self.messages for file in message.get("files", [])]


def _unknown(_slack: SlackStandIn, _asked: Answer) -> Answer:
    return {"ok": False, "error": "unknown_method"}


def _list(slack: SlackStandIn, _asked: Answer) -> Answer:
    channels = [{"id": one, "name": name} for one, name in slack.names.items()]
    return {"ok": True, "channels": channels, "response_metadata": {"next_cursor": ""}}


def _channel_error(slack: SlackStandIn, asked: Answer) -> str:
    if asked.get("channel") not in slack.names:
        return "channel_not_found"
    return "not_in_channel" if asked["channel"] in slack.not_in else ""


def _history(slack: SlackStandIn, asked: Answer) -> Answer:
    found = [one for one in slack.messages if one["channel"] == asked.get("channel") and not one.get("thread_ts")]
    return _paged(slack, asked, [one for one in reversed(found) if float(one["ts"]) > float(asked.get("oldest") or 0)])


def _replies(slack: SlackStandIn, asked: Answer) -> Answer:
    if slack.pending:
        slack.shares_late -= 1
        if slack.shares_late <= 0:
            slack.messages += slack.pending
            slack.pending = []
    here = [one for one in slack.messages if one["channel"] == asked.get("channel")]
    if not any(one["ts"] == asked.get("ts") for one in here):
        return {"ok": False, "error": "thread_not_found"}
    later = [one for one in here if one.get("thread_ts") == asked["ts"]]
    fresh = [one for one in later if float(one["ts"]) > float(asked.get("oldest") or 0)]
    return _paged(slack, asked, [*(one for one in here if one["ts"] == asked["ts"]), *fresh])


def _paged(slack: SlackStandIn, asked: Answer, found: list[Answer]) -> Answer:
    if error := _channel_error(slack, asked):
        return {"ok": False, "error": error}
    start, size = int(asked.get("cursor") or 0), min(int(asked.get("limit") or 100), slack.page)
    more = start + size < len(found)
    hidden = set() if asked.get("include_all_metadata") in ("1", "true", True) else {"metadata"}
    shown = [{k: v for k, v in one.items() if k not in hidden} for one in found[start : start + size]]
    cursor = {"next_cursor": str(start + size) if more else ""}
    return {"ok": True, "messages": shown, "has_more": more, "response_metadata": cursor}


def _post(slack: SlackStandIn, asked: Answer) -> Answer:
    if error := _channel_error(slack, asked):
        return {"ok": False, "error": error}
    if refused := message_error(asked):
        return refused
    message = {**asked, "ts": slack.next_ts()}
    slack.messages.append(message)
    return {"ok": True, "ts": message["ts"], "channel": asked["channel"]}


def _upload_url(slack: SlackStandIn, asked: Answer) -> Answer:
    if "files:write" not in slack.scopes:
        return {"ok": False, "error": "missing_scope", "needed": "files:write", "provided": "chat:write"}
    if not asked.get("filename") or int(asked.get("length") or 0) <= 0:
        return {"ok": False, "error": "invalid_arguments"}
    name = f"F{len(slack.uploads):08d}"
    slack.uploads[name] = {**asked, "id": name, "content": b""}
    return {"ok": True, "file_id": name, "upload_url": f"{slack.url.removesuffix('api/')}upload/{name}"}


def _complete(slack: SlackStandIn, asked: Answer) -> Answer:
    asked["channel"] = asked.get("channel_id")
    if error := _channel_error(slack, asked):
        return {"ok": False, "error": error}
    given = json.loads(asked["files"])
    uploads = [slack.uploads.get(one["id"]) for one in given]
    if any(one is None or len(one["content"]) != int(one["length"]) for one in uploads):
        return {"ok": False, "error": "file_not_found"}
    files = [
        {"id": one["id"], "name": one["filename"], "title": told["title"], "alt_txt": one.get("alt_txt")}
        for told, one in zip(given, uploads, strict=True)
        if one is not None
    ]
    where = {"channel": asked["channel"], "thread_ts": asked.get("thread_ts"), "ts": slack.next_ts()}
    (slack.pending if slack.shares_late else slack.messages).append({**where, "text": "", "files": files})
    return {"ok": True, "files": [{"id": one["id"], "title": one["title"]} for one in files]}


METHODS: Mapping[str, Callable[[SlackStandIn, Answer], Answer]] = {
    "auth.test": lambda _slack, _asked: {"ok": True, "user_id": "U0"},
    "conversations.list": _list,
    "conversations.history": _history,
    "conversations.replies": _replies,
    "chat.postMessage": _post,
    "files.getUploadURLExternal": _upload_url,
    "files.completeUploadExternal": _complete,
}


class _Handler(BaseHTTPRequestHandler):
    slack: SlackStandIn

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        *_, folder, method = self.path.partition("?")[0].split("/")
        self.slack.calls.append("upload" if folder == "upload" else method)
        trouble = Trouble(status=503) if self.slack.away else self.slack.trouble(self.slack.calls[-1])
        if trouble and not trouble.done:
            self._fail(trouble, {"ok": False, "error": trouble.error})
            return
        if folder == "upload":
            self.slack.uploads[method]["content"] = body
            answer: Answer = {"ok": True}
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            answer = {"ok": False, "error": "not_authed"}
        else:
            answer = self.slack.answer(method, self._asked(body.decode()))
        if trouble:
            self._fail(trouble, answer)
        else:
            self._send(200, {}, json.dumps(answer).encode())

    def _asked(self, body: str) -> Answer:
        if "json" in self.headers.get("Content-Type", ""):
            return dict(json.loads(body))
        return {key: values[0] for key, values in parse_qs(body).items()}

    def _fail(self, trouble: Trouble, answer: Answer) -> None:
        time.sleep(trouble.wait)
        payload = trouble.says.encode() or json.dumps(answer).encode()
        if trouble.cut == "middle":
            self._send(200, {}, payload[: len(payload) // 2], length=len(payload))
        elif not trouble.cut:
            self._send(trouble.status or 200, trouble.headers, payload)
        if trouble.cut:
            # The linger of 0 seconds makes closing a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _send(self, status: int, headers: Mapping[str, str], payload: bytes, *, length: int = -1) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload) if length < 0 else length))
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()

    def log_message(self, *_args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_args: object) -> None:
        """A client that has gone away is no news."""


@contextmanager
def slack_stand_in() -> Iterator[SlackStandIn]:
    """Serve a stand-in until the block ends."""
    slack = SlackStandIn()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"slack": slack}))
    slack.url = f"http://127.0.0.1:{server.server_address[1]}/api/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield slack
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
