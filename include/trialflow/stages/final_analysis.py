"""The final analysis: all metrics, segments and corrections once; the decision; the memo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from trialflow.checks.completeness import completeness
from trialflow.checks.day_to_day import varies
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked, History
from trialflow.checks.secondary import secondary
from trialflow.checks.segments import segments
from trialflow.checks.srm import srm, srm_final
from trialflow.decision import Decision, Verdict, dues, weigh
from trialflow.errors import NotDueError, WarehouseError
from trialflow.memo import decision_memo
from trialflow.registry import EventKind, Message, Registry
from trialflow.spec.promise import Promise
from trialflow.stages.monitoring import (
    check_lock,
    counts_extension,
    enrolled,
    judged,
    missing_sources,
    observed,
    suppressed,
)
from trialflow.stages.novelty import check_novelty
from trialflow.stages.portfolio import shrinkage
from trialflow.stages.sign import signed_decision
from trialflow.stages.sign_off import ask_again, last_refusal
from trialflow.stages.telling import amendments_of, keep_memo, message_of, orders_of
from trialflow.stages.workspace import Workspace, history_of, registered
from trialflow.warehouse.document import summary_document
from trialflow.warehouse.summary import Summary

BEFORE_THE_START = ("collision", "power", "aa")


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysed:
    """The decision, and whether this run made it."""

    decision: Decision
    created: bool


def analyse(workspace: Workspace, slug: str, as_of: date, *, sign_link: str = "") -> Analysed:
    """Weigh everything known up to `as_of`, record decision and memo, and tell it. Again on the same data: no change.

    `sign_link` is the target (see `memo.links`) where the verdict can be signed; it goes with the message. Raises
    WarehouseError while the day is not complete: a verdict on half a day would have to be taken back.
    """
    with workspace.registry() as registry:
        promise = registered(registry, slug)
        history = history_of(registry, promise)
        if missing := missing_sources(workspace, promise, as_of):
            message = (
                f"{as_of} is not complete in {', '.join(missing)}: load the day, mark it complete, and analyse again"
            )
            raise WarehouseError(message)
        summary = observed(workspace, registry, promise, as_of, history)
        results = _checked(workspace, registry, promise, summary, history)
        _refuse_early(registry, promise, {one.finding.check: one.finding for one in results}, as_of)
        findings = _earlier(registry, slug) | {result.finding.check: result.finding for result in results}
        decision = _signed(registry, weigh(promise, as_of, findings))
        # Beside the findings, not among them: it speaks of other experiments, whose verdicts must not change this one.
        shrunken = shrinkage(registry, promise, findings, as_of)
        beside = [shrunken] if shrunken is not None else []
        looks = [*history.looks, *(look for result in results for look in result.looks)]
        memo = decision_memo(
            promise,
            decision,
            [*findings.values(), *beside],
            [look for look in looks if look.as_of <= as_of],  # days after it may be on record already
            amendments_of(registry, slug),
            orders_of(registry, slug, as_of),
            data_fingerprint=summary.data_fingerprint,
        )
        documents = keep_memo(workspace, memo, "decision")
        with registry.append(slug) as record:
            record.summary(as_of, summary.data_fingerprint, summary_document(summary))
            record.looks(look for result in results for look in result.looks)
            record.findings([*(result.finding for result in results), *beside])
            answer = record.decision(decision.document(), decision.fingerprint, as_of)
            record.memo("decision", as_of, documents)
            record.event(EventKind.ANALYSED, as_of)
            if decision.verdict is Verdict.EXTEND:
                # The promise decided this long ago; every other verdict waits for a signature.
                detail = {"verdict": decision.verdict.value}
                record.event(EventKind.DECIDED, as_of, key=decision.fingerprint, detail=detail)
                record.event(EventKind.EXTENDED, as_of)
            for told in _messages(registry, promise, decision, documents, sign_link):
                record.intend(told)
    return Analysed(decision=decision, created=answer.created)


def _signed(registry: Registry, decision: Decision) -> Decision:
    """The same recommendation with the signature it may have already: running a day again takes nothing back."""
    known = signed_decision(registry, decision.experiment, decision.as_of)
    return known if known is not None and known.fingerprint == decision.fingerprint else decision


def _messages(
    registry: Registry, promise: Promise, decision: Decision, documents: Mapping[str, str], sign_link: str
) -> list[Message]:
    """The memo with the way to its sign-off, and what was wrong with an answer that is asked for again."""
    unsigned = decision.signature is None and decision.verdict is not Verdict.EXTEND
    links = (("Sign or override", sign_link),) if sign_link and unsigned else ()
    key = f"decision|{promise.slug}|{decision.as_of}|{decision.fingerprint}"
    refused = last_refusal(registry, promise.slug, decision.as_of) if unsigned else None
    again = [ask_again(promise, refused, links=links)] if refused else []
    return [message_of(promise, key, documents, links=links), *again]


def _refuse_early(registry: Registry, promise: Promise, findings: Mapping[str, Finding], as_of: date) -> None:
    """An analysis nobody owes would end a running experiment with a verdict that its promise does not foresee."""
    owed = {one.as_of for one in dues(promise, findings, as_of)}
    owed |= {event.as_of for event in registry.events(promise.slug) if event.kind is EventKind.ANALYSIS_DUE}
    owed |= {stored.as_of for stored in registry.decisions(promise.slug)}
    if as_of not in owed and as_of < promise.experiment.calendar.final_day():
        known = ", ".join(str(day) for day in sorted(owed)) or "none so far"
        message = (
            f"No final analysis of {promise.slug} is due on {as_of} (due: {known}): wait for a look of the promise, or "
            "order a stop with a reason"
        )
        raise NotDueError(message)


def _checked(
    workspace: Workspace, registry: Registry, promise: Promise, summary: Summary, history: History
) -> list[Checked]:
    split = srm(promise, summary)
    always = [check_lock(workspace, registry, promise, summary.as_of), split, srm_final(promise, summary)]
    always.append(completeness(enrolled(registry, promise), summary))
    if split.finding.status is Status.FAIL:
        return [*always, *suppressed(promise, summary.as_of, "the split is broken")]
    cohort = enrolled(registry, promise)
    return [
        *always,
        *judged(promise, summary, history),
        secondary(promise, summary),
        segments(promise, summary),
        varies(promise, summary),
        check_novelty(workspace, promise, cohort, summary.as_of, extended=counts_extension(cohort, summary, history)),
    ]


def _earlier(registry: Registry, slug: str) -> dict[str, Finding]:
    """The findings made before the start, latest first day wins: they belong into the memo."""
    return {
        finding.check: finding
        for finding in sorted(registry.findings(slug), key=lambda finding: finding.as_of)
        if finding.check in BEFORE_THE_START
    }
