"""The quarterly holdout comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from trialflow.checks.comparison import Comparison
from trialflow.checks.finding import Finding
from trialflow.checks.holdout import Shipped, holdout
from trialflow.decision import Decision, Verdict
from trialflow.errors import NotSupportedError
from trialflow.memo import holdout_memo
from trialflow.registry import Registry
from trialflow.spec.experiment import Role
from trialflow.spec.promise import Promise
from trialflow.stages.telling import amendments_of, keep_memo, message_of, orders_of
from trialflow.stages.workspace import Workspace, registered
from trialflow.warehouse.summarise import summarise

SHIPPED = frozenset({Verdict.SHIP.value, Verdict.PARTIAL.value})


def holdouts(workspace: Workspace, as_of: date) -> tuple[str, ...]:
    """Slugs of promises that keep a holdout and no control, and enrol in the quarter of `as_of` up to that day."""
    with workspace.registry() as registry:
        promises = [registered(registry, slug) for slug in registry.slugs()]
    return tuple(
        promise.slug
        for promise in promises
        if promise.experiment.control.role is Role.HOLDOUT
        and promise.experiment.calendar.first_day <= as_of
        and quarter_of(as_of)[0] <= promise.experiment.calendar.last_day
    )


def quarter_of(day: date) -> tuple[date, date]:
    """First and last day of the calendar quarter that holds `day`."""
    first = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    following = date(first.year + (first.month == 10), (first.month + 3 - 1) % 12 + 1, 1)
    return first, following - timedelta(days=1)


def compare_holdout(workspace: Workspace, slug: str, as_of: date) -> Finding:
    """Everybody against the holdout in the quarter of `as_of`, beside what it shipped on the same metric by then.

    Units count from their first exposure in the quarter on. Raises NotSupportedError where the promise has no day in it.
    """
    with workspace.registry() as registry:
        promise = _within(registered(registry, slug), *quarter_of(as_of))
        summary = summarise(promise, as_of, workspace.connections)
        checked = holdout(promise, summary, _shipped(registry, promise, as_of))
        memo = holdout_memo(
            promise,
            checked.finding,
            amendments_of(registry, slug),
            orders_of(registry, slug, as_of),
            promise_fingerprint=registry.promise(slug).fingerprint,
        )
        documents = keep_memo(workspace, memo, "holdout")
        with registry.append(slug) as record:
            record.findings([checked.finding])
            record.memo("holdout", as_of, documents)
            record.intend(message_of(promise, f"holdout|{slug}|{as_of}|{checked.finding.fingerprint}", documents))
    return checked.finding


def _within(promise: Promise, first: date, last: date) -> Promise:
    """The promise with its enrolment cut to the days from `first` to `last`."""
    calendar = promise.experiment.calendar
    if calendar.last_day < first or last < calendar.first_day:
        message = (
            f"{promise.slug} enrols from {calendar.first_day} to {calendar.last_day}, not between {first} and {last}: "
            "ask for a day of a quarter in which it does"
        )
        raise NotSupportedError(message)
    days = {"first_day": max(calendar.first_day, first), "last_day": min(calendar.last_day, last)}
    shorter = calendar.model_copy(update=days)
    return replace(promise, experiment=promise.experiment.model_copy(update={"calendar": shorter}))


def _shipped(registry: Registry, promise: Promise, as_of: date) -> list[Shipped]:
    """Effects of shipped winners on the holdout's metric since it began, as their last decisions saw them."""
    metric = promise.experiment.metrics.primary.metric
    found = []
    for slug in registry.slugs():
        shipped = [
            Decision.from_document(stored.document)
            for stored in registry.decisions(slug)
            if promise.experiment.calendar.first_day <= stored.as_of <= as_of
        ]
        for decision in shipped[-1:]:
            comparison = _winner(registry, decision, metric)
            if comparison is not None and comparison.estimate is not None:
                found.append(
                    Shipped(
                        experiment=slug,
                        estimate=comparison.estimate,
                        std_error=comparison.std_error or 0.0,
                        exposure=_exposure(registry, decision, comparison),
                    )
                )
    return found


def _winner(registry: Registry, decision: Decision, metric: str) -> Comparison | None:
    if decision.verdict.value not in SHIPPED:
        return None
    # A PARTIAL verdict ships to one segment: its effect counts, and only for its units.
    check = "segments" if decision.segment else "effects"
    found = registry.findings(decision.experiment, as_of=decision.as_of, check=check)
    rows = [row for finding in found for row in finding.evidence.get("comparisons", [])]
    wanted = [
        row
        for row in rows
        if row["variant"] == decision.variant and row["metric"] == metric and _segment_of(row) == decision.segment
    ]
    return Comparison.from_document(wanted[0]) if wanted else None


def _segment_of(row: Mapping[str, Any]) -> str:
    return f"{row['segment_dimension']} = {row['segment_value']}" if row["segment_dimension"] else ""


def _exposure(registry: Registry, decision: Decision, shipped: Comparison) -> float:
    """Share of the units that the shipped segment holds; 1 for everybody."""
    if not decision.segment:
        return 1.0
    found = registry.findings(decision.experiment, as_of=decision.as_of, check="effects")
    rows = [row for finding in found for row in finding.evidence["comparisons"] if row["variant"] == decision.variant]
    everybody = sum(row["n_control"] + row["n_treatment"] for row in rows)
    return (shipped.n_control + shipped.n_treatment) / everybody if everybody else 0.0
