"""Where a stage finds things: the promises' folder, the record, the facts, and the folder for memos."""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from trialflow.checks.history import History
from trialflow.registry import Registry
from trialflow.spec.catalog import Catalog
from trialflow.spec.fingerprint import from_document
from trialflow.spec.plan_document import plan_from_document
from trialflow.spec.promise import Promise
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.lake import Lake

CONNECTION_PREFIX = "TRIALFLOW_CONNECTION_"


@dataclass(frozen=True)
class Workspace:
    """Everything a stage needs besides its arguments.

    `include` holds experiments/, metrics/ and sources/; `home` everything that is written (the lake, the record, memos)
    unless the environment says otherwise. `urls` are the warehouses' connections by name.
    """

    include: Path
    home: Path
    registry_url: str
    lake_root: Path
    memo_root: Path
    urls: Mapping[str, str]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Workspace:
        """From TRIALFLOW_HOME, _INCLUDE, _REGISTRY_URL, _LAKE, _MEMOS and TRIALFLOW_CONNECTION_<NAME>.

        All have defaults below the checkout.
        """
        env = os.environ if environment is None else environment
        include = Path(env.get("TRIALFLOW_INCLUDE") or Path(__file__).resolve().parents[2])
        home = Path(env.get("TRIALFLOW_HOME") or include.parent / ".trialflow").absolute()
        return cls(
            include=include,
            home=home,
            registry_url=env.get("TRIALFLOW_REGISTRY_URL") or f"sqlite:///{home / 'registry.db'}",
            lake_root=Path(env.get("TRIALFLOW_LAKE") or home / "lake"),
            memo_root=Path(env.get("TRIALFLOW_MEMOS") or home / "memos"),
            urls={
                name.removeprefix(CONNECTION_PREFIX).lower(): url
                for name, url in env.items()
                if name.startswith(CONNECTION_PREFIX)
            },
        )

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        """The record, open for the length of the block and brought to this version's schema."""
        self.home.mkdir(parents=True, exist_ok=True)
        with Registry.open(self.registry_url, migrate=True) as registry:
            yield registry

    @cached_property
    def lake(self) -> Lake:
        """The embedded lake."""
        return Lake(self.lake_root)

    @cached_property
    def connections(self) -> Connections:
        """The lake and the warehouses."""
        return Connections(lake=self.lake, urls=self.urls)

    def with_urls(self, urls: Mapping[str, str]) -> Workspace:
        """The same workspace with more warehouses."""
        return replace(self, urls=ChainMap(dict(self.urls), urls))  # type: ignore[arg-type] # only read, never written

    def catalog(self) -> Catalog:
        """Metrics and sources as the files say now."""
        return Catalog.load(self.include)


def history_of(registry: Registry, promise: Promise) -> History:
    """The looks of the promise in force. An amendment that moves the first day begins anew: older looks do not count."""
    first = promise.experiment.calendar.first_day
    looks = registry.looks(promise.slug, revisions=True)
    return History(looks=tuple(look for look in looks if look.as_of >= first))


def registered(registry: Registry, slug: str) -> Promise:
    """The promise in force, with its plan: what every run works from."""
    stored = registry.promise(slug)
    return from_document(stored.document, plan_from_document(stored.plan))
