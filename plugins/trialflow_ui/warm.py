"""Reading the record before anybody asks: the first list of a process need not parse everything while a person waits."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from threading import Thread

from trialflow.overview.experiments import every
from trialflow_ui.record import record
from trialflow_ui.render import yesterday

LOG = logging.getLogger(__name__)


def start() -> Thread:
    """Begin in the background; what cannot be read now is read, and told, by the page that needs it."""
    thread = Thread(target=_read, name="trialflow-warm", daemon=True)
    thread.start()
    return thread


def _read() -> None:
    try:
        with contextmanager(record)() as view:
            every(view, today=yesterday())
    except Exception as problem:  # noqa: BLE001 (nobody waits for this: the page will fail by itself and say why)
        LOG.info("The record could not be read ahead: %s", problem)
