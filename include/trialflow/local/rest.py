"""The little of Airflow's REST API that the launcher needs, with the standard library alone."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from trialflow.local.environment import LocalError

ANYTHING = "~"
"""Stands for every DAG or every run in the API's addresses."""

PAGE = 100
TRIES = 5


class RestError(LocalError):
    """Airflow refused a request: `status` is HTTP's, or 0 when nobody answered."""

    def __init__(self, status: int, request: str, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(f"{request} was answered with {status or 'nothing'}: {detail}")


class Rest:
    """A user's view of Airflow. Reading is tried again when the server hiccups; writing never is."""

    def __init__(self, url: str, user: str, password: str, *, timeout: float = 60.0, pause: float = 1.0) -> None:
        self.url = url
        self._login = {"username": user, "password": password}
        self._timeout = timeout
        self._pause = pause
        self._token = ""
        # Loopback never goes through a proxy, whatever the environment says.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 (JSON)
        """The answer to a GET. Raises RestError."""
        for attempt in range(1, TRIES + 1):
            try:
                return self._authorised("GET", path, query=query)
            except RestError as error:
                if attempt == TRIES or 400 <= error.status < 500:
                    raise
                time.sleep(self._pause)
        return None

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: object) -> Any:  # noqa: ANN401
        """The answer to a POST, PATCH or PUT. Raises RestError."""
        return self._authorised(method, path, body=body or {}, query=query)

    def listed(self, path: str, key: str, **query: object) -> Iterator[dict[str, Any]]:
        """All items of a collection, page by page."""
        offset = 0
        while True:
            page = self.get(path, limit=PAGE, offset=offset, **query)
            yield from page[key]
            offset += len(page[key])
            if not page[key] or offset >= page["total_entries"]:
                return

    def count(self, path: str, **query: object) -> int:
        """How many items a collection has."""
        return int(self.get(path, limit=1, **query)["total_entries"])

    def health(self) -> dict[str, str]:
        """Status by component; empty while nobody answers. Needs no login."""
        try:
            answer = self._call("GET", "/api/v2/monitor/health", headers={}, timeout=5.0)
        except RestError:
            return {}
        return {name: (part or {}).get("status") or "" for name, part in answer.items()}

    def warm_up(self) -> None:
        """Have the execution API built, so that the first tasks need not wait for it (8 s of CPU)."""
        self._call("GET", "/execution/health", headers={}, timeout=120.0)

    def _authorised(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, query: Mapping[str, object]
    ) -> Any:  # noqa: ANN401
        address = f"/api/v2{path}" + (f"?{urllib.parse.urlencode(query, doseq=True)}" if query else "")
        for fresh in (False, True):
            if fresh or not self._token:
                self._token = self._call("POST", "/auth/token", body=self._login, headers={})["access_token"]
            try:
                return self._call(method, address, body=body, headers={"Authorization": f"Bearer {self._token}"})
            except RestError as error:
                if error.status != 401 or fresh:
                    raise
        return None

    def _call(
        self,
        method: str,
        address: str,
        *,
        headers: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Any:  # noqa: ANN401
        request = urllib.request.Request(  # noqa: S310 (always http to loopback)
            self.url + address,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json", **headers},
        )
        try:
            with self._opener.open(request, timeout=timeout or self._timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise RestError(error.code, f"{method} {address}", _detail(error.read())) from None
        except (OSError, urllib.error.URLError) as error:
            raise RestError(0, f"{method} {address}", str(error)) from error
        return json.loads(text) if text else None


def _detail(text: bytes) -> str:
    try:
        return str(json.loads(text)["detail"])[:600]
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace")[:600]


def quoted(part: str) -> str:
    """A run id or DAG id as one part of an address."""
    return urllib.parse.quote(part, safe="")
