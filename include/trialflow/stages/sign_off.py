"""The sign-off: what a person is asked about a recommendation, and what becomes of the answer.

An answer that cannot be recorded is kept in the record as it was given, with what is wrong with it; the next question
shows both, so nobody types anything twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from trialflow.decision import Choice, Decision, choices
from trialflow.decision.signature import parsed_follow_ups
from trialflow.errors import Problem, SignatureError
from trialflow.memo.markdown import escape
from trialflow.memo.slack import escape as shown
from trialflow.memo.slack import shorten
from trialflow.registry import Event, EventKind, Message, Registry
from trialflow.registry.canonical import canonical, hashed
from trialflow.spec.promise import Promise
from trialflow.spec.translation import did_you_mean
from trialflow.stages.sign import Signed, sign, signing_day, to_sign, weighed
from trialflow.stages.telling import thread_of
from trialflow.stages.workspace import Workspace, registered

WHERE = "the sign-off"
KEY_LENGTH = 12
PROBLEM_LENGTH = 400
MOST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the form holds besides the verdict, all of it as text: `follow_ups` one a line, `what; who; YYYY-MM-DD`.

    Without an owner it is the promise's. `recommendation` is the fingerprint of what the form was shown with.
    """

    rationale: str = ""
    owner: str = ""
    follow_ups: str = ""
    recommendation: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Form:
        """A filled form; follow-ups may be a list of lines. Raises SignatureError for fields that nobody asked for."""
        known = tuple(cls.__dataclass_fields__)
        problems = [
            Problem(where=WHERE, field=name, value=str(value), message="is no field", cure=did_you_mean(name, known))
            for name, value in given.items()
            if name not in known
        ]
        problems += [
            Problem(where=WHERE, field=name, value=str(value), message="is not text", cure="write text")
            for name, value in given.items()
            if name in known and not _is_text(value)
        ]
        if problems:
            raise SignatureError(problems)
        return cls(**{name: _text(value) for name, value in given.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked: the memo as `body` (Markdown), the verdicts as `options` with the recommended one first.

    `form` holds what the fields begin with, `problems` why the last answer was not recorded.
    """

    subject: str
    body: str
    options: tuple[str, ...]
    form: Form
    problems: tuple[str, ...] = ()


def question(registry: Registry, slug: str, as_of: date) -> Question:
    """What to ask about the decision of a day. Raises NothingToSignError where nothing waits for a signature."""
    promise = registered(registry, slug)
    decision = to_sign(registry, slug, as_of)
    options = tuple(str(one) for one in choices(promise, decision, weighed(registry, decision)))
    refused = last_refusal(registry, slug, as_of)
    problems = tuple(refused.detail["problems"]) if refused else ()
    fields = dict(refused.detail["form"]) if refused else {"owner": promise.experiment.owner}
    return Question(
        subject=f"{slug}: {options[0]} is recommended as of {as_of}. Do you sign?",
        body="\n\n".join([*_refused(refused), _instructions(options), _memo(registry, slug, as_of)]),
        options=options,
        form=Form(**fields | {"recommendation": decision.fingerprint}),
        problems=problems,
    )


def answered(
    workspace: Workspace, slug: str, as_of: date, *, option: str, form: Mapping[str, Any], by: str, at: datetime
) -> Signed:
    """Record the answer to a question. Raises SignatureError once the answer stands in the record as refused.

    Raises NothingToSignError where nothing waits for a signature any more.
    """
    try:
        return _signed(workspace, slug, as_of, option, Form.of(form), by, at)
    except SignatureError as refused:
        _keep(workspace, slug, as_of, option, form, by, refused)
        raise


def last_refusal(registry: Registry, slug: str, as_of: date) -> Event | None:
    """The last answer about a day that could not be recorded."""
    refused = (one for one in registry.events(slug) if one.kind is EventKind.ANSWER_REFUSED and one.as_of == as_of)
    return max(refused, key=lambda event: event.sequence, default=None)


def ask_again(promise: Promise, refused: Event, *, links: Sequence[tuple[str, str]] = ()) -> Message:
    """What is told in the experiment's thread about an answer that could not be recorded."""
    told = (
        f"The answer *{shown(refused.detail['option'])}* by {shown(refused.by)} was not recorded; please answer again."
    )
    points = "\n".join(f"• {shown(shorten(problem, PROBLEM_LENGTH))}" for problem in refused.detail["problems"][:MOST])
    block = {"type": "section", "text": {"type": "mrkdwn", "text": f"{told}\n{points}"}}
    payload = {"text": f"{promise.slug}: please answer the sign-off again", "blocks": [block]}
    return Message(
        key=f"sign-again|{promise.slug}|{refused.as_of}|{refused.key}",
        channel=promise.experiment.slack_channel,
        payload=payload,
        thread=thread_of(promise.slug),
        links=tuple(links),
    )


def _signed(workspace: Workspace, slug: str, as_of: date, option: str, form: Form, by: str, at: datetime) -> Signed:
    with workspace.registry() as registry:
        promise = registered(registry, slug)
        chosen = _choice(registry, promise, to_sign(registry, slug, as_of), option)
    owner = form.owner.strip() or promise.experiment.owner
    follow_ups, wrong = parsed_follow_ups(form.follow_ups, owner=owner)
    return sign(
        workspace,
        slug,
        as_of,
        verdict=chosen.verdict,
        variant=chosen.variant,
        segment=chosen.segment,
        by=by,
        rationale=form.rationale,
        owner=owner,
        follow_ups=follow_ups,
        signed_on=signing_day(promise, as_of, at),
        decision=form.recommendation,
        wrong=wrong,
    )


def _choice(registry: Registry, promise: Promise, decision: Decision, option: str) -> Choice:
    possible = {str(one): one for one in choices(promise, decision, weighed(registry, decision))}
    if option not in possible:
        cure = f"choose one of: {', '.join(possible)}"
        problem = Problem(where=WHERE, field="verdict", value=option, message="cannot be signed here", cure=cure)
        raise SignatureError([problem])
    return possible[option]


def _keep(
    workspace: Workspace,
    slug: str,
    as_of: date,
    option: str,
    form: Mapping[str, Any],
    by: str,
    refused: SignatureError,
) -> None:
    """Put a refused answer into the record. The same answer again is the same event."""
    kept = {name: _text(value) for name, value in form.items() if name in Form.__dataclass_fields__}
    detail = {"option": option, "form": asdict(Form(**kept)), "problems": [str(one) for one in refused.problems]}
    with workspace.registry() as registry, registry.append(slug) as record:
        record.event(EventKind.ANSWER_REFUSED, as_of, key=hashed(canonical(detail))[:KEY_LENGTH], detail=detail, by=by)


def _is_text(value: object) -> bool:
    lines = value if isinstance(value, list) else [value]
    return all(line is None or isinstance(line, str) for line in lines)


def _text(value: object) -> str:
    """A field as text: a list is given line by line, nothing is an empty text."""
    lines = value if isinstance(value, list) else [value]
    return "\n".join("" if line is None else str(line) for line in lines)


def _refused(refused: Event | None) -> list[str]:
    """What stands on top of a question that was answered before."""
    if refused is None:
        return []
    points = [f"- {escape(problem)}" for problem in refused.detail["problems"]]
    told = f"The answer **{escape(refused.detail['option'])}** by {escape(refused.by)} was not recorded:"
    return ["## Please answer again", told, "\n".join(points), "The form holds what was written."]


def _instructions(options: tuple[str, ...]) -> str:
    """How to answer, in a line or two above the memo."""
    confirm = f"**{escape(options[0])}** is what the promised rules recommend."
    if len(options) == 1:
        return f"{confirm} No other verdict can be signed: without a sound split there is no effect to decide on."
    return f"{confirm} Any other verdict overrides them and needs a rationale; it is marked in the record and the memo."


def _memo(registry: Registry, slug: str, as_of: date) -> str:
    """The memo of the recommendation as it stands in the record."""
    return next((memo.documents["markdown"] for memo in registry.memos(slug, as_of, "decision")), "")
