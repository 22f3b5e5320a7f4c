"""Telling: memos as files, messages into the outbox, the outbox to a messenger, the day's digest."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from trialflow.checks.finding import Finding, Status
from trialflow.memo import Amendment, Memo, Order, alert, digest, digest_line, html, markdown, posts
from trialflow.memo.chart_document import chart_document
from trialflow.memo.charts import file_name
from trialflow.memo.inputs import inputs_text
from trialflow.memo.links import page, runbook
from trialflow.memo.slack import escape, paragraph, shorten
from trialflow.registry import Attachment, EventKind, Message, Registry, Stage
from trialflow.spec.promise import Promise
from trialflow.stages.delivery import CHART, REPLY
from trialflow.stages.workspace import Workspace, registered

LOUD = frozenset({Status.FAIL, Status.NO_DATA})
HEALTH = LOUD | {Status.PASS, Status.WARN}  # what was not judged on a day neither heals nor breaks anything
INTEGRITY = frozenset({"srm", "completeness", "lock", "aa"})
ASKING = frozenset({"novelty", "imbalance"})  # their warnings ask a person to look for a cause before the end
ORDERED = frozenset({EventKind.STOPPED, EventKind.PAUSED, EventKind.RESUMED, EventKind.WITHDRAWN})
EXTENSIONS = {"markdown": "md", "html": "html", "slack": "json"}
PROBLEM_LENGTH = 300
SAME_TROUBLE = timedelta(days=1)
STILL_OF_INTEREST = timedelta(days=30)


def keep_memo(workspace: Workspace, memo: Memo, kind: str) -> dict[str, str]:
    """Render a memo in every format and keep it as files; returns the texts for the record.

    A file is replaced as a whole. The record stays the truth: `trialflow memo` writes the files again from there.
    """
    texts = texts_of(memo)
    folder = workspace.memo_root / memo.experiment
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        if name in EXTENSIONS:
            _replace(folder / f"{memo.as_of}-{kind}.{EXTENSIONS[name]}", text)
    return texts


def texts_of(memo: Memo) -> dict[str, str]:
    """A memo in every format, and under `inputs` the references by which `stages.rebuild` makes it again."""
    texts = {"markdown": markdown(memo), "html": html(memo), "slack": json.dumps(slack(memo))}
    return texts | ({"inputs": inputs_text(memo.inputs, texts)} if memo.inputs else {})


def slack(memo: Memo) -> dict[str, Any]:
    """A memo as Slack gets it: text (for notifications and screen readers) and blocks, `replies` if it is long, `charts`."""
    first, *rest = posts(memo)
    charts = [
        {"name": f"{memo.experiment}-{memo.as_of}-{file_name(index, chart, 'png')}"} | chart_document(chart)
        for index, chart in enumerate(memo.charts, start=1)
    ]
    return first | ({"replies": rest} if rest else {}) | ({"charts": charts} if charts else {})


def _replace(path: Path, text: str) -> None:
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=path.suffix, delete=False) as part:
        part.write(text)
    Path(part.name).chmod(0o644)
    Path(part.name).replace(path)


def amendments_of(registry: Registry, slug: str) -> list[Amendment]:
    """The amendments of a promise as memos show them, oldest first."""
    return [(one.recorded_at.date(), one.reason, one.differences) for one in registry.amendments(slug)]


def orders_of(registry: Registry, slug: str, as_of: date) -> list[Order]:
    """What people ordered up to a day, with their reasons. Later orders change nothing about the memo of that day."""
    return [
        Order(kind=event.kind.value, as_of=event.as_of, by=event.by, reason=str(event.detail.get("reason") or ""))
        for event in sorted(registry.events(slug), key=lambda event: (event.as_of, event.sequence))
        if event.kind in ORDERED and event.as_of <= as_of
    ]


def message_of(
    promise: Promise,
    key: str,
    documents: Mapping[str, str],
    *,
    links: Sequence[tuple[str, str]] = (),
    runbook_entry: str = "",
) -> Message:
    """A memo as a message to the experiment's channel; everything about one experiment stands in one thread.

    Below it stand `links` (text and target, see `memo.links`), the experiment's page and an entry of the runbook.
    """
    entry = ((f"Runbook: {runbook_entry}", runbook(runbook_entry)),) if runbook_entry else ()
    return _made(
        json.loads(documents["slack"]),
        key=key,
        channel=promise.experiment.slack_channel,
        thread=thread_of(promise.slug),
        links=(*links, ("The experiment", page(promise.slug)), *entry),
    )


def message(memo: Memo, *, key: str, channel: str, links: tuple[tuple[str, str], ...] = ()) -> Message:
    """A memo about several experiments, or none, as a message of its own."""
    return _made(slack(memo), key=key, channel=channel, links=links)


def _made(told: dict[str, Any], *, key: str, channel: str, **more: Any) -> Message:  # noqa: ANN401 (Message's own)
    """What `slack` made, as a message with what follows it."""
    replies = [
        Attachment(kind=REPLY, name=str(n), document=one) for n, one in enumerate(told.get("replies", []), start=2)
    ]
    charts = [Attachment(kind=CHART, name=str(one["name"]), document=one) for one in told.get("charts", [])]
    payload = {"text": told["text"], "blocks": told["blocks"]}
    return Message(key=key, channel=channel, payload=payload, attachments=(*replies, *charts), **more)


def thread_of(slug: str) -> str:
    """Key of the message that opens an experiment's thread: its registration note."""
    return f"registered|{slug}|1"


