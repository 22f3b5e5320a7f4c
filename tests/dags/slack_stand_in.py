"""A stand-in of Slack's Web API on loopback: keeps channels and threads, refuses what Slack refuses, can be away."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

CHANNEL = "C0TRIALFLOW"


@dataclass
class SlackStandIn:
    """What was posted, in order; `away` makes every call fail with 503."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    away: bool = False
    url: str = ""

    def answer(self, method: str, asked: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(method)
        match method:
            case "conversations.list":
                return {"ok": True, "channels": [{"id": CHANNEL, "name": "experiments"}], "response_metadata": {}}
            case "conversations.history" | "conversations.replies":
                thread = asked.get("ts")
                shown = [m for m in self.messages if thread in (None, m["ts"], m.get("thread_ts"))]
                return {"ok": True, "messages": shown if thread else [m for m in shown if not m.get("thread_ts")]}
            case "chat.postMessage":
                return self._post(asked)
            case _:
                return {"ok": False, "error": "unknown_method"}

    def _post(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("channel") != CHANNEL:
            return {"ok": False, "error": "channel_not_found"}
        if len(asked.get("blocks", [])) > 50:
            return {"ok": False, "error": "invalid_blocks"}
        if not asked.get("text"):
            return {"ok": False, "error": "no_text"}
        message = {**asked, "ts": f"1700000000.{len(self.messages):06d}"}
        self.messages.append(message)
        return {"ok": True, "ts": message["ts"], "channel": CHANNEL}

    @property
    def keys(self) -> list[str]:
        return [message["metadata"]["event_payload"]["key"] for message in self.messages]


@contextmanager
def slack_stand_in() -> Iterator[SlackStandIn]:
    """Serve a stand-in until the block ends."""
    slack = SlackStandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            is_json = "json" in self.headers.get("Content-Type", "")
            asked = json.loads(body) if is_json else {key: values[0] for key, values in parse_qs(body).items()}
            self._answer(asked)

        def do_GET(self) -> None:
            self._answer({key: values[0] for key, values in parse_qs(self.path.partition("?")[2]).items()})

        def _answer(self, asked: dict[str, Any]) -> None:
            method = self.path.partition("?")[0].rsplit("/", 1)[-1]
            if slack.away:
                self.send_response(503)
                self.end_headers()
                return
            payload = json.dumps(slack.answer(method, asked)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    slack.url = f"http://127.0.0.1:{server.server_address[1]}/api/"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield slack
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
