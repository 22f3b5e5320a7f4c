"""The record behind the pages: opened once per process, read in one transaction per page."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from trialflow.overview.reader import Reader, reader
from trialflow.registry import Registry
from trialflow.stages.workspace import Workspace


@functools.cache
def workspace() -> Workspace:
    """The workspace of the environment."""
    return Workspace.from_environment()


@functools.cache
def registry() -> Registry:
    """The record, brought to this version's schema when it is first read."""
    place = workspace()
    place.home.mkdir(parents=True, exist_ok=True)
    return Registry.open(place.registry_url, migrate=True)


def record() -> Iterator[Reader]:
    """A route's dependency: one consistent view of the record."""
    with reader(registry()) as view:
        yield view
