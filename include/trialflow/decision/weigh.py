"""Findings → Decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from trialflow.checks.finding import Finding, Status
from trialflow.decision.decision import Decision, Reason
from trialflow.decision.facts import Facts, facts, missing_evidence
from trialflow.decision.rules import PRECEDENCE, Rule, rule_for
from trialflow.decision.verdict import HoldReason, Verdict
from trialflow.spec.promise import Promise

TROUBLE = frozenset({Status.WARN, Status.FAIL})
# Said whatever the verdict rests on. One treatment that fades does not hold back another, whose reader must know of it.
WARNINGS: Mapping[str, frozenset[Status]] = {
    **dict.fromkeys(("srm_final", "adjustment", "lock", "harm"), TROUBLE),
    "novelty": frozenset({Status.FAIL}),
}


def weigh(promise: Promise, as_of: date, findings: Mapping[str, Finding]) -> Decision:
    """The verdict of the promised rules; recommended, unsigned.

    Each treatment is judged alone; the verdict of the experiment is the one of highest precedence. Among several
    treatments that share it the one with the largest gain on the primary metric is named, for a ROLLBACK the one with the
    largest loss.
    """
    answers = [facts(promise, findings, variant.name) for variant in promise.experiment.treatments]
    named, rule = weigh_facts(answers)
    names_variant = rule.verdict in (Verdict.SHIP, Verdict.PARTIAL, Verdict.ROLLBACK)
    return Decision(
        experiment=promise.slug,
        as_of=as_of,
        verdict=rule.verdict,
        hold_reason=rule.hold_reason,
        variant=named.variant if names_variant else "",
        segment=named.winning_segment if rule.verdict is Verdict.PARTIAL else "",
        reasons=_reasons(rule, findings, missing_evidence(promise, findings)),
        findings={name: finding.fingerprint for name, finding in sorted(findings.items())},
        by_variant={found.variant: rule_for(found).verdict.value for found in answers},
    )


def weigh_facts(answers: Sequence[Facts]) -> tuple[Facts, Rule]:
    """The treatment whose verdict stands for the experiment, and the row that gives it."""
    return min(((found, rule_for(found)) for found in answers), key=_rank)


def _rank(judged: tuple[Facts, Rule]) -> tuple[int, float]:
    found, rule = judged
    return PRECEDENCE.index(rule.verdict), found.effect if rule.verdict is Verdict.ROLLBACK else -found.effect


def _reasons(rule: Rule, findings: Mapping[str, Finding], missing: Sequence[str]) -> tuple[Reason, ...]:
    """The rule's sentence on its first finding, what each cited finding says itself, then standing warnings."""
    text, names = rule.reason, rule.checks
    if rule.hold_reason is HoldReason.EVIDENCE_MISSING:
        text, names = f"{rule.reason.removesuffix('.')}: {', '.join(missing)}.", tuple(missing)
    made = [findings[name] for name in names if name in findings]
    warned = [findings[name] for name in WARNINGS if name in findings and name not in names]
    said = [one for one in made if one.status is not Status.NOT_APPLICABLE]
    said += [one for one in warned if one.status in WARNINGS[one.check]]
    # A check that was never made cannot be cited; the sentence then stands on the first finding there is.
    ground = made[:1] or [findings[name] for name in sorted(findings)[:1]]
    return tuple(
        Reason(text=sentence, check=one.check, finding=one.fingerprint)
        for sentence, one in [*((text, one) for one in ground), *((one.headline, one) for one in said)]
    )
