"""The daily gate: a ramp goes on, holds or goes back by what each day's data says; after it the launch is watched.

A day's record is a function of the promise, the signature, the data up to that day, people's orders and the record of
the day before. Days that are not on record yet are judged first, in their order and each on its own data, so the order
in which days are run does not matter, and neither does a run that was killed: a run records all of it or nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import takewhile

from trialflow.checks.finding import Finding, Status
from trialflow.checks.rollout import baseline_of
from trialflow.decision import Signature
from trialflow.memo import alert
from trialflow.memo.words import counted
from trialflow.registry import EventKind, Message, Registry, Stage, since_reopening
from trialflow.registry.writer import Writer
from trialflow.spec.look import Look
from trialflow.spec.promise import Promise
from trialflow.stages.gates import Judged, judge, recheck_novelty
from trialflow.stages.monitoring import missing_sources
from trialflow.stages.ramp import (
    DAY,
    End,
    Outcome,
    Pause,
    Plan,
    State,
    after,
    beginning,
    canary_plan,
    is_rolled_out,
    obey,
    plan_of,
)
from trialflow.stages.telling import message_of, slack
from trialflow.stages.workspace import Workspace, registered

UNDER_WAY = (Stage.ROLLING_OUT, Stage.LAUNCHED)
WAITING = (Stage.REGISTERED, Stage.VALIDATED)
LONGEST_REPLAY = timedelta(days=800)  # a replayed ramp that never ends must not be followed for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What a day's run has to say about a ramp: the record of the day, each gate's status, or why there is none."""

    slug: str
    as_of: date
    headline: str = ""
    statuses: dict[str, str] = field(default_factory=dict)
    skipped: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRecord:
    """One day of a ramp: where it stood before and stands after it, and everything that was found."""

    day: date
    before: State
    after: State
    finding: Finding
    judged: Judged
    more: tuple[Finding, ...] = ()
    again: bool = False


def signed_plan(
    registry: Registry, promise: Promise, *, before: date = date.max, until: Signature | None = None
) -> Plan | None:
    """The ramp of the latest signature, of those given before a day or up to one; None where nothing is ramped.

    What was signed goes on, also when restated data ask for a new signature meanwhile: a running ramp is never unwatched. A
    signature that confirms what is ramped already begins nothing anew: whoever has the winner keeps it.
    """
    events = since_reopening(registry.events(promise.slug))
    given = [Signature.from_document(event.detail) for event in events if event.kind is EventKind.SIGNED]
    given = [one for one in given if one.signed_on < before]
    if until in given:
        given = given[: given.index(until) + 1]
    same = list(takewhile(lambda one: _ramped(one) == _ramped(given[-1]), reversed(given)))
    return plan_of(promise, same[-1]) if same else None


def _ramped(signature: Signature) -> tuple[str, str, str]:
    return signature.verdict, signature.variant, signature.segment


def plan_on(registry: Registry, promise: Promise, as_of: date) -> Plan | None:
    """What is gated on a day: before the first day the canary, after it the signed ramp; None where nothing is."""
    if as_of < promise.experiment.calendar.first_day:
        plan = canary_plan(promise)
    else:
        plan = signed_plan(registry, promise, before=as_of) if is_rolled_out(promise) else None
    return plan if plan is not None and plan.start <= as_of else None


def rolling(workspace: Workspace, as_of: date) -> tuple[str, ...]:
    """Slugs whose ramp, watch or canary is to be looked at on a day."""
    with workspace.registry() as registry:
        return tuple(slug for slug in registry.slugs() if _is_under_way(registry, slug, as_of))


def incomplete(workspace: Workspace, as_of: date) -> tuple[str, ...]:
    """Sources of ramps whose data of a day is not all there yet."""
    with workspace.registry() as registry:
        promises = [registered(registry, slug) for slug in registry.slugs() if _is_under_way(registry, slug, as_of)]
    return tuple(sorted({name for promise in promises for name in missing_sources(workspace, promise, as_of)}))


