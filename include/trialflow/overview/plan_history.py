"""What is known before an experiment is planned: baselines and traffic from the warehouse, the record or a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from trialflow.checks.power import Baseline, baselines
from trialflow.errors import NotSupportedError, Problem, WarehouseError
from trialflow.memo.words import short_day
from trialflow.overview.plan_form import Draft, PlanForm, fault
from trialflow.overview.reader import Reader
from trialflow.overview.standing import labels_of
from trialflow.overview.unanswered import public_reason
from trialflow.spec.catalog import Catalog
from trialflow.spec.metric import MetricKind
from trialflow.spec.promise import Plan, PlannedCap, Promise
from trialflow.spec.source import UnitSource
from trialflow.stages.preregistration import past_of
from trialflow.stages.workspace import Workspace
from trialflow.stats.cuped import adjust
from trialflow.stats.moments import JointMoments
from trialflow.warehouse.caps import capped_by_quantile, pooled_caps
from trialflow.warehouse.history import HISTORY_DAYS
from trialflow.warehouse.summary import HistorySummary

BASES_THAT_MEASURE = ("", "warehouse")
BASES_THAT_RECALL = ("", "record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the registration of `slug` locked for a metric; its finding `power` is of the day `as_of`."""

    slug: str
    as_of: date
    baseline: Baseline
    units_per_day: float | None
    unit: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What registration reads in the warehouse; `why_not` says why there is nothing. `gains` are CUPED's, as shares.

    `period` says in words which days of the warehouse these are.
    """

    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    units_per_day: float | None = None
    caps: tuple[PlannedCap, ...] = ()
    gains: Mapping[str, float] = field(default_factory=dict)
    period: str = ""
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One metric's baseline. A `stated` one is written into the promise; another is measured again at registration."""

    baseline: Baseline
    stated: bool
    recorded: Recorded | None = None
    period: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """New units a day that a plan counts on.

    `whole` is what was found before the audience's `share` was taken of it; from where says `recorded`, else `period`,
    else a person typed it.
    """

    units_per_day: float
    whole: float
    share: float | None = None
    recorded: Recorded | None = None
    period: str = ""


def recorded(reader: Reader, catalog: Catalog) -> dict[str, Recorded]:
    """Per metric the plan of the experiment that started last, if the catalog still defines the metric as it did."""
    briefs = reader.briefs(("power",))
    found: dict[str, Recorded] = {}
    promises = sorted(reader.promises().items(), key=lambda item: (item[1].experiment.calendar.first_day, item[0]))
    for slug, promise in promises:
        told = briefs.get(slug, {}).get("power")
        if told is None:
            continue
        found |= {
            one.metric: Recorded(
                slug=slug,
                as_of=told.as_of,
                baseline=Baseline(
                    mean=one.baseline_mean, std_dev=one.baseline_std_dev, origin=f"registration of {slug}"
                ),
                units_per_day=promise.plan.units_per_day,
                unit=promise.experiment.unit,
                labels=labels_of(promise),
            )
            for one in promise.plan.metrics
            if catalog.metrics.get(one.metric) == promise.metrics[one.metric] and one.baseline_std_dev > 0.0
        }
    return found


def measured(workspace: Workspace, promise: Promise, drafted: Draft) -> Measured:
    """The history as registration reads it; of the audience's segment alone where one was chosen."""
    if not isinstance(promise.source, UnitSource):
        why = f"source {promise.source.name} holds {promise.source.grain.value}, not the units before an experiment"
        return Measured(why_not=why)
    before = drafted.through + timedelta(days=1)
    period = f"{HISTORY_DAYS} days of the warehouse before {short_day(before)}"
    asked = _restricted(promise, promise.source, drafted.part) if drafted.part else promise
    try:
        caps = pooled_caps(asked, capped_by_quantile(asked), workspace.connections, before=before, days=HISTORY_DAYS)
        past = past_of(workspace, replace(asked, plan=Plan(caps=caps)), drafted.through)
    except (WarehouseError, NotSupportedError) as error:
        return Measured(why_not=public_reason(error))
    known = {name: one for name, one in past.baselines.items() if one.origin == past.origin}
    why = "" if known else f"nobody is in the population of {promise.source.name} in the {period}"
    return Measured(
        baselines=known,
        units_per_day=past.units_per_day,
        caps=caps,
        gains=dict(_gains(promise, past.summaries)),
        period=period,
        why_not=why,
    )


