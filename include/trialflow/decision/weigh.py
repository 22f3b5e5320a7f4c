"""Findings → Decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from trialflow.checks.finding import Finding, Status
from trialflow.decision.decision import Decision, Reason, Verdict
from trialflow.decision.facts import facts, missing_evidence
from trialflow.decision.rules import PRECEDENCE, Rule, rule_for
from trialflow.spec.promise import Promise


def weigh(promise: Promise, as_of: date, findings: Mapping[str, Finding]) -> Decision:
    """The verdict of the promised rules; recommended, unsigned.

    Each treatment is judged alone; the verdict of the experiment is the one of highest precedence, and among several
    treatments that share it the one with the largest gain on the primary metric is named.
    """
    judged = [
        (found, rule_for(found))
        for found in (facts(promise, findings, variant.name) for variant in promise.experiment.treatments)
    ]
    winner, rule = min(judged, key=lambda pair: (PRECEDENCE.index(pair[1].verdict), -pair[0].effect))
    names_variant = rule.verdict in (Verdict.SHIP, Verdict.PARTIAL, Verdict.ROLLBACK)
    return Decision(
        experiment=promise.slug,
        as_of=as_of,
        verdict=rule.verdict,
        hold_reason=rule.hold_reason,
        variant=winner.variant if names_variant else "",
        segment=winner.winning_segment if rule.verdict is Verdict.PARTIAL else "",
        reasons=_reasons(promise, rule, findings),
        findings={name: finding.fingerprint for name, finding in sorted(findings.items())},
        by_variant={found.variant: str(one.verdict) for found, one in judged},
    )


def _reasons(promise: Promise, rule: Rule, findings: Mapping[str, Finding]) -> tuple[Reason, ...]:
    """The rule's own sentence on its first finding, then each cited finding's headline, then standing warnings."""
    missing = missing_evidence(promise, findings)
    cited = [name for name in rule.checks if name in findings] or sorted(findings)[:1]
    reasons = [Reason(text=rule.reason, check=cited[0], finding=findings[cited[0]].fingerprint)] if cited else []
    for name in cited:
        finding = findings[name]
        worth_saying = finding.status is not Status.NOT_APPLICABLE and (
            rule.hold_reason is None or name not in missing or finding.status is not Status.PASS
        )
        if worth_saying:
            reasons.append(Reason(text=finding.headline, check=name, finding=finding.fingerprint))
    for name in ("srm_final", "lock"):
        finding_or_none = findings.get(name)
        if finding_or_none is not None and finding_or_none.status in (Status.WARN, Status.FAIL):
            reasons.append(
                Reason(text=finding_or_none.headline, check=name, finding=finding_or_none.fingerprint)
            )
    return tuple(reasons)
