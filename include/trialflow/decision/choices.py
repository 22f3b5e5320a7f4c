"""What a person may sign where the rules recommend a verdict: the recommended one first, then what may stand instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trialflow.checks.finding import Finding
from trialflow.decision.decision import Decision
from trialflow.decision.facts import facts, missing_evidence, winning_segments
from trialflow.decision.verdict import Verdict
from trialflow.spec.promise import Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A verdict to sign, with the variant and the segment it is about, empty where it names none."""

    verdict: Verdict
    variant: str = ""
    segment: str = ""

    def __str__(self) -> str:
        """One line, as it stands on a button: `SHIP`, `SHIP ranker_b`, `PARTIAL ranker_b in country = DE`."""
        where = f"in {self.segment}" if self.segment else ""
        return " ".join(part for part in (self.verdict.value, self.variant, where) if part)


def recommended(decision: Decision) -> Choice:
    """The choice that confirms a recommendation."""
    return Choice(verdict=decision.verdict, variant=decision.variant, segment=decision.segment)


def choices(promise: Promise, decision: Decision, findings: Mapping[str, Finding]) -> tuple[Choice, ...]:
    """Everything that may be signed, the recommended verdict first; EXTEND is settled by the promise and asks nobody.

    A broken split is only ever confirmed: no effect can be read, so there is nothing to ship or to take back on. Where
    required evidence is missing nothing ships either: the cure is the evidence. More days than promised are no choice,
    because the looks they add have no alpha left. PARTIAL may be chosen where a segment is shown by the rule for segments,
    or where the benefit is shown for all and somebody wants to begin with less.
    """
    if decision.verdict is Verdict.EXTEND:
        return ()
    first = recommended(decision)
    if decision.verdict is Verdict.INVALID:
        return (first,)
    names = [variant.name for variant in promise.experiment.treatments]
    readable = not missing_evidence(promise, findings)
    instead = [
        *(Choice(verdict=Verdict.SHIP, variant=name) for name in names if readable),
        *(_partial(promise, findings, names) if readable else ()),
        Choice(verdict=Verdict.HOLD),
        *(Choice(verdict=Verdict.ROLLBACK, variant=name) for name in names),
        Choice(verdict=Verdict.INVALID),
    ]
    return tuple(dict.fromkeys([first, *instead]))


def _partial(promise: Promise, findings: Mapping[str, Finding], names: Iterable[str]) -> list[Choice]:
    if not promise.experiment.decision.allow_partial:
        return []
    answers = [facts(promise, findings, name) for name in names]
    return [
        Choice(verdict=Verdict.PARTIAL, variant=one.variant, segment=segment)
        for one in answers
        if one.segment_shown or one.benefit_shown
        for segment in winning_segments(findings.get("segments"), one.variant)
    ]
