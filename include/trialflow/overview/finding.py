"""One finding in full: what it says, its evidence as tables, its revisions, and the days beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from trialflow.checks.comparison import Comparison
from trialflow.checks.finding import Finding, Status
from trialflow.memo.build import labels
from trialflow.memo.evidence import Evidence, real, to_day
from trialflow.memo.memo import Chart, Table
from trialflow.memo.sections.effect import (
    decimals_for_estimate,
    effect_section,
    novelty_section,
    relative_decimals,
    relative_text,
    scale,
    segment_name,
)
from trialflow.memo.sections.integrity import allocation_chart, check_name
from trialflow.memo.sections.metrics import metrics_section, outcome
from trialflow.memo.words import NOT_AVAILABLE, MetricScale, percent, plain, probability, short_day, significant, whole
from trialflow.overview.curves import band_note
from trialflow.overview.days import short_days
from trialflow.overview.dossier import Archive, newest_memos
from trialflow.overview.log import EFFECTS
from trialflow.overview.standing import effects_may_be_shown
from trialflow.registry.dossier import MemoKey
from trialflow.spec.promise import Promise

COMPARISONS = "comparisons"
SMALLEST = 1e-4  # below it a number is written with its power of ten
FEW = 4  # values by name in one cell: units by variant
WIDEST = 12  # columns of a table; a row of more fields is told field by field
TELLING = EFFECTS | {"information"}  # its forecast speaks of the effect so far
HIDDEN = "Not shown: under a broken split or an invalid verdict, a difference between the variants says nothing."


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One version of the finding: restated data make another."""

    number: int
    recorded_at: datetime
    status: Status
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingPage:
    """`hidden` says why the evidence is not shown, if it is not; `earlier` and `later` are days of the same check.

    `note` is to be read beside the first chart, `memos` are those of the same day.
    """

    promise: Promise
    finding: Finding
    name: str
    labels: tuple[str, ...]
    revision: int
    revisions: tuple[Revision, ...]
    tables: tuple[Table, ...]
    charts: tuple[Chart, ...]
    note: str
    memos: tuple[MemoKey, ...]
    hidden: str
    earlier: date | None
    later: date | None


def finding_page(archive: Archive, slug: str, check: str, as_of: date, revision: int | None) -> FindingPage | None:
    """The page of a finding; None where there is none. Raises UnknownExperimentError."""
    promise = archive.promise(slug)
    every = archive.finding(slug, check, as_of)
    chosen = next((one for one in every if revision is None or one.revision == revision), None)
    if chosen is None:
        return None
    hidden = HIDDEN if check in TELLING and not _may_be_shown(archive, slug) else ""
    days = [key.as_of for key in archive.days_of(slug, check)]
    return FindingPage(
        promise=promise,
        finding=chosen.finding,
        name=check_name(check),
        labels=labels(promise),
        revision=chosen.revision,
        revisions=tuple(
            Revision(
                number=one.revision,
                recorded_at=one.recorded_at,
                status=one.finding.status,
                fingerprint=one.finding.fingerprint,
            )
            for one in every
        ),
        tables=() if hidden else evidence_tables(promise, chosen.finding),
        charts=() if hidden else evidence_charts(promise, chosen.finding),
        note=band_note(promise, Evidence.of([chosen.finding])) if check == "effects" and not hidden else "",
        memos=newest_memos([one for one in archive.memos(slug) if one.as_of == as_of]),
        hidden=hidden,
        earlier=max((one for one in days if one < as_of), default=None),
        later=min((one for one in days if one > as_of), default=None),
    )


def _may_be_shown(archive: Archive, slug: str) -> bool:
    decisions = archive.decisions(slug, archive.events(slug))
    return effects_may_be_shown(archive.newest_of(slug, "srm"), decisions[-1] if decisions else None)


DRAWN: Mapping[str, Callable[[Promise, Evidence], tuple[Chart | None, ...]]] = {
    "effects": lambda promise, evidence: effect_section(promise, evidence, shown=True).charts,
    "novelty": lambda promise, evidence: novelty_section(promise, evidence).charts,
    "srm": lambda promise, evidence: (allocation_chart(promise, evidence),),
    **dict.fromkeys(
        ("secondary", "guardrails", "diagnostics"),
        lambda promise, evidence: metrics_section(promise, evidence).charts,
    ),
}
"""What memos draw of a check's evidence."""


def evidence_charts(promise: Promise, finding: Finding) -> tuple[Chart, ...]:
    """The evidence as a memo draws it, where it does."""
    draw = DRAWN.get(finding.check)
    return tuple(chart for chart in draw(promise, Evidence.of([finding])) if chart) if draw else ()