def alert_messages(registry: Registry, promise: Promise, findings: Sequence[Finding], as_of: date) -> list[Message]:
    """One message per check whose status changed into or out of trouble.

    Compared is with the record: with the same day as it stood before (a run that heals a day says so), else with the last
    day before it. What a later day has told already is not told again, so backfills do not repeat themselves. So a message
    says what was news when it was written, while a finding never depends on the order of days.
    """
    first = promise.experiment.calendar.first_day
    begin = first if as_of >= first else date.min  # an amendment that moves the first day begins anew
    told = [one for one in registry.findings(promise.slug) if one.as_of >= begin and one.status in HEALTH]
    amendments = len(registry.amendments(promise.slug))
    messages = []
    for finding in findings:
        own = sorted((one for one in told if one.check == finding.check), key=lambda one: one.as_of)
        previous = next((one.status for one in reversed(own) if one.as_of <= as_of), None)
        following = next((one.status for one in own if one.as_of > as_of), None)
        if finding.status not in (previous, following) and is_news(finding, previous):
            messages.append(_alert_message(promise, finding, previous, amendments))
    return messages


def is_news(finding: Finding, previous: Status | None) -> bool:
    """Whether a change of status is worth a message of its own: trouble, its end, or a warning that asks for a person.

    An experiment that has no effects yet on its first days is not in trouble.
    """
    quiet = finding.check not in INTEGRITY and finding.status is Status.NO_DATA and previous is None
    if finding.status in LOUD:
        return not quiet
    if finding.status is Status.WARN:
        return finding.check in {*INTEGRITY, *ASKING} or bool(finding.evidence.get("late_crossings"))
    ended = previous in LOUD if finding.check in INTEGRITY else previous is Status.FAIL and finding.check == "harm"
    return ended and finding.status is Status.PASS


def intend_digest(workspace: Workspace, as_of: date, channel: str) -> int:
    """Put one message a day for all experiments into the outbox; returns how many had findings on that day.

    It also names the verdicts that wait for a signature, and what Slack has refused since the last digest. A day without
    any of these is silent.
    """
    with workspace.registry() as registry:
        lines = [
            digest_line(registered(registry, slug), found, as_of=as_of)
            for slug in registry.slugs()
            if (found := registry.findings(slug, as_of=as_of))
        ]
        unsigned = [
            f"{slug}: a verdict is recommended, and nobody has signed it"
            for slug in registry.in_stage(as_of, Stage.ANALYSED)
        ]
        not_posted = _refused(registry)
        if lines or unsigned or not_posted:
            memo = digest(lines, as_of=as_of, unsigned=unsigned, not_posted=not_posted)
            registry.intend(message(memo, key=f"digest|{as_of}", channel=channel))
    return len(lines)


def _refused(registry: Registry) -> list[str]:
    """Messages refused for good since the last digest was made."""
    stored = registry.messages()
    digests = [one.intended_at for one in stored if one.message.key.startswith("digest|")]
    since = max(digests, default=datetime.min.replace(tzinfo=UTC))
    return [
        f"{one.message.key}: {one.problem}"
        for one in stored
        if one.posted_at is not None and not one.posted and one.posted_at > since
    ]


