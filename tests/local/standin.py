"""A stand-in for Airflow's API on loopback: answers from a table, and remembers what was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    body: Any
    token: str


@dataclass
class StandIn:
    """`answer` decides; a token is asked for at /auth/token and counted up, so that an old one can be told."""

    answer: Callable[[Asked], Answer]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    tokens: int = 0
    logins: list[dict[str, str]] = field(default_factory=list)

    def handle(self, asked: Asked) -> Answer:
        if asked.path == "/auth/token":
            self.tokens += 1
            self.logins.append(asked.body)
            return 201, {"access_token": f"token-{self.tokens}"}
        self.asked.append(asked)
        return self.answer(asked)


@contextmanager
def serving(answer: Callable[[Asked], Answer]) -> Iterator[StandIn]:
    """Serve until the block ends."""
    standin = StandIn(answer)

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            status, body = standin.handle(Asked(self.command, self.path, json.loads(text) if text else None, token))
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = _any  # noqa: N815 (the names http.server looks for)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    standin.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield standin
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
