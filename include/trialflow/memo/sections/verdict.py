"""What is to be done, who says so, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping

from trialflow.checks.comparison import Comparison
from trialflow.decision.decision import Decision
from trialflow.decision.verdict import HoldReason, Verdict
from trialflow.memo.evidence import Evidence
from trialflow.memo.memo import Section, Table
from trialflow.memo.sections.effect import effect_text, in_segment, leading, level_text, primary_comparisons, scale
from trialflow.memo.words import NOT_AVAILABLE, day, fixed, listed, sentence
from trialflow.spec.promise import Promise

MEANING: Mapping[Verdict, str] = {
    Verdict.SHIP: "The promised rule for a launch is met",
    Verdict.PARTIAL: "The promised rule is met in a pre-registered segment, and not for everybody",
    Verdict.EXTEND: "The planned information is not reached, and promised extension days are left",
    Verdict.HOLD: "The promised rule for a launch is not met",
    Verdict.ROLLBACK: "Harm is shown beyond the promised harm boundary",
    Verdict.INVALID: "The experiment cannot be read",
}


def verdict_text(decision: Decision) -> str:
    """`HOLD (inconclusive, no look left)`; what a person signed instead stands alone."""
    reason = f" ({decision.hold_reason.value})" if decision.hold_reason and not decision.overridden else ""
    return f"{decision.final_verdict.value}{reason}"


def override_label(decision: Decision) -> tuple[str, ...]:
    """The first thing to be seen of a memo whose recommendation a person did not follow."""
    if not decision.overridden:
        return ()
    return (f"overridden: {_named(decision.verdict, decision.variant, decision.segment)} was recommended",)


def signed_label(decision: Decision) -> tuple[str, ...]:
    """Whether somebody signed; an extension needs nobody, because the promise foresaw it."""
    signature = decision.signature
    if signature is None:
        return () if decision.verdict is Verdict.EXTEND else ("recommended, unsigned",)
    return (f"signed by {signature.signed_by} on {day(signature.signed_on)}",)


def summary_sentence(promise: Promise, decision: Decision, evidence: Evidence, *, shown: bool) -> str:
    """One plain sentence: what is to be done and what was seen; before it, that a person decided otherwise than advised."""
    return " ".join([*_overridden(decision), _plain(promise, decision, evidence, shown=shown)])


def _overridden(decision: Decision) -> tuple[str, ...]:
    signature = decision.signature
    if signature is None or not signature.overridden:
        return ()
    recommended = _named(decision.verdict, decision.variant, decision.segment)
    chosen = _named(signature.verdict, signature.variant, signature.segment)
    return (
        f"{signature.signed_by} signed {chosen} where the promised rules recommend {recommended}: "
        f"{sentence(signature.rationale)}",
    )


def _named(verdict: Verdict, variant: str, segment: str) -> str:
    """`SHIP v7`, `PARTIAL v7 in country = PL`."""
    return " ".join(part for part in (verdict.value, variant, f"in {segment}" if segment else "") if part)


def _plain(promise: Promise, decision: Decision, evidence: Evidence, *, shown: bool) -> str:
    first = decision.reasons[0].text if decision.reasons else ""
    if not shown:
        why = first or "the traffic split is broken"
        return sentence(f"Do not use this experiment: {_lower(why)}")
    one = _in_segment(decision, evidence) or leading(decision, primary_comparisons(promise, evidence))
    lead = _lead(promise, decision, evidence)
    if one is None or one.estimate is None:
        why = _lower(first) if first and not decision.hold_reason else f"the primary effect is {NOT_AVAILABLE}"
        return sentence(f"{lead}: {why}")
    return sentence(f"{lead}; {'there ' if one.segment_dimension else ''}{seen(promise, one)}")


def _in_segment(decision: Decision, evidence: Evidence) -> Comparison | None:
    """The comparison that a verdict about one segment is about."""
    found = in_segment(evidence, decision.final_segment) if decision.final_segment else ()
    return next((one for one in found if one.variant == decision.final_variant), None)


def seen(promise: Promise, one: Comparison) -> str:
    """The effect in a clause: a direction only where the interval has one."""
    how, control = scale(promise, one.metric), promise.experiment.control.name
    if one.lower is None or one.upper is None or one.lower <= 0 <= one.upper:
        reads = ", an interval that includes zero" if one.lower is not None and one.upper is not None else ""
        return f"{one.metric} under {one.variant} differs from {control} by {effect_text(one, how)}{reads}"
    decimals = how.decimals(one.lower, one.upper)
    estimate = one.estimate or 0.0
    size = f"{fixed(abs(estimate) * how.factor, decimals)} {how.effect_unit}"
    better = "; lower is better" if one.direction != "increase" else ""
    return (
        f"{one.metric} is {size} {'higher' if estimate > 0 else 'lower'} under {one.variant} than under {control} "
        f"({level_text(one)} {how.span(one.lower, one.upper, decimals)}{better})"
    )


def _open_guardrails(evidence: Evidence) -> str:
    """The guardrails that are not shown to be within their margins."""
    rows = [one for one in evidence.comparisons("guardrails") if not one.non_inferior]
    return listed(list(dict.fromkeys(one.metric for one in rows))) if rows else "a guardrail"


def _held(decision: Decision, evidence: Evidence) -> str:
    """Why nothing is shipped, in words that need no glossary."""
    if decision.hold_reason is None or decision.overridden:
        return "for now"
    return {
        HoldReason.NO_WORTHWHILE_EFFECT: "because an effect worth having is excluded",
        HoldReason.INCONCLUSIVE: "because the question is still open and no look is left",
        HoldReason.GUARDRAIL: f"because {_open_guardrails(evidence)} is not shown to be within its margin",
        HoldReason.NOVELTY: "because the effect changes with days since exposure, and nobody has explained why",
        HoldReason.EVIDENCE_MISSING: "because evidence that the promise requires is missing",
    }[decision.hold_reason]


def _lead(promise: Promise, decision: Decision, evidence: Evidence) -> str:
    who = decision.final_variant or listed([variant.name for variant in promise.experiment.treatments])
    keep = promise.experiment.control.name
    return {
        Verdict.SHIP: f"Ship {who}",
        Verdict.PARTIAL: f"Ship {who} only to units with {decision.final_segment or 'the promised segment'}",
        Verdict.EXTEND: "Go on measuring for the promised extension",
        Verdict.HOLD: f"Keep {keep} {_held(decision, evidence)}",
        Verdict.ROLLBACK: f"Take {who} back",
        Verdict.INVALID: "Do not use this experiment",
    }[decision.final_verdict]


def _lower(text: str) -> str:
    """As a clause inside a sentence: names and abbreviations keep their capitals."""
    head = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if head[1:] == head[1:].lower() and head.isalpha() else text


def verdict_section(decision: Decision) -> Section:
    """The verdict, its meaning, who signed it, and its reasons, each with the finding it rests on."""
    meaning = MEANING[decision.verdict]
    if decision.hold_reason:
        meaning = f"{meaning}: {decision.hold_reason.value}"
    points = tuple(f"{sentence(reason.text)} [{reason.check}, finding {reason.finding}]" for reason in decision.reasons)
    table = Table(
        caption="Verdict of the promised rules on each treatment alone; the highest precedence stands for all",
        columns=("Variant", "Verdict"),
        rows=tuple(decision.by_variant.items()),
    )
    return Section(
        title="Verdict",
        paragraphs=tuple(sentence(text) for text in (*_signed(decision), _rules_say(decision, meaning))),
        points=points or (f"Reasons are {NOT_AVAILABLE}.",),
        tables=(table,) if len(decision.by_variant) > 1 else (),
        essential=True,
    )


def _rules_say(decision: Decision, meaning: str) -> str:
    if decision.verdict is Verdict.EXTEND:
        return f"{meaning}. The promise foresees this, so nobody has to sign"
    if decision.signature is None:
        return f"{meaning}. This verdict is recommended by the promised rules and is not signed by anybody yet"
    return f"The promised rules recommend {decision.verdict.value}: {_lower(meaning)}"


def _signed(decision: Decision) -> tuple[str, ...]:
    signature = decision.signature
    if signature is None:
        return ()
    chosen = _named(signature.verdict, signature.variant, signature.segment)
    who = f"Signed by {signature.signed_by} on {day(signature.signed_on)}: {chosen}"
    state = f"{who}, against the recommendation" if signature.overridden else f"{who}, as recommended"
    why = f"Rationale: {signature.rationale}" if signature.rationale else "No rationale was given"
    return (f"{state}. {sentence(why)}",)
