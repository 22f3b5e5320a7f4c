"""The record behind the pages: opened once per process and only to read, in one transaction per page."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from trialflow.errors import NoRecordError
from trialflow.overview.reader import Reader, reader
from trialflow.registry import Registry
from trialflow.stages.workspace import Workspace


@functools.cache
def workspace() -> Workspace:
    """The workspace of the environment."""
    return Workspace.from_environment()


def registry() -> Registry:
    """The record; before anything is recorded one with nothing in it, so that pages say what to do first.

    Raises SchemaError when it is older or newer than this version. What could not be opened is tried again by the next
    page.
    """
    try:
        return opened()
    except NoRecordError:
        return nothing()


@functools.cache
def opened() -> Registry:
    """The record once it is there; an error is not kept."""
    return Registry.to_read(workspace().registry_url)


@functools.cache
def nothing() -> Registry:
    """In place of a record that is not made yet."""
    return Registry.empty()


def record() -> Iterator[Reader]:
    """A route's dependency: one consistent view of the record."""
    with reader(registry()) as view:
        yield view
