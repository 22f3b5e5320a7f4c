"""What a memo was made from, by content: with it the same memo can be made again from the record.

What stands in the record later (a backfilled day, restated data, an order given afterwards) has other content, so it does
not change what a memo refers to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Protocol

from trialflow.checks.finding import Finding
from trialflow.decision.signature import Signature
from trialflow.registry.canonical import canonical, hashed
from trialflow.registry.looks import text_of
from trialflow.spec.look import Look
from trialflow.spec.plan_document import plan_document
from trialflow.spec.promise import Plan

HASH_LENGTH = 16


class Ordered(Protocol):
    """What a person ordered, as a memo shows it."""

    @property
    def kind(self) -> str:
        """The event's kind."""

    @property
    def as_of(self) -> date:
        """The day it counts from."""

    @property
    def by(self) -> str:
        """Who gave it."""

    @property
    def reason(self) -> str:
        """Why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """References to everything a memo was made from, and the code that made it.

    `promise` is the fingerprint of the promise in its `version`, `plan` a hash of the plan that was locked with it;
    `findings` (check, as_of, fingerprint); `looks`, `orders` and `signature` hashes of their content; `decision` the
    fingerprint of the recommendation; `data` the fingerprint of the facts.
    """

    promise: str
    version: int
    code: str
    plan: str = ""
    findings: tuple[tuple[str, str, str], ...] = ()
    looks: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    decision: str = ""
    signature: str = ""
    data: str = ""

    def document(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Inputs:
        """The inverse of `document`."""
        findings = tuple((check, as_of, fingerprint) for check, as_of, fingerprint in document["findings"])
        texts = {name: tuple(document[name]) for name in ("looks", "orders")}
        return cls(**{**document, "findings": findings, **texts})


def plan_reference(plan: Plan) -> str:
    """A hash over all that registration computed and locked."""
    return hashed(canonical(plan_document(plan)))[:HASH_LENGTH]


def finding_references(findings: Iterable[Finding]) -> tuple[tuple[str, str, str], ...]:
    """Findings by check, day and fingerprint; their order says nothing."""
    return tuple(sorted((one.check, one.as_of.isoformat(), one.fingerprint) for one in findings))


def look_references(looks: Iterable[Look]) -> tuple[str, ...]:
    """Looks by content; their order says nothing."""
    return tuple(sorted(look_reference(look) for look in looks))


def look_reference(look: Look) -> str:
    """A hash over all of a look, its revision included."""
    return hashed(text_of(look))[:HASH_LENGTH]


def order_reference(order: Ordered) -> str:
    """A hash over what was ordered, when, by whom and why."""
    content = {"kind": order.kind, "as_of": order.as_of.isoformat(), "by": order.by, "reason": order.reason}
    return hashed(canonical(content))[:HASH_LENGTH]


def signature_reference(signature: Signature | None) -> str:
    """A hash over the signature; empty where there is none."""
    return hashed(canonical(signature.document()))[:HASH_LENGTH] if signature else ""


def inputs_text(inputs: Inputs, texts: Mapping[str, str]) -> str:
    """The inputs as they are recorded beside a memo's texts, with a hash of each text."""
    return canonical(inputs.document() | {"texts": {name: hashed(text) for name, text in sorted(texts.items())}})
