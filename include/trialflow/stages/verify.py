"""Proving the record: fingerprints fit, rows agree with themselves, and every memo can be made again byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trialflow.errors import TrialflowError
from trialflow.memo.code import code
from trialflow.registry import EventKind, Registry, StoredDecision, StoredMemo
from trialflow.registry.canonical import hashed
from trialflow.stages.rebuild import inputs_of, rebuilt, recorded_hashes
from trialflow.stages.telling import texts_of

UNREADABLE = (KeyError, TypeError, ValueError)
"""What reading a document raises that is no document any more."""


class Outcome(StrEnum):
    """How a proof came out. NOT_COMPARABLE is no failure: another code tells the same record in other words."""

    HOLDS = "holds"
    NOT_COMPARABLE = "not comparable"
    BROKEN = "BROKEN"


IN_ALL = {Outcome.HOLDS: "hold", Outcome.NOT_COMPARABLE: "not comparable", Outcome.BROKEN: "broken"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One thing that was tried, and how it came out."""

    slug: str
    subject: str
    outcome: Outcome
    told: str = ""

    def __str__(self) -> str:
        return f"{self.outcome.value:<15} {self.subject}" + (f": {self.told}" if self.told else "")


def verify(registry: Registry, slugs: Iterable[str] = ()) -> tuple[Proof, ...]:
    """Every proof about these experiments, or about all. Raises UnknownExperimentError."""
    try:
        wanted = tuple(slugs) or registry.slugs()
        for slug in wanted:
            registry.promise(slug)
    except UNREADABLE as problem:
        return (_proof("the record", "the list of promises", f"it cannot be read ({problem})"),)
    return tuple(proof for slug in wanted for proof in _proofs(registry, slug))


def report(proofs: Sequence[Proof]) -> str:
    """All proofs by experiment, and how many came out how."""
    lines = []
    for slug in dict.fromkeys(proof.slug for proof in proofs):
        lines += [slug, *(f"  {proof}" for proof in proofs if proof.slug == slug)]
    counted = ", ".join(f"{sum(proof.outcome is one for proof in proofs)} {IN_ALL[one]}" for one in Outcome)
    return "\n".join([*lines, f"{len(proofs)} proofs: {counted}"])


def _proofs(registry: Registry, slug: str) -> Iterator[Proof]:
    wrong = registry.audit(slug)
    yield from (Proof(slug=slug, subject=one.row, outcome=Outcome.BROKEN, told=one.problem) for one in wrong)
    if not wrong:
        count = len(registry.versions(slug))
        promises = "promise" if count == 1 else f"{count} versions of the promise"
        yield Proof(slug=slug, subject=f"{promises} and all rows agree with their fingerprints", outcome=Outcome.HOLDS)
    try:
        yield from (_decision(registry, one) for one in registry.decisions(slug, revisions=True))
        yield from _answers(registry, slug)
        yield from (memo_proof(registry, one) for one in registry.memos(slug, revisions=True))
    except UNREADABLE as problem:
        yield _proof(slug, "what follows", f"a row cannot be read ({type(problem).__name__}: {problem})")


def _decision(registry: Registry, stored: StoredDecision) -> Proof:
    """The findings that a decision has weighed are on record as it weighed them."""
    found = {(one.check, one.fingerprint) for one in registry.findings(stored.slug, revisions=True)}
    gone = [check for check, fingerprint in stored.document["findings"].items() if (check, fingerprint) not in found]
    count = len(stored.document["findings"])
    return Proof(
        slug=stored.slug,
        subject=f"decision of {stored.as_of}, revision {stored.revision}, and its {count} findings",
        outcome=Outcome.BROKEN if gone else Outcome.HOLDS,
        told=f"not on record as they were weighed: {', '.join(gone)}" if gone else "",
    )


def _answers(registry: Registry, slug: str) -> Iterator[Proof]:
    """What counts as decided is what was signed, under a recommendation that is on record."""
    verdicts = {one.fingerprint: one.document["verdict"] for one in registry.decisions(slug, revisions=True)}
    events = registry.events(slug)
    signed = {one.key: one for one in events if one.kind is EventKind.SIGNED}
    for event in signed.values():
        known = event.detail["recommended"] == verdicts.get(event.key)
        told = "" if known else f"it answers a recommendation {event.key} that is not on record"
        yield _proof(slug, f"signature of {event.by} under the decision of {event.as_of}", told)
    for event in events:
        if event.kind is EventKind.DECIDED:
            answer = signed[event.key].detail["verdict"] if event.key in signed else verdicts.get(event.key)
            told = "" if event.detail.get("verdict") == answer else f"signed or foreseen was {answer or 'nothing'}"
            yield _proof(slug, f"decided on {event.as_of}: {event.detail.get('verdict')}", told)


def _proof(slug: str, subject: str, told: str) -> Proof:
    return Proof(slug=slug, subject=subject, outcome=Outcome.BROKEN if told else Outcome.HOLDS, told=told)


def memo_proof(registry: Registry, stored: StoredMemo) -> Proof:
    """Whether one recorded memo is what was recorded, and what the record still gives."""
    outcome, told = _compared(registry, stored)
    subject = f"memo {stored.kind} of {stored.as_of}, revision {stored.revision}"
    return Proof(slug=stored.slug, subject=subject, outcome=outcome, told=told)


def _compared(registry: Registry, stored: StoredMemo) -> tuple[Outcome, str]:
    """Unchanged since it was recorded, and the same bytes when it is made again."""
    try:
        inputs = inputs_of(stored)
    except UNREADABLE:
        return Outcome.BROKEN, "its inputs cannot be read"
    if inputs is None:
        return Outcome.NOT_COMPARABLE, "it keeps no inputs to be made from"
    hashes = {name: hashed(text) for name, text in sorted(stored.documents.items()) if name != "inputs"}
    changed = [
        name for name in {**hashes, **recorded_hashes(stored)} if hashes.get(name) != recorded_hashes(stored).get(name)
    ]
    if changed:
        return Outcome.BROKEN, f"not what was recorded: {', '.join(sorted(changed))}"
    if inputs.code not in stored.documents.get("markdown", ""):
        return Outcome.BROKEN, f"its text does not name {inputs.code}, which is said to have made it"
    other = inputs.code != code()
    try:
        again = texts_of(rebuilt(registry, stored, made_by=inputs.code))
    except (TrialflowError, *UNREADABLE) as problem:
        if other and not isinstance(problem, TrialflowError):
            return Outcome.NOT_COMPARABLE, f"made by {inputs.code}; not comparable with {code()}"
        return Outcome.BROKEN, str(problem)
    differ = sorted(name for name in {*again, *stored.documents} if again.get(name) != stored.documents.get(name))
    if not differ:
        return Outcome.HOLDS, f"the same bytes, though made by {inputs.code}" if other else ""
    if other:
        return Outcome.NOT_COMPARABLE, f"made by {inputs.code}; not comparable with {code()}"
    return Outcome.BROKEN, f"made again it differs in {', '.join(differ)}"
