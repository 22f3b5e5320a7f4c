"""The memo of a decision, and what every memo of an experiment carries: labels and provenance."""

from __future__ import annotations

from collections.abc import Sequence

from trialflow.checks.finding import Finding, Status
from trialflow.decision.decision import Decision
from trialflow.memo.code import code
from trialflow.memo.evidence import Evidence, effects_are_shown
from trialflow.memo.inputs import (
    Inputs,
    finding_references,
    look_references,
    order_reference,
    plan_reference,
    signature_reference,
)
from trialflow.memo.memo import Memo, Section
from trialflow.memo.sections.effect import (
    effect_section,
    effect_text,
    leading,
    level_text,
    novelty_section,
    primary_comparisons,
    relative_decimals,
    relative_text,
    scale,
)
from trialflow.memo.sections.impact import impact_section
from trialflow.memo.sections.integrity import integrity_section
from trialflow.memo.sections.looks import looks_text, power_section
from trialflow.memo.sections.metrics import metrics_section, segments_section
from trialflow.memo.sections.record import Amendment, Order, deviations_section, limits_section, review_section
from trialflow.memo.sections.shrunken import shrunken_section
from trialflow.memo.sections.verdict import (
    override_label,
    signed_label,
    summary_sentence,
    verdict_section,
    verdict_text,
)
from trialflow.memo.words import (
    NOT_AVAILABLE,
    p_value,
    period,
    plain,
    whole,
)
from trialflow.spec.fingerprint import fingerprint
from trialflow.spec.look import Look
from trialflow.spec.promise import Promise


def decision_memo(
    promise: Promise,
    decision: Decision,
    findings: Sequence[Finding],
    looks: Sequence[Look] = (),
    amendments: Sequence[Amendment] = (),
    orders: Sequence[Order] = (),
    *,
    promise_fingerprint: str = "",
    data_fingerprint: str = "",
    made_by: str = "",
) -> Memo:
    """The memo of a decision: what is recommended or signed, what it rests on, and what it does not say.

    `findings` are those of the decision's as_of, `looks` every recorded look with its revisions, `amendments` tuples
    of (as_of, reason, differences), `orders` what people ordered by then. The fingerprints go into the provenance; where
    they are not given they are taken from the findings and looks, or said to be not available. Effects are left out of
    an invalid experiment. `made_by` names the code where it is not the present one.
    """
    evidence = Evidence.of(findings)
    shown = effects_are_shown(decision, evidence)
    locked = _locked(promise, evidence, promise_fingerprint)
    data = data_fingerprint or _newest_data(looks)
    return Memo(
        experiment=promise.slug,
        as_of=decision.as_of,
        title=promise.experiment.title,
        verdict=verdict_text(decision),
        summary=summary_sentence(promise, decision, evidence, shown=shown),
        labels=(*override_label(decision), *labels(promise), *signed_label(decision), *_split_label(evidence)),
        highlights=_highlights(promise, decision, evidence, looks, shown=shown),
        sections=(
            verdict_section(decision),
            effect_section(promise, evidence, shown=shown),
            *(_other_effects(promise, decision, evidence, orders) if shown else ()),
            integrity_section(promise, evidence),
            power_section(promise, evidence, looks, shown=shown),
            deviations_section(promise, evidence, looks, amendments, orders),
            limits_section(promise, evidence, shown=shown),
            review_section(promise, decision, evidence, shown=shown),
        ),
        provenance=provenance(
            promise,
            evidence,
            interval=period(promise.experiment.calendar.first_day, decision.as_of),
            promise_fingerprint=locked,
            data_fingerprint=data,
            made_by=made_by,
        )
        | {"Decision fingerprint": decision.fingerprint},
        inputs=Inputs(
            promise=locked,
            version=len(amendments) + 1,
            code=made_by or code(),
            plan=plan_reference(promise.plan),
            findings=finding_references(findings),
            looks=look_references(looks),
            orders=tuple(order_reference(order) for order in orders),
            decision=decision.fingerprint,
            signature=signature_reference(decision.signature),
            data=data_fingerprint,
        ),
    )


def labels(promise: Promise) -> tuple[str, ...]:
    """Words that must be visible wherever anything of the experiment is shown."""
    return (
        *(("simulated data",) if promise.simulated else ()),
        *(("replay of historical data",) if promise.experiment.replay else ()),
    )


def _locked(promise: Promise, evidence: Evidence, given: str) -> str:
    return str(given or evidence.get("lock", "registered") or fingerprint(promise))


def _newest_data(looks: Sequence[Look]) -> str:
    newest = max(looks, key=lambda look: (look.as_of, look.revision), default=None)
    return newest.data_fingerprint if newest else ""


def _other_effects(
    promise: Promise, decision: Decision, evidence: Evidence, orders: Sequence[Order]
) -> tuple[Section, ...]:
    return (
        impact_section(promise, decision, evidence, orders),
        shrunken_section(promise, evidence),
        metrics_section(promise, evidence),
        segments_section(promise, evidence),
        novelty_section(promise, evidence),
    )


def _split_label(evidence: Evidence) -> tuple[str, ...]:
    """A doubtful split at the final look stands on top of the memo, effects still shown."""
    if evidence.status("srm_final") not in (Status.WARN, Status.FAIL) or evidence.status("srm") is Status.FAIL:
        return ()
    return (f"doubtful traffic split ({p_value(evidence.number('srm_final', 'p_value'))})",)


def provenance(
    promise: Promise,
    evidence: Evidence,
    *,
    interval: str,
    promise_fingerprint: str = "",
    data_fingerprint: str = "",
    made_by: str = "",
) -> dict[str, str]:
    """What a memo rests on: data interval, fingerprints of data and promise, source and code (`made_by`, else this one)."""
    locked = _locked(promise, evidence, promise_fingerprint)
    data = data_fingerprint or evidence.get("effects", "data_fingerprint")
    return {
        "Data": f"{interval} ({promise.experiment.calendar.time_zone}), both days inclusive",
        "Source": f"{promise.source.name}: {promise.source.description}",
        "Data fingerprint": str(data or NOT_AVAILABLE),
        "Promise fingerprint": locked,
        "Code": made_by or code(),
    }


def _highlights(
    promise: Promise, decision: Decision, evidence: Evidence, looks: Sequence[Look], *, shown: bool
) -> dict[str, str]:
    """A few figures for the top of the memo."""
    one = leading(decision, primary_comparisons(promise, evidence)) if shown else None
    figures: dict[str, str] = {}
    if one is not None and one.estimate is not None:
        figures[f"Effect on {one.metric} ({one.variant})"] = effect_text(one, scale(promise, one.metric))
        figures["Relative to control"] = relative_text(one, relative_decimals(one), level_text(one))
    elif not shown:
        figures["Effect"] = "not shown"
    figures["Looks"] = looks_text(promise, looks, evidence)
    units = evidence.split_units
    if units is not None:
        figures["Units"] = f"{whole(units)} ({plain(promise.experiment.unit)})"
    return figures
