"""A decision: findings weighed by the promised rules into one verdict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What is recommended. Precedence: INVALID, ROLLBACK, SHIP, PARTIAL, EXTEND, HOLD."""

    INVALID = "INVALID"
    ROLLBACK = "ROLLBACK"
    SHIP = "SHIP"
    PARTIAL = "PARTIAL"
    EXTEND = "EXTEND"
    HOLD = "HOLD"


class HoldReason(StrEnum):
    """Why nothing is shipped: exactly one of these stands on a HOLD."""

    NO_WORTHWHILE_EFFECT = "no effect worth having"
    INCONCLUSIVE = "inconclusive, no look left"
    GUARDRAIL = "guardrail not shown non-inferior"
    NOVELTY = "novelty unexplained"
    EVIDENCE_MISSING = "required evidence missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One sentence of the verdict, and the finding (check name and fingerprint) it rests on."""

    text: str
    check: str
    finding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict on one experiment at one as_of; `signed_by` is empty while it is only recommended.

    `variant` is the winner (SHIP, PARTIAL) or the harmful one (ROLLBACK); `segment` "dimension = value" for PARTIAL;
    `by_variant` holds the verdict each treatment would have had alone; `findings` maps check names to the fingerprints of
    all findings weighed.
    """

    experiment: str
    as_of: date
    verdict: Verdict
    reasons: tuple[Reason, ...]
    findings: Mapping[str, str]
    by_variant: Mapping[str, str] = field(default_factory=dict)
    hold_reason: HoldReason | None = None
    variant: str = ""
    segment: str = ""
    signed_by: str = ""

    def document(self) -> dict[str, Any]:
        """JSON form, for the registry."""
        return {
            "experiment": self.experiment,
            "as_of": self.as_of.isoformat(),
            "verdict": self.verdict.value,
            "hold_reason": self.hold_reason.value if self.hold_reason else None,
            "variant": self.variant,
            "segment": self.segment,
            "reasons": [{"text": r.text, "check": r.check, "finding": r.finding} for r in self.reasons],
            "findings": dict(self.findings),
            "by_variant": dict(self.by_variant),
            "signed_by": self.signed_by,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Decision:
        """The inverse of `document`."""
        hold = document["hold_reason"]
        return cls(
            experiment=document["experiment"],
            as_of=date.fromisoformat(document["as_of"]),
            verdict=Verdict(document["verdict"]),
            hold_reason=HoldReason(hold) if hold else None,
            variant=document["variant"],
            segment=document["segment"],
            reasons=tuple(Reason(**reason) for reason in document["reasons"]),
            findings=document["findings"],
            by_variant=document["by_variant"],
            signed_by=document["signed_by"],
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON, first 16 hex digits."""
        canonical = json.dumps(self.document(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]
