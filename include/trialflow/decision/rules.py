"""The rules, as one table: read from the top, the first row that applies gives the verdict.

The order is the precedence INVALID, ROLLBACK, SHIP, PARTIAL, EXTEND, HOLD; within HOLD the reasons stand in the order
in which a reader should hear them. The last row always applies, so every combination of answers has exactly one verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trialflow.decision.facts import Facts
from trialflow.decision.verdict import HoldReason, Verdict

NOT = "not "


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked about a treatment, in words, and the check that answers it."""

    text: str
    check: str


QUESTIONS: Mapping[str, Question] = {
    "split_broken": Question(text="Is the split between variants broken?", check="srm"),
    "harm_shown": Question(text="Is harm shown at its own boundary?", check="harm"),
    "benefit_shown": Question(text="Is the benefit shown by the promised rule?", check="effects"),
    "segment_shown": Question(text="Is it shown in a promised segment, after correction?", check="segments"),
    "guardrails_shown": Question(text="Is every guardrail shown to be within its margin?", check="guardrails"),
    "novelty_unexplained": Question(text="Does the effect fade without an explanation?", check="novelty"),
    "evidence_missing": Question(text="Is evidence missing that the promise requires?", check="completeness"),
    "information_short": Question(text="Is information short, with extension days left?", check="information"),
    "worthwhile_excluded": Question(text="Is an effect worth having excluded?", check="effects"),
}
"""Field of `Facts` → what it answers, in the order of a table's columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row: when it applies, the verdict, the sentence of the reason, and the checks it cites.

    `when` names answers that must all hold; in a pair one of both must. The sentence stands on the first check. A rule
    about missing evidence names none: it cites what is missing.
    """

    verdict: Verdict
    when: tuple[str | tuple[str, str], ...]
    reason: str
    checks: tuple[str, ...]
    hold_reason: HoldReason | None = None

    def applies(self, facts: Facts) -> bool:
        """Whether everything holds that the row asks for."""
        return all(any(holds(facts, answer) for answer in alternatives(wanted)) for wanted in self.when)


def holds(facts: Facts, answer: str) -> bool:
    """Whether an answer such as `benefit_shown` or `not evidence_missing` is the one about this treatment."""
    asked = bool(getattr(facts, answer.removeprefix(NOT)))
    return not asked if answer.startswith(NOT) else asked


def alternatives(wanted: str | tuple[str, str]) -> tuple[str, ...]:
    """The answers of which one is enough."""
    return (wanted,) if isinstance(wanted, str) else wanted


# Nothing but the effect itself stands between this treatment and the audience.
SOUND = ("guardrails_shown", "not novelty_unexplained", "not evidence_missing")
SOMEWHERE = ("benefit_shown", "segment_shown")

RULES: tuple[Rule, ...] = (
    Rule(
        verdict=Verdict.INVALID,
        when=("split_broken",),
        reason="The split between variants is broken, so no effect can be read.",
        checks=("srm",),
    ),
    Rule(
        verdict=Verdict.ROLLBACK,
        when=("harm_shown",),
        reason="Harm is shown at its own boundary.",
        checks=("harm",),
    ),
    Rule(
        verdict=Verdict.SHIP,
        when=("benefit_shown", *SOUND),
        reason="The benefit on the primary metric is shown by the promised rule.",
        checks=("effects", "guardrails"),
    ),
    Rule(
        verdict=Verdict.PARTIAL,
        when=("segment_shown", "not benefit_shown", *SOUND),
        reason="The benefit is shown in a pre-registered segment after correction, though not overall.",
        checks=("segments", "guardrails"),
    ),
    Rule(
        verdict=Verdict.EXTEND,
        when=("information_short", "not benefit_shown"),
        reason="The planned information is not reached and the promise has extension days left.",
        checks=("information",),
    ),
    Rule(
        verdict=Verdict.HOLD,
        when=("evidence_missing",),
        reason="Evidence that the promise requires is missing.",
        checks=(),
        hold_reason=HoldReason.EVIDENCE_MISSING,
    ),
    Rule(
        verdict=Verdict.HOLD,
        when=("novelty_unexplained", SOMEWHERE),
        reason="The effect fades with days since first exposure and nobody has explained why.",
        checks=("novelty", "effects"),
        hold_reason=HoldReason.NOVELTY,
    ),
    Rule(
        verdict=Verdict.HOLD,
        when=("not guardrails_shown", SOMEWHERE),
        reason="The benefit is shown, but a guardrail is not shown to be within its margin.",
        checks=("guardrails", "effects"),
        hold_reason=HoldReason.GUARDRAIL,
    ),
    Rule(
        verdict=Verdict.HOLD,
        when=("worthwhile_excluded",),
        reason="The interval excludes the smallest effect worth having.",
        checks=("effects",),
        hold_reason=HoldReason.NO_WORTHWHILE_EFFECT,
    ),
    Rule(
        verdict=Verdict.HOLD,
        when=(),
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
