"""A decision: findings weighed by the promised rules into one verdict, and what a person made of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from trialflow.decision.signature import Signature
from trialflow.decision.verdict import HoldReason, Verdict

__all__ = ["Decision", "HoldReason", "Reason", "Verdict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One sentence of the verdict, and the finding (check name and fingerprint) it rests on."""

    text: str
    check: str
    finding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict on one experiment at one as_of: recommended by the rules, and signed once `signature` stands.

    `variant` is the winner (SHIP, PARTIAL) or the harmful one (ROLLBACK); `segment` "dimension = value" for PARTIAL;
    `by_variant` holds the verdict each treatment would have had alone; `findings` maps check names to the fingerprints of
    all findings weighed. What counts after signing are the `final_…` properties.
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
    signature: Signature | None = None

    @property
    def signed_by(self) -> str:
        """Who signed; empty while the verdict is only recommended."""
        return self.signature.signed_by if self.signature else ""

    @property
    def overridden(self) -> bool:
        """Whether a person signed something else than was recommended."""
        return self.signature is not None and self.signature.overridden

    @property
    def final_verdict(self) -> Verdict:
        """The signed verdict, or the recommended one."""
        return self.signature.verdict if self.signature else self.verdict

    @property
    def final_variant(self) -> str:
        """The variant that the signed (or recommended) verdict names."""
        return self.signature.variant if self.signature else self.variant

    @property
    def final_segment(self) -> str:
        """The segment that the signed (or recommended) verdict names."""
        return self.signature.segment if self.signature else self.segment

    def document(self) -> dict[str, Any]:
        """JSON form of the recommendation alone, for the registry: a signature is an event of its own."""
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
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], signature: Signature | None = None) -> Decision:
        """The inverse of `document`, with the signature from its own place in the record."""
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
            signature=signature,
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON of the recommendation, first 16 hex digits; a signature does not change it."""
        canonical = json.dumps(self.document(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]
