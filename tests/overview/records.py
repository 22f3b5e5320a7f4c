"""Scenes of the memo tests as a record that pages can be shown from."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.memo.scenes import START, Scene
from trialflow.checks.finding import Finding
from trialflow.memo.html import html
from trialflow.overview.dossier import Archive, Dossier
from trialflow.registry import EventKind, Registry
from trialflow.spec.fingerprint import document, fingerprint
from trialflow.spec.plan_document import plan_document
from trialflow.spec.promise import Promise

EVE = START - timedelta(days=1)


def a_record(folder: Path) -> Registry:
    """An empty record."""
    return Registry.open(f"sqlite:///{folder / 'registry.db'}")


def lock(registry: Registry, promise: Promise, reason: str = "") -> None:
    """Register a promise the day before it starts, or amend it."""
    registry.register(
        document(promise), plan_document(promise.plan), fingerprint(promise), promise.slug, "ada", reason, as_of=EVE
    )


def recorded(folder: Path, scene: Scene, *, validated: bool = True, memo: bool = False) -> Registry:
    """The scene's promise, findings, looks and decision, with the signature where it has one."""
    registry = a_record(folder)
    lock(registry, scene.promise)
    slug, decision = scene.promise.slug, scene.decision
    with registry.append(slug) as record:
        if validated:
            record.event(EventKind.VALIDATED, EVE)
        record.findings(scene.findings)
        for look in scene.looks:  # one by one: a look that comes again is a revision
            record.looks([replace(look, experiment=slug)])
        record.event(EventKind.ANALYSED, decision.as_of)
        record.decision(decision.document(), decision.fingerprint, decision.as_of)
        if decision.signature:
            signature = decision.signature
            record.event(
                EventKind.SIGNED, decision.as_of, decision.fingerprint, signature.document(), signature.signed_by
            )
            record.event(EventKind.DECIDED, decision.as_of)
        if memo:
            record.memo("decision", decision.as_of, {"html": html(scene.memo)})
    return registry


def every_day(findings: Iterable[Finding], days: int) -> list[Finding]:
    """The findings again on each of that many days from the first one on."""
    first = START
    return [replace(one, as_of=first + timedelta(days=step)) for step in range(days) for one in findings]


def dossier_of(registry: Registry, slug: str, page: int = 1) -> Dossier:
    """What is on record."""
    with registry.reading() as session:
        return Archive(session, registry.name).dossier(slug, page)


@contextmanager
def counted() -> Any:
    """How many statements are sent to the database."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def day(number: int) -> date:
    """The day of the calendar, counted from 1."""
    return START + timedelta(days=number - 1)
