"""One experiment on one day: load, summarise, check, record, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from trialflow.checks.adjustment import adjustment
from trialflow.checks.completeness import completeness
from trialflow.checks.effects import effects, primary_paths
from trialflow.checks.finding import Finding, Status
from trialflow.checks.guardrails import guardrails
from trialflow.checks.harm import harm
from trialflow.checks.history import Checked, History
from trialflow.checks.imbalance import imbalance
from trialflow.checks.information import information
from trialflow.checks.lock import lock
from trialflow.checks.srm import looks_wrong, srm
from trialflow.decision import Due, Verdict, dues
from trialflow.errors import PromiseError
from trialflow.registry import Event, EventKind, Registry, fold, since_reopening
from trialflow.spec.amendment import Difference, differences
from trialflow.spec.experiment import Calendar
from trialflow.spec.fingerprint import document, fingerprint
from trialflow.spec.parsing import parse_experiment
from trialflow.spec.promise import Promise
from trialflow.stages.telling import alert_messages
from trialflow.stages.workspace import Workspace, history_of, registered
from trialflow.stats.moments import JointMoments
from trialflow.warehouse.completeness import is_complete
from trialflow.warehouse.document import summary_document
from trialflow.warehouse.exposure_groups import exposure_groups
from trialflow.warehouse.summarise import summarise
from trialflow.warehouse.summary import MetricQuantile, MetricSummary, Summary

SUPPRESSED = ("effects", "guardrails", "harm", "information", "imbalance")
QUIET = frozenset({"srm", "completeness"})  # what obeying a verdict disturbs: no alert about it after the decision
ENTRIES_AND_EXITS = frozenset(
    {
        EventKind.REGISTERED,
        EventKind.AMENDED,
        EventKind.VALIDATED,
        EventKind.WAIVED,
        EventKind.VALIDATION_FAILED,
        EventKind.WITHDRAWN,
        EventKind.PAUSED,
        EventKind.RESUMED,
    }
)


ANNOUNCED_FOR = timedelta(hours=1)
"""For how long the run that found an analysis due is trusted to have started it; after that it is announced again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitored:
    """What a day's run has to say: each check's status, and the days on which a final analysis is due but not made.

    `announced` are those of them that another run found due less than ANNOUNCED_FOR ago, and has told.
    """

    slug: str
    as_of: date
    statuses: dict[str, str] = field(default_factory=dict)
    due: tuple[date, ...] = ()
    announced: tuple[date, ...] = ()
    skipped: str = ""


def running(workspace: Workspace, as_of: date) -> tuple[str, ...]:
    """Slugs to look at on a day: validated, within their calendar, and neither paused nor ended by a person before.

    A verdict does not end the looking: whoever reads the record later must find the same days whatever the order in which
    they were run. What ends it is the calendar, a withdrawal, or a stop once the last unit has matured.
    """
    with workspace.registry() as registry:
        return tuple(slug for slug in registry.slugs() if is_running(registry, slug, as_of))


def is_running(registry: Registry, slug: str, as_of: date) -> bool:
    """Whether an experiment is to be looked at on a day."""
    calendar = registry.promise(slug).calendar
    events = registry.events(slug)
    stopped = _stopped_on(events, calendar)
    last = min(calendar.final_day(extended=True), stopped or date.max)
    life = fold([event for event in events if event.kind in ENTRIES_AND_EXITS], calendar, as_of)
    return calendar.first_day <= as_of <= last and life.monitored


def _stopped_on(events: Sequence[Event], calendar: Calendar) -> date | None:
    """The as_of of the analysis that a person's stop asks for: the last unit enrolled has matured."""
    stop = _stop_of(events)
    return stop + timedelta(days=calendar.maturity_days) if stop else None


def _stop_of(events: Sequence[Event]) -> date | None:
    return min((event.as_of for event in since_reopening(events) if event.kind is EventKind.STOPPED), default=None)


def _enrolled_until(promise: Promise, stop: date | None) -> Promise:
    calendar = promise.experiment.calendar
    if stop is None or not calendar.first_day <= stop < calendar.last_day:
        return promise
    shorter = calendar.model_copy(update={"last_day": stop})
    return replace(promise, experiment=promise.experiment.model_copy(update={"calendar": shorter}))


def incomplete(workspace: Workspace, as_of: date) -> tuple[str, ...]:
    """Sources of running experiments whose data of a day is not all there yet."""
    with workspace.registry() as registry:
        promises = [registered(registry, slug) for slug in registry.slugs() if is_running(registry, slug, as_of)]
    return tuple(sorted({name for promise in promises for name in missing_sources(workspace, promise, as_of)}))


