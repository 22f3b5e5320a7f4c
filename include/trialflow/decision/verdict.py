"""The words of a verdict."""

from __future__ import annotations

from enum import StrEnum


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