def evidence_tables(promise: Promise, finding: Finding) -> tuple[Table, ...]:
    """All evidence: comparisons as memos write them, everything else by its shape."""
    compared = Evidence.of([finding]).comparisons(finding.check)
    rest = {name: value for name, value in finding.evidence.items() if name != COMPARISONS or not compared}
    first = (_comparisons(promise, compared),) if compared else ()
    return (*first, *_tables(rest, "", _writer(promise, finding)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """How the fields of one finding's evidence are written.

    `effects` are fields in the unit of `scale`, `shares` are fields between 0 and 1; `own` are fields of a row in the unit
    of the metric that the row names.
    """

    promise: Promise
    own: frozenset[str] = frozenset()
    units: Mapping[str, str] = field(default_factory=lambda: UNITS)
    effects: frozenset[str] = frozenset()
    shares: frozenset[str] = frozenset()
    scale: MetricScale | None = None

    def name(self, name: object) -> str:
        """The field in words, with its unit where the values say none."""
        unit = self.scale.effect_unit if self.scale and name in self.effects else self.units.get(str(name))
        return f"{words(name)} ({unit})" if unit else words(name)

    def row(self, row: Mapping[str, object], names: Sequence[str]) -> tuple[str, ...]:
        """The fields of a row; numbers in the unit of its own metric say which that is."""
        metric = str(row.get("metric"))
        return tuple(
            self._in_its_unit(metric, name, value)
            if metric in self.promise.metrics and name in self.own and (value := real(row.get(name))) is not None
            else self.cell(row.get(name), name)
            for name in names
        )

    def _in_its_unit(self, metric: str, name: str, value: float) -> str:
        if name in OF_THE_KIND_PROMISED and _has_relative_margin(self.promise, metric):
            return f"{percent(value)} of the control value"
        how = scale(self.promise, metric)
        return f"{_number(value * how.factor)}{how.value_suffix if name in LEVELS else f' {how.effect_unit}'}"

    def cell(self, value: object, name: str = "") -> str:
        """The value as text."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.scale and name in self.effects:
                return _number(float(value) * self.scale.factor)
            if name in self.shares:
                return percent(float(value))
        if name in self.shares and isinstance(value, Sequence) and not isinstance(value, str):
            return ", ".join(self.cell(item, name) for item in value) or "none"
        return cell(value, name)


PRECISION = "1/standard error²"
UNITS: Mapping[str, str] = {
    "z": "standard errors",
    "boundary": "standard errors",
    "information": PRECISION,
    "planned_information": PRECISION,
    "log_bayes_factor": "natural logarithm",
}
UNITS_OF: Mapping[str, Mapping[str, str]] = {"information": {"achieved": PRECISION, "planned": PRECISION}}
"""Units of fields whose names say them in one check only."""
EFFECT = frozenset(
    {
        *("estimate", "lower", "upper", "std_error", "hac_std_error", "late_effect", "adjusted", "unadjusted"),
        *("adjusted_std_error", "unadjusted_std_error", "pull", "pull_std_error", "naive", "median_unbiased"),
        *("long_run_effect", "first_day_excess"),
    }
)
SHARES = frozenset(
    {
        *("share", "shares", "fraction", "power", "power_per_test", "information_share", "level", "i_squared"),
        *("conditional_power", "conditional_power_planned", "largest_share_difference", "imbalance"),
    }
)
LEVELS = frozenset({"baseline_mean"})
OF_THE_KIND_PROMISED = frozenset({"resolvable"})
"""Sizes that are shares of the control value for a guardrail with a relative margin, else in the metric's unit."""
OWN = frozenset({*LEVELS, *OF_THE_KIND_PROMISED, "baseline_std_dev", "minimum_effect"})
IN_THE_METRIC = ("effects", "novelty", "day_to_day", "adjustment")
"""Checks about one metric whose numbers stand in its unit."""


def _has_relative_margin(promise: Promise, metric: str) -> bool:
    margins = {one.metric: one.margin for one in promise.experiment.metrics.guardrails}
    return metric in margins and margins[metric].relative is not None


def _writer(promise: Promise, finding: Finding) -> Writer:
    if finding.check in IN_THE_METRIC:
        metric = str(finding.evidence.get("metric") or promise.experiment.metrics.primary.metric)
        return Writer(promise=promise, effects=EFFECT, shares=SHARES, scale=scale(promise, metric))
    units = {**UNITS, **UNITS_OF.get(finding.check, {})}
    shares = SHARES | ({"rate", "lower", "upper"} if finding.check == "aa" else frozenset())
    return Writer(promise=promise, units=units, shares=shares, own=OWN)


def _comparisons(promise: Promise, rows: Sequence[Comparison]) -> Table:
    return Table(
        caption=f"Comparisons with {promise.experiment.control.name}, effects in each metric's own unit",
        columns=(
            "Metric", "Variant", "Among", "Units (control / variant)", "Control", "Variant level", "Effect", "Interval",
            "Relative effect", "Outcome", "Method",
        ),
        rows=tuple(_compared(promise, one) for one in rows),
    )  # fmt: skip


def _compared(promise: Promise, one: Comparison) -> tuple[str, ...]:
    how = scale(promise, one.metric)
    decimals = how.decimals(one.lower, one.upper) if one.lower is not None else decimals_for_estimate(one, how)
    level = real(one.level)
    return (
        one.metric,
        one.variant,
        segment_name(one),
        f"{whole(one.n_control)} / {whole(one.n_treatment)}",
        how.level(one.control, decimals),
        how.level(one.treatment, decimals),
        how.effect(one.estimate, decimals),
        how.span(one.lower, one.upper, decimals) + (f" ({percent(level)})" if level is not None else ""),
        relative_text(one, relative_decimals(one)),
        outcome(one),
        one.method,
    )


def _tables(value: Mapping[str, object], caption: str, write: Writer) -> Iterator[Table]:
    """Fields of one value each in a table of their own, every list of rows and every deeper mapping in another."""
    flat = [(write.name(name), write.cell(item, name)) for name, item in value.items() if not _is_deep(item)]
    if flat:
        yield Table(caption=caption or "Figures", columns=("What", "Value"), rows=tuple(flat))
    beside = _beside(value)
    for names in beside:
        yield _joined({name: value[name] for name in names}, caption, write)
    done = {name for names in beside for name in names}
    for name, item in value.items():
        within = f"{caption}, {words(name)}" if caption else words(name).capitalize()
        if name in done:
            continue
        if isinstance(item, Mapping) and _is_deep(item):
            yield from _tables(item, within, write)
        elif _is_deep(item) and isinstance(item, Sequence):
            yield from _rows(item, within, write)


def _beside(value: Mapping[str, object]) -> list[list[str]]:
    """Mappings over the same names (units seen and planned by variant): they are read beside one another."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, item in value.items():
        if isinstance(item, Mapping) and item and not any(_is_deep(one) for one in item.values()):
            groups.setdefault(tuple(sorted(map(str, item))), []).append(name)
    return list(groups.values())


def _joined(maps: Mapping[str, object], caption: str, write: Writer) -> Table:
    """One row for each name that the mappings share, a column for each mapping."""
    columns = {name: item for name, item in maps.items() if isinstance(item, Mapping)}
    names = next(iter(columns.values()))
    rows = tuple((str(one), *(write.cell(item.get(one), column) for column, item in columns.items())) for one in names)
    said = ", ".join(words(column) for column in columns).capitalize()
    title = f"{caption}, {said}" if caption else said
    return Table(caption=title, columns=("", *(write.name(column) for column in columns)), rows=rows)


def _rows(items: Sequence[object], caption: str, write: Writer) -> Iterator[Table]:
    rows = [item for item in items if isinstance(item, Mapping)]
    others = [item for item in items if not isinstance(item, Mapping)]
    names = sorted(dict.fromkeys(str(name) for row in rows for name in row), key=_column)
    if rows and len(names) <= WIDEST and all(_fits(item) for row in rows for item in row.values()):
        cells = tuple(write.row(row, names) for row in rows)
        yield Table(caption=caption, columns=tuple(write.name(name) for name in names), rows=cells)
    else:
        for number, row in enumerate(rows, start=1):
            yield from _tables(row, f"{caption} {_named(row) or number}", write)
    if others:
        yield Table(caption=caption, columns=("Value",), rows=tuple((cell(item),) for item in others))


NAMING = ("day", "metric", "dimension", "value", "variant", "number")


def _column(name: str) -> int:
    """What names a row stands before what is said of it."""
    return NAMING.index(name) if name in NAMING else len(NAMING)


def _named(row: Mapping[str, object]) -> str:
    return " ".join(str(row[name]) for name in ("metric", "variant", "day") if isinstance(row.get(name), str))


def _fits(value: object) -> bool:
    """Whether a value, or a few named ones, have place in one cell."""
    few = isinstance(value, Mapping) and len(value) <= FEW and not any(_is_deep(item) for item in value.values())
    return few or not _is_deep(value)


def _is_deep(value: object) -> bool:
    """Whether a value has no place in one cell."""
    if isinstance(value, Mapping):
        return bool(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(isinstance(item, Mapping | list) for item in value)
    return False


def words(name: object) -> str:
    """A field's name as words; names of metrics and variants keep their own spelling."""
    return plain(str(name)) if str(name).islower() else str(name)


def cell(value: object, name: str = "") -> str:
    """A JSON value as text: numbers with the digits that carry something, days as days, probabilities as such."""
    if value is None or value == "":
        return NOT_AVAILABLE if value is None else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("p_value") and isinstance(value, int | float):
        return probability(float(value))
    if isinstance(value, int | float):
        return _number(float(value))
    if isinstance(value, Mapping):
        return "; ".join(f"{inner}: {cell(item, str(inner))}" for inner, item in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(cell(item, name) for item in value) or "none"
    found = to_day(value)
    return short_day(found) if found else short_days(str(value))


def _number(value: float) -> str:
    if value.is_integer():
        return whole(value)
    return significant(value, 4) if abs(value) >= SMALLEST else f"{value:.2e}"
