"""The quarterly holdout comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from trialflow.checks.comparison import Comparison
from trialflow.checks.finding import Finding
from trialflow.checks.holdout import Shipped, holdout
from trialflow.checks.shrinkage import Estimated, Learnt, estimated, learn, shrunken_effect
from trialflow.decision import Decision, Verdict
from trialflow.memo import holdout_memo
from trialflow.registry import Event, EventKind, Registry
from trialflow.spec.experiment import Role
from trialflow.spec.promise import Promise
from trialflow.stages.portfolio import finished_before
from trialflow.stages.quarter import quarter_of, within
from trialflow.stages.sign import signed_decision
from trialflow.stages.telling import amendments_of, keep_memo, message_of, orders_of
from trialflow.stages.workspace import Workspace, registered
from trialflow.warehouse.summarise import summarise
from trialflow.warehouse.summary import Summary

SHIPPED = frozenset({Verdict.SHIP, Verdict.PARTIAL})


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


def compare_holdout(workspace: Workspace, slug: str, as_of: date) -> Finding:
    """Everybody against the holdout in the quarter of `as_of`, beside what it shipped on the same metric by then.

    Units count from their first exposure in the quarter on. Raises NotSupportedError where the promise has no day in it.
    """
    with workspace.registry() as registry:
        promise = within(registered(registry, slug), *quarter_of(as_of))
        summary = summarise(promise, as_of, workspace.connections)
        checked = holdout(promise, summary, _shipped(registry, promise, summary))
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


def _shipped(registry: Registry, promise: Promise, summary: Summary) -> list[Shipped]:
    """What people signed to ship on the holdout's metric while it ran, shrunken by all that was finished by then."""
    metric = promise.experiment.metrics.primary.metric
    learnt = learn(metric, finished_before(registry, promise, summary.as_of + timedelta(days=1)))
    found = []
    for slug in registry.slugs():
        decision = _signed_to_ship(registry, slug, promise.experiment.calendar.first_day, summary.as_of)
        comparison = _winner(registry, decision, metric) if decision else None
        if decision is not None and comparison is not None and comparison.estimate is not None:
            held = promise.experiment.control.name
            out = exposed_share(registry.events(slug), decision, summary, holdout_name=held)
            exposed = _exposure(registry, decision, comparison) * out
            found.append(_counted(registry, decision, comparison, learnt, exposed))
    return found


def _signed_to_ship(registry: Registry, slug: str, first: date, last: date) -> Decision | None:
    """The last signed verdict of an experiment within those days, if it ships something. Unsigned, nothing shipped."""
    signed = [
        decision
        for stored in registry.decisions(slug)
        if (decision := signed_decision(registry, slug, stored.as_of)) and decision.signature
    ]
    within = [one for one in signed if one.signature and first <= one.signature.signed_on <= last]
    return within[-1] if within and within[-1].final_verdict in SHIPPED else None


def _counted(
    registry: Registry, decision: Decision, comparison: Comparison, learnt: Learnt, exposure: float
) -> Shipped:
    """The effect as it is added up: shrunken where enough is known, else corrected for an early stop, else as it is."""
    naive, error = comparison.estimate or 0.0, comparison.std_error or 0.0
    effect = naive
    if not comparison.segment_dimension:
        for one in _effects_of(registry, decision):
            if one.variant == comparison.variant:
                effect, error = one.estimate, one.std_error
    shrunken = shrunken_effect(effect, error, comparison, learnt)
    return Shipped(
        experiment=decision.experiment,
        naive=naive,
        estimate=effect if shrunken is None else shrunken[0],
        std_error=error if shrunken is None else shrunken[1],
        exposure=exposure,
        shrunken=shrunken is not None,
    )


def _effects_of(registry: Registry, decision: Decision) -> tuple[Estimated, ...]:
    return tuple(one for finding in _findings(registry, decision, "effects") for one in estimated(finding))


def _findings(registry: Registry, decision: Decision, check: str) -> list[Finding]:
    """The finding of a check as the decision weighed it."""
    found = registry.findings(decision.experiment, as_of=decision.as_of, check=check, revisions=True)
    return [one for one in found if one.fingerprint == decision.findings.get(check)]


def _winner(registry: Registry, decision: Decision, metric: str) -> Comparison | None:
    # A PARTIAL verdict ships to one segment: its effect counts, and only for its units.
    check = "segments" if decision.final_segment else "effects"
    rows = [row for one in _findings(registry, decision, check) for row in one.evidence.get("comparisons", [])]
    wanted = [
        row
        for row in rows
        if row["variant"] == decision.final_variant
        and row["metric"] == metric
        and _segment_of(row) == decision.final_segment
    ]
    return Comparison.from_document(wanted[0]) if wanted else None


def _segment_of(row: Mapping[str, Any]) -> str:
    return f"{row['segment_dimension']} = {row['segment_value']}" if row["segment_dimension"] else ""


def _exposure(registry: Registry, decision: Decision, shipped: Comparison) -> float:
    """Share of the units that the shipped segment holds; 1 for everybody."""
    if not decision.final_segment:
        return 1.0
    rows = [row for one in _findings(registry, decision, "effects") for row in one.evidence["comparisons"]]
    everybody = sum(row["n_control"] + row["n_treatment"] for row in rows if row["variant"] == decision.final_variant)
    return (shipped.n_control + shipped.n_treatment) / everybody if everybody else 0.0


def exposed_share(events: Sequence[Event], decision: Decision, summary: Summary, *, holdout_name: str) -> float:
    """Share of the compared units that came when the launch was out, each day with the share of its ramp.

    Without a ramp everybody has it from the day after the signature on. Units of the holdout's own side do not count.
    """
    if decision.signature is None:
        return 0.0
    out = _shares(events, decision.signature.signed_on)
    days = summary.exposures.days
    compared = [name != holdout_name for name in summary.exposures.variants]
    units = summary.exposures.new_units[:, compared].sum(axis=1).tolist()
    shares = [next((share for day, share in reversed(out) if day <= one), 0.0) for one in days]
    total = sum(units)
    return sum(count * share for count, share in zip(units, shares, strict=True)) / total if total else 0.0


def _shares(events: Sequence[Event], signed_on: date) -> list[tuple[date, float]]:
    """From which day on which share of the audience has it, after the signature; oldest first."""
    known = {EventKind.LAUNCHED: 1.0, EventKind.ROLLED_BACK: 0.0}  # a pause holds the share it finds
    out = []
    for event in events:
        if event.as_of < signed_on or event.kind not in {EventKind.ROLLOUT_STEP, *known}:
            continue
        day = date.fromisoformat(str(event.detail.get("day") or event.as_of))
        out.append((day, known.get(event.kind, float(event.detail.get("share") or 0.0))))
    return sorted(out, key=lambda step: step[0]) or [(signed_on + timedelta(days=1), 1.0)]
