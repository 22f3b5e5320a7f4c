"""Where facts are read: the embedded lake, or any database that SQLAlchemy can reach."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql import visitors

from trialflow.errors import WarehouseError
from trialflow.warehouse.dialects import prepare
from trialflow.warehouse.lake import Lake

LAKE = "lake"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """Named connections of sources. "lake" is the embedded lake; every other name needs a SQLAlchemy URL."""

    lake: Lake | None = None
    urls: Mapping[str, str] = field(default_factory=dict)

    def engine(self, name: str, *, only: Collection[str] | None = None) -> sa.Engine:
        """A new engine for a connection; its sessions are in UTC. Raises WarehouseError for an unknown name.

        `only` spares the lake the tables that nobody asks for.
        """
        if name in self.urls:
            engine = sa.create_engine(self.urls[name], poolclass=NullPool)
            event.listen(engine, "connect", lambda connection, _record: prepare(connection))
            return engine
        if name == LAKE and self.lake is not None:
            return self.lake.engine(only=only)
        known = ", ".join(sorted({*self.urls, *([LAKE] if self.lake else [])})) or "none"
        raise WarehouseError(f"no connection is named {name!r} (known: {known}): add its URL, or correct the source")

    def rows(self, name: str, statement: sa.Executable) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows. Raises WarehouseError with the engine's own words, public without them."""
        engine = self.engine(name, only=_tables(statement))
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(statement)]
        except SQLAlchemyError as problem:
            cause = str(getattr(problem, "orig", None) or problem).strip()
            public = f"the warehouse connection {name!r} could not answer"
            raise WarehouseError(f"the connection {name!r} could not answer: {cause}", public=public) from problem
        finally:
            engine.dispose()


def _tables(statement: sa.Executable) -> frozenset[str] | None:
    """Names of the tables of a statement; None for SQL text, which may name any."""
    if not isinstance(statement, sa.Select | sa.CompoundSelect):
        return None
    return frozenset(
        str(element.name) for element in visitors.iterate(statement) if isinstance(element, sa.TableClause)
    )
