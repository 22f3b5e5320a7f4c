"""Reading about one experiment what is too large to be read whole: memos without their texts, revisions of a finding."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from trialflow.checks.finding import Finding
from trialflow.registry.canonical import parsed
from trialflow.registry.schema import FindingRow, MemoRow


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoKey:
    """Where a memo stands in the record, without its texts."""

    kind: str
    as_of: date
    revision: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFinding:
    """One revision of a finding and when it was recorded."""

    finding: Finding
    revision: int
    recorded_at: datetime


def memo_keys(session: Session, slug: str) -> tuple[MemoKey, ...]:
    """Every memo of an experiment in every revision, newest day first. One query, without texts."""
    columns = (MemoRow.kind, MemoRow.as_of, MemoRow.revision, MemoRow.recorded_at)
    newest = (MemoRow.as_of.desc(), MemoRow.kind, MemoRow.revision.desc())
    rows = session.execute(select(*columns).where(MemoRow.slug == slug).order_by(*newest))
    return tuple(
        MemoKey(kind=kind, as_of=as_of, revision=revision, recorded_at=recorded_at)
        for kind, as_of, revision, recorded_at in rows
    )


def finding_revisions(session: Session, slug: str, check: str, as_of: date) -> tuple[StoredFinding, ...]:
    """Every revision of one finding, newest first. One query."""
    wanted = select(FindingRow).filter_by(slug=slug, check_name=check, as_of=as_of).order_by(FindingRow.revision.desc())
    return tuple(
        StoredFinding(
            finding=Finding.from_document(parsed(row.document)), revision=row.revision, recorded_at=row.recorded_at
        )
        for row in session.scalars(wanted)
    )
