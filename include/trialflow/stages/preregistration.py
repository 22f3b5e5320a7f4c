"""Pre-registration: is the promise complete, known, powered and free of collisions? Then it is locked."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from trialflow.checks.caps import cap_problems
from trialflow.checks.caps import caps as check_caps
from trialflow.checks.collision import collision, collision_problems
from trialflow.checks.finding import Finding
from trialflow.checks.power import Baseline, baselines, plan, power, power_problems
from trialflow.errors import Problem, PromiseError
from trialflow.memo import registration_note
from trialflow.registry import Registered, Registry, Stage, StoredPromise
from trialflow.spec.admission import admit, admit_form, placed
from trialflow.spec.catalog import Catalog
from trialflow.spec.experiment import Experiment, Policy
from trialflow.spec.fingerprint import document, fingerprint, from_document
from trialflow.spec.form import page_of_form
from trialflow.spec.letters import unseen_problems
from trialflow.spec.metric import Metric
from trialflow.spec.parsing import parse_experiment
from trialflow.spec.plan_document import plan_document
from trialflow.spec.promise import Plan, PlannedCap, Promise
from trialflow.spec.source import UnitSource
from trialflow.spec.translation import did_you_mean
from trialflow.spec.yaml_text import read_page
from trialflow.stages.telling import amendments_of, keep_memo, message_of
from trialflow.stages.workspace import Workspace, registered
from trialflow.warehouse.caps import capped_by_quantile, pooled_caps
from trialflow.warehouse.history import HISTORY_DAYS, history
from trialflow.warehouse.summary import HistorySummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A promise that may be locked: with its plan, the day it is told for, and the findings that go with it."""

    promise: Promise
    as_of: date
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the warehouse tells of the HISTORY_DAYS days before a promise: summaries, and what a plan takes from them.

    `baselines` are by metric, those that the promise states among them; `origin` names what was measured here.
    `units_per_day` are new units, None where nobody came.
    """

    origin: str
    summaries: tuple[HistorySummary, ...]
    baselines: Mapping[str, Baseline]
    units_per_day: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What somebody wants to register: a YAML `text`, or the `fields` of the form; `where` it came from, in words."""

    where: str
    text: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    slug: str | None = None


def check(workspace: Workspace, registry: Registry, offer: Offer, *, today: date) -> Accepted:
    """Read and check a promise without storing anything. Raises PromiseError with every problem found."""
    try:
        promise = _admitted(workspace, registry, offer, today)
    except PromiseError as error:
        raise PromiseError([*error.problems, *_collisions_of_refused(registry, offer)]) from error
    experiment = promise.experiment
    as_of = last_known_day(experiment, today)
    caps = _caps(workspace, registry, promise, as_of)
    capped = replace(promise, plan=Plan(caps=caps))
    # A cap that was refused leaves nothing to plan the rest with.
    uncapped = cap_problems(capped)
    made = Plan(caps=caps) if uncapped else _planned(workspace, capped, as_of)
    others = _others(registry, experiment)
    problems = [
        *collision_problems(experiment, others, offer.where),
        *uncapped,
        *(() if uncapped else power_problems(promise, made, offer.where)),
        *(() if uncapped else _tuning_problems(experiment, made, offer.where)),
    ]
    if problems:
        raise PromiseError(problems)
    locked = replace(promise, plan=made)
    findings = [collision(experiment, others, as_of).finding, power(locked, made, as_of).finding]
    if caps:
        findings.append(check_caps(locked, as_of).finding)
    return Accepted(promise=locked, as_of=as_of, findings=tuple(findings))


def last_known_day(experiment: Experiment, today: date) -> date:
    """The last complete day before both the registration and the start: what may be known when a promise is made."""
    return min(today, experiment.calendar.first_day) - timedelta(days=1)


