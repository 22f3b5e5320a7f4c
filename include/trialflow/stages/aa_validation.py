"""A/A validation before the start; a failing metric blocks it."""

from __future__ import annotations

from datetime import date, timedelta

from trialflow.checks.aa import aa, waived
from trialflow.checks.finding import Finding
from trialflow.registry import EventKind, Registry
from trialflow.spec.promise import Promise
from trialflow.spec.source import UnitSource
from trialflow.stages.telling import alert_messages
from trialflow.stages.workspace import Workspace, registered
from trialflow.warehouse.buckets import buckets


def validate(workspace: Workspace, slug: str) -> Finding:
    """Validate one experiment on the data before its registration (in a replay without history: on its control units).

    Not the data before its first day: a promise made weeks ahead is validated at once, and a later run must see the same.
    """
    with workspace.registry() as registry:
        promise = registered(registry, slug)
        as_of = _known_through(registry, promise)
        if promise.experiment.analysis.aa.waived:
            checked, kind = waived(promise, as_of), EventKind.WAIVED
        else:
            found = buckets(promise, as_of, workspace.connections)
            checked = aa(promise, found, as_of, origin=_origin(promise, as_of))
            kind = EventKind.VALIDATION_FAILED if checked.finding.blocks else EventKind.VALIDATED
        messages = alert_messages(registry, promise, [checked.finding], as_of)
        with registry.append(slug) as record:
            record.findings([checked.finding])
            record.event(kind, as_of, key=checked.finding.fingerprint)
            for message in messages:
                record.intend(message)
    return checked.finding


def _known_through(registry: Registry, promise: Promise) -> date:
    """The day up to which data was known when the promise in force was registered; always before its first day."""
    made = (EventKind.REGISTERED, EventKind.AMENDED)
    told = max(
        (event for event in registry.events(promise.slug) if event.kind in made), key=lambda event: event.sequence
    )
    return min(told.as_of, promise.experiment.calendar.first_day - timedelta(days=1))


def _origin(promise: Promise, as_of: date) -> str:
    source = promise.source
    has_history = isinstance(source, UnitSource) and source.population is not None
    return f"units active in the days up to {as_of}" if has_history else "the control units of the replayed experiment"
