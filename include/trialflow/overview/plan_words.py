"""A plan in words: what its page says beside the numbers, each sentence once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from trialflow.memo.words import (
    MetricScale,
    absolute,
    amount,
    counted,
    fixed,
    listed,
    percent,
    scale_of,
    short_day,
    significant,
    whole,
)
from trialflow.overview.plan_chance import Together
from trialflow.overview.plan_form import MOST_WEEKS
from trialflow.overview.plan_history import Known, Recorded, Traffic
from trialflow.overview.planning import Plannable, Protection
from trialflow.spec.experiment import Amount, Policy
from trialflow.spec.rules.calendar import WEEK
from trialflow.warehouse.history import HISTORY_DAYS

NO_COST = 1e-6  # below this the looks cost nothing but rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One number with its name and what it means; `source` is the registration that it comes from."""

    name: str
    value: str
    about: str
    source: Recorded | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRow:
    """What one metric was before the start, and where that comes from."""

    metric: str
    mean: str
    std_dev: str
    origin: str
    known: Known


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionRow:
    """One guardrail's feasibility; `good` is None where no traffic or no baseline tells."""

    metric: str
    margin: str
    units: str
    total: str
    good: bool | None
    verdict: str
    by: str
    smallest: str
    chance: str
    weeks: int | None


def cards(plan: Plannable) -> tuple[Card, ...]:
    """The numbers that a plan is about."""
    calendar = plan.promise.experiment.calendar
    found = [
        Card(
            name="Units in all",
            value=whole(plan.needed),
            about=f"{whole(plan.units)} in {plan.promise.experiment.control.name}",
        ),
        Card(
            name="Calendar",
            value=counted(plan.weeks, "week"),
            about=f"{short_day(calendar.first_day)} to {short_day(calendar.last_day)}; "
            f"decision by {short_day(calendar.final_day())}",
        ),
    ]
    if plan.traffic:
        traffic = plan.traffic
        found.append(
            Card(
                name="New units a day",
                value=whole(traffic.units_per_day),
                about=traffic_text(traffic),
                source=traffic.recorded,
            )
        )
    return (*found, *_chance(plan), _cost(plan))


def traffic_text(traffic: Traffic) -> str:
    """Where the traffic is known from."""
    if not traffic.recorded and not traffic.period:
        return "typed by hand"
    of = f"{percent(traffic.share)} of {whole(traffic.whole)}, " if traffic.share else ""
    return of + (traffic.period or "as locked by an earlier registration")


def _chance(plan: Plannable) -> Iterator[Card]:
    """The chance of a SHIP, or of the primary metric alone where that of a guardrail is not known."""
    asked = percent(plan.finding.evidence["power"], 0)
    if plan.chance is None:
        return
    own = chance_text(plan.chance)
    if plan.together is None:
        about = "that the smallest effect worth having is shown; a guardrail without a baseline has no chance to tell"
        yield Card(name="Chance of the primary metric", value=own, about=about)
    elif not plan.protections:
        about = f"that the smallest effect worth having is shown by the last look ({asked} asked for)"
        yield Card(name="Chance of a SHIP", value=own, about=about)
    else:
        parts = "; ".join(f"{one.metric.name} {chance_text(one.chance)}" for one in plan.protections)
        primary = plan.promise.experiment.metrics.primary.metric
        about = f"that all is shown by the last look ({asked} asked for): {primary} {own}; {parts}"
        yield Card(name="Chance of a SHIP", value=_between(plan.together), about=about)


def chance_text(chance: float | None) -> str:
    """`84%`; nothing certain is promised: `over 99%`, `under 1%`."""
    if chance is None:
        return "unknown"
    return "over 99%" if chance >= 0.995 else "under 1%" if chance < 0.005 else percent(chance, 0)


def _between(chances: Together) -> str:
    lower, upper = chance_text(chances.lower), chance_text(chances.upper)
    return lower if lower == upper else f"{lower} to {upper}"


def weeks_to(plan: Plannable, by: date | None) -> int | None:
    """Full weeks from the first day to a day that closes one."""
    first = plan.promise.experiment.calendar.first_day
    return ((by - first).days + 1) // WEEK if by else None