def past_of(workspace: Workspace, promise: Promise, known_through: date) -> Past:
    """Read the days up to `known_through`. Raises WarehouseError, and NotSupportedError for a source without a population."""
    before = known_through + timedelta(days=1)
    origin = f"{HISTORY_DAYS} days before {before}"
    summaries = history(promise, workspace.connections, before=before, days=HISTORY_DAYS)
    per_day = max((float(one.units_per_day) for one in summaries), default=0.0)
    return Past(
        origin=origin,
        summaries=summaries,
        baselines=baselines(promise, summaries, origin),
        units_per_day=per_day or None,
    )


def _admitted(workspace: Workspace, registry: Registry, offer: Offer, today: date) -> Promise:
    catalog = workspace.catalog()
    first_day = _registered_first_day(registry, offer)
    if offer.fields:
        return admit_form(offer.fields, offer.where, catalog=catalog, today=today, registered_first_day=first_day)
    return admit(offer.text, offer.where, catalog=catalog, today=today, registered_first_day=first_day, slug=offer.slug)


def _registered_first_day(registry: Registry, offer: Offer) -> date | None:
    """The first day on record, if this would be an amendment: a running experiment may be amended, not begun again."""
    written = offer.text or str(offer.fields.get("yaml") or "")
    slug = offer.slug or str(offer.fields.get("slug") or "") or _slug_in(written)
    return registry.promise(slug).calendar.first_day if slug in registry.slugs() else None


def _slug_in(text: str) -> str:
    try:
        written = read_page(text, "").value
    except PromiseError:
        return ""
    return str(written.get("slug") or "") if isinstance(written, Mapping) else ""


def _collisions_of_refused(registry: Registry, offer: Offer) -> tuple[Problem, ...]:
    """Whether the layer is free, as far as a refused promise tells where and when it would be."""
    try:
        page = page_of_form(offer.fields, offer.where) if offer.fields else read_page(offer.text, offer.where)
    except PromiseError:
        return ()
    experiment = placed(page, offer.slug)
    return collision_problems(experiment, _others(registry, experiment), offer.where) if experiment else ()


def _others(registry: Registry, experiment: Experiment) -> list[Experiment]:
    """Promises in force that still hold their layer: neither withdrawn nor retired, or begun again since."""
    return [
        registered(registry, slug).experiment
        for slug, life in registry.lives(date.max).items()
        if slug != experiment.slug and life.stage is not Stage.RETIRED
    ]


def _caps(workspace: Workspace, registry: Registry, promise: Promise, known_through: date) -> tuple[PlannedCap, ...]:
    """Caps promised as a quantile: those on record where nothing about them changed, else found in the history."""
    wanted = capped_by_quantile(promise)
    kept = _caps_on_record(registry, promise, wanted)
    source = promise.source
    known = isinstance(source, UnitSource) and source.population is not None
    missing = [metric for metric in wanted if metric.name not in kept] if known else []
    before = known_through + timedelta(days=1)
    found = pooled_caps(promise, missing, workspace.connections, before=before, days=HISTORY_DAYS)
    by_name = kept | {cap.metric: cap for cap in found}
    return tuple(by_name[metric.name] for metric in wanted if metric.name in by_name)


def _caps_on_record(registry: Registry, promise: Promise, wanted: Sequence[Metric]) -> dict[str, PlannedCap]:
    """An amendment of a running experiment must not move a cap: all its days would change their numbers."""
    if promise.slug not in registry.slugs():
        return {}
    before = registered(registry, promise.slug)
    if before.experiment.calendar.first_day != promise.experiment.calendar.first_day:
        return {}
    same = {
        metric.name
        for metric in wanted
        if before.metrics.get(metric.name) == metric
        and before.sources.get(metric.source) == promise.sources[metric.source]
    }
    return {cap.metric: cap for cap in before.plan.caps if cap.metric in same}


def _planned(workspace: Workspace, promise: Promise, known_through: date) -> Plan:
    stated = baselines(promise, (), "")
    past = None
    if isinstance(promise.source, UnitSource) and promise.source.population is not None:
        past = past_of(workspace, promise, known_through)
    known = {**past.baselines, **stated} if past else stated
    made = plan(promise, known, units_per_day=past.units_per_day if past else None)
    return replace(made, caps=promise.plan.caps)