def monitor(workspace: Workspace, slug: str, as_of: date) -> Monitored:
    """Run the daily checks of one experiment and record what they say."""
    with workspace.registry() as registry:
        promise = registered(registry, slug)
        history = history_of(registry, promise)
        summary = observed(workspace, registry, promise, as_of, history)
        if as_of > promise.experiment.calendar.final_day() and not _is_extended(promise, summary, history):
            return Monitored(slug=slug, as_of=as_of, skipped="the experiment was not extended beyond its last day")
        missing = missing_sources(workspace, promise, as_of)
        whole = completeness(enrolled(registry, promise), summary)
        results = [
            check_lock(workspace, registry, promise, as_of),
            *_checked(promise, summary, history, missing, whole),
        ]
        findings = {result.finding.check: result.finding for result in results}
        owed = () if missing else _owed(registry, promise, findings, as_of)
        quiet = QUIET if _settled(registry, promise, as_of) else frozenset()
        news = [found for name, found in findings.items() if name not in quiet]
        messages = alert_messages(registry, promise, news, as_of)
        with registry.append(slug) as record:
            record.summary(as_of, summary.data_fingerprint, summary_document(summary))
            record.looks(look for result in results for look in result.looks)
            record.findings(findings.values())
            new = {
                one.as_of for one in owed if record.event(EventKind.ANALYSIS_DUE, one.as_of, detail={"why": one.why})
            }
            for message in messages:
                record.intend(message)
        decided = {decision.as_of for decision in registry.decisions(slug)}
        due = tuple(one.as_of for one in owed if one.as_of not in decided)
        announced = _announced(registry, slug) - new
    return Monitored(
        slug=slug,
        as_of=as_of,
        statuses={name: finding.status.value for name, finding in sorted(findings.items())},
        due=due,
        announced=tuple(day for day in due if day in announced),
    )


def _announced(registry: Registry, slug: str) -> set[date]:
    """Days whose analysis was found due a short while ago: days run side by side need not start it once each."""
    since = datetime.now(UTC) - ANNOUNCED_FOR
    return {
        event.as_of
        for event in registry.events(slug)
        if event.kind is EventKind.ANALYSIS_DUE and event.recorded_at is not None and event.recorded_at > since
    }


def _owed(registry: Registry, promise: Promise, findings: Mapping[str, Finding], as_of: date) -> tuple[Due, ...]:
    """Analyses due by what the day shows, else by a person's stop."""
    by_rule = tuple(
        one
        for number, one in enumerate(dues(promise, findings, as_of))
        # The second of two follows an extension; any other waits for nothing that was due and settled before it.
        if number == 1 or not _settled(registry, promise, one.as_of)
    )
    stopped = _stopped_on(registry.events(promise.slug), promise.experiment.calendar)
    if by_rule or stopped is None or stopped > as_of:
        return by_rule
    return (Due(as_of=stopped, why="a person has stopped the experiment"),)


def _settled(registry: Registry, promise: Promise, day: date) -> bool:
    """Whether a final analysis was due before a day and did not end in an extension.

    What people do about a verdict changes the data: a variant rolled back looks like a broken split the next day.
    """
    verdicts = {stored.as_of: stored.document["verdict"] for stored in registry.decisions(promise.slug)}
    return any(
        verdicts.get(event.as_of) != Verdict.EXTEND
        for event in since_reopening(registry.events(promise.slug))
        if event.kind is EventKind.ANALYSIS_DUE and event.as_of < day
    )


def enrolled(registry: Registry, promise: Promise) -> Promise:
    """The promise with the enrolment that a person's stop has left it."""
    return _enrolled_until(promise, _stop_of(registry.events(promise.slug)))


def observed(workspace: Workspace, registry: Registry, promise: Promise, as_of: date, history: History) -> Summary:
    """The summary of a day: with the units of the extension on days that only an extended experiment has.

    A person's stop closes enrolment: units that came after that day do not count.
    """
    promise = enrolled(registry, promise)
    return with_groups(workspace, promise, _observed(workspace, promise, as_of, history))


def with_groups(workspace: Workspace, promise: Promise, summary: Summary) -> Summary:
    """The summary with the split by every dimension of the source, on a day on which the split looks wrong."""
    if not looks_wrong(promise, summary):
        return summary
    groups = exposure_groups(promise, summary, workspace.connections)
    return replace(summary, exposures=replace(summary.exposures, groups=groups))


def _observed(workspace: Workspace, promise: Promise, as_of: date, history: History) -> Summary:
    summary = summarise(promise, as_of, workspace.connections)
    if not counts_extension(promise, summary, history):
        return summary
    longer = summarise(promise, as_of, workspace.connections, extended=True)
    regular = (promise.experiment.calendar.final_day() - promise.experiment.calendar.first_day).days + 1
    return replace(
        longer,
        metrics=tuple(_as_it_was(found, summary, days=regular) for found in longer.metrics),
        quantiles=_quantiles_as_they_were(longer, summary, promise.experiment.calendar.final_day()),
    )


def _quantiles_as_they_were(longer: Summary, regular: Summary, final_day: date) -> tuple[MetricQuantile, ...]:
    """Those of looks up to the regular final day as they were, those of later days with the units of the extension."""
    before = [found for found in regular.quantiles if found.day is not None and found.day <= final_day]
    return (*before, *(found for found in longer.quantiles if found.day is None or found.day > final_day))


