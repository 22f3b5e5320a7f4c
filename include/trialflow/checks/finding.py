"""A finding: what one check says about one experiment on one day."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import reduce
from typing import Any


class Status(StrEnum):
    """How a check came out. NO_DATA is for data that should be there; no data is never health."""

    PASS = "pass"  # noqa: S105 (a status, not a password)
    WARN = "warn"
    FAIL = "fail"
    NO_DATA = "no_data"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A judgment with its evidence, a function of (promise, data up to as_of, recorded looks) and nothing else.

    `evidence` holds JSON values only; non-finite numbers stand as None or as the texts "inf" and "-inf". `headline` is one
    plain sentence, `next_step` what a person should do (empty when nothing). `blocks` says that the stage that asked
    must not go on.
    """

    experiment: str
    check: str
    as_of: date
    status: Status
    headline: str
    evidence: Mapping[str, Any]
    next_step: str = ""
    blocks: bool = False

    def document(self) -> dict[str, Any]:
        """JSON form, for the registry."""
        return {
            "experiment": self.experiment,
            "check": self.check,
            "as_of": self.as_of.isoformat(),
            "status": self.status.value,
            "headline": self.headline,
            "evidence": dict(self.evidence),
            "next_step": self.next_step,
            "blocks": self.blocks,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Finding:
        """The inverse of `document`."""
        return cls(
            experiment=document["experiment"],
            check=document["check"],
            as_of=date.fromisoformat(document["as_of"]),
            status=Status(document["status"]),
            headline=document["headline"],
            evidence=document["evidence"],
            next_step=document["next_step"],
            blocks=document["blocks"],
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON, first 16 hex digits."""
        canonical = json.dumps(self.document(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def worst(statuses: list[Status]) -> Status:
    """The status that stands for several: FAIL over NO_DATA over WARN over PASS; NOT_APPLICABLE only when all are."""
    order = [Status.NOT_APPLICABLE, Status.PASS, Status.WARN, Status.NO_DATA, Status.FAIL]
    return reduce(lambda left, right: max(left, right, key=order.index), statuses, Status.NOT_APPLICABLE)
