"""The effect scaled to a year of the traffic that was seen, where adding units up makes sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from trialflow.checks.comparison import Comparison
from trialflow.memo.evidence import Evidence, real
from trialflow.memo.memo import Section, Table
from trialflow.memo.sections.effect import level_text, primary_comparisons
from trialflow.memo.sections.record import Order
from trialflow.memo.words import NOT_AVAILABLE, counted, decimals_for, plain, sentence, signed, whole
from trialflow.spec.metric import Metric, MetricKind
from trialflow.spec.promise import Promise
from trialflow.spec.source import Grain

DAYS_IN_A_YEAR = 365
FEWEST_DAYS = 7  # below a full week the traffic of a day says little about that of a year
ROUNDED_TO = 3  # significant digits: the assumption is rougher than any further digit

NOT_ADDITIVE: Mapping[MetricKind, str] = {
    MetricKind.RATIO: "it is a ratio, and ratios of units do not add up",
    MetricKind.QUANTILE: "it is a quantile, and quantiles do not add up over units",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Yearly:
    """Units in a year at the pace that was seen, and what is added up over them."""

    units: float
    per_day: float
    days: int
    what: str


def impact_section(promise: Promise, evidence: Evidence, orders: Sequence[Order], as_of: date) -> Section:
    """The effect on the primary metric in a year, with its assumption; or the reason why there is no such number."""
    title = "In a year"
    found = [one for one in primary_comparisons(promise, evidence) if one.estimate is not None]
    yearly = yearly_of(promise, evidence, orders, as_of)
    name = promise.experiment.metrics.primary.metric
    if isinstance(yearly, str) or not found:
        why = yearly if isinstance(yearly, str) else "the effect is not available"
        return Section(title=title, paragraphs=(sentence(f"{name} is not scaled to a year: {why}"),))
    unit = plain(promise.experiment.unit)
    shrunk = {str(row.get("variant")): row for row in evidence.rows("shrinkage", "variants")}
    rows = tuple(_row(one, yearly, shrunk.get(one.variant, {})) for one in found)
    columns = ("Variant", "In a year, as measured", level_text(found[0]))
    with_shrunken = any(real(row.get("shrunken")) is not None for row in shrunk.values())
    table = Table(
        caption=f"{yearly.what}, in {counted(DAYS_IN_A_YEAR, 'day')} if everybody gets the variant",
        columns=(*columns, *(("Shrunken", "Shrunken interval") if with_shrunken else ())),
        rows=tuple(row if with_shrunken else row[:3] for row in rows),
    )
    window = promise.metrics[name].window
    counts = f" What a {unit} does later than day {window.to_day} after exposure is not counted." if window else ""
    assumption = (
        f"Assumed: as many new units as on the {counted(yearly.days, 'day')} of enrolment, {whole(yearly.per_day)} a day or "
        f"{_rounded(yearly.units)} a year, all of them treated, and an effect that stays as it was measured. A {unit} who "
        f"returns counts once.{counts}"
    )
    return Section(title=title, paragraphs=(assumption,), tables=(table,), essential=True)


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
    days = enrolment_days(promise, evidence, orders, as_of)
    if days < FEWEST_DAYS:
        return f"enrolment lasted {counted(days, 'day')}, which says little about the traffic of a year"
    per_day = units / days
    what = _added_up(metric, plain(promise.experiment.unit))
    return Yearly(units=per_day * DAYS_IN_A_YEAR, per_day=per_day, days=days, what=what)


def enrolment_days(promise: Promise, evidence: Evidence, orders: Sequence[Order], as_of: date) -> int:
    """Days on which units were enrolled up to `as_of`: a stop closes enrolment, an extension prolongs it."""
    calendar = promise.experiment.calendar
    extension = calendar.max_extension_days if evidence.get("effects", "extended") else 0
    stops = [order.as_of for order in orders if order.kind == "stopped"]
    last = min([as_of, calendar.last_day + timedelta(days=extension), *stops])
    return (last - calendar.first_day).days + 1


def _added_up(metric: Metric, unit: str) -> str:
    """`EUR`, or how many more units have what the metric counts."""
    if metric.kind in (MetricKind.PROPORTION, MetricKind.RETENTION) or metric.unit in ("share", "%", "percent"):
        return f"Number of units ({unit}) for which {metric.name} holds, more or fewer than without"
    label = metric.unit.partition(" per ")[0] or metric.name
    return f"Sum of {metric.name} ({label}), more or less than without" if label != metric.name else f"Sum of {label}"


def _row(one: Comparison, yearly: Yearly, shrunk: Mapping[str, object]) -> tuple[str, ...]:
    ends = (real(shrunk.get("lower")), real(shrunk.get("upper")))
    return (
        one.variant,
        _scaled(one.estimate, yearly.units),
        _span(one.lower, one.upper, yearly.units),
        _scaled(real(shrunk.get("shrunken")), yearly.units),
        _span(*ends, yearly.units),
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
