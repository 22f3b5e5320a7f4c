"""The rules, as one table: read from the top, the first row that applies gives the verdict.

The order is the precedence INVALID, ROLLBACK, SHIP, PARTIAL, EXTEND, HOLD; within HOLD the reasons stand in the order
in which a reader should hear them. The last row always applies, so every combination of answers has exactly one verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trialflow.decision.facts import Facts
from trialflow.decision.verdict import HoldReason, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row: when it applies, the verdict, the sentence of the reason, and the checks it cites.

    The sentence stands on the first of them. A rule about missing evidence names none: it cites what is missing.
    """

    verdict: Verdict
    applies: Callable[[Facts], bool]
    reason: str
    checks: tuple[str, ...]
    hold_reason: HoldReason | None = None


def _sound(facts: Facts) -> bool:
    """Nothing but the effect itself stands between this treatment and the audience."""
    return facts.guardrails_shown and not facts.novelty_unexplained and not facts.evidence_missing


RULES: tuple[Rule, ...] = (
    Rule(
        verdict=Verdict.INVALID,
        applies=lambda facts: facts.split_broken,
        reason="The split between variants is broken, so no effect can be read.",
        checks=("srm",),
    ),
    Rule(
        verdict=Verdict.ROLLBACK,
        applies=lambda facts: facts.harm_shown,
        reason="Harm is shown at its own boundary.",
        checks=("harm",),
    ),
    Rule(
        verdict=Verdict.SHIP,
        applies=lambda facts: facts.benefit_shown and _sound(facts),
        reason="The benefit on the primary metric is shown by the promised rule.",
        checks=("effects", "guardrails"),
    ),
    Rule(
        verdict=Verdict.PARTIAL,
        applies=lambda facts: facts.segment_shown and not facts.benefit_shown and _sound(facts),
        reason="The benefit is shown in a pre-registered segment after correction, though not overall.",
        checks=("segments", "guardrails"),
    ),
    Rule(
        verdict=Verdict.EXTEND,
        applies=lambda facts: facts.information_short and not facts.benefit_shown,
        reason="The planned information is not reached and the promise has extension days left.",
        checks=("information",),
    ),
    Rule(
        verdict=Verdict.HOLD,
        applies=lambda facts: facts.evidence_missing,
        reason="Evidence that the promise requires is missing.",
        checks=(),
        hold_reason=HoldReason.EVIDENCE_MISSING,
    ),
    Rule(
        verdict=Verdict.HOLD,
        applies=lambda facts: facts.novelty_unexplained and (facts.benefit_shown or facts.segment_shown),
        reason="The effect fades with days since first exposure and nobody has explained why.",
        checks=("novelty", "effects"),
        hold_reason=HoldReason.NOVELTY,
    ),
    Rule(
        verdict=Verdict.HOLD,
        applies=lambda facts: not facts.guardrails_shown and (facts.benefit_shown or facts.segment_shown),
        reason="The benefit is shown, but a guardrail is not shown to be within its margin.",
        checks=("guardrails", "effects"),
        hold_reason=HoldReason.GUARDRAIL,
    ),
    Rule(
        verdict=Verdict.HOLD,
        applies=lambda facts: facts.worthwhile_excluded,
        reason="The interval excludes the smallest effect worth having.",
        checks=("effects",),
        hold_reason=HoldReason.NO_WORTHWHILE_EFFECT,
    ),
    Rule(
        verdict=Verdict.HOLD,
        applies=lambda _facts: True,
        reason="The effect is neither shown nor excluded, and no look is left.",
        checks=("effects", "information"),
        hold_reason=HoldReason.INCONCLUSIVE,
    ),
)

PRECEDENCE: tuple[Verdict, ...] = (
    Verdict.INVALID,
    Verdict.ROLLBACK,
    Verdict.SHIP,
    Verdict.PARTIAL,
    Verdict.EXTEND,
    Verdict.HOLD,
)


def rule_for(facts: Facts) -> Rule:
    """The first row that applies."""
    return next(rule for rule in RULES if rule.applies(facts))
