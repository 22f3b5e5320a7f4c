"""Many experiments out of one: its rows again under other slugs, written in bulk."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text

from trialflow.registry.connection import engine_of
from trialflow.registry.schema import Base

TABLES = ("experiments", "promises", "events", "summaries", "looks", "findings", "decisions", "memos")
"""Every table with an experiment's rows but the outbox, whose keys are the world's."""


def copy_life(url: str, slug: str, copies: Iterable[str], *, layer: str = "") -> None:
    """Write all that is recorded about `slug` again for each of `copies`; each stands in a layer of its own name."""
    engine = engine_of(url)
    with engine.begin() as connection:
        for name in copies:
            for table in TABLES:
                columns = [one.name for one in Base.metadata.tables[table].columns if one.name != "id"]
                values = ", ".join(
                    f"replace(replace({one}, :slug, :name), :layer, :own)"
                    if one in ("document", "plan", "documents", "detail")
                    else ":name"
                    if one == "slug"
                    else one
                    for one in columns
                )
                connection.execute(
                    text(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE slug = :slug"),
                    {
                        "slug": slug,
                        "name": name,
                        "layer": f'"layer":"{layer}"',
                        "own": f'"layer":"{name[:50]}"' if layer else '"layer":""',
                    },
                )
    engine.dispose()
