"""Registration: a promise is locked, and only an amendment with a reason changes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from trialflow.errors import LockedError, UnknownExperimentError
from trialflow.registry.canonical import canonical, parsed
from trialflow.registry.record import Amendment, EventKind, Registered, StoredPromise
from trialflow.registry.schema import ExperimentRow, PromiseRow
from trialflow.registry.writer import Writer
from trialflow.spec.amendment import Difference, differences


def register(session: Session, offered: StoredPromise, as_of: date) -> Registered:
    """Record a promise under the experiment's lock; `offered.version` is ignored.

    The same fingerprint as the version in force records nothing. Raises LockedError for other content without a reason.
    """
    stored = in_force(session, offered.slug)
    if stored is None:
        session.add(ExperimentRow(slug=offered.slug, recorded_at=offered.recorded_at))
        session.flush()
        _add(session, offered, version=1)
        _tell(session, offered, EventKind.REGISTERED, as_of, {"version": 1, "fingerprint": offered.fingerprint})
        return Registered(slug=offered.slug, version=1, created=True)
    if stored.fingerprint == offered.fingerprint:
        return Registered(slug=offered.slug, version=stored.version, created=False)
    return _amend(session, stored, offered, as_of)


def _amend(session: Session, stored: StoredPromise, offered: StoredPromise, as_of: date) -> Registered:
    changed = differences(stored.document, offered.document)
    if not offered.reason.strip():
        raise LockedError(_locked(stored, changed))
    version = stored.version + 1
    _add(session, offered, version=version)
    reopens = _first_day(stored.document) != _first_day(offered.document)
    detail = {"version": version, "fingerprint": offered.fingerprint, "reason": offered.reason, "reopens": reopens}
    _tell(session, offered, EventKind.AMENDED, as_of, detail)
    return Registered(slug=offered.slug, version=version, created=True, differences=changed)


def _locked(stored: StoredPromise, changed: Sequence[Difference]) -> str:
    listed = "; ".join(map(str, changed)) or "the fingerprint"
    return (
        f"the promise of {stored.slug!r} was registered on {stored.recorded_at:%Y-%m-%d} (version {stored.version}) "
        f"and is locked; it differs in {listed}. Give a reason to record an amendment, or restore the promise"
    )


def _first_day(document: Mapping[str, Any]) -> object:
    return document.get("experiment", {}).get("calendar", {}).get("first_day")


def _add(session: Session, offered: StoredPromise, *, version: int) -> None:
    texts = {
        "document": canonical(offered.document),
        "plan": canonical(offered.plan),
        "fingerprint": offered.fingerprint,
    }
    who = {"reason": offered.reason, "by": offered.by, "recorded_at": offered.recorded_at}
    session.add(PromiseRow(slug=offered.slug, version=version, **texts, **who))
    session.flush()


def _tell(session: Session, offered: StoredPromise, kind: EventKind, as_of: date, detail: Mapping[str, Any]) -> None:
    key = f"version {detail['version']}"
    Writer(session, offered.slug, offered.recorded_at).event(kind, as_of, key, detail, offered.by)


def in_force(session: Session, slug: str) -> StoredPromise | None:
    """The latest version of a promise, if there is one."""
    query = select(PromiseRow).filter_by(slug=slug).order_by(PromiseRow.version.desc()).limit(1)
    row = session.scalar(query)
    return None if row is None else stored(row)


def known(session: Session, slug: str) -> StoredPromise:
    """The latest version of a promise. Raises UnknownExperimentError."""
    stored = in_force(session, slug)
    if stored is None:
        message = (
            f"no experiment {slug!r} is registered; register its promise first (preregistration), or check the slug"
        )
        raise UnknownExperimentError(message)
    return stored


def all_in_force(session: Session) -> tuple[StoredPromise, ...]:
    """The latest version of every promise, by slug."""
    other = aliased(PromiseRow)
    newest = select(func.max(other.version)).where(other.slug == PromiseRow.slug).scalar_subquery()
    rows = session.scalars(select(PromiseRow).where(PromiseRow.version == newest).order_by(PromiseRow.slug))
    return tuple(sorted((stored(row) for row in rows), key=lambda promise: promise.slug))


def versions(session: Session, slug: str) -> tuple[StoredPromise, ...]:
    """Every version of a promise, oldest first."""
    rows = session.scalars(select(PromiseRow).filter_by(slug=slug).order_by(PromiseRow.version))
    return tuple(stored(row) for row in rows)


def amendments(session: Session, slug: str) -> tuple[Amendment, ...]:
    """Every change of a promise after its registration, oldest first."""
    return tuple(
        Amendment(
            slug=slug,
            version=new.version,
            reason=new.reason,
            by=new.by,
            recorded_at=new.recorded_at,
            differences=differences(old.document, new.document),
        )
        for old, new in pairwise(versions(session, slug))
    )


def offer(
    *,
    slug: str,
    fingerprint: str,
    document: Mapping[str, Any],
    plan: Mapping[str, Any],
    reason: str,
    by: str,
    now: datetime,
) -> StoredPromise:
    """A promise that is not recorded yet."""
    return StoredPromise(
        slug=slug,
        version=0,
        fingerprint=fingerprint,
        document=document,
        plan=plan,
        reason=reason,
        by=by,
        recorded_at=now,
    )


def stored(row: PromiseRow) -> StoredPromise:
    """What a row holds."""
    return StoredPromise(
        slug=row.slug,
        version=row.version,
        fingerprint=row.fingerprint,
        document=parsed(row.document),
        plan=parsed(row.plan),
        reason=row.reason,
        by=row.by,
        recorded_at=row.recorded_at,
    )
