"""What the record says in the end: one entry per sample experiment, and which stages of its life are missing."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from trialflow.checks.finding import Status
from trialflow.decision import Decision, Verdict
from trialflow.local.windows import keeps_holdout, window_of
from trialflow.memo.evidence import Evidence
from trialflow.memo.sections.effect import effect_text, leading, primary_comparisons, scale
from trialflow.memo.words import percent
from trialflow.registry import Event, EventKind, Registry
from trialflow.spec.promise import Promise
from trialflow.stages.sign import signed_decision
from trialflow.stages.workspace import registered

DIGEST_DIGITS = 12
SIGN_OFF = "sign-off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One experiment at the end of its life.

    `verdicts` in the order of their days; `digest` stands for every finding and decision, so that two replays can be
    compared; `rollout` what followed the signature, step by step; `missing` names stages that did not run.
    """

    slug: str
    verdicts: tuple[str, ...]
    effect: str
    reasons: tuple[str, ...]
    digest: str
    rollout: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    simulated: bool = False


def replayed(registry: Registry) -> tuple[Promise, ...]:
    """The registered experiments whose data lies in the past."""
    promises = (registered(registry, slug) for slug in registry.slugs())
    return tuple(promise for promise in promises if promise.experiment.replay)


def outcome(registry: Registry, promise: Promise, *, rolled_out: Collection[str], yesterday: date) -> Outcome:
    """Read one experiment from the record. `rolled_out` holds the partitions of successful rollout runs."""
    decisions = decided(registry, promise.slug)
    last = decisions[-1] if decisions else None
    return Outcome(
        slug=promise.slug,
        verdicts=tuple(_verdict(one) for one in decisions),
        effect=_holdout_effect(registry, promise)
        if keeps_holdout(promise.experiment)
        else _effect(registry, promise, last),
        reasons=_reasons(registry, promise, last),
        digest=digest(registry, promise.slug),
        rollout=rollout_lines(registry, promise.slug),
        missing=_missing(registry, promise, decisions, rolled_out, yesterday),
        simulated=promise.simulated,
    )


def decided(registry: Registry, slug: str) -> list[Decision]:
    """The verdicts on an experiment with their signatures, by day."""
    found = (signed_decision(registry, slug, stored.as_of) for stored in registry.decisions(slug))
    return [decision for decision in found if decision is not None]


def _verdict(decision: Decision) -> str:
    told = f"{decision.verdict.value} {decision.as_of}"
    if decision.signature is None:
        return told if decision.verdict is Verdict.EXTEND else f"{told} (not signed yet)"
    if not decision.overridden:
        return f"{told} (signed by {decision.signed_by})"
    chosen = f"{decision.final_verdict.value} {decision.final_variant}".strip()
    return f"{told} (overridden: {chosen}, signed by {decision.signed_by})"


def rollout_lines(registry: Registry, slug: str) -> tuple[str, ...]:
    """What followed a signature: the shares and their days, every pause, how it ended, or that nothing was rolled out."""
    events = sorted(registry.events(slug), key=lambda event: (event.as_of, event.sequence))
    # A step that was due after the way back was never served.
    back = min((event.as_of for event in events if event.kind is EventKind.ROLLED_BACK), default=date.max)
    served = [event for event in events if event.kind is EventKind.ROLLOUT_STEP and event.as_of <= back]
    if not served:
        planned = registry.findings(slug, check="rollout")
        return tuple(one.headline for one in planned if one.status is Status.NOT_APPLICABLE)
    ramp = ", ".join(f"{percent(event.detail['share'])} from {event.as_of}" for event in served)
    words = (_happened(event) for event in events)
    return (f"rollout: {ramp}", *(f"rollout: {text}" for text in words if text))


def _happened(event: Event) -> str:
    """An event of a ramp in words; empty for others."""
    why = event.detail.get("why") or event.detail.get("reason") or ""
    match event.kind:
        case EventKind.ROLLOUT_PAUSED:
            return f"held on {event.as_of}: {why}"
        case EventKind.ROLLOUT_RESUMED:
            return f"resumed on {event.as_of}: {why}"
        case EventKind.LAUNCHED:
            return f"launched on {event.as_of}"
        case EventKind.ROLLED_BACK:
            return f"rolled back on {event.as_of}. {why}".rstrip()
        case EventKind.WATCHED:
            beside = event.detail["compared_with"]
            how = "before and after, nobody to compare with" if beside == "nobody" else f"compared with {beside}"
            return f"watched to {event.as_of} ({how})"
        case EventKind.RETEST_DUE:
            return f"re-test due on {event.as_of}: {why}"
    return ""


