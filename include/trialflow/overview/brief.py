"""A finding in brief: its headline and the few numbers a row of a list shows, without the path of every day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from trialflow.checks.finding import Finding, Status
from trialflow.memo.sections.integrity import check_name

Evidence = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What a list keeps of a finding. `numbers` holds what BRIEF takes from its evidence, absent for other checks."""

    check: str
    as_of: date
    status: Status
    headline: str
    next_step: str
    numbers: Evidence = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What people call the check."""
        return check_name(self.check)


COMPARED = (
    "variant",
    "metric",
    "direction",
    "estimate",
    "lower",
    "upper",
    "level",
    "relative_estimate",
    "relative_lower",
    "relative_upper",
    "crossed",
    "control",
    "treatment",
    "n_control",
    "n_treatment",
    "margin",
    "non_inferior",
    "why_not",
    "role",
    "variance_reduction",
    "segment_dimension",
    "segment_value",
)


def _comparisons(evidence: Evidence) -> dict[str, Any]:
    rows = [{name: row.get(name) for name in COMPARED} for row in evidence.get("comparisons", ())]
    return {"comparisons": rows, "crossed_on": evidence.get("crossed_on", {})}


def _shrunken(evidence: Evidence) -> dict[str, Any]:
    """The effects and what they were shrunken by; of the experiments that were learnt from only how many they are."""
    kept = _named("metric", "scale", "prior", "variants")(evidence)
    return kept | {"experiments": len({row["experiment"] for row in evidence.get("experiments", ())})}


def _nothing(_evidence: Evidence) -> dict[str, Any]:
    return {}


def _named(*names: str) -> Callable[[Evidence], dict[str, Any]]:
    return lambda evidence: {name: evidence[name] for name in names if name in evidence}


BRIEF: Mapping[str, Callable[[Evidence], dict[str, Any]]] = {
    "effects": _comparisons,
    "guardrails": _comparisons,
    "harm": _named("harmful"),
    "srm": _named("p_value", "threshold", "alarm_day", "observed", "imbalance"),
    "information": _named("fraction", "units", "expected_units", "forecast", "final"),
    "completeness": _named("problems"),
    "aa": _named("rates", "rate", "metrics", "reason"),
    "secondary": _comparisons,
    "segments": _comparisons,
    "shrinkage": _shrunken,
    "holdout": lambda evidence: {name: value for name, value in evidence.items() if name != "path"},
}
"""Which numbers are kept of which check."""


def brief(finding: Finding) -> Brief:
    """The finding without what only its own page shows."""
    take = BRIEF.get(finding.check, _nothing)
    return Brief(
        check=finding.check,
        as_of=finding.as_of,
        status=finding.status,
        headline=finding.headline,
        next_step=finding.next_step,
        numbers=take(finding.evidence),
    )
