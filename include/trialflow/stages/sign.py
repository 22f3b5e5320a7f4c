"""Signing: a person's answer to a recommendation is recorded, and the memo says so from then on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from trialflow.checks.finding import Finding
from trialflow.decision import Choice, Decision, FollowUp, Signature, Verdict, choices, recommended
from trialflow.decision.signature import signature_problems
from trialflow.errors import NothingToSignError, Problem, SignatureError
from trialflow.memo import Memo, Section
from trialflow.memo.build import labels
from trialflow.memo.words import day
from trialflow.registry import EventKind, Message, Registry, Stage
from trialflow.spec.promise import Promise
from trialflow.stages.rebuild import signed_memo
from trialflow.stages.telling import keep_memo, message_of, slack
from trialflow.stages.workspace import Workspace, registered


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The decision with its signature, and whether this answer made it."""

    decision: Decision
    created: bool


def sign(
    workspace: Workspace,
    slug: str,
    as_of: date,
    *,
    verdict: Verdict,
    by: str,
    rationale: str = "",
    owner: str = "",
    follow_ups: Sequence[FollowUp] = (),
    signed_on: date,
    variant: str = "",
    segment: str = "",
    decision: str = "",
    wrong: Sequence[Problem] = (),
) -> Signed:
    """Record the signature under the latest recommendation of a day, and the memo that says so; a second changes nothing.

    `variant` and `segment` may be left out where only one choice has that verdict, or the recommended one has it.
    `decision` is the fingerprint of the recommendation that the person has read; data restated meanwhile may have
    replaced it. `wrong` is what the door has found in the answer already. Raises NothingToSignError, or SignatureError
    with everything that is wrong with the answer.
    """
    with workspace.registry() as registry:
        promise = registered(registry, slug)
        asked = to_sign(registry, slug, as_of)
        if asked.signature is not None:
            return Signed(decision=asked, created=False)
        findings = weighed(registry, asked)
        chosen = _chosen(promise, asked, findings, Choice(verdict=verdict, variant=variant, segment=segment))
        signature = Signature(
            verdict=chosen.verdict,
            recommended=asked.verdict,
            overridden=chosen != recommended(asked),
            variant=chosen.variant,
            segment=chosen.segment,
            rationale=rationale.strip(),
            owner=owner.strip(),
            follow_ups=tuple(follow_ups),
            signed_by=by.strip(),
            signed_on=signed_on,
            decision=asked.fingerprint,
        )
        problems = [*_restated(asked, decision), *signature_problems(signature, as_of), *wrong]
        if problems:
            raise SignatureError(problems)
        signed = replace(asked, signature=signature)
        documents = keep_memo(workspace, signed_memo(registry, signed), "decision")
        with registry.append(slug) as record:
            created = record.event(
                EventKind.SIGNED, as_of, key=asked.fingerprint, detail=signature.document(), by=signature.signed_by
            )
            if created:
                detail = {"verdict": signature.verdict.value, "overridden": signature.overridden}
                record.event(EventKind.DECIDED, signed_on, key=asked.fingerprint, detail=detail, by=signature.signed_by)
                record.memo("decision", as_of, documents)
                record.intend(_told(promise, signed, signature))
        # Somebody else may have signed in between: then theirs stands.
        return Signed(decision=to_sign(registry, slug, as_of), created=created)


def signed_decision(registry: Registry, slug: str, as_of: date) -> Decision | None:
    """The latest recommendation of a day with its signature, if it has one; None where there was no final analysis.

    A recommendation that restated data have changed is a new one: the signature under the former does not count for it.
    """
    stored = next((one for one in registry.decisions(slug) if one.as_of == as_of), None)
    if stored is None:
        return None
    decision = Decision.from_document(stored.document)
    signed = (event for event in registry.events(slug) if event.kind is EventKind.SIGNED and event.as_of == as_of)
    event = next((event for event in signed if event.key == decision.fingerprint), None)
    return replace(decision, signature=Signature.from_document(event.detail)) if event else decision


