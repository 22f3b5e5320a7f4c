"""The effect scaled to a year of the traffic that was seen, where adding units up makes sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from trialflow.checks.comparison import Comparison
from trialflow.decision.decision import Decision
from trialflow.memo.evidence import Evidence, real
from trialflow.memo.memo import Section, Table
from trialflow.memo.sections.effect import in_segment, level_text, primary_comparisons
from trialflow.memo.sections.record import Order
from trialflow.memo.words import NOT_AVAILABLE, counted, decimals_for, plain, sentence, signed, whole
from trialflow.spec.metric import MetricKind
from trialflow.spec.promise import Promise
from trialflow.spec.source import Grain

DAYS_IN_A_YEAR = 365
FEWEST_DAYS = 7  # below a full week the traffic of a day says little about that of a year
ROUNDED_TO = 3  # significant digits: the assumption is rougher than any further digit

ALIKE = (
    0.5  # a metric measured on fewer than half of the assigned units counts something else, clicks of page views say
)
SHRUNKEN = ("Shrunken", "Shrunken interval")

NOT_ADDITIVE: Mapping[MetricKind, str] = {
    MetricKind.RATIO: "it is a ratio, and ratios of units do not add up",
    MetricKind.QUANTILE: "it is a quantile, and quantiles do not add up over units",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Yearly:
    """Units in a year at the pace that was seen, a day's units, and the days of enrolment they were counted on."""

    units: float
    per_day: float
    days: int


def impact_section(promise: Promise, decision: Decision, evidence: Evidence, orders: Sequence[Order]) -> Section:
    """The effect on the primary metric in a year, with its assumption; or the reason why there is no such number.

    A verdict about a segment is scaled to that segment's share of the units.
    """
    title = "In a year"
    name = promise.experiment.metrics.primary.metric
    segment = decision.final_segment
    found = [one for one in _about(promise, evidence, segment) if one.estimate is not None]
    yearly = yearly_of(promise, evidence, orders, decision.as_of)
    if isinstance(yearly, str) or not found:
        why = yearly if isinstance(yearly, str) else "the effect is not available"
        return Section(title=title, paragraphs=(sentence(f"{name} is not scaled to a year: {why}"),))
    share = _share(promise, evidence, found) if segment else 1.0
    units = yearly.units * share
    shrunk = {} if segment else {str(row.get("variant")): row for row in evidence.rows("shrinkage", "variants")}
    rows = tuple(_row(one, units, shrunk.get(one.variant, {})) for one in found)
    with_shrunken = any(real(row.get("shrunken")) is not None for row in shrunk.values())
    everybody = f"everybody with {segment}" if segment else "everybody"
    table = Table(
        caption=f"{_added_up(promise)} in {DAYS_IN_A_YEAR} days if {everybody} gets the variant; negative means fewer",
        columns=("Variant", "As measured", level_text(found[0]), *(SHRUNKEN if with_shrunken else ())),
        rows=tuple(row if with_shrunken else row[:3] for row in rows),
    )
    return Section(
        title=title, paragraphs=(_assumption(promise, yearly, units, segment),), tables=(table,), essential=True
    )


def _about(promise: Promise, evidence: Evidence, segment: str) -> tuple[Comparison, ...]:
    return in_segment(evidence, segment) if segment else primary_comparisons(promise, evidence)


def _share(promise: Promise, evidence: Evidence, found: Sequence[Comparison]) -> float:
    """Share of the units that the segment holds."""
    variants = {one.variant for one in found}
    whole_of_it = [one for one in primary_comparisons(promise, evidence) if one.variant in variants]
    everybody = sum(one.n_control + one.n_treatment for one in whole_of_it)
    return sum(one.n_control + one.n_treatment for one in found) / everybody if everybody else 0.0


