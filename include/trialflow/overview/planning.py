"""A plan before it is a promise: what registration would lock for it, and what other durations and margins would give.

The arithmetic is registration's own (`checks.power`); here it is only asked about more than one calendar.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np

from trialflow.checks.comparison import number
from trialflow.checks.finding import Finding
from trialflow.checks.power import Baseline, baselines, enough_by, plan, power, power_problems
from trialflow.errors import NotSupportedError, Problem, StatisticsError, WarehouseError
from trialflow.overview.plan_form import (
    BLANK,
    MOST_WEEKS,
    WHERE,
    Draft,
    PlanForm,
    admitted,
    document,
    draft,
    looks_in,
    typed_baselines,
)
from trialflow.overview.reader import Reader
from trialflow.spec.catalog import Catalog
from trialflow.spec.experiment import Guardrail, Policy, Stopping
from trialflow.spec.metric import Metric, MetricKind
from trialflow.spec.promise import Plan, PlannedCap, Promise
from trialflow.spec.rules.calendar import WEEK
from trialflow.spec.source import UnitSource
from trialflow.spec.yaml_text import write_yaml
from trialflow.stages.preregistration import last_known_day
from trialflow.stages.workspace import Workspace
from trialflow.stats.cuped import adjust
from trialflow.stats.moments import JointMoments
from trialflow.stats.power import planned_information
from trialflow.warehouse.caps import capped_by_quantile, pooled_caps
from trialflow.warehouse.history import HISTORY_DAYS, history
from trialflow.warehouse.summary import HistorySummary

UNKNOWN_WEEKS = 4
CURVE_WEEKS = 12
CURVE_POINTS = 10
TEN_YEARS = 3650


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
    """What registration reads in the warehouse; `why_not` says why there is nothing. `gains` are CUPED's, as shares."""

    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    units_per_day: float | None = None
    caps: tuple[PlannedCap, ...] = ()
    gains: Mapping[str, float] = field(default_factory=dict)
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One metric's baseline. A `stated` one is written into the promise; another is measured again at registration."""

    baseline: Baseline
    stated: bool
    recorded: Recorded | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A run of so many weeks.

    `effect` is the smallest it shows with the promised power, on the metric's own scale (`adjusted` with CUPED); `chance`
    that of showing the smallest effect worth having by its last look.
    """

    weeks: int
    units: int
    effect: float
    adjusted: float | None
    chance: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """One guardrail's margin against the traffic.

    `units` are control's, `total` everybody's; `by` is the day by which the promised margin can be proven, None beyond ten
    years; `smallest` the smallest margin, of the promised kind, that the calendar proves.
    """

    guardrail: Guardrail
    metric: Metric
    known: Known | None
    units: int | None = None
    total: int | None = None
    feasible: bool | None = None
    by: date | None = None
    smallest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plannable:
    """What follows from a form without faults.

    `promise` carries the plan that registration would lock, `finding` what it would keep with it, `refusals` what it would
    refuse. `enough` are the full weeks that the power asks for, MOST_WEEKS + 1 for more than that, None where no traffic is
    known; `inflation` is what the looks cost in information; `text` the promise as YAML with blanks for its words.
    """

    promise: Promise
    finding: Finding
    refusals: tuple[Problem, ...]
    enough: int | None
    inflation: float
    known: Mapping[str, Known]
    measured: Measured
    locks_traffic: bool
    gain: float | None
    curve: tuple[Point, ...]
    protections: tuple[Protection, ...]
    text: str

    @property
    def weeks(self) -> int:
        """Full weeks of the calendar."""
        return self.promise.experiment.calendar.days // WEEK

    @property
    def needed(self) -> int:
        """Units that the power asks for, in all variants."""
        return int(self.finding.evidence["needed_units"])

    @property
    def units(self) -> int:
        """Units that the power asks for in control."""
        primary = self.promise.plan.of(self.promise.experiment.metrics.primary.metric)
        return int(primary.units_per_variant or 0) if primary else 0

    @property
    def per_variant(self) -> tuple[tuple[str, float, int], ...]:
        """Each variant with its share and the units it needs, rounded up."""
        experiment = self.promise.experiment
        shares = experiment.weights_on(experiment.calendar.first_day)
        return tuple((name, share, _up(self.needed * share)) for name, share in shares.items())

    @property
    def chance(self) -> float | None:
        """Chance that the smallest effect worth having is shown by the last look."""
        by_day = self.finding.evidence["power_by_day"]
        return by_day[-1]["power"] if by_day else None

    @property
    def labels(self) -> tuple[str, ...]:
        """Words that must stand beside the numbers."""
        return ("simulated",) if self.promise.simulated else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A form with everything that is wrong with it, or with what follows from it."""

    drafted: Draft
    faults: tuple[Problem, ...] = ()
    result: Plannable | None = None