def _tuning_problems(experiment: Experiment, made: Plan, where: str) -> tuple[Problem, ...]:
    """Policies that must be tuned before data need a plan even in a replay."""
    policy = experiment.analysis.stopping.policy
    if not experiment.replay:
        return ()  # then the power asks for the same baseline, once
    if policy is Policy.FIXED or made.of(experiment.metrics.primary.metric) is not None:
        return ()
    return (
        Problem(
            where=where,
            field=f"baselines.{experiment.metrics.primary.metric}",
            value="missing",
            message=f"the policy {policy.value} is tuned before any data is seen, and no history tells the baseline",
            cure="state the mean and std_dev per unit that were known before the start",
        ),
    )


def register(workspace: Workspace, offer: Offer, *, by: str, today: date, reason: str = "") -> Registered:
    """Check, lock, and record the findings and the registration note. The same promise again changes nothing."""
    with workspace.registry() as registry:
        seen = {(stored.slug, stored.version) for stored in registry.promises()}
        accepted = check(workspace, registry, offer, today=today)
        if unclear := unseen_problems(offer.where, "reason", reason):
            raise PromiseError(unclear)
        promise = accepted.promise
        answer = registry.register(
            document(promise),
            plan_document(promise.plan),
            fingerprint(promise),
            promise.slug,
            by,
            reason,
            as_of=accepted.as_of,
            refuse=lambda stored: _refuse_newcomers(promise.experiment, stored, seen, offer.where),
        )
        # The message closes the registration: a first try may have been killed between the two transactions.
        key = f"registered|{promise.slug}|{answer.version}"
        if registry.message(key) is None:
            note = registration_note(promise, accepted.findings, amendments_of(registry, promise.slug))
            documents = keep_memo(workspace, note, "registration")
            with registry.append(promise.slug) as record:
                record.findings(accepted.findings)
                record.memo("registration", accepted.as_of, documents)
                record.intend(message_of(promise, key, documents))
        return answer


def _refuse_newcomers(
    experiment: Experiment, stored: Sequence[StoredPromise], seen: Container[tuple[str, int]], where: str
) -> None:
    """Refuse a collision with a promise that came in while this one was checked."""
    newcomers = [one for one in stored if (one.slug, one.version) not in seen]
    problems = collision_problems(experiment, [from_document(one.document).experiment for one in newcomers], where)
    if problems:
        raise PromiseError(problems)


def waiting(workspace: Workspace) -> tuple[Offer, ...]:
    """Experiment files that are not registered in their present form, by name."""
    with workspace.registry() as registry:
        known = {stored.slug: stored.fingerprint for stored in registry.promises()}
    catalog = workspace.catalog()
    return tuple(
        Offer(where=path.name, text=text, slug=path.stem)
        for path, text in catalog.experiments()
        if _fingerprint_now(catalog, path.name, text) != known.get(path.stem, "none")
    )


def waiting_with(workspace: Workspace, *, slug: str, reason: str) -> tuple[Offer, ...]:
    """Files to register when nothing is promised in the form: that of one `slug`, or every one that waits.

    Raises PromiseError for a reason without a slug, since it would be recorded for every file that was changed, and for
    a slug without a file.
    """
    if not slug and not reason:
        return waiting(workspace)
    if not slug:
        message = "is given, but not for which experiment: it would amend every file that was changed"
        cure = "give the slug as well, or paste the promise as YAML"
        raise PromiseError([Problem(where="the form", field="reason", value=reason, message=message, cure=cure)])
    files = {path.stem for path, _text in workspace.catalog().experiments()}
    if slug not in files:
        cure = f"{did_you_mean(slug, files)}; or fill the form, or paste the promise as YAML"
        message = f"has no file {slug}.yaml in experiments/"
        raise PromiseError([Problem(where="the form", field="slug", value=slug, message=message, cure=cure)])
    return tuple(one for one in waiting(workspace) if one.slug == slug)


def _fingerprint_now(catalog: Catalog, where: str, text: str) -> str:
    try:
        return fingerprint(catalog.promise(parse_experiment(text, where), where))
    except PromiseError:
        return ""
