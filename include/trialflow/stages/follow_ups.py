"""What signatures asked people to do: what is still open, how it is closed, and the weekly review of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from trialflow.decision import FollowUp, Signature
from trialflow.errors import Problem, PromiseError
from trialflow.memo.links import page, runbook
from trialflow.memo.messages import ReviewLine, review
from trialflow.registry import Event, EventKind, Registry
from trialflow.spec.letters import unseen_problems
from trialflow.spec.translation import did_you_mean
from trialflow.stages.orders import slug_problems
from trialflow.stages.telling import message
from trialflow.stages.workspace import Workspace

MOST_LINKS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFollowUp:
    """A follow-up that nobody has closed. `reference` is its name: the day of the verdict and its number, from 1."""

    slug: str
    reference: str
    signed_on: date
    follow_up: FollowUp


def open_follow_ups(registry: Registry, slug: str) -> tuple[OpenFollowUp, ...]:
    """What is open of one experiment, by day of the verdict. Of each day the latest signature counts."""
    return still_open(slug, registry.events(slug))


def still_open(slug: str, events: Sequence[Event]) -> tuple[OpenFollowUp, ...]:
    """The same from the events of the experiment."""
    closed = {event.key for event in events if event.kind is EventKind.FOLLOW_UP_DONE}
    return tuple(
        OpenFollowUp(slug=slug, reference=reference, signed_on=signature.signed_on, follow_up=follow_up)
        for as_of, signature in _signatures(events)
        for number, follow_up in enumerate(signature.follow_ups, start=1)
        if (reference := f"{as_of}|{number}") not in closed
    )


def _signatures(events: Iterable[Event]) -> list[tuple[date, Signature]]:
    signed = sorted((event for event in events if event.kind is EventKind.SIGNED), key=lambda event: event.sequence)
    latest = {event.as_of: Signature.from_document(event.detail) for event in signed}
    return sorted(latest.items())


def close_follow_up(workspace: Workspace, slug: str, reference: str, *, as_of: date, by: str, reason: str) -> bool:
    """Record that a follow-up is done, and how; False when that stands already.

    Raises PromiseError with all of: a slug that is missing or not registered, a follow-up that is not there, no reason.
    """
    problems = []
    if not reason.strip():
        cure = "say what came of it; it is kept in the record"
        problems.append(Problem(where="the form", field="reason", value="empty", message="is missing", cure=cure))
    problems += unseen_problems("the form", "reason", reason)
    with workspace.registry() as registry:
        problems += slug_problems(slug, registry.slugs())
        known = _references(registry, slug) if slug in registry.slugs() else ()
        if slug in registry.slugs() and reference not in known:
            problems.append(_unknown(reference, known))
        if problems:
            raise PromiseError(problems)
        if reference not in {one.reference for one in open_follow_ups(registry, slug)}:
            return False
        with registry.append(slug) as record:
            return record.event(EventKind.FOLLOW_UP_DONE, as_of, key=reference, detail={"reason": reason}, by=by)


def _references(registry: Registry, slug: str) -> tuple[str, ...]:
    signatures = _signatures(registry.events(slug))
    return tuple(f"{as_of}|{n}" for as_of, one in signatures for n in range(1, len(one.follow_ups) + 1))


def _unknown(reference: str, known: Sequence[str]) -> Problem:
    message_ = "is no follow-up of this experiment" if reference else "is missing"
    cure = did_you_mean(reference, known) if known else "nothing was asked for with a signature of this experiment"
    return Problem(where="the form", field="follow_up", value=reference or "empty", message=message_, cure=cure)


def intend_review(workspace: Workspace, as_of: date, channel: str) -> int:
    """Put the week's review into the outbox: all that is open of what was signed before this week; returns how much.

    Once a week, for the week that ended on the last Sunday: a Monday without a run is made up for on the next day.
    """
    sunday = as_of - timedelta(days=(as_of.weekday() + 1) % 7)
    with workspace.registry() as registry:
        found = [one for slug in registry.slugs() for one in open_follow_ups(registry, slug) if one.signed_on <= sunday]
        if found:
            lines = [
                ReviewLine(
                    experiment=one.slug,
                    reference=one.reference,
                    action=one.follow_up.action,
                    owner=one.follow_up.owner,
                    due=one.follow_up.due,
                )
                for one in found
            ]
            slugs = sorted({one.slug for one in found})[:MOST_LINKS]
            links = [*((slug, page(slug)) for slug in slugs), ("Runbook: follow_ups", runbook("follow_ups"))]
            told = message(review(lines, as_of=as_of), key=f"review|{sunday}", channel=channel, links=tuple(links))
            registry.intend(told)
    return len(found)