def recorded(reader: Reader, catalog: Catalog) -> dict[str, Recorded]:
    """Per metric the plan of the experiment that started last, if the catalog still defines the metric as it did."""
    briefs = reader.briefs(("power",))
    found: dict[str, Recorded] = {}
    promises = sorted(reader.promises().items(), key=lambda item: (item[1].experiment.calendar.first_day, item[0]))
    for slug, promise in promises:
        told = briefs.get(slug, {}).get("power")
        if told is None:
            continue
        labels = (("simulated", promise.simulated), ("replay", promise.experiment.replay))
        found |= {
            one.metric: Recorded(
                slug=slug,
                as_of=told.as_of,
                baseline=Baseline(
                    mean=one.baseline_mean, std_dev=one.baseline_std_dev, origin=f"registration of {slug}"
                ),
                units_per_day=promise.plan.units_per_day,
                unit=promise.experiment.unit,
                labels=tuple(label for label, holds in labels if holds),
            )
            for one in promise.plan.metrics
            if catalog.metrics.get(one.metric) == promise.metrics[one.metric] and one.baseline_std_dev > 0.0
        }
    return found


def planned(
    form: PlanForm, workspace: Workspace, catalog: Catalog, record: Mapping[str, Recorded], *, today: date
) -> Planned:
    """What registration on `today` would make of the form. Reads the warehouse; stores nothing."""
    drafted = draft(form, today=today)
    typed = typed_baselines(form)
    trial = drafted.weeks or max(UNKNOWN_WEEKS, drafted.least_weeks)
    promise, faults = admitted(drafted, catalog, trial, typed, today=today)
    if faults or promise is None:
        return Planned(drafted=drafted, faults=faults)
    measured = _measured(workspace, promise, drafted) if form.basis in ("", "warehouse") else Measured()
    # Registration looks back from its own day: what was measured before another one is written down instead.
    own = drafted.through == last_known_day(promise.experiment, today)
    known = _known(promise, measured, record, form.basis, own=own)
    primary = promise.experiment.metrics.primary.metric
    if primary not in known:
        return Planned(drafted=drafted, faults=(_no_baseline(primary, form, measured),))
    stated = {
        name: typed.get(name) or {"mean": number(one.baseline.mean), "std_dev": number(one.baseline.std_dev)}
        for name, one in known.items()
        if one.stated
    }
    rate = drafted.traffic or measured.units_per_day or _recorded_rate(known[primary])
    enough = None
    try:
        with np.errstate(over="raise"):
            least = _one_look(promise, known[primary].baseline)
            if rate is not None and least > TEN_YEARS * rate:
                return Planned(drafted=drafted, faults=(_too_small(form, least, rate),))
            if rate is not None:
                enough = _enough(drafted, catalog, promise, known[primary].baseline, rate, least)
            weeks = drafted.weeks or min(enough or trial, MOST_WEEKS)
            final, faults = admitted(drafted, catalog, weeks, stated, today=today)
            if faults or final is None:
                return Planned(drafted=drafted, faults=faults)
            locks = own and rate is not None and rate == measured.units_per_day
            text = write_yaml(
                document(drafted, catalog, weeks, words={**BLANK, **_unit(known[primary])}, stated=stated)
            )
            asked = _Asked(drafted=drafted, catalog=catalog, measured=measured, known=known, rate=rate, today=today)
            return Planned(drafted=drafted, result=_result(asked, final, enough, text, locks_traffic=locks))
    except (ArithmeticError, StatisticsError) as error:
        return Planned(drafted=drafted, faults=(_beyond_arithmetic(form, error),))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    drafted: Draft
    catalog: Catalog
    measured: Measured
    known: Mapping[str, Known]
    rate: float | None
    today: date

    def plan(self, promise: Promise) -> Plan:
        """As registration makes it: what is stated first, then what was measured."""
        own = {name: one.baseline for name, one in self.known.items()} | baselines(promise, (), "")
        capped = replace(promise, plan=Plan(caps=self.measured.caps))
        return replace(plan(capped, own, units_per_day=self.rate), caps=self.measured.caps)

    def over(self, promise: Promise, weeks: int) -> Promise:
        return _over(promise, self.drafted, self.catalog, weeks)


