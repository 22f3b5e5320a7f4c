"""Reading findings back: tolerant of what is missing, because a memo says "not available" and never invents."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import date
from typing import Any

from trialflow.checks.comparison import Comparison
from trialflow.checks.finding import Finding, Status
from trialflow.decision.decision import Decision, Verdict

BLANK: Mapping[str, Any] = {
    "variant": "",
    "metric": "",
    "role": "",
    "direction": "increase",
    "method": "",
    "n_control": 0.0,
    "n_treatment": 0.0,
    "level": math.nan,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The findings of one as_of, by check name."""

    findings: Mapping[str, Finding]

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> Evidence:
        """The newest finding of each check, by name: the order of the findings never shows in a memo."""
        newest: dict[str, Finding] = {}
        for finding in findings:
            known = newest.get(finding.check)
            if known is None or finding.as_of >= known.as_of:
                newest[finding.check] = finding
        return cls(findings=dict(sorted(newest.items())))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings.values())

    def get(self, check: str, key: str) -> Any:  # noqa: ANN401 (evidence is JSON)
        """One value of a check's evidence, or None."""
        finding = self.findings.get(check)
        return None if finding is None else finding.evidence.get(key)

    def number(self, check: str, key: str) -> float | None:
        """One number of a check's evidence, or None."""
        return real(self.get(check, key))

    def rows(self, check: str, key: str) -> tuple[Mapping[str, Any], ...]:
        """A list of mappings in a check's evidence; empty where there is none."""
        found = self.get(check, key)
        return tuple(row for row in found if isinstance(row, Mapping)) if isinstance(found, Sequence) else ()

    @property
    def split_units(self) -> float | None:
        """Units that the check of the split counted over all variants: known even where no effect may be shown."""
        observed = self.get("srm", "observed")
        return sum(real(one) or 0.0 for one in observed.values()) if isinstance(observed, Mapping) else None

    def comparisons(self, check: str) -> tuple[Comparison, ...]:
        """The comparisons a check made."""
        return tuple(comparison(row) for row in self.rows(check, "comparisons"))

    def status(self, check: str) -> Status | None:
        """How a check came out, or None where it did not run."""
        finding = self.findings.get(check)
        return None if finding is None else finding.status


def real(value: Any) -> float | None:  # noqa: ANN401 (evidence is JSON)
    """A number from JSON, where infinities stand as texts; None for everything that is no number."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(number) else number


def to_day(value: Any) -> date | None:  # noqa: ANN401 (evidence is JSON)
    """An ISO date from JSON, or None."""
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return None


def comparison(row: Mapping[str, Any]) -> Comparison:
    """A comparison from evidence that may lack fields or know more of them than this version."""
    known: dict[str, Any] = {}
    for one in fields(Comparison):
        required = one.default is MISSING
        value = row.get(one.name, BLANK.get(one.name) if required else one.default)
        known[one.name] = real(value) if "float" in str(one.type) and one.name not in BLANK else value
    known["level"] = real(known["level"]) or math.nan
    return Comparison(**known)


def effects_are_shown(decision: Decision, evidence: Evidence) -> bool:
    """Whether any effect may be read: never under a failed split, never once the rules or a person call it invalid."""
    invalid = Verdict.INVALID in (decision.verdict, decision.final_verdict)
    return not invalid and evidence.status("srm") is not Status.FAIL
