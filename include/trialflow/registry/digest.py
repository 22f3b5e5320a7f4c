"""One hash over all that is recorded about an experiment, whoever wrote it, whenever, and in which order of days."""

from __future__ import annotations

from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from trialflow.registry.canonical import canonical, hashed
from trialflow.registry.record import EventKind
from trialflow.registry.schema import (
    AttachedRow,
    AttachmentRow,
    Base,
    EventRow,
    ExperimentRow,
    FindingRow,
    MessageRow,
    PostingRow,
)

CLOCKS = frozenset({"id", "recorded_at", "intended_at", "posted_at", "ts", "by", "links"})
"""Columns that say when, by whom, in which order or at which address: they never count."""

OF_OTHERS = frozenset({"shrinkage"})
"""Checks that speak of other experiments: what they find depends on which of those are on record."""

OF_MESSAGES = (AttachmentRow, AttachedRow, PostingRow)
"""Rows that belong to an experiment through a message."""


def digest(session: Session, slug: str) -> str:
    """SHA-256, in hex, over every row of the experiment."""
    tables = [mapper.class_ for mapper in Base.registry.mappers if mapper.class_ not in (ExperimentRow, *OF_MESSAGES)]
    lines = [
        canonical(_content(row) | {"table": table.__tablename__})
        for table in tables
        for row in session.scalars(select(table).filter_by(slug=slug))
        if not (isinstance(row, FindingRow) and row.check_name in OF_OTHERS)
    ]
    posted = select(PostingRow.key).join(MessageRow, MessageRow.key == PostingRow.key).where(MessageRow.slug == slug)
    lines += [canonical({"table": "postings", "key": key}) for key in session.scalars(posted)]
    for table in (AttachmentRow, AttachedRow):
        named = (
            select(table.key, table.name).join(MessageRow, MessageRow.key == table.key).filter(MessageRow.slug == slug)
        )
        lines += [
            canonical({"table": table.__tablename__, "key": key, "name": name}) for key, name in session.execute(named)
        ]
    return hashed("\n".join(sorted(lines)))


def _content(row: Any) -> dict[str, Any]:  # noqa: ANN401 (a row of any table)
    columns = [column.key for column in inspect(type(row)).columns if column.key not in CLOCKS]
    content = {name: getattr(row, name) for name in columns}
    # A registration has no day of its own: its as_of is the clock's.
    if isinstance(row, EventRow) and row.kind in (EventKind.REGISTERED, EventKind.AMENDED):
        del content["as_of"]
    return {name: value.isoformat() if name == "as_of" else value for name, value in content.items()}