def intend_recoveries(workspace: Workspace, as_of: date) -> int:
    """Tell the end of troubles that were told, where nobody has told it yet; returns how many.

    The task that saw a check pass again tells it at once for the checks that guard the data, and for harm. Everything else
    that was ever told ends here, once a day.
    """
    told = 0
    with workspace.registry() as registry:
        for slug in registry.slugs():
            if messages := _recoveries(registry, registered(registry, slug), as_of):
                with registry.append(slug) as record:
                    told += sum(record.intend(one) for one in messages)
    return told


def _recoveries(registry: Registry, promise: Promise, as_of: date) -> list[Message]:
    first = promise.experiment.calendar.first_day
    last: dict[str, tuple[date, Status]] = {}
    for stored in registry.messages(promise.slug):
        match stored.message.key.split("|"):
            case ["alert", _, check, told_for, status]:
                last[check] = (date.fromisoformat(told_for), Status(status))
    amendments = len(registry.amendments(promise.slug))
    messages = []
    for check, (alerted, status) in sorted(last.items()):
        judged = [one for one in registry.findings(promise.slug, check=check) if one.status in HEALTH]
        latest = max((one for one in judged if one.as_of <= as_of), key=lambda one: one.as_of, default=None)
        if latest is None or not first <= alerted <= latest.as_of:
            continue
        if status is not Status.PASS and latest.status is Status.PASS:
            messages.append(_alert_message(promise, latest, status, amendments))
    return messages


def _alert_message(promise: Promise, finding: Finding, previous: Status | None, amendments: int) -> Message:
    texts = {"slack": json.dumps(slack(alert(promise, finding, previous, amendments=amendments)))}
    key = f"alert|{promise.slug}|{finding.check}|{finding.as_of}|{finding.status}"
    return message_of(promise, key, texts, runbook_entry=finding.check)


def intend_failure(
    workspace: Workspace,
    *,
    dag: str,
    run: str,
    task: str,
    map_index: str,
    experiment: str = "",
    problem: str = "",
    link: str = "",
) -> bool:
    """Put a message about a failed task into the outbox, for the default channel; False when it was told already.

    Told once per failed task. The same trouble in other runs (a bad file that is offered every quarter of an hour) is told
    once a day: the same task and experiment with the same first line of the error. `link` is the address of the task's log.
    """
    where = f"{dag}.{task}" + (f" ({experiment})" if experiment else "")
    first_line = problem.strip().partition("\n")[0]
    text = escape(f"FAILED · {where} · {shorten(first_line or 'see the log', PROBLEM_LENGTH)}")
    which = f"Run: {escape(run)}" + (f", map index {map_index}" if map_index != "-1" else "")
    todo = "Read the log, mend what it names, and clear the task."
    payload = {"text": text, "blocks": [paragraph(f"{text}\n{which}\n{todo}")]}
    links = (*((("Read the log", link),) if link else ()), ("Runbook: failures", runbook("dags-that-fail")))
    key = f"failed|{dag}|{run}|{task}|{map_index}"
    with workspace.registry() as registry:
        since = datetime.now(UTC) - SAME_TROUBLE
        failures = (one for one in registry.messages() if one.message.key.startswith("failed|"))
        if any(one.message.payload["text"] == text and one.intended_at > since for one in failures):
            return False
        return registry.intend(Message(key=key, channel="", payload=payload, links=links))


def intend_mended(workspace: Workspace, state_of: Callable[[str, str, str, int], str]) -> int:
    """Tell of failed tasks that have succeeded since, each in the thread of its failure; returns how many.

    `state_of` gives the state of a task by DAG, run, task and map index ("" where there is none any more).
    """
    with workspace.registry() as registry:
        stored = registry.messages()
        known = {one.message.key for one in stored}
        told = 0
        for one in stored:
            kind, _, rest = one.message.key.partition("|")
            key = f"mended|{rest}"
            if kind != "failed" or key in known or one.intended_at < datetime.now(UTC) - STILL_OF_INTEREST:
                continue
            dag, run, task, map_index = rest.split("|")
            if state_of(dag, run, task, int(map_index)) == "success":
                text = one.message.payload["text"].replace("FAILED · ", "RECOVERED · ", 1)
                told += registry.intend(Message(key=key, channel="", payload={"text": text}, thread=one.message.key))
    return told
