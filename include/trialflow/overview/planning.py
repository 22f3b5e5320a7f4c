"""A plan before it is a promise: what registration would lock for it, and what other durations and margins would give.

The arithmetic is registration's own (`checks.power`); here it is only asked about more than one calendar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from trialflow.checks.comparison import number
from trialflow.checks.finding import Finding
from trialflow.checks.power import Baseline, baselines, enough_by, plan, power, power_problems
from trialflow.errors import Problem, StatisticsError
from trialflow.overview.plan_chance import Together, guardrail_chance, together
from trialflow.overview.plan_curve import Durations, Point, in_all, inflation, one_look, up
from trialflow.overview.plan_faults import admitted
from trialflow.overview.plan_form import (
    BLANK,
    MOST_WEEKS,
    WHERE,
    Draft,
    PlanForm,
    document,
    draft,
    fault,
    typed_baselines,
)
from trialflow.overview.plan_history import (
    BASES_THAT_MEASURE,
    BASES_THAT_RECALL,
    Known,
    Measured,
    Recorded,
    Traffic,
    known,
    measured,
    no_baseline,
    part_fault,
    traffic,
)
from trialflow.spec.catalog import Catalog
from trialflow.spec.experiment import Guardrail, Policy
from trialflow.spec.metric import Metric
from trialflow.spec.promise import Plan, Promise
from trialflow.spec.rules.calendar import WEEK
from trialflow.spec.yaml_text import write_yaml
from trialflow.stages.preregistration import last_known_day
from trialflow.stages.workspace import Workspace
from trialflow.stats.power import power_per_test

UNKNOWN_WEEKS = 4
TEN_YEARS = 3650


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """One guardrail's margin against the traffic.

    `units` are control's, `total` everybody's; `by` is the day by which the promised margin can be proven, None where that is
    not known: `endless` beyond ten years, else within no calendar that can be planned; `smallest` the smallest margin, of the
    promised kind, that the calendar proves; `chance` that of proving the promised one with this calendar when the metric does
    not move. `row` is its number in the form.
    """

    guardrail: Guardrail
    metric: Metric
    known: Known | None
    units: int | None = None
    total: int | None = None
    feasible: bool | None = None
    by: date | None = None
    endless: bool = False
    smallest: float | None = None
    chance: float | None = None
    row: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plannable:
    """What follows from a form without faults.

    `promise` carries the plan that registration would lock, `finding` what it would keep with it, `refusals` what it would
    refuse. `enough` are the full weeks that the power asks for, MOST_WEEKS + 1 for more than that, None where no traffic is
    known; `inflation` is what the looks cost in information; `text` the promise as YAML with blanks for its words.
    `shown_after` and `gained_after` are the first full weeks whose run shows the smallest effect worth having with the power,
    without CUPED where every day is read and with what CUPED removes; None where no run of the curve does.
    """

    drafted: Draft
    promise: Promise
    finding: Finding
    refusals: tuple[Problem, ...]
    enough: int | None
    inflation: float
    known: Mapping[str, Known]
    measured: Measured
    traffic: Traffic | None
    locks_traffic: bool
    gain: float | None
    curve: tuple[Point, ...]
    protections: tuple[Protection, ...]
    text: str
    shown_after: int | None = None
    gained_after: int | None = None

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
        return tuple((name, share, up(self.needed * share)) for name, share in shares.items())

    @property
    def chance(self) -> float | None:
        """Chance that the smallest effect worth having is shown by the last look."""
        by_day = self.finding.evidence["power_by_day"]
        return by_day[-1]["power"] if by_day else None

    @property
    def together(self) -> Together | None:
        """Between which chances that of a SHIP lies: the primary metric's and every guardrail's test succeed."""
        return together((self.chance, *(one.chance for one in self.protections)))

    @property
    def unproven(self) -> tuple[Protection, ...]:
        """Guardrails whose margin this calendar brings too few units for, or that have no baseline."""
        return tuple(one for one in self.protections if one.feasible is False or one.units is None)

    @property
    def feasible(self) -> bool:
        """Whether nothing speaks against registering it as it is."""
        return not self.refusals and not self.unproven

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


def planned(
    form: PlanForm, workspace: Workspace, catalog: Catalog, record: Mapping[str, Recorded], *, today: date
) -> Planned:
    """What registration on `today` would make of the form. Reads the warehouse; stores nothing."""
    drafted = draft(form, catalog, today=today)
    trial = drafted.weeks or min(max(UNKNOWN_WEEKS, drafted.least_weeks), MOST_WEEKS)
    promise, faults = admitted(drafted, catalog, trial, typed_baselines(form), today=today)
    if faults or promise is None:
        return Planned(drafted=drafted, faults=faults)
    found = measured(workspace, promise, drafted) if form.basis in BASES_THAT_MEASURE else Measured()
    if wrong := part_fault(promise, drafted, found):
        return Planned(drafted=drafted, faults=(wrong,))
    # Registration looks back from its own day, on everybody: what was measured otherwise is written down instead.
    own = drafted.through == last_known_day(promise.experiment, today) and drafted.part is None
    told = known(promise, found, record, form.basis, own=own)
    primary = promise.experiment.metrics.primary.metric
    if primary not in told:
        return Planned(drafted=drafted, faults=(no_baseline(primary, form, found),))
    if empty := tuple(_shares_of_nothing(promise, form, told)):
        return Planned(drafted=drafted, faults=empty)
    asked = _Asked(
        drafted=drafted,
        catalog=catalog,
        measured=found,
        known=told,
        traffic=traffic(drafted, found, record.get(primary) if form.basis in BASES_THAT_RECALL else None),
        own=own,
        today=today,
    )
    try:
        with np.errstate(over="raise"):
            return _planned(asked, promise, trial)
    except (ArithmeticError, StatisticsError):
        return Planned(drafted=drafted, faults=(_beyond_arithmetic(form),))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    drafted: Draft
    catalog: Catalog
    measured: Measured
    known: Mapping[str, Known]
    traffic: Traffic | None
    own: bool
    today: date

    @property
    def rate(self) -> float | None:
        return self.traffic.units_per_day if self.traffic else None

    @property
    def locks_traffic(self) -> bool:
        """Whether registration counts on the same traffic."""
        return self.own and self.rate is not None and self.rate == self.measured.units_per_day

    def stated(self) -> dict[str, dict[str, float | int | str | None]]:
        """Baselines that the promise states: those that were typed as they were, others rounded as findings are."""
        typed = typed_baselines(self.drafted.form)
        return {
            name: typed.get(name) or {"mean": number(one.baseline.mean), "std_dev": number(one.baseline.std_dev)}
            for name, one in self.known.items()
            if one.stated
        }

    def plan(self, promise: Promise) -> Plan:
        """As registration makes it: what is stated first, then what was measured."""
        own = {name: one.baseline for name, one in self.known.items()} | baselines(promise, (), "")
        capped = replace(promise, plan=Plan(caps=self.measured.caps))
        return replace(plan(capped, own, units_per_day=self.rate), caps=self.measured.caps)

    def durations(self, promise: Promise, base: Baseline, rate: float) -> Durations:
        """The promise over other calendars."""
        analysis, guardrails = promise.experiment.analysis, len(promise.experiment.metrics.guardrails)
        each = power_per_test(analysis.power, guardrails=guardrails)
        return Durations(promise=promise, drafted=self.drafted, catalog=self.catalog, base=base, rate=rate, power=each)


def _planned(asked: _Asked, promise: Promise, trial: int) -> Planned:
    drafted, stated = asked.drafted, asked.stated()
    primary = promise.experiment.metrics.primary.metric
    base = asked.known[primary].baseline
    if primary in stated:
        values = {name: float(value or 0.0) for name, value in stated[primary].items()}
        base = replace(base, mean=values["mean"], std_dev=values["std_dev"])
    durations, enough = None, None
    least = one_look(promise, base)
    if asked.rate is not None:
        if least > TEN_YEARS * asked.rate:
            return Planned(drafted=drafted, faults=(_too_small(drafted.form, least, asked.rate),))
        durations = asked.durations(promise, base, asked.rate)
        enough = durations.enough(least)
    weeks = drafted.weeks or min(enough or trial, MOST_WEEKS)
    final, faults = admitted(drafted, asked.catalog, weeks, stated, today=asked.today)
    if faults or final is None:
        return Planned(drafted=drafted, faults=faults)
    return Planned(drafted=drafted, result=_result(asked, final, stated, durations, enough))


def _result(
    asked: _Asked,
    promise: Promise,
    stated: Mapping[str, Mapping[str, float | int | str | None]],
    durations: Durations | None,
    enough: int | None,
) -> Plannable:
    made = asked.plan(promise)
    locked = replace(promise, plan=made)
    finding = power(locked, made, last_known_day(promise.experiment, asked.today)).finding
    primary = promise.experiment.metrics.primary.metric
    gain = asked.drafted.gain or asked.measured.gains.get(primary)
    weeks = promise.experiment.calendar.days // WEEK
    curve = tuple(durations.curve(weeks, gain)) if durations else ()
    always = promise.experiment.analysis.stopping.policy is Policy.ALWAYS_VALID
    words = {**BLANK, **_unit(asked.known[primary])}
    rows = [row for row, _ in asked.drafted.form.numbered]
    return Plannable(
        drafted=asked.drafted,
        promise=locked,
        finding=finding,
        refusals=power_problems(locked, made, WHERE),
        enough=enough,
        inflation=inflation(locked, made.of(primary), finding.evidence["power_per_test"]),
        known=asked.known,
        measured=asked.measured,
        traffic=asked.traffic,
        locks_traffic=asked.locks_traffic,
        gain=gain,
        curve=curve,
        protections=tuple(
            _protection(locked, finding, asked.known.get(one.metric), one, row, durations)
            for row, one in zip(rows, promise.experiment.metrics.guardrails, strict=True)
        ),
        text=write_yaml(document(asked.drafted, asked.catalog, weeks, words=words, stated=stated)),
        shown_after=durations.shown_after(curve) if durations and always else None,
        gained_after=durations.gained_after(curve, gain) if durations and gain else None,
    )


def _protection(
    promise: Promise,
    finding: Finding,
    base: Known | None,
    guardrail: Guardrail,
    row: int,
    durations: Durations | None,
) -> Protection:
    made = promise.plan
    metric = promise.metrics[guardrail.metric]
    told = next((one for one in finding.evidence["metrics"] if one["metric"] == guardrail.metric), None)
    if told is None or told["units_per_variant"] is None:
        return Protection(guardrail=guardrail, metric=metric, known=base, row=row)
    units = int(told["units_per_variant"])
    total = in_all(promise, units)
    feasible = total <= made.expected_units if made.expected_units else None
    return Protection(
        guardrail=guardrail,
        metric=metric,
        known=base,
        units=units,
        total=total,
        feasible=feasible,
        by=_by(promise, guardrail.metric, total, None if feasible else durations),
        endless=_endless(made, total),
        smallest=told["resolvable"],
        chance=guardrail_chance(promise, made, guardrail),
        row=row,
    )


def _by(promise: Promise, metric: str, total: int, durations: Durations | None) -> date | None:
    """By when the traffic has brought `total` units; beyond this calendar those that a longer one asks for."""
    experiment, made = promise.experiment, promise.plan
    if not made.units_per_day or _endless(made, total):
        return None
    by, known = enough_by(experiment, made, total), made.of(metric)
    first = experiment.calendar.first_day
    if durations is None or known is None:
        return by
    least = ((by - first).days + 1) // WEEK
    if least > MOST_WEEKS:
        # What more looks would cost by then is not known.
        return None if experiment.analysis.stopping.looks else by
    weeks = durations.enough_to_prove(known, least)
    return first + timedelta(days=WEEK * weeks - 1) if weeks else None


def _endless(made: Plan, total: int) -> bool:
    return bool(made.units_per_day) and total > TEN_YEARS * (made.units_per_day or 0.0)


def _unit(known_as: Known) -> dict[str, str]:
    return {"unit": known_as.recorded.unit} if known_as.recorded else {}


def _too_small(form: PlanForm, units: int, rate: float) -> Problem:
    message = f"needs {units:,} units, more than ten years at {rate:,.0f} a day"
    return fault("effect", form.effect, message, "give a larger effect, or more traffic")


def _shares_of_nothing(promise: Promise, form: PlanForm, told: Mapping[str, Known]) -> Iterator[Problem]:
    """Relative sizes of a metric whose mean is 0."""
    metrics = promise.experiment.metrics
    rows = [row for row, _ in form.numbered]
    sizes = [("effect", form.effect, metrics.primary.metric, metrics.primary.minimum_effect)] + [
        (f"margin_{row}", form.guardrails[row - 1].margin, one.metric, one.margin)
        for row, one in zip(rows, metrics.guardrails, strict=True)
    ]
    for name, typed, metric, size in sizes:
        if size.relative is not None and metric in told and told[metric].baseline.mean == 0.0:
            message = f"is a share of the mean of {metric}, which is 0, so it is no size at all"
            yield fault(name, typed, message, "choose the absolute scale, or give another mean")


def _beyond_arithmetic(form: PlanForm) -> Problem:
    message = (
        "cannot be planned for: with these means, deviations and margins the numbers become too large or too small"
    )
    return fault(
        "effect", form.effect, message, "give an effect and margins that are not that small beside their metrics"
    )