def _result(asked: _Asked, promise: Promise, enough: int | None, text: str, *, locks_traffic: bool) -> Plannable:
    made = asked.plan(promise)
    locked = replace(promise, plan=made)
    finding = power(locked, made, last_known_day(promise.experiment, asked.today)).finding
    gain = asked.drafted.gain or asked.measured.gains.get(promise.experiment.metrics.primary.metric)
    return Plannable(
        promise=locked,
        finding=finding,
        refusals=power_problems(locked, made, WHERE),
        enough=enough,
        inflation=_inflation(locked, finding),
        known=asked.known,
        measured=asked.measured,
        locks_traffic=locks_traffic,
        gain=gain,
        curve=tuple(_curve(asked, locked, gain)) if asked.rate else (),
        protections=tuple(
            _protection(locked, finding, asked.known, one) for one in promise.experiment.metrics.guardrails
        ),
        text=text,
    )


def _measured(workspace: Workspace, promise: Promise, drafted: Draft) -> Measured:
    if not isinstance(promise.source, UnitSource):
        why = f"source {promise.source.name} holds {promise.source.grain.value}, not the units before an experiment"
        return Measured(why_not=why)
    before = drafted.through + timedelta(days=1)
    origin = f"{HISTORY_DAYS} days before {before}"
    try:
        wanted = capped_by_quantile(promise)
        caps = pooled_caps(promise, wanted, workspace.connections, before=before, days=HISTORY_DAYS)
        capped = replace(promise, plan=Plan(caps=caps))
        found = history(capped, workspace.connections, before=before, days=HISTORY_DAYS)
    except (WarehouseError, NotSupportedError) as error:
        return Measured(why_not=str(error))
    known = {name: one for name, one in baselines(capped, found, origin).items() if one.origin == origin}
    rate = max((float(one.units_per_day) for one in found), default=0.0) or None
    why = "" if known else f"nobody is in the population of {promise.source.name} in the {origin}"
    return Measured(baselines=known, units_per_day=rate, caps=caps, gains=dict(_gains(promise, found)), why_not=why)


def _gains(promise: Promise, found: Iterable[HistorySummary]) -> Iterable[tuple[str, float]]:
    """Share of the variance that CUPED removes, where the history holds the time before it."""
    for one in found:
        if len(one.variables) > 1 and promise.metrics[one.metric].kind is not MetricKind.RATIO and one.moments.n > 1:
            of = one.moments
            moments = JointMoments(n=of.n[None], mean=of.mean[None], m2=of.m2[None])
            yield one.metric, float(adjust(moments).variance_reduction)


def _known(
    promise: Promise, measured: Measured, record: Mapping[str, Recorded], basis: str, *, own: bool
) -> dict[str, Known]:
    """Typed baselines first, as in registration; then those of the chosen basis."""
    known: dict[str, Known] = {}
    typed = baselines(promise, (), "")
    for name in promise.experiment.metrics.names:
        if name in typed:
            known[name] = Known(baseline=typed[name], stated=True)
        elif name in measured.baselines:
            known[name] = Known(baseline=measured.baselines[name], stated=not own)
        elif name in record and basis in ("", "record"):
            known[name] = Known(baseline=record[name].baseline, stated=True, recorded=record[name])
    return known


def _over(promise: Promise, drafted: Draft, catalog: Catalog, weeks: int) -> Promise:
    """The same promise over so many weeks, with the looks that fit."""
    experiment = promise.experiment
    last = experiment.calendar.first_day + timedelta(days=WEEK * weeks - 1)
    calendar = experiment.calendar.model_copy(update={"last_day": last})
    final = WEEK * weeks + calendar.maturity_days
    looks = tuple(day for day in looks_in(drafted, catalog, weeks) if day < final)
    stopping = experiment.analysis.stopping.model_copy(update={"looks": looks})
    analysis = experiment.analysis.model_copy(update={"stopping": stopping})
    changed = experiment.model_copy(update={"calendar": calendar, "analysis": analysis})
    return replace(promise, experiment=changed)


def _one_look(promise: Promise, base: Baseline) -> int:
    """Units that one look at the end needs in all variants: the least that any policy does, whatever the calendar."""
    experiment = promise.experiment
    analysis = experiment.analysis.model_copy(update={"stopping": Stopping()})
    fixed = replace(promise, experiment=experiment.model_copy(update={"analysis": analysis}))
    return plan(fixed, {experiment.metrics.primary.metric: base}, units_per_day=None).tuning_units or 0


def _enough(drafted: Draft, catalog: Catalog, promise: Promise, base: Baseline, rate: float, least: int) -> int:
    """The fewest full weeks whose traffic is what the primary metric's power asks for, as registration counts it."""
    primary = {promise.experiment.metrics.primary.metric: base}
    for weeks in range(max(drafted.least_weeks, min(int(least / (WEEK * rate)), MOST_WEEKS)), MOST_WEEKS + 1):
        made = plan(_over(promise, drafted, catalog, weeks), primary, units_per_day=rate)
        if (made.expected_units or 0) >= (made.tuning_units or 0) and _has_looks(drafted, catalog, weeks):
            return weeks
    return MOST_WEEKS + 1