def _is_under_way(registry: Registry, slug: str, as_of: date) -> bool:
    stage = registry.life(slug, as_of).stage
    if stage in WAITING:
        return plan_on(registry, registered(registry, slug), as_of) is not None
    if stage not in UNDER_WAY:
        return False
    return not any(
        event.kind is EventKind.WATCHED and event.as_of < as_of for event in since_reopening(registry.events(slug))
    )


def watch(workspace: Workspace, slug: str, as_of: date) -> Watched:
    """Judge a ramp up to a day, and record every day of it that is not on record, with what follows from it."""
    with workspace.registry() as registry:
        promise = registered(registry, slug)
        plan = plan_on(registry, promise, as_of)
        if plan is None:
            return Watched(slug=slug, as_of=as_of, skipped="nothing is rolled out on that day")
        days = _days(workspace, registry, promise, plan, as_of)
        if not days:
            return Watched(slug=slug, as_of=as_of, skipped="the ramp has ended before")
        _record(registry, promise, plan, days)
    last = days[-1]
    found = (last.finding, *last.judged.findings, *last.more)
    return Watched(
        slug=slug,
        as_of=last.day,
        headline=last.finding.headline,
        statuses={one.check: one.status.value for one in found},
    )


def replay(workspace: Workspace, slug: str) -> Watched:
    """The whole ramp of a replay at once: its days are past when it is signed. Ends where the data ends."""
    with workspace.registry() as registry:
        promise = registered(registry, slug)
        plan = signed_plan(registry, promise)
    if plan is None or not promise.experiment.replay:
        return Watched(slug=slug, as_of=date.min, skipped="not a replayed ramp")
    last, day = None, plan.start
    while day < plan.start + LONGEST_REPLAY and not missing_sources(workspace, promise, day):
        last, day = day, day + DAY
    if last is None:
        return Watched(slug=slug, as_of=plan.start, skipped="no day of the ramp is complete")
    return watch(workspace, slug, last)


def _days(workspace: Workspace, registry: Registry, promise: Promise, plan: Plan, as_of: date) -> list[DayRecord]:
    """Records of the days that are missing up to `as_of`, and of `as_of` itself."""
    known = _recorded(registry, promise.slug, plan)
    events = since_reopening(registry.events(promise.slug))
    looks = list(registry.looks(promise.slug, revisions=True))
    state, found = beginning(plan), []
    for number in range((as_of - plan.start).days + 1):
        day = plan.start + timedelta(days=number)
        recorded = known.get(day)
        if recorded is not None and day < as_of:
            state = recorded
            continue
        now = obey(state, events, day)
        if now.end is not End.NONE:
            break
        if recorded is not None and recorded.paused is Pause.DATA and day == max(known):
            now = replace(now, paused=recorded.paused)  # its data may have come meanwhile: then it goes on
        record = _day(workspace, promise, plan, now, day, looks)
        if recorded is not None:
            record = _run_again(record, recorded, newest=day == max(known))
        looks += record.judged.looks
        found.append(record)
        state = record.after
    return found


def _recorded(registry: Registry, slug: str, plan: Plan) -> dict[date, State]:
    """Where the ramp stood at the end of each recorded day."""
    return {
        one.as_of: State.from_document(one.evidence["state"])
        for one in registry.findings(slug, check=plan.check)
        if one.evidence.get("plan") == plan.document()
    }


def _day(
    workspace: Workspace, promise: Promise, plan: Plan, state: State, day: date, looks: Sequence[Look]
) -> DayRecord:
    judged = judge(workspace, promise, plan, state, day, looks)
    moved = after(plan, state, day, judged.outcome)
    ended = moved.end is End.WATCHED
    more = (recheck_novelty(workspace, promise, plan, state, day),) if ended and not plan.is_canary else ()
    finding = day_finding(promise, plan, state, moved, day, judged)
    return DayRecord(day=day, before=state, after=moved, finding=finding, judged=judged, more=more)