def _cost(plan: Plannable) -> Card:
    extra = plan.inflation - 1.0
    looks = len(plan.promise.experiment.analysis.stopping.looks)
    if plan.promise.experiment.analysis.stopping.policy is Policy.ALWAYS_VALID:
        return Card(
            name="Cost of looking", value="not in the units", about="see the chance: registration plans one look"
        )
    if extra < NO_COST:
        return Card(name="Cost of looking", value="none", about="one look, on the last day")
    more = round(plan.needed * extra / plan.inflation)
    about = f"{whole(more)} units more than one look would need, for {counted(looks, 'look')} before the last"
    return Card(name="Cost of looking", value=f"+{percent(extra, 1)}", about=about)


def notes(plan: Plannable) -> Iterator[str]:
    """What a reader of the numbers must know."""
    promise, evidence = plan.promise, plan.finding.evidence
    rate = promise.plan.units_per_day
    count = len(promise.experiment.metrics.guardrails)
    if plan.enough is not None and plan.enough > MOST_WEEKS:
        yield (
            f"The power asks for more than {MOST_WEEKS} weeks. Look for a larger effect, more traffic or a metric that "
            "varies less."
        )
    if rate is None:
        yield "No traffic is known, so nothing is said about durations: type the new units a day."
    elif not plan.locks_traffic:
        yield (
            f"Durations rest on {whole(rate)} units a day. Registration reads the traffic itself, of everybody in the "
            f"population in the {HISTORY_DAYS} days before its own day; where it finds none it checks no duration."
        )
    yield from _about_audience(plan)
    if count:
        each, all_of_them = percent(evidence["power_per_test"]), percent(evidence["power"])
        tests = counted(count, "guardrail")
        yield f"The primary metric and {tests} are planned with {each} each, so that all pass together with {all_of_them}."
    if plan.measured.why_not:
        yield f"The warehouse gives no baseline: {plan.measured.why_not}."
    stated = [name for name, known in plan.known.items() if known.stated]
    if stated:
        yield f"The promise states the baseline of {listed(stated)}; registration takes it as it is."
    yield from _about_policy(plan)
    if plan.gain:
        weeks = plan.gained_after
        sooner = f" and the effect would show after {counted(weeks, 'week')}" if weeks else ""
        yield (
            f"CUPED that removes {percent(plan.gain)} of the variance ({_gain_from(plan)}) would need about "
            f"{whole(plan.needed * (1.0 - plan.gain))} units{sooner}. Registration does not count on it."
        )


def _gain_from(plan: Plannable) -> str:
    return "typed by hand" if plan.drafted.gain else f"measured in the {plan.measured.period}"


def _about_audience(plan: Plannable) -> Iterator[str]:
    drafted, traffic = plan.drafted, plan.traffic
    if drafted.part:
        yield (
            f"Baseline and traffic are those of the units whose {drafted.part[0]} is {drafted.part[1]}. The promise states "
            "the baseline; who enters is up to whoever exposes them."
        )
    elif drafted.audience and traffic and not traffic.share and (traffic.period or traffic.recorded):
        yield (
            "The promise keeps the audience in words. Baseline and traffic are those of everybody in the population: give "
            "the audience's share of the traffic if it is smaller."
        )


def _minimum(plan: Plannable) -> float:
    primary = plan.promise.plan.of(plan.promise.experiment.metrics.primary.metric)
    return float(primary.minimum_effect or 0.0) if primary else 0.0


def _about_policy(plan: Plannable) -> Iterator[str]:
    if plan.promise.experiment.analysis.stopping.policy is not Policy.ALWAYS_VALID:
        return
    asked = plan.finding.evidence["power_per_test"]
    when = (
        f"after {counted(plan.shown_after, 'week')}"
        if plan.shown_after
        else f"not within {plan.curve[-1].weeks} weeks"
        if plan.curve
        else ""
    )
    yield (
        "Reading every day costs power that registration does not plan for: it asks for the units of one look. "
        + (f"The chance reaches {percent(asked)} {when}." if when else "")
    )


def baseline_rows(plan: Plannable) -> tuple[BaselineRow, ...]:
    """The baselines that the plan rests on."""
    scales = {name: scale_of(plan.promise.metrics[name], plan.promise.experiment.unit) for name in plan.known}
    return tuple(
        BaselineRow(
            metric=name,
            mean=f"{significant(known.baseline.mean * scales[name].factor, 4)}{scales[name].value_suffix}",
            std_dev=f"{significant(known.baseline.std_dev * scales[name].factor, 4)} {scales[name].effect_unit}".rstrip(),
            origin=known.period or ("typed by hand" if known.recorded is None else known.baseline.origin),
            known=known,
        )
        for name, known in plan.known.items()
    )