def _has_looks(drafted: Draft, catalog: Catalog, weeks: int) -> bool:
    return drafted.form.policy != Policy.GROUP_SEQUENTIAL.value or bool(looks_in(drafted, catalog, weeks))


def _inflation(promise: Promise, finding: Finding) -> float:
    """Planned information over that of one look with the same alpha and power."""
    experiment = promise.experiment
    primary = promise.plan.of(experiment.metrics.primary.metric)
    if primary is None or primary.planned_information is None or primary.minimum_effect is None:
        return 1.0
    alone = planned_information(
        minimum_effect=primary.minimum_effect,
        alpha=experiment.alpha_per_treatment,
        power=finding.evidence["power_per_test"],
    )
    return primary.planned_information / float(alone)


def _curve(asked: _Asked, promise: Promise, gain: float | None) -> Iterable[Point]:
    chosen = promise.experiment.calendar.days // WEEK
    least = max(asked.drafted.least_weeks, 1 if _has_looks(asked.drafted, asked.catalog, 1) else 2)
    longest = min(max(CURVE_WEEKS, chosen * 3 // 2), MOST_WEEKS)
    step = -(-longest // CURVE_POINTS)
    for weeks in sorted({*range(least, longest + 1, step), chosen}):
        over = asked.over(promise, weeks)
        made = asked.plan(over)
        evidence = power(replace(over, plan=made), made, promise.experiment.calendar.first_day).finding.evidence
        primary = next(row for row in evidence["metrics"] if row["metric"] == over.experiment.metrics.primary.metric)
        if primary["resolvable"] is None:
            continue
        by_day = evidence["power_by_day"]
        yield Point(
            weeks=weeks,
            units=int(evidence["expected_units"]),
            effect=primary["resolvable"],
            adjusted=primary["resolvable"] * math.sqrt(1.0 - gain) if gain else None,
            chance=by_day[-1]["power"] if by_day else None,
        )


def _protection(promise: Promise, finding: Finding, known: Mapping[str, Known], guardrail: Guardrail) -> Protection:
    experiment, made = promise.experiment, promise.plan
    metric, base = promise.metrics[guardrail.metric], known.get(guardrail.metric)
    row = next((one for one in finding.evidence["metrics"] if one["metric"] == guardrail.metric), None)
    if row is None or row["units_per_variant"] is None:
        return Protection(guardrail=guardrail, metric=metric, known=base)
    share = experiment.weights_on(experiment.calendar.first_day)[experiment.control.name]
    units = int(row["units_per_variant"])
    total = _up(units / share)
    timely = bool(made.units_per_day) and total <= TEN_YEARS * (made.units_per_day or 0.0)
    return Protection(
        guardrail=guardrail,
        metric=metric,
        known=base,
        units=units,
        total=total,
        feasible=total <= made.expected_units if made.expected_units else None,
        by=enough_by(experiment, made, total) if timely else None,
        smallest=row["resolvable"],
    )


def _up(units: float) -> int:
    return math.ceil(units * (1.0 - 1e-12))


def _recorded_rate(known: Known) -> float | None:
    return known.recorded.units_per_day if known.recorded else None


def _unit(known: Known) -> dict[str, str]:
    return {"unit": known.recorded.unit} if known.recorded else {}


def _no_baseline(metric: str, form: PlanForm, measured: Measured) -> Problem:
    reasons = {
        "warehouse": measured.why_not,
        "record": f"no registration on record planned {metric} as it is defined now",
        "hand": "no mean and standard deviation were typed",
    }
    reason = reasons.get(form.basis, f"{measured.why_not}; {reasons['record']}" if measured.why_not else "")
    message = f"gives no baseline of {metric}: {reason or 'the history holds no values that vary'}"
    cure = "type its mean and standard deviation per unit, choose another basis, or give an earlier last day of history"
    return Problem(where=WHERE, field="basis", value=form.basis or "the best there is", message=message, cure=cure)


def _too_small(form: PlanForm, units: int, rate: float) -> Problem:
    message = f"needs {units:,} units, more than ten years at {rate:,.0f} a day"
    cure = "give a larger effect, or more traffic"
    return Problem(where=WHERE, field="effect", value=form.effect, message=message, cure=cure)


def _beyond_arithmetic(form: PlanForm, error: Exception) -> Problem:
    message = f"cannot be planned for: {error}"
    cure = "give an effect and margins that are not 0 and not too small; a relative one needs a mean other than 0"
    return Problem(where=WHERE, field="effect", value=form.effect, message=message, cure=cure)
