"""Many experiments out of one: its rows again under other slugs, written in bulk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce

from sqlalchemy import text

from trialflow.registry.connection import engine_of
from trialflow.registry.schema import Base

TABLES = ("experiments", "promises", "events", "summaries", "looks", "findings", "decisions", "memos")
"""Every table with an experiment's rows but the outbox, whose keys are the world's."""


TEXTS = ("document", "plan", "documents", "detail")


def copy_life(
    url: str,
    slug: str,
    copies: Iterable[str],
    *,
    layer: str = "",
    changed: Callable[[str], Mapping[str, str]] = lambda _name: {},
) -> None:
    """Write all that is recorded about `slug` again for each of `copies`; each stands in a layer of its own name.

    `changed` tells for the name of a copy which further texts are replaced by which in its documents.
    """
    engine = engine_of(url)
    with engine.begin() as connection:
        for name in copies:
            own = f'"layer":"{name[:50]}"' if layer else '"layer":""'
            replaced = {slug: name, f'"layer":"{layer}"': own, **changed(name)}
            given = {f"old{place}": old for place, old in enumerate(replaced)}
            given |= {f"new{place}": new for place, new in enumerate(replaced.values())}
            for table in TABLES:
                columns = [one.name for one in Base.metadata.tables[table].columns if one.name != "id"]
                values = [_value(column, len(replaced)) for column in columns]
                chosen = f"SELECT {', '.join(values)} FROM {table} WHERE slug = :old0"
                connection.execute(text(f"INSERT INTO {table} ({', '.join(columns)}) {chosen}"), given)
    engine.dispose()


def _value(column: str, replaced: int) -> str:
    if column == "slug":
        return ":new0"
    if column not in TEXTS:
        return column
    return reduce(lambda inner, place: f"replace({inner}, :old{place}, :new{place})", range(replaced), column)
