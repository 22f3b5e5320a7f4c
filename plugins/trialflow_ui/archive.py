"""The record of single experiments, behind a route."""

from __future__ import annotations

from collections.abc import Iterator

from trialflow.overview.dossier import Archive
from trialflow_ui.record import registry


def archive() -> Iterator[Archive]:
    """A route's dependency: one consistent view of the record."""
    known = registry()
    with known.reading() as session:
        yield Archive(session, known.name)