def protection_rows(plan: Plannable) -> tuple[ProtectionRow, ...]:
    """Guardrails: what they need, when they can be proven, and what this calendar can prove."""
    return tuple(_protection_row(plan, one) for one in plan.protections)


def _protection_row(plan: Plannable, one: Protection) -> ProtectionRow:
    scale = scale_of(one.metric, plan.promise.experiment.unit)
    weeks = weeks_to(plan, one.by)
    return ProtectionRow(
        metric=one.metric.name,
        margin=amount(one.guardrail.margin, scale),
        units=whole(one.units) if one.units is not None else "",
        total=whole(one.total) if one.total is not None else "",
        good=one.feasible,
        verdict=_verdict(one),
        by=_by(one, weeks),
        smallest=_smallest(one, scale),
        chance=chance_text(one.chance) if one.chance is not None else "",
        weeks=weeks,
    )


def _verdict(one: Protection) -> str:
    if one.units is None:
        return "not planned: no baseline; type its mean and standard deviation"
    if one.feasible is None:
        return "no traffic known"
    return "feasible" if one.feasible else "too little traffic"


def _by(one: Protection, weeks: int | None) -> str:
    if one.by is not None:
        return f"{short_day(one.by)} ({counted(weeks or 0, 'week')})"
    if one.feasible is None:
        return ""
    return "not within ten years" if one.endless else f"not within {MOST_WEEKS} weeks"


def _smallest(one: Protection, scale: MetricScale) -> str:
    if one.smallest is None:
        return ""
    if one.guardrail.margin.relative is not None:
        return amount(Amount.model_construct(relative=one.smallest), scale)
    return absolute(one.smallest, scale)


def axis(plan: Plannable) -> tuple[float, str]:
    """What an effect is multiplied with, and the name of the axis, in the kind that was promised."""
    experiment = plan.promise.experiment
    primary = plan.promise.plan.of(experiment.metrics.primary.metric)
    if experiment.metrics.primary.minimum_effect.relative is not None and primary and primary.baseline_mean:
        return 100.0 / abs(primary.baseline_mean), "% of the control value"
    scale = scale_of(plan.promise.metrics[experiment.metrics.primary.metric], experiment.unit)
    return scale.factor, scale.effect_unit


def effect_text(plan: Plannable, effect: float | None) -> str:
    """An effect in the kind that was promised: `5.5% of the control value`, `0.4 views`; `none` where none is shown."""
    if effect is None:
        return "none"
    factor, unit = axis(plan)
    return f"{significant(factor * effect)}{'' if unit.startswith('%') else ' '}{unit}"


def minimum(plan: Plannable) -> float:
    """The smallest effect worth having, on the axis."""
    return _minimum(plan) * axis(plan)[0]


def asked_for(plan: Plannable) -> str:
    """The smallest effect worth having, as it was promised."""
    experiment = plan.promise.experiment
    primary = experiment.metrics.primary
    return amount(primary.minimum_effect, scale_of(plan.promise.metrics[primary.metric], experiment.unit))


def curve_rows(plan: Plannable) -> tuple[tuple[str, ...], ...]:
    """Weeks, units, smallest effect, that with CUPED where its gain is known, and the chance."""
    return tuple(
        (
            whole(one.weeks),
            whole(one.units),
            *(effect_text(plan, found) for found in (one.effect, *((one.adjusted,) if plan.gain else ()))),
            percent(min(one.chance, 1.0), 0) if one.chance is not None else "",
        )
        for one in plan.curve
    )


def looks(plan: Plannable) -> tuple[tuple[str, str, str], ...]:
    """Each look's day of the calendar, date and chance to have shown the smallest effect worth having by then."""
    first = plan.promise.experiment.calendar.first_day
    return tuple(
        (
            whole((date.fromisoformat(row["day"]) - first + timedelta(days=1)).days),
            short_day(date.fromisoformat(row["day"])),
            f"{fixed(min(row['power'], 1.0) * 100, 0)}%",
        )
        for row in plan.finding.evidence["power_by_day"]
    )
