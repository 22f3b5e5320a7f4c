"""One experiment in full: what stands on its page, in the order it stands there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from trialflow.checks.finding import Finding, Status
from trialflow.decision import Decision
from trialflow.memo.evidence import Evidence
from trialflow.memo.memo import Section, Table
from trialflow.memo.sections.effect import effect_section, novelty_section
from trialflow.memo.sections.integrity import integrity_section, troubles
from trialflow.memo.sections.looks import power_section
from trialflow.memo.sections.metrics import metrics_section, segments_section
from trialflow.memo.sections.record import Order, deviations_section
from trialflow.memo.sections.verdict import verdict_text
from trialflow.memo.words import short_day
from trialflow.overview.brief import Brief, brief
from trialflow.overview.curves import Curve, band_note, information_curve, planned_power_curve, share_curves
from trialflow.overview.days import short_days, with_short_days
from trialflow.overview.dossier import Dossier, newest_memos
from trialflow.overview.log import EFFECTS, LogDay, log_days
from trialflow.overview.promised import Field, promised_fields
from trialflow.overview.ramp import Ramp, ramp_of
from trialflow.overview.standing import LIST_CHECKS, STAGES, Standing, standing
from trialflow.registry import Event, EventKind, Life, Stage, fold, since_reopening
from trialflow.registry.dossier import MemoKey
from trialflow.spec.promise import Promise

ORDERS = (EventKind.STOPPED, EventKind.PAUSED, EventKind.RESUMED, EventKind.WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage of a life. `state` is "past", "present" or "ahead"; `day` is None for what has no day of its own."""

    name: str
    day: date | None
    state: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the page: a memo's section, the curves that a memo has no room for, and the findings it came from.

    `note` is to be read beside the first chart.
    """

    key: str
    section: Section
    findings: tuple[Brief, ...] = ()
    curves: tuple[Curve, ...] = ()
    note: str = ""

    @property
    def tables(self) -> tuple[tuple[Table, bool], ...]:
        """Each table, and whether it may be folded: it is long, or all that it tells is that nothing is wrong."""
        return tuple((table, len(table.rows) > LONGEST or quiet(table)) for table in self.section.tables)

    @property
    def status(self) -> Status | None:
        """The worst of its findings; None where there is none that says anything."""
        return worst(brief.status for brief in self.findings)


LONGEST = 12  # rows that stand open
SEVERITY = (Status.FAIL, Status.WARN, Status.NO_DATA, Status.PASS)
JUDGED = ("Status", "The variants", "Crossed")
FINE = frozenset({"pass", "not applicable", "agree", "no"})


def worst(found: Iterable[Status]) -> Status | None:
    """The status that a reader should know first."""
    known = set(found)
    return next((status for status in SEVERITY if status in known), None)


def quiet(table: Table) -> bool:
    """Whether a table judges its rows and finds nothing to read in any."""
    judged = [place for place, name in enumerate(table.columns) if name in JUDGED]
    return bool(judged) and all(row[place] in FINE for row in table.rows for place in judged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the table of contents: where it leads, and the status of what stands there, if it has one."""

    key: str
    name: str
    status: Status | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """The page of one experiment. `waiting` is the unsigned decision, if one waits for a person.

    `reasons` are those of the newest decision; `contents` are the sections in their order.
    """

    standing: Standing
    shown: bool
    verdict: str
    reasons: tuple[str, ...]
    waiting: Decision | None
    steps: tuple[Step, ...]
    parts: tuple[Part, ...]
    nothing_yet: str
    ramp: Ramp | None
    fields: tuple[Field, ...]
    deviations: Section
    versions: int
    log: tuple[LogDay, ...]
    page: int
    pages: int
    memos: tuple[MemoKey, ...]

    @property
    def contents(self) -> tuple[Entry, ...]:
        """The sections of the page."""
        ramp = worst(brief.status for brief in self.ramp.gates) if self.ramp else None
        return (
            Entry(key="life", name="Life"),
            *(Entry(key=part.key, name=SHORT[part.key], status=part.status) for part in self.parts),
            *((Entry(key="rollout", name="Rollout", status=ramp),) if self.ramp else ()),
            *(Entry(key=key, name=name) for key, name in ALWAYS.items()),
        )


SHORT: Mapping[str, str] = {
    "effect": "Effect",
    "metrics": "Metrics",
    "segments": "Segments",
    "novelty": "Novelty",
    "integrity": "Integrity",
    "power": "Power",
}
ALWAYS: Mapping[str, str] = {"promise": "Promise", "memos": "Memos", "log": "Log", "runs": "Runs"}


def detail(dossier: Dossier, *, today: date) -> Detail:
    """Put the page together, as the experiment stands at the end of `today`."""
    promise, decision = dossier.promise, dossier.decision
    briefs = {check: brief(finding) for check, finding in dossier.newest.items() if check in LIST_CHECKS}
    here = standing(promise, dossier.events, briefs, decision, today=today)
    if not dossier.shown:
        here = replace(here, effect=None)
    unsigned = decision is not None and decision.signature is None and here.life.stage is Stage.ANALYSED
    return Detail(
        standing=here,
        shown=dossier.shown,
        verdict=verdict_text(decision) if decision else "",
        reasons=tuple(short_days(reason.text) for reason in decision.reasons) if decision else (),
        waiting=decision if unsigned else None,
        steps=life_steps(promise, dossier.events, here.life, today=today),
        parts=_parts(dossier, extended=here.life.extended),
        nothing_yet=_nothing_yet(promise, here.life) if "effects" not in dossier.newest else "",
        ramp=ramp_of(dossier.promise, dossier.events, dossier.newest),
        fields=promised_fields(dossier.versions[-1].document, dossier.amendments),
        deviations=with_short_days(_deviations(dossier)),
        versions=len(dossier.versions),
        log=log_days(dossier),
        page=dossier.page,
        pages=dossier.pages,
        memos=newest_memos(dossier.memos),
    )