def to_sign(registry: Registry, slug: str, as_of: date) -> Decision:
    """The decision of a day that waits for a signature, or has it. Raises NothingToSignError, saying why there is none."""
    decision = signed_decision(registry, slug, as_of)
    if decision is None:
        message = f"no final analysis of {slug} is on record for {as_of}: run `final_analysis` for that day first"
        raise NothingToSignError(message)
    if decision.signature is not None:
        return decision
    if decision.verdict is Verdict.EXTEND:
        message = f"{slug} was extended on {as_of}, as its promise foresees: there is nothing to sign"
        raise NothingToSignError(message)
    if as_of < registry.promise(slug).calendar.first_day:
        message = f"{slug} was begun anew after {as_of}: its former verdict is not signed any more"
        raise NothingToSignError(message)
    if message := _too_late(registry, slug, as_of):
        raise NothingToSignError(message)
    return decision


OVER = {Stage.RETIRED: "is retired", Stage.ROLLED_BACK: "was rolled back"}


def _too_late(registry: Registry, slug: str, as_of: date) -> str:
    """Why a verdict is not signed any more: the life is over, or a later day knows more; empty where it may be."""
    stage = registry.life(slug, date.max).stage
    if stage in OVER:
        return f"{slug} {OVER[stage]}: its verdict of {as_of} is not signed any more"
    latest = max(one.as_of for one in registry.decisions(slug))
    return f"{slug} was analysed again as of {latest}: sign that verdict, which knows more" if latest > as_of else ""


def signing_day(promise: Promise, as_of: date, answered_at: datetime) -> date:
    """The day a signature counts from: of a replay the day analysed, else the day of the answer where the promise lives."""
    calendar = promise.experiment.calendar
    return as_of if promise.experiment.replay else answered_at.astimezone(ZoneInfo(calendar.time_zone)).date()


def weighed(registry: Registry, decision: Decision) -> dict[str, Finding]:
    """The findings that a decision weighed, as they were then."""
    wanted = set(decision.findings.values())
    found = registry.findings(decision.experiment, revisions=True)
    return {one.check: one for one in found if one.fingerprint in wanted}


def _told(promise: Promise, decision: Decision, signature: Signature) -> Message:
    """Who has signed what and why, for the experiment's thread."""
    chosen = Choice(verdict=signature.verdict, variant=signature.variant, segment=signature.segment)
    confirmed = "as the promised rules recommend"
    instead = f"instead of {recommended(decision)}, which the promised rules recommend"
    memo = Memo(
        experiment=promise.slug,
        as_of=decision.as_of,
        title=promise.experiment.title,
        verdict="OVERRIDDEN" if signature.overridden else "SIGNED",
        summary=f"{signature.signed_by} has signed {chosen}, {instead if signature.overridden else confirmed}.",
        labels=labels(promise),
        highlights={"Rationale": signature.rationale or "none given", "Owner": signature.owner or "none given"},
        sections=_to_do(signature),
        provenance={"Decision fingerprint": decision.fingerprint},
    )
    key = f"signed|{promise.slug}|{decision.as_of}|{decision.fingerprint}"
    return message_of(promise, key, {"slack": json.dumps(slack(memo))})


def _to_do(signature: Signature) -> tuple[Section, ...]:
    points = tuple(_follow_up(one) for one in signature.follow_ups)
    return (Section(title="Follow-up actions", points=points, essential=True),) if points else ()


def _follow_up(one: FollowUp) -> str:
    return f"{one.action} ({one.owner}{f', by {day(one.due)}' if one.due else ''})"


def _chosen(promise: Promise, decision: Decision, findings: dict[str, Finding], wanted: Choice) -> Choice:
    """The one choice that is meant. Raises SignatureError with what there is to choose from."""
    possible = choices(promise, decision, findings)
    fitting = [one for one in possible if _fits(one, wanted)]
    # The recommended choice stands first, so a verdict alone means it.
    if fitting and (len(fitting) == 1 or fitting[0] == possible[0]):
        return fitting[0]
    cure = f"choose one of: {', '.join(str(one) for one in possible)}"
    message = "leaves open which variant or segment is meant" if fitting else "cannot be signed here"
    where = "the sign-off"
    raise SignatureError([Problem(where=where, field="verdict", value=str(wanted), message=message, cure=cure)])


def _fits(choice: Choice, wanted: Choice) -> bool:
    return (
        choice.verdict is wanted.verdict
        and wanted.variant in ("", choice.variant)
        and wanted.segment in ("", choice.segment)
    )


def _restated(decision: Decision, read: str) -> list[Problem]:
    if read in ("", decision.fingerprint):
        return []
    message = f"was replaced by {decision.fingerprint}: the data were restated while you decided"
    cure = "read the memo as it stands now and answer again"
    return [Problem(where="the sign-off", field="recommendation", value=read, message=message, cure=cure)]