def _run_again(record: DayRecord, recorded: State, *, newest: bool) -> DayRecord:
    """A day that is on record already. What was done on it stands, since later days rest on it, with two exceptions.

    Until a later day is on record, data that has come ends a pause for missing data, and what is shown to be worse on
    restated data (harm, a broken split) is obeyed.
    """
    came = recorded.paused is Pause.DATA and record.judged.outcome is not Outcome.MISSING
    worse = record.judged.outcome in (Outcome.HARM, Outcome.BROKEN)
    if record.after == recorded or (newest and recorded.end is End.NONE and (came or worse)):
        return record
    return replace(record, after=recorded, again=True)


def day_finding(promise: Promise, plan: Plan, before: State, moved: State, day: date, judged: Judged) -> Finding:
    """The record of a day: where the ramp stood, what its gates said, what follows."""
    step = plan.step(before.step)
    where = f"share {step.share:g} " + ("(canary)" if plan.is_canary else f"(step {step.number} of {len(plan.steps)})")
    status, headline, todo = _words(plan, before, moved, judged, where)
    if plan.is_canary and status in (Status.FAIL, Status.NO_DATA):
        todo = "Give the share back to control. The experiment does not start before an amendment with a reason."
    return Finding(
        experiment=promise.slug,
        check=plan.check,
        as_of=day,
        status=status,
        headline=headline,
        evidence={
            "plan": plan.document(),
            "share": step.share,
            "outcome": judged.outcome.value,
            "gates": {one.check: one.status.value for one in judged.findings},
            "unjudged": list(_unjudged(judged)),
            "compared_with": _compared_with(promise, step.share),
            "state": moved.document(),
        },
        next_step=todo,
        blocks=status is Status.FAIL,
    )


def _compared_with(promise: Promise, share: float) -> str:
    beside = baseline_of(promise.experiment, share)
    return beside.name if beside else "nobody"


def _unjudged(judged: Judged) -> tuple[str, ...]:
    harm = judged.of("rollout_harm")
    return tuple(harm.evidence.get("unjudged", ())) if harm else ()


def _words(plan: Plan, before: State, moved: State, judged: Judged, where: str) -> tuple[Status, str, str]:
    """Status, headline and next step of a day."""
    days = plan.step(before.step).days
    if judged.outcome is Outcome.HARM:
        harm = judged.of("rollout_harm")
        text = f"Rolled back at {where}: {harm.headline if harm else ''}"
        return Status.FAIL, text, "Give the winner's share back to control today, and read the comparisons."
    if judged.outcome is Outcome.BROKEN:
        todo = "Find the cause; then order resume_rollout (the step begins anew) or roll_back, with the reason."
        return Status.FAIL, f"Held at {where}: the split is broken.", todo
    if judged.outcome is Outcome.MISSING:
        missing = next((one.headline for one in judged.findings if one.check == "rollout_completeness"), "")
        return Status.NO_DATA, f"Held at {where}, no data: {missing}", "Load the day; the ramp goes on by itself then."
    if moved.paused is not Pause.NONE:
        todo = "Order resume_rollout or roll_back, with the reason."
        return Status.WARN, f"Held at {where}: {moved.paused.value}.", todo
    begun = "Resumed" if before.paused is Pause.DATA else "Quiet"
    open_ones = _unjudged(judged)
    doubt = f" Not judged yet: {', '.join(open_ones)}." if open_ones else ""
    status = Status.WARN if open_ones else Status.PASS
    if moved.end is End.WATCHED:
        name = "canary" if plan.is_canary else "watch"
        return status, f"The {name} is over: {counted(days, 'quiet day')} at {where}.{doubt}", ""
    if moved.step != before.step:
        following = plan.step(moved.step)
        text = f"{begun} for {counted(days, 'day')} at {where}: share {following.share:g} from {moved.first} on.{doubt}"
        return status, text, f"Give {following.share:g} of the audience the winner from {moved.first} on."
    return status, f"{begun} at {where}: day {moved.counted} of {days}.{doubt}", ""


def _record(registry: Registry, promise: Promise, plan: Plan, days: Sequence[DayRecord]) -> None:
    messages = _messages(registry, promise, plan, days)
    with registry.append(promise.slug) as record:
        for one in days:
            record.looks(one.judged.looks)
            record.findings([*one.judged.findings, *one.more, *(() if one.again else (one.finding,))])
            if not one.again:
                write_events(record, plan, one)
        for message in messages:
            record.intend(message)


