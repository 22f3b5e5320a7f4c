"""A signature: what a person made of a recommendation, why, and what is to be done next."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from trialflow.decision.verdict import Verdict
from trialflow.errors import Problem
from trialflow.spec.letters import unseen_problems

TEXT_LENGTH = 2000
"""Characters of a rationale, an action or a name: a reason is read in Slack and in the memo's first lines."""
LIKE_A_DAY = re.compile(r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
"""What nobody is called: where it stands in a person's place, it was meant as the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """Something to be done after the decision; `due` is None where nobody gave a day."""

    action: str
    owner: str
    due: date | None = None

    def document(self) -> dict[str, Any]:
        """JSON form."""
        return {"action": self.action, "owner": self.owner, "due": self.due.isoformat() if self.due else None}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> FollowUp:
        """The inverse of `document`."""
        due = document["due"]
        return cls(action=document["action"], owner=document["owner"], due=date.fromisoformat(due) if due else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The chosen verdict beside the recommended one.

    `variant` and `segment` say what the chosen verdict is about, as on a Decision. `decision` is the fingerprint of the
    recommendation that was signed; `signed_by` the user who answered; `owner` who answers for what follows.
    """

    verdict: Verdict
    recommended: Verdict
    signed_by: str
    signed_on: date
    decision: str
    overridden: bool = False
    variant: str = ""
    segment: str = ""
    rationale: str = ""
    owner: str = ""
    follow_ups: tuple[FollowUp, ...] = ()

    def document(self) -> dict[str, Any]:
        """JSON form, for the registry."""
        return {
            "verdict": self.verdict.value,
            "recommended": self.recommended.value,
            "overridden": self.overridden,
            "variant": self.variant,
            "segment": self.segment,
            "rationale": self.rationale,
            "owner": self.owner,
            "follow_ups": [one.document() for one in self.follow_ups],
            "signed_by": self.signed_by,
            "signed_on": self.signed_on.isoformat(),
            "decision": self.decision,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Signature:
        """The inverse of `document`."""
        return cls(
            verdict=Verdict(document["verdict"]),
            recommended=Verdict(document["recommended"]),
            overridden=document["overridden"],
            variant=document["variant"],
            segment=document["segment"],
            rationale=document["rationale"],
            owner=document["owner"],
            follow_ups=tuple(FollowUp.from_document(one) for one in document["follow_ups"]),
            signed_by=document["signed_by"],
            signed_on=date.fromisoformat(document["signed_on"]),
            decision=document["decision"],
        )


def signature_problems(signature: Signature, as_of: date) -> list[Problem]:
    """What is wrong with a signature, everything at once."""
    problems = []
    if signature.overridden and not signature.rationale:
        instead = f"{signature.verdict} where {signature.recommended} is recommended"
        cure = "say why you decide otherwise than the promised rules; it stands in the record and on top of the memo"
        problems.append(_problem("rationale", "empty", f"is missing: {instead}", cure))
    if not signature.signed_by:
        problems.append(_problem("by", "empty", "nobody has signed", "name the user who answers"))
    if signature.signed_on < as_of:
        message = f"lies before the day that was analysed, {as_of}"
        problems.append(_problem("signed_on", str(signature.signed_on), message, "give the day of the answer"))
    for one in signature.follow_ups:
        if one.due is not None and one.due < signature.signed_on:
            message = f"{one.action[:40]!r} is due before the day of the signature, {signature.signed_on}"
            cure = "give a later day, or leave out what is done"
            problems.append(_problem("follow_ups", str(one.due), message, cure))
    texts = [("rationale", signature.rationale), ("owner", signature.owner)]
    texts += [("follow_ups", text) for one in signature.follow_ups for text in (one.action, one.owner)]
    for field, text in texts:
        problems += unseen_problems("the sign-off", field, text)
        if len(text) > TEXT_LENGTH:
            cure = f"say it in at most {TEXT_LENGTH} characters and link to the rest"
            problems.append(_problem(field, f"{text[:40]}…", f"has {len(text)} characters", cure))
    return problems


def parsed_follow_ups(text: str, *, owner: str = "") -> tuple[tuple[FollowUp, ...], list[Problem]]:
    """Follow-ups from text, one a line as `what; who; YYYY-MM-DD`, and what is wrong with the lines.

    The day may be left out; a line without a person belongs to `owner`, also one with a day in the person's place.
    """
    found: list[FollowUp] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            one = _follow_up(f"follow_ups, line {number}", line, owner)
            if isinstance(one, FollowUp):
                found.append(one)
            else:
                problems.append(one)
    return tuple(found), problems


def _follow_up(field: str, line: str, owner: str) -> FollowUp | Problem:
    # From the right: an action may hold a semicolon of its own only when person and day follow it.
    parts = [part.strip() for part in line.rsplit(";", 2)]
    action, who, when = (*parts, "", "")[:3]
    if not when and LIKE_A_DAY.fullmatch(who):
        who, when = "", who
    form = "write: what; who; YYYY-MM-DD"
    if not action:
        return _problem(field, line.strip(), "does not say what is to be done", form)
    if not (who or owner):
        return _problem(field, line.strip(), "does not say who does it", f"{form}, or fill the field owner")
    try:
        due = date.fromisoformat(when) if when else None
    except ValueError:
        return _problem(field, line.strip(), f"{when!r} is not a day", form)
    return FollowUp(action=action, owner=who or owner, due=due)


def follow_up_lines(follow_ups: Sequence[FollowUp]) -> str:
    """The inverse of `parsed_follow_ups`, for a form that is shown again."""
    return "\n".join(f"{one.action}; {one.owner}; {one.due or ''}".rstrip("; ") for one in follow_ups)


def _problem(field: str, value: str, message: str, cure: str) -> Problem:
    return Problem(where="the sign-off", field=field, value=value, message=message, cure=cure)
