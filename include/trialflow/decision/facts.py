"""What the rules look at: one answer per question and treatment, each with the finding it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from trialflow.checks.comparison import Comparison
from trialflow.checks.finding import Finding, Status
from trialflow.spec.promise import Promise

REQUIRED = ("srm", "completeness", "effects", "harm")
SAYS_NOTHING = frozenset({Status.NO_DATA, Status.NOT_APPLICABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Answers about one treatment. `winning_segment` is the segment that shows the benefit, empty when none does."""

    variant: str
    split_broken: bool = False
    harm_shown: bool = False
    evidence_missing: bool = False
    benefit_shown: bool = False
    guardrails_shown: bool = True
    novelty_unexplained: bool = False
    segment_shown: bool = False
    information_short: bool = False
    worthwhile_excluded: bool = False
    winning_segment: str = ""
    effect: float = 0.0


def facts(promise: Promise, findings: Mapping[str, Finding], variant: str) -> Facts:
    """Read the answers about one treatment out of the findings of one as_of."""
    primary = _comparison(findings.get("effects"), variant)
    segment = next(iter(winning_segments(findings.get("segments"), variant)), "")
    short = _extends(findings.get("information"))
    rules = promise.experiment.decision
    return Facts(
        variant=variant,
        split_broken=_has(findings.get("srm"), Status.FAIL),
        harm_shown=_is_harmed(findings.get("harm"), variant),
        evidence_missing=bool(missing_evidence(promise, findings)),
        benefit_shown=_crossed(findings.get("effects"), variant),
        guardrails_shown=not rules.require_guardrails or _guarded(promise, findings.get("guardrails"), variant),
        novelty_unexplained=_fades(findings.get("novelty"), variant),
        # Segments are tested once, at the last look: on a day that a person chose, or that can be extended, they would be
        # tested without alpha. A crossing only on restated data needs a person: no segment is a way around that.
        segment_shown=rules.allow_partial and bool(segment) and not short and _is_last_look(findings.get("effects")),
        information_short=short,
        worthwhile_excluded=_excludes_minimum(promise, primary),
        winning_segment=segment,
        effect=_gain(promise, primary),
    )


def missing_evidence(promise: Promise, findings: Mapping[str, Finding]) -> tuple[str, ...]:
    """Names of checks without which nothing may be shipped: not made, without an answer, or on data not to be trusted."""
    asked = [*REQUIRED, *(("guardrails",) if promise.experiment.metrics.guardrails else ())]
    if promise.experiment.analysis.novelty.policy == "required":
        asked.append("novelty")
    gone = [name for name in asked if name not in findings or findings[name].status in SAYS_NOTHING]
    gone += [name for name in ("completeness", "lock") if _has(findings.get(name), Status.FAIL)]
    return tuple(dict.fromkeys(gone))


def _has(finding: Finding | None, status: Status) -> bool:
    return finding is not None and finding.status is status


def _comparison(finding: Finding | None, variant: str) -> Comparison | None:
    rows = finding.evidence.get("comparisons", []) if finding else []
    return next((Comparison.from_document(row) for row in rows if row["variant"] == variant), None)


def _crossed(finding: Finding | None, variant: str) -> bool:
    return bool(finding and finding.evidence.get("crossed_on", {}).get(variant))


def _is_last_look(effects: Finding | None) -> bool:
    if effects is None:
        return True
    last = effects.evidence.get("final_day")
    return not effects.evidence.get("late_crossings") and (last is None or effects.as_of.isoformat() >= last)


def _is_harmed(finding: Finding | None, variant: str) -> bool:
    rows = finding.evidence.get("harmful", []) if finding else []
    return any(row["variant"] == variant for row in rows)


def _fades(finding: Finding | None, variant: str) -> bool:
    """Whether it is this treatment's effect that fades; a finding that names nobody speaks of all."""
    return (
        finding is not None and finding.status is Status.FAIL and variant in finding.evidence.get("fading", [variant])
    )


def _guarded(promise: Promise, finding: Finding | None, variant: str) -> bool:
    promised = {guardrail.metric for guardrail in promise.experiment.metrics.guardrails}
    rows = finding.evidence.get("comparisons", []) if finding else []
    shown = {row["metric"] for row in rows if row["variant"] == variant and row["non_inferior"]}
    return promised <= shown


def winning_segments(finding: Finding | None, variant: str) -> tuple[str, ...]:
    """Segments, as "dimension = value", in which a treatment's benefit is shown after correction; the clearest first."""
    rows = finding.evidence.get("comparisons", []) if finding else []
    won = [row for row in rows if row["variant"] == variant and row["crossed"]]
    best_first = sorted(won, key=lambda row: float(row["adjusted_p_value"]))
    return tuple(f"{row['segment_dimension']} = {row['segment_value']}" for row in best_first)


def _extends(finding: Finding | None) -> bool:
    return bool(finding and finding.evidence.get("extension_left"))


def _excludes_minimum(promise: Promise, primary: Comparison | None) -> bool:
    """Whether the interval lies wholly below the smallest effect worth having."""
    if primary is None or primary.lower is None or primary.upper is None or primary.control is None:
        return False
    sign = promise.metrics[primary.metric].direction.sign
    minimum = promise.experiment.metrics.primary.minimum_effect.on_scale(primary.control)
    best_case = primary.upper if sign > 0 else -primary.lower
    return best_case < minimum


def _gain(promise: Promise, primary: Comparison | None) -> float:
    if primary is None or primary.estimate is None:
        return float("-inf")
    return promise.metrics[primary.metric].direction.sign * primary.estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """On which as_of a final analysis is due, and why."""

    as_of: date
    why: str
