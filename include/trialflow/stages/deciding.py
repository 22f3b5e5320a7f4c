"""Looking at a verdict again: the rules read aloud over what is on record. Nothing is recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from trialflow.checks.finding import Finding
from trialflow.decision.decision import Decision
from trialflow.decision.explain import explain, parsed_suppositions, told
from trialflow.errors import NothingToSignError
from trialflow.registry import Registry
from trialflow.stages.sign import signed_decision, weighed
from trialflow.stages.workspace import registered


def told_decision(
    registry: Registry, slug: str, as_of: date | None = None, what_if: Sequence[str] = ()
) -> Iterator[str]:
    """The rules over one day's findings, as lines: those a verdict has weighed, else what the day's run has found.

    Raises UnknownExperimentError; NothingToSignError where a day has no findings; ProblemsError for a wrong supposition.
    """
    promise = registered(registry, slug)
    supposed = parsed_suppositions(what_if)
    day = as_of or _last_day(registry, slug)
    decision = signed_decision(registry, slug, day)
    findings = weighed(registry, decision) if decision else _of_the_day(registry, slug, day)
    explanation = explain(promise, findings, supposed)
    verdict = next(one for one in explanation.judged if one.facts.variant == explanation.named).rule
    hold = f" ({verdict.hold_reason.value})" if verdict.hold_reason else ""
    simulated = " (simulated data)" if promise.simulated else ""
    yield f"{slug}{simulated} as of {day}: {'WHAT IF: ' if supposed else ''}{verdict.verdict.value}{hold}"
    yield _standing(decision)
    yield ""
    yield from told(promise, findings, explanation)


def _last_day(registry: Registry, slug: str) -> date:
    decided = [one.as_of for one in registry.decisions(slug)]
    days = decided or [one.as_of for one in registry.summaries(slug)]
    if not days:
        message = f"nothing was observed of {slug} yet: run `daily_monitoring` for a day of it first"
        raise NothingToSignError(message)
    return max(days)


def _of_the_day(registry: Registry, slug: str, day: date) -> dict[str, Finding]:
    found = {one.check: one for one in registry.findings(slug, as_of=day)}
    if not found:
        message = f"no findings of {slug} are on record for {day}: run `daily_monitoring` for that day first"
        raise NothingToSignError(message)
    return found


def _standing(decision: Decision | None) -> str:
    if decision is None:
        return (
            "No final analysis was made for this day: read from the findings of its daily run, which test no segment."
        )
    recorded = f"On record: {decision.verdict.value}, decision {decision.fingerprint}"
    if decision.signature is None:
        return f"{recorded}, not signed."
    chosen = f"{decision.final_verdict.value} {decision.final_variant}".strip()
    overridden = f", overridden to {chosen}" if decision.overridden else ""
    return f"{recorded}, signed by {decision.signed_by} on {decision.signature.signed_on}{overridden}."