def part_fault(promise: Promise, drafted: Draft, found: Measured) -> Problem | None:
    """Why the segment cannot stand for the audience, if one was chosen."""
    typed = drafted.form.part
    if drafted.part is None:
        return None
    otherwise = "choose everybody, and give the audience's share of the traffic"
    if drafted.form.basis not in BASES_THAT_MEASURE:
        return fault(
            "part", typed, "is measured in the warehouse, which is not asked", "have it asked, or " + otherwise
        )
    known = promise.source.exposures.segments if isinstance(promise.source, UnitSource) else {}
    if drafted.part[0] not in known:
        return fault("part", typed, f"is no segment of source {promise.source.name}", otherwise)
    if found.why_not:
        reason = found.why_not.splitlines()[0].rstrip(".!")
        return fault("part", typed, f"cannot be told apart among the population before the start ({reason})", otherwise)
    return None


def _restricted(promise: Promise, source: UnitSource, part: tuple[str, str]) -> Promise:
    """The same promise about the units of one segment, by the column of that name in the population's table."""
    column = source.exposures.segments.get(part[0])
    if column is None or source.population is None:
        return promise
    before = source.population.filter
    condition = f"{f'({before}) AND ' if before else ''}{column} = '{part[1]}'"
    population = source.population.model_copy(update={"filter": condition})
    changed = source.model_copy(update={"population": population})
    return replace(promise, sources={**promise.sources, source.name: changed})


def _gains(promise: Promise, found: Iterable[HistorySummary]) -> Iterable[tuple[str, float]]:
    """Share of the variance that CUPED removes, where the history holds the time before it."""
    for one in found:
        if len(one.variables) > 1 and promise.metrics[one.metric].kind is not MetricKind.RATIO and one.moments.n > 1:
            of = one.moments
            moments = JointMoments(n=of.n[None], mean=of.mean[None], m2=of.m2[None])
            yield one.metric, float(adjust(moments).variance_reduction)


def known(
    promise: Promise, found: Measured, record: Mapping[str, Recorded], basis: str, *, own: bool
) -> dict[str, Known]:
    """Typed baselines first, as in registration; then those of the chosen basis.

    `own` says that registration will measure the same days.
    """
    told: dict[str, Known] = {}
    typed = baselines(promise, (), "")
    for name in promise.experiment.metrics.names:
        if name in typed:
            told[name] = Known(baseline=typed[name], stated=True)
        elif name in found.baselines:
            told[name] = Known(baseline=found.baselines[name], stated=not own, period=found.period)
        elif name in record and basis in BASES_THAT_RECALL:
            told[name] = Known(baseline=record[name].baseline, stated=True, recorded=record[name])
    return told


def traffic(drafted: Draft, found: Measured, past: Recorded | None) -> Traffic | None:
    """The traffic that was typed, else measured, else that of a `past` registration; of the last two the audience's share."""
    if drafted.traffic:
        return Traffic(units_per_day=drafted.traffic, whole=drafted.traffic)
    rate = found.units_per_day or (past.units_per_day if past else None)
    if rate is None:
        return None
    return Traffic(
        units_per_day=rate * (drafted.share or 1.0),
        whole=rate,
        share=drafted.share,
        recorded=None if found.units_per_day else past,
        period=found.period if found.units_per_day else "",
    )


def no_baseline(metric: str, form: PlanForm, found: Measured) -> Problem:
    """Nothing tells the mean and spread of the primary metric."""
    reasons = {
        "warehouse": found.why_not,
        "record": f"no registration on record planned {metric} as it is defined now",
        "hand": "no mean and standard deviation were typed",
    }
    reason = reasons.get(form.basis, f"{found.why_not}; {reasons['record']}" if found.why_not else "")
    message = f"gives no baseline of {metric}: {reason or 'the history holds no values that vary'}"
    cure = "type its mean and standard deviation per unit, choose another basis, or give an earlier last day of history"
    return fault("basis", form.basis or "the best there is", message, cure)


def segments_on_record(reader: Reader) -> dict[str, tuple[tuple[str, str], ...]]:
    """By source the segments that promises in force name: dimension and value."""
    found: dict[str, dict[tuple[str, str], None]] = {}
    for promise in reader.promises().values():
        if isinstance(promise.source, UnitSource):
            pairs = ((one.dimension, value) for one in promise.experiment.segments for value in one.values)
            found.setdefault(promise.source.name, {}).update(dict.fromkeys(pairs))
    return {source: tuple(sorted(pairs)) for source, pairs in sorted(found.items()) if pairs}