def write_events(record: Writer, plan: Plan, one: DayRecord) -> None:
    """What happened to the ramp on a day: a pause, its end, the next step, the launch, the way back, the end of the watch."""
    before, moved, day = one.before, one.after, one.day
    if plan.is_canary:
        _block(record, plan, one)
        return
    if moved.paused is not Pause.NONE and before.paused is Pause.NONE:
        record.event(EventKind.ROLLOUT_PAUSED, day, key=moved.paused.name.lower(), detail={"why": moved.paused.value})
    if before.paused is Pause.DATA and moved.paused is Pause.NONE:
        record.event(EventKind.ROLLOUT_RESUMED, day, key="data", detail={"why": "the data is there"})
    if moved.step != before.step:
        step_event(record, plan, moved.step, moved.first)
    if moved.end is End.ROLLED_BACK:
        detail = {"variant": ", ".join(plan.ramped.variants), "why": one.finding.headline, "share": 0.0}
        record.event(EventKind.ROLLED_BACK, day, detail=detail)
    if moved.end is End.WATCHED:
        record.event(EventKind.WATCHED, day, detail={"compared_with": one.finding.evidence["compared_with"]})


def _block(record: Writer, plan: Plan, one: DayRecord) -> None:
    """A canary that showed harm or a broken split, or was not quiet on all its days, keeps the experiment from starting."""
    last = plan.start + timedelta(days=plan.steps[0].days - 1)
    bad = one.judged.outcome in (Outcome.HARM, Outcome.BROKEN)
    if bad or (one.day == last and one.after.end is not End.WATCHED):
        detail = {"check": plan.check, "why": one.finding.headline}
        record.event(EventKind.VALIDATION_FAILED, one.day, key=plan.check, detail=detail)


def step_event(record: Writer, plan: Plan, number: int, day: date) -> None:
    """From `day` on the step's share gets the winner: what people and flag systems follow. The last step is the launch."""
    detail = {
        "day": day.isoformat(),
        "share": plan.step(number).share,
        "variant": ", ".join(plan.ramped.variants),
        "segment": plan.ramped.segment,
        "key": plan.ramped.key,
    }
    record.event(EventKind.ROLLOUT_STEP, day, key=str(number), detail=detail)
    if number == plan.steps[-1].number:
        record.event(EventKind.LAUNCHED, day, detail=detail)


def _messages(registry: Registry, promise: Promise, plan: Plan, days: Sequence[DayRecord]) -> list[Message]:
    """A message where the ramp moved, stopped or went on, and where a watched level turns bad for the first time."""
    warned = {one.check for one in registry.findings(promise.slug) if _is_warning(one) and one.as_of < days[0].day}
    told: list[Message] = []
    for one in days:
        if not one.again and _is_news(one):
            previous = Status.NO_DATA if one.before.paused is Pause.DATA else None
            what = f"{plan.start}|{one.finding.status.value}"
            told.append(_message(promise, one, what, one.finding, previous))
        for found in (*one.judged.findings, *one.more):
            if _is_warning(found) and found.check not in warned:
                told.append(_message(promise, one, found.check, found))
                warned.add(found.check)
    return told


def _message(promise: Promise, one: DayRecord, what: str, finding: Finding, previous: Status | None = None) -> Message:
    key = f"rollout|{promise.slug}|{one.day}|{what}"
    texts = {"slack": json.dumps(slack(alert(promise, finding, previous)))}
    return message_of(promise, key, texts, runbook_entry=finding.check)


def _is_warning(finding: Finding) -> bool:
    """Warnings that ask for a person: a level that turned bad, an effect that fades, harm on restated data alone."""
    late = finding.check == "rollout_harm" and bool(finding.evidence.get("late_crossings"))
    return finding.status is Status.WARN and (finding.check in ("watch", "rollout_novelty") or late)


def _is_news(one: DayRecord) -> bool:
    stopped = (one.before.paused, one.before.step) != (one.after.paused, one.after.step)
    return stopped or one.after.end is not End.NONE