def life_steps(promise: Promise, events: Sequence[Event], life: Life, *, today: date) -> tuple[Step, ...]:
    """The stages that were passed with their days, the present one, and what is planned."""
    calendar = promise.experiment.calendar
    told = sorted(since_reopening(events), key=lambda event: (event.as_of, event.sequence))
    passed: list[tuple[Stage, date | None]] = []
    for at, known in _moments(told, calendar.first_day, today):
        then = fold(known, calendar, at)
        if not passed or passed[-1][0] is not then.stage:
            passed.append((then.stage, then.since or at))
    if not passed:
        passed.append((life.stage, life.since))
    steps = [Step(name=STAGES[stage], day=day, state="past") for stage, day in passed]
    note = "paused" if life.paused else "extended" if life.extended and life.stage is Stage.RUNNING else ""
    steps[-1] = replace(steps[-1], state="present", note=note)
    return (*steps, *_ahead(promise, life))


def _moments(told: Sequence[Event], first_day: date, today: date) -> Iterable[tuple[date, Sequence[Event]]]:
    """After each event, and on the first day: the day and what was known then."""
    for number, event in enumerate(told):
        before = told[number - 1].as_of if number else date.min
        if before < first_day < event.as_of and first_day <= today:
            yield first_day, told[:number]
        if event.as_of <= today:
            yield event.as_of, told[: number + 1]
    yield today, told


def _ahead(promise: Promise, life: Life) -> Iterable[Step]:
    calendar = promise.experiment.calendar
    if life.stage in (Stage.REGISTERED, Stage.VALIDATED):
        yield Step(name=STAGES[Stage.RUNNING], day=calendar.first_day, state="ahead")
    if life.stage in (Stage.REGISTERED, Stage.VALIDATED, Stage.RUNNING):
        last = calendar.final_day(extended=life.extended)
        yield Step(name="decision", day=life.analysis_due or last, state="ahead", note="at the latest")
    if life.stage is Stage.ANALYSED:
        yield Step(name=STAGES[Stage.DECIDED], day=None, state="ahead", note="by a signature")


def _parts(dossier: Dossier, *, extended: bool) -> tuple[Part, ...]:
    promise, evidence, shown = dossier.promise, dossier.evidence, dossier.shown
    found = dossier.newest
    parts: list[Part] = []
    if "effects" in found and shown:
        effect = _part(found, "effect", effect_section(promise, evidence, shown=shown), "effects")
        parts.append(replace(effect, note=band_note(promise, evidence)))
        others = ("effects", "secondary", "guardrails", "diagnostics", "harm")
        parts.append(_part(found, "metrics", metrics_section(promise, evidence), *others))
        if promise.experiment.segments:
            parts.append(_part(found, "segments", segments_section(promise, evidence), "segments"))
        parts.append(_part(found, "novelty", novelty_section(promise, evidence), "novelty"))
    if found:
        checks = ("srm", "srm_final", "completeness", "imbalance", "aa", "lock", "collision", "day_to_day")
        split = _part(found, "integrity", _integrity(promise, _sound(dossier)), *checks)
        parts.append(replace(split, curves=share_curves(dossier)))
        power = _part(
            found, "power", power_section(promise, evidence, dossier.looks, shown=shown), "information", "power"
        )
        curves = (information_curve(dossier, extended=extended) if shown else None, planned_power_curve(dossier))
        parts.append(replace(power, curves=tuple(curve for curve in curves if curve)))
    return tuple(parts)


def _integrity(promise: Promise, evidence: Evidence) -> Section:
    """The memo's section, with what is wrong as a list."""
    section, found = integrity_section(promise, evidence), troubles(evidence)
    return replace(section, paragraphs=("Read these first:",), points=found) if found else section


def _sound(dossier: Dossier) -> Evidence:
    """The evidence without what speaks of effects, where none may be shown."""
    kept = {name: one for name, one in dossier.evidence.findings.items() if dossier.shown or name not in EFFECTS}
    return Evidence(findings=kept)


def _part(found: Mapping[str, Finding], key: str, section: Section, *checks: str) -> Part:
    return Part(
        key=key,
        section=with_short_days(section),
        findings=tuple(brief(found[name]) for name in checks if name in found),
    )


def _nothing_yet(promise: Promise, life: Life) -> str:
    """Why there are no numbers, and what happens next."""
    first = promise.experiment.calendar.first_day
    if life.stage is Stage.BLOCKED:
        return "It does not run, so nothing is measured: see what is asked for above."
    if life.stage in (Stage.REGISTERED, Stage.VALIDATED):
        return f"It has not started: the first numbers come when {short_day(first)} is complete."
    return "No day has been looked at yet: daily_monitoring brings the first numbers when a day is complete."


def _deviations(dossier: Dossier) -> Section:
    amended = [(one.recorded_at.date(), one.reason, one.differences) for one in dossier.amendments]
    orders = [
        Order(kind=event.kind.value, as_of=event.as_of, by=event.by, reason=str(event.detail.get("reason") or ""))
        for event in dossier.events
        if event.kind in ORDERS
    ]
    return deviations_section(
        dossier.promise, dossier.evidence, dossier.looks if dossier.shown else (), amended, orders
    )