def digest(registry: Registry, slug: str) -> str:
    """One short hash over the latest findings and decisions of an experiment, in the order of days."""
    # What is shrunken towards other experiments depends on which of them were decided by then.
    found = (one for one in registry.findings(slug) if one.check != "shrinkage")
    lines = [f"{one.as_of} {one.check} {one.fingerprint}" for one in found]
    lines += [f"{one.as_of} decision {one.fingerprint}" for one in registry.decisions(slug)]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:DIGEST_DIGITS]


def _effect(registry: Registry, promise: Promise, decision: Decision | None) -> str:
    if decision is None:
        return ""
    evidence = Evidence.of(registry.findings(promise.slug, as_of=decision.as_of))
    one = leading(decision, primary_comparisons(promise, evidence))
    if decision.verdict is Verdict.INVALID or one is None or one.estimate is None:
        return "no effect may be read"
    return f"{one.metric} under {one.variant}: {effect_text(one, scale(promise, one.metric))}"


def _holdout_effect(registry: Registry, promise: Promise) -> str:
    found = registry.findings(promise.slug, check="holdout")
    return found[-1].headline if found else ""


def _reasons(registry: Registry, promise: Promise, decision: Decision | None) -> tuple[str, ...]:
    if decision is not None:
        hold = (decision.hold_reason.value,) if decision.hold_reason else ()
        return (*hold, *(reason.text for reason in decision.reasons))
    blocked = [one for one in registry.findings(promise.slug) if one.blocks]
    return tuple(one.headline for one in blocked)


def _missing(
    registry: Registry, promise: Promise, decisions: list[Decision], rolled_out: Collection[str], yesterday: date
) -> tuple[str, ...]:
    slug, events = promise.slug, {event.kind for event in registry.events(promise.slug)}
    missing = []
    if not events & {EventKind.VALIDATED, EventKind.WAIVED}:
        missing.append("aa_validation (not validated)")
    if keeps_holdout(promise.experiment):
        return (*missing, *([] if registry.memos(slug, kind="holdout") else ["quarterly_holdout (no comparison)"]))
    unseen = _days_owed(promise, decisions, yesterday) - {stored.as_of for stored in registry.summaries(slug)}
    if unseen:
        missing.append(f"daily_monitoring ({len(unseen)} days, the first {min(unseen)})")
    if promise.experiment.analysis.novelty.policy != "none" and not registry.findings(slug, check="novelty"):
        missing.append("novelty_decay (no finding)")
    if not decisions or decisions[-1].verdict is Verdict.EXTEND:
        missing.append(
            "final_analysis (no decision after the extension)" if decisions else "final_analysis (no decision)"
        )
    told = {memo.as_of for memo in registry.memos(slug, kind="decision")}
    missing += [f"memo of {one.as_of}" for one in decisions if one.as_of not in told]
    missing += [f"{SIGN_OFF} of {one.as_of}" for one in decisions if _waits(one)]
    signed = [one.as_of for one in decisions if one.signature is not None]
    missing += [f"rollout of {day}" for day in signed if f"{slug}|{day}" not in rolled_out]
    return tuple(missing)


def _waits(decision: Decision) -> bool:
    return decision.signature is None and decision.verdict is not Verdict.EXTEND


def _days_owed(promise: Promise, decisions: list[Decision], yesterday: date) -> set[date]:
    """Every day of the calendar, and of the extension if the experiment was extended."""
    window = window_of(promise.experiment, yesterday)
    if window is None:
        return set()
    extended = any(one.verdict is Verdict.EXTEND for one in decisions)
    last = min(window.last, promise.experiment.calendar.final_day(extended=extended))
    return {window.first + timedelta(days=step) for step in range((last - window.first).days + 1)}


def told(entry: Outcome) -> list[str]:
    """An entry as lines for the terminal."""
    verdicts = " → ".join(entry.verdicts) or ("compared" if entry.effect else "no verdict")
    simulated = " (simulated data)" if entry.simulated else ""
    lines = [f"{entry.slug}{simulated}: {verdicts}   [findings {entry.digest}]"]
    if entry.effect:
        lines.append(f"    {entry.effect}")
    lines += [f"    · {reason}" for reason in entry.reasons]
    lines += [f"    → {line}" for line in entry.rollout]
    lines += [f"    ! missing: {stage}" for stage in entry.missing]
    return lines
