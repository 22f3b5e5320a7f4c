"""Where Airflow's UI shows the pages, and the application behind them, built when it is first asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from threading import Lock
from typing import Any

PREFIX = "/trialflow"
ICON = f"{PREFIX}/assets/icon.svg"
ICON_DARK = f"{PREFIX}/assets/icon-dark.svg"

_RUN = f"{PREFIX}/run/?dag_id={{DAG_ID}}&run_id={{RUN_ID}}"
VIEWS: list[dict[str, Any]] = [
    {
        "name": "Experiments",
        "href": f"{PREFIX}/experiments/",
        "destination": "nav",
        "url_route": "experiments",
        "icon": ICON,
        "icon_dark_mode": ICON_DARK,
        "nav_top_level": True,
    },
    {
        "name": "Experiment",
        "href": _RUN,
        "destination": "dag_run",
        "url_route": "experiment-of-run",
        "icon": ICON,
        "icon_dark_mode": ICON_DARK,
    },
    {
        "name": "Experiment",
        "href": f"{_RUN}&task_id={{TASK_ID}}&map_index={{MAP_INDEX}}",
        "destination": "task_instance",
        "url_route": "experiment-of-task",
        "icon": ICON,
        "icon_dark_mode": ICON_DARK,
    },
]
"""Entries of Airflow's UI. A tab without a run of Trialflow says so."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Pages:
    """An ASGI application that is built at the first request: importing it costs the other components nothing.

    That request is the icon beside Airflow's navigation, so the record is read before anybody opens a page.
    """

    def __init__(self) -> None:
        self._app: Any = None
        self._lock = Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        await self._built()(scope, receive, send)

    def _built(self) -> Any:
        with self._lock:
            if self._app is None:
                from trialflow_ui import warm
                from trialflow_ui.app import make_app

                self._app = make_app()
                warm.start()
        return self._app


pages = Pages()