def _as_it_was(found: MetricSummary, regular: Summary, *, days: int) -> MetricSummary:
    """The path of an extended experiment, with its first `days` as they were before anybody knew of the extension.

    Units of the extension may mature before the regular final look, whose statistic must not change afterwards.
    """
    before = regular.of(found.metric, found.segment)
    if before is None:
        return found
    rows = {
        name: np.concatenate([getattr(before.moments, name)[:days], getattr(found.moments, name)[days:]])
        for name in ("n", "mean", "m2")
    }
    return replace(found, moments=JointMoments(**rows))


def counts_extension(promise: Promise, summary: Summary, history: History) -> bool:
    """Whether units of the extension count on the summary's day: after the regular final day of an extended experiment.

    Whether there is an extension was settled by the units enrolled up to the regular last day.
    """
    return summary.as_of > promise.experiment.calendar.final_day() and _is_extended(promise, summary, history)


def _is_extended(promise: Promise, summary: Summary, history: History) -> bool:
    return any(path.progress.extended for path in primary_paths(promise, summary, history))


def missing_sources(workspace: Workspace, promise: Promise, as_of: date) -> tuple[str, ...]:
    """Sources of a promise whose data of a day (in the promise's own time zone) is not all there yet."""
    zone = promise.experiment.calendar.time_zone
    return tuple(
        name
        for name, source in sorted(promise.sources.items())
        if not is_complete(source, as_of, workspace.connections, time_zone=zone)
    )


def _checked(
    promise: Promise, summary: Summary, history: History, missing: Sequence[str], whole: Checked
) -> list[Checked]:
    """Integrity first. Under a broken split, or on a day that is not all there, no effect is computed and no alpha spent."""
    if missing:
        return [
            _absent(promise, summary.as_of, missing),
            *suppressed(promise, summary.as_of, "the day is not complete"),
        ]
    split = srm(promise, summary)
    if split.finding.status is Status.FAIL:
        return [split, whole, *suppressed(promise, summary.as_of, "the split is broken")]
    return [split, whole, *judged(promise, summary, history)]


def judged(promise: Promise, summary: Summary, history: History) -> list[Checked]:
    """Effects, guardrails, harm and information on one day, with the looks they take."""
    effect = effects(promise, summary, history)
    paths = primary_paths(promise, summary, _with(history, effect))
    extended = bool(effect.finding.evidence["extended"])
    return [
        effect,
        guardrails(promise, summary, history, extended=extended),
        harm(promise, summary, history),
        information(promise, summary, paths),
        imbalance(promise, summary, final_day=promise.experiment.calendar.final_day(extended=extended)),
        *([adjustment(promise, summary, paths)] if _is_adjusted(promise) else []),
    ]


def _is_adjusted(promise: Promise) -> bool:
    return promise.experiment.analysis.variance_reduction.method == "cuped"


def _with(history: History, checked: Checked) -> History:
    return History(looks=(*history.looks, *checked.looks))


def suppressed(promise: Promise, as_of: date, why: str) -> list[Checked]:
    """Findings that stand for what was not computed, and why."""
    return [
        Checked(
            finding=Finding(
                experiment=promise.slug,
                check=name,
                as_of=as_of,
                status=Status.NOT_APPLICABLE,
                headline=f"Not computed: {why}.",
                evidence={"suppressed": why},
            )
        )
        for name in (*SUPPRESSED, *(("adjustment",) if _is_adjusted(promise) else ()))
    ]


def _absent(promise: Promise, as_of: date, missing: Sequence[str]) -> Checked:
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="completeness",
            as_of=as_of,
            status=Status.NO_DATA,
            headline=f"The data of this day is not complete in {', '.join(missing)}.",
            evidence={"problems": [{"day": as_of.isoformat(), "problem": f"{name} is incomplete"} for name in missing]},
            next_step="Load the day, mark it complete, and run the day again.",
        )
    )


def check_lock(workspace: Workspace, registry: Registry, promise: Promise, as_of: date) -> Checked:
    """The promise in the record against its fingerprint, and against the files as they are now."""
    stored = registry.promise(promise.slug)
    return lock(
        promise.slug,
        as_of,
        registered=stored.fingerprint,
        recomputed=fingerprint(promise),
        differences=_file_differences(workspace, promise),
        amendments=len(registry.amendments(promise.slug)),
    )


def _file_differences(workspace: Workspace, promise: Promise) -> tuple[Difference, ...]:
    """What today's files say otherwise. A file that is gone, or cannot be read, changes nothing about a promise."""
    path = workspace.include / "experiments" / f"{promise.slug}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
        current = workspace.catalog().promise(parse_experiment(text, path.name))
    except (OSError, PromiseError):
        return ()
    return differences(document(promise), document(current))