def _assumption(promise: Promise, yearly: Yearly, units: float, segment: str) -> str:
    unit = plain(promise.experiment.unit)
    window = promise.metrics[promise.experiment.metrics.primary.metric].window
    counts = f" What a {unit} does later than day {window.to_day} after exposure is not counted." if window else ""
    of_these = f", {_rounded(units)} of them with {segment}" if segment else ""
    return (
        f"Assumed: new units keep coming as on the {counted(yearly.days, 'day')} of enrolment ({whole(yearly.per_day)} a "
        f"day, {_rounded(yearly.units)} a year{of_these}), all of them get the variant, and the effect stays as it was "
        f"measured. A {unit} who returns counts once.{counts}"
    )


def yearly_of(promise: Promise, evidence: Evidence, orders: Sequence[Order], as_of: date) -> Yearly | str:
    """What a year would bring, or why it cannot be said."""
    metric = promise.metrics[promise.experiment.metrics.primary.metric]
    if metric.kind in NOT_ADDITIVE:
        return NOT_ADDITIVE[metric.kind]
    if promise.source.grain is Grain.TOTALS:
        return "the source holds totals only, so nobody knows how many units come in a day"
    units = evidence.split_units
    if not units:
        return "the number of units is not available"
    if promise.source.grain is not Grain.UNITS and (counted_by := _counted_by(promise, evidence)) < ALIKE * units:
        unit = plain(promise.experiment.unit)
        return (
            f"it is measured on {whole(counted_by)} of {whole(units)} units ({unit}), so it counts something else than what "
            "was assigned"
        )
    days = enrolment_days(promise, evidence, orders, as_of)
    if days < FEWEST_DAYS:
        return f"enrolment lasted {counted(days, 'day')}, which says little about the traffic of a year"
    return Yearly(units=units / days * DAYS_IN_A_YEAR, per_day=units / days, days=days)


def _counted_by(promise: Promise, evidence: Evidence) -> float:
    """Units over which the primary metric is measured, in all variants."""
    found = primary_comparisons(promise, evidence)
    return max((one.n_control for one in found), default=0.0) + sum(one.n_treatment for one in found)


def enrolment_days(promise: Promise, evidence: Evidence, orders: Sequence[Order], as_of: date) -> int:
    """Days on which units were enrolled up to `as_of`: a stop closes enrolment, an extension prolongs it."""
    calendar = promise.experiment.calendar
    extension = calendar.max_extension_days if evidence.get("effects", "extended") else 0
    stops = [order.as_of for order in orders if order.kind == "stopped"]
    last = min([as_of, calendar.last_day + timedelta(days=extension), *stops])
    return (last - calendar.first_day).days + 1


def _added_up(promise: Promise) -> str:
    """`Additional users with conversion`, `Additional EUR (revenue)`: what is added up over units."""
    metric = promise.metrics[promise.experiment.metrics.primary.metric]
    if metric.kind in (MetricKind.PROPORTION, MetricKind.RETENTION) or metric.unit in ("share", "%", "percent"):
        return f"Additional units ({plain(promise.experiment.unit)}) with {metric.name}"
    label = metric.unit.partition(" per ")[0]
    return f"Additional {label} ({metric.name})" if label else f"Additional {metric.name}"


def _row(one: Comparison, units: float, shrunk: Mapping[str, object]) -> tuple[str, ...]:
    ends = (real(shrunk.get("lower")), real(shrunk.get("upper")))
    return (
        one.variant,
        _scaled(one.estimate, units),
        _span(one.lower, one.upper, units),
        _scaled(real(shrunk.get("shrunken")), units),
        _span(*ends, units),
    )


def _span(lower: float | None, upper: float | None, units: float) -> str:
    if lower is None or upper is None:
        return NOT_AVAILABLE
    return f"{_scaled(lower, units)} to {_scaled(upper, units)}"


def _scaled(value: float | None, units: float) -> str:
    if value is None:
        return NOT_AVAILABLE
    total = value * units
    rough = float(f"{total:.{ROUNDED_TO}g}")
    return signed(rough, 0 if abs(rough) >= 100 else decimals_for(abs(rough), digits=ROUNDED_TO))


def _rounded(value: float) -> str:
    return whole(float(f"{value:.{ROUNDED_TO}g}"))
