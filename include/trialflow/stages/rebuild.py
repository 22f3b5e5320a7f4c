"""A memo made again from the record: every input by the reference that the memo keeps of it.

So it does not matter what was recorded since: an input is found by what it says, and not by when it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from trialflow.checks.finding import Finding
from trialflow.decision import Decision, Signature
from trialflow.errors import MemoInputError, NotSupportedError
from trialflow.memo import Amendment, Memo, Order, decision_memo, holdout_memo, registration_note
from trialflow.memo.inputs import Inputs, look_reference, order_reference, plan_reference, signature_reference
from trialflow.registry import EventKind, Registry, StoredMemo
from trialflow.registry.canonical import parsed
from trialflow.spec.fingerprint import from_document
from trialflow.spec.look import Look
from trialflow.spec.plan_document import plan_from_document
from trialflow.spec.promise import Promise
from trialflow.stages.quarter import quarter_of, within
from trialflow.stages.telling import amendments_of, orders_of


@dataclass(frozen=True)
class Source:
    """What one memo was made from, read back from the record. Each raises MemoInputError for what is not there any more."""

    registry: Registry
    slug: str
    as_of: date
    inputs: Inputs

    @cached_property
    def promise(self) -> Promise:
        """The promise in the version that was in force."""
        versions = {stored.version: stored for stored in self.registry.versions(self.slug)}
        stored = versions.get(self.inputs.version)
        if stored is None or stored.fingerprint != self.inputs.promise:
            raise self._gone(f"the promise {self.inputs.promise} in version {self.inputs.version}")
        plan = plan_from_document(stored.plan)
        if self.inputs.plan not in ("", plan_reference(plan)):
            raise self._gone(f"the plan {self.inputs.plan} of version {self.inputs.version}")
        return from_document(stored.document, plan)

    @property
    def amendments(self) -> list[Amendment]:
        """The amendments up to that version."""
        return amendments_of(self.registry, self.slug)[: self.inputs.version - 1]

    @property
    def findings(self) -> list[Finding]:
        """The findings, in the revision that was used."""
        known = {
            (one.check, one.as_of.isoformat(), one.fingerprint): one
            for one in self.registry.findings(self.slug, revisions=True)
        }
        for check, as_of, fingerprint in self.inputs.findings:
            if (check, as_of, fingerprint) not in known:
                raise self._gone(f"the finding {check} of {as_of} with fingerprint {fingerprint}")
        return [known[reference] for reference in self.inputs.findings]

    @property
    def looks(self) -> list[Look]:
        """The looks, with those revisions that were known."""
        known = {look_reference(look): look for look in self.registry.looks(self.slug, revisions=True)}
        for reference in self.inputs.looks:
            if reference not in known:
                raise self._gone(f"the look {reference}")
        return [known[reference] for reference in self.inputs.looks]

    @property
    def orders(self) -> list[Order]:
        """What people had ordered."""
        known = {order_reference(order): order for order in orders_of(self.registry, self.slug, self.as_of)}
        for reference in self.inputs.orders:
            if reference not in known:
                raise self._gone(f"the order {reference}")
        return [known[reference] for reference in self.inputs.orders]

    @property
    def decision(self) -> Decision:
        """The recommendation, with the signature where the memo tells of it."""
        stored = [one for one in self.registry.decisions(self.slug, revisions=True) if one.as_of == self.as_of]
        known = {one.fingerprint: Decision.from_document(one.document) for one in stored}
        found = known.get(self.inputs.decision)
        if found is None or found.fingerprint != self.inputs.decision:
            raise self._gone(f"the decision {self.inputs.decision}")
        return replace(found, signature=self._signature)

    @property
    def _signature(self) -> Signature | None:
        if not self.inputs.signature:
            return None
        events = [one for one in self.registry.events(self.slug) if one.kind is EventKind.SIGNED]
        signatures = [Signature.from_document(one.detail) for one in events if one.key == self.inputs.decision]
        for signature in signatures:
            if signature_reference(signature) == self.inputs.signature:
                return signature
        raise self._gone(f"the signature {self.inputs.signature}")

    @property
    def data(self) -> str:
        """The fingerprint of the facts, which must be that of a summary on record."""
        summaries = self.registry.summaries(self.slug, as_of=self.as_of, revisions=True)
        if self.inputs.data and self.inputs.data not in {one.data_fingerprint for one in summaries}:
            raise self._gone(f"the summary of the facts {self.inputs.data}")
        return self.inputs.data

    def _gone(self, what: str) -> MemoInputError:
        message = (
            f"{what} of {self.slug}, from which the memo of {self.as_of} was made, is not on record: rows were changed or "
            "lost; compare with a back-up of the record"
        )
        return MemoInputError(message)


def rebuild(registry: Registry, slug: str, as_of: date, kind: str = "decision") -> Memo:
    """The memo of a day as it was last recorded, made again by this code.

    Raises MemoInputError where there is none, or an input is not on record any more; NotSupportedError for a kind that is
    not made from the record.
    """
    found = registry.memos(slug, as_of=as_of, kind=kind)
    if not found:
        message = f"no {kind} memo of {slug} is on record for {as_of}; `trialflow memo {slug}` prints the last one"
        raise MemoInputError(message)
    return rebuilt(registry, found[-1])


def rebuilt(registry: Registry, stored: StoredMemo, *, made_by: str = "") -> Memo:
    """One recorded memo made again; `made_by` names the code in it where that is not to be the present one."""
    inputs = inputs_of(stored)
    if inputs is None or stored.kind not in BUILDERS:
        known = ", ".join(BUILDERS)
        message = f"a memo of kind {stored.kind!r} of {stored.as_of} keeps no inputs to be made from (kinds: {known})"
        raise NotSupportedError(message)
    source = Source(registry=registry, slug=stored.slug, as_of=stored.as_of, inputs=inputs)
    return BUILDERS[stored.kind](source, made_by)


def signed_memo(registry: Registry, decision: Decision) -> Memo:
    """The last memo of a decision with its signature: everything else stays as it was analysed."""
    stored = registry.memos(decision.experiment, as_of=decision.as_of, kind="decision", revisions=True)
    made = [one for one in stored if (inputs := inputs_of(one)) and inputs.decision == decision.fingerprint]
    if not made:
        message = (
            f"no memo tells of the decision {decision.fingerprint} of {decision.experiment} on {decision.as_of}: run "
            "`final_analysis` for that day again"
        )
        raise MemoInputError(message)
    inputs = inputs_of(made[-1])
    if inputs is None:
        raise NotSupportedError(f"the memo of {decision.as_of} keeps no inputs to be made from")
    source = Source(
        registry=registry,
        slug=decision.experiment,
        as_of=decision.as_of,
        inputs=replace(inputs, signature=""),
    )
    return _decision(source, "", signature=decision.signature)


def inputs_of(stored: StoredMemo) -> Inputs | None:
    """The references that a recorded memo keeps; None where it keeps none."""
    if "inputs" not in stored.documents:
        return None
    document = parsed(stored.documents["inputs"])
    return Inputs.from_document({name: value for name, value in document.items() if name != "texts"})


def recorded_hashes(stored: StoredMemo) -> Mapping[str, str]:
    """The hash of each text of a memo, as it was when it was recorded."""
    return dict(parsed(stored.documents.get("inputs", "{}")).get("texts", {}))


def _decision(source: Source, made_by: str, *, signature: Signature | None = None) -> Memo:
    decision = source.decision
    return decision_memo(
        source.promise,
        replace(decision, signature=signature) if signature else decision,
        source.findings,
        source.looks,
        source.amendments,
        source.orders,
        promise_fingerprint=source.inputs.promise,
        data_fingerprint=source.data,
        made_by=made_by,
    )


def _registration(source: Source, made_by: str) -> Memo:
    return registration_note(
        source.promise,
        source.findings,
        source.amendments,
        promise_fingerprint=source.inputs.promise,
        made_by=made_by,
    )


def _holdout(source: Source, made_by: str) -> Memo:
    (finding,) = source.findings
    return holdout_memo(
        within(source.promise, *quarter_of(source.as_of)),
        finding,
        source.amendments,
        source.orders,
        promise_fingerprint=source.inputs.promise,
        made_by=made_by,
    )


BUILDERS: Mapping[str, Callable[[Source, str], Memo]] = {
    "decision": _decision,
    "registration": _registration,
    "holdout": _holdout,
}
"""Kind of memo → what makes it again."""
