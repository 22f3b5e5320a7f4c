"""The catalog of metrics: what each one is, who uses it, and what was measured of it here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from statistics import median
from typing import Any

from trialflow.checks.finding import Status
from trialflow.memo.words import amount, percent, scale_of, significant
from trialflow.overview.brief import Brief
from trialflow.overview.metric_levels import COMPARED, STATED, Level, Levels, When, before, by_day, controls
from trialflow.overview.plan_form import amount_typed
from trialflow.overview.reader import Reader
from trialflow.overview.standing import labels_of
from trialflow.spec.experiment import Amount, Experiment, Primary
from trialflow.spec.metric import Measure, Metric, MetricKind
from trialflow.spec.promise import Promise
from trialflow.spec.source import MomentsSource, UnitSource

CHECKS = ("aa", "power", "effects", "guardrails", "secondary")
Briefs = Mapping[str, Brief]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a metric is for in one experiment."""

    slug: str
    title: str
    labels: tuple[str, ...]
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineSeen:
    """What registration knew of a metric: per unit, in words; `shown_mean` on the scale of the words, for a chart."""

    slug: str
    labels: tuple[str, ...]
    mean: str
    std_dev: str
    shown_mean: float
    origin: str
    measured: bool
    brief: Brief | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """The share of the variance that CUPED removed from one comparison."""

    slug: str
    labels: tuple[str, ...]
    variant: str
    role: str
    share: float
    brief: Brief


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How often the test rejected on re-randomised data without an effect, with the interval of that rate."""

    slug: str
    labels: tuple[str, ...]
    units: int
    splits: int
    rejections: int
    rate: float
    lower: float
    upper: float
    alpha: float
    status: Status
    brief: Brief


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One metric.

    `in_files` tells whether the catalog holds it now, `differing` names experiments that locked another definition of it.
    `minimum` is the smallest effect worth having of the latest experiment that it was primary in.
    """

    metric: Metric
    simulated: bool
    source_text: str
    in_files: bool
    differing: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()
    baselines: tuple[BaselineSeen, ...] = ()
    levels: tuple[Level, ...] = ()
    gains: tuple[Gain, ...] = ()
    healths: tuple[Health, ...] = ()
    minimum: Amount | None = None

    @property
    def history(self) -> tuple[Levels, ...]:
        """Its levels as experiments saw them, newest first; what several saw alike stands once."""
        return by_day(self.levels)

    @property
    def last_measured(self) -> date | None:
        """The last day of the history that a registration measured it in."""
        days = [one.brief.as_of for one in self.levels if one.when is When.BEFORE]
        return max(days, default=None)

    @property
    def planned_with(self) -> dict[str, str]:
        """The entries of a plan that begins with it."""
        return {"metric": self.metric.name, **(amount_typed(self.minimum) if self.minimum else {})}

    @property
    def median_gain(self) -> float | None:
        """The middle of the measured gains; None without one."""
        return median(one.share for one in self.gains) if self.gains else None

    @property
    def failing(self) -> int:
        """A/A validations that found the test to reject too often."""
        return sum(one.status is Status.FAIL for one in self.healths)

    @property
    def labels(self) -> tuple[str, ...]:
        """Words that must be visible beside its numbers."""
        return ("simulated",) if self.simulated else ()

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Name and value of everything the definition states, in words."""
        one = self.metric
        rows = (
            ("Kind", KINDS[one.kind]),
            ("Good direction", f"{one.direction.value}"),
            ("Unit", scale_of(one, "unit").value_suffix.strip()),
            ("Window", window_text(one)),
            ("Cap", cap_text(one)),
            ("Measured as", measure_text(one.measure)),
            ("Divided by", measure_text(one.denominator) if one.denominator else ""),
            ("Quantile", f"{percent(one.quantile)} of {one.ranked.value}" if one.quantile is not None else ""),
            ("Source", f"{one.source}: {self.source_text}" if self.source_text else one.source),
            ("Owner", one.owner),
        )
        return tuple((name, text) for name, text in rows if text)


KINDS: Mapping[MetricKind, str] = {
    MetricKind.PROPORTION: "proportion: the share of units that did it",
    MetricKind.MEAN: "mean: the average of a value per unit",
    MetricKind.COUNT: "count: how often per unit",
    MetricKind.RATIO: "ratio: one total over another",
    MetricKind.QUANTILE: "quantile: a place in the order of values",
    MetricKind.RETENTION: "retention: the share of units that came back",
}


def window_text(metric: Metric) -> str:
    """Which days since the exposure count."""
    if metric.window is None:
        return "every day from the exposure on"
    first, last = metric.window.from_day, metric.window.to_day
    days = f"day {first}" if first == last else f"days {first} to {last}"
    return f"{days} after the exposure (day 0 is the day of exposure)"


def cap_text(metric: Metric) -> str:
    """Where values are cut."""
    if metric.cap is None:
        return "none"
    if metric.cap.value is not None:
        return f"{significant(metric.cap.value)} per unit"
    return f"the {percent(metric.cap.quantile or 0.0)} quantile before the start, fixed at registration"


def measure_text(measure: Measure) -> str:
    """Which column of which fact."""
    what = f"{measure.value} of {measure.fact}" if measure.value else measure.fact
    return f"{what}, where {measure.filter}" if measure.filter else what


def roles(experiment: Experiment, metric: Metric) -> tuple[str, ...]:
    """What the metric is for in an experiment, with the sizes that were promised."""
    how = scale_of(metric, experiment.unit)
    name, named = metric.name, experiment.metrics
    rails = [one for one in named.guardrails if one.metric == name]
    gates = [one for one in experiment.decision.system_guardrails if one.metric == name]
    return (
        *((f"primary, {amount(named.primary.minimum_effect, how)} or more",) if named.primary.metric == name else ()),
        *(("secondary",) if name in named.secondary else ()),
        *(f"guardrail, margin {amount(one.margin, how)}" for one in rails),
        *(("diagnostic",) if name in named.diagnostics else ()),
        *(f"gate of the rollout, margin {amount(one.margin, how)}" for one in gates),
    )


@dataclass(slots=True)
class _Gathered:
    """What is known of one metric so far."""

    promised: list[tuple[Promise, Metric]] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    baselines: list[BaselineSeen] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    gains: list[Gain] = field(default_factory=list)
    healths: list[Health] = field(default_factory=list)


def entries(
    reader: Reader, metrics: Mapping[str, Metric], sources: Mapping[str, UnitSource | MomentsSource]
) -> tuple[Entry, ...]:
    """Every metric of the files and of the promises in force, by name. Four queries at most.

    Of a metric that stands in no file any more the latest promise tells the definition.
    """
    promises = reader.promises()
    briefs = reader.briefs(CHECKS)
    gathered: dict[str, _Gathered] = {name: _Gathered() for name in metrics}
    by_start = sorted(promises.values(), key=lambda one: (one.experiment.calendar.first_day, one.slug), reverse=True)
    for promise in by_start:
        for name in promise.experiment.metric_names:
            if name in promise.metrics:
                _gather(
                    gathered.setdefault(name, _Gathered()), promise, promise.metrics[name], briefs.get(promise.slug, {})
                )
    return tuple(
        _entry(gathered[name], metrics.get(name), sources) for name in sorted(gathered, key=lambda one: one.casefold())
    )


def _gather(known: _Gathered, promise: Promise, metric: Metric, briefs: Briefs) -> None:
    labels = labels_of(promise)
    known.promised.append((promise, metric))
    text = "; ".join(roles(promise.experiment, metric))
    known.uses.append(Use(slug=promise.slug, title=promise.experiment.title, labels=labels, role=text))
    known.baselines += _baselines(promise, metric, briefs.get("power"))
    known.levels += [*before(promise, metric, briefs.get("power")), *controls(promise, metric, briefs)]
    known.gains += [gain for check in COMPARED for gain in _gains(promise, metric, briefs.get(check))]
    known.healths += _healths(promise, metric, briefs.get("aa"))


def _entry(known: _Gathered, file: Metric | None, sources: Mapping[str, UnitSource | MomentsSource]) -> Entry:
    metric = file or known.promised[0][1]
    locked = {name: source for promise, _ in known.promised for name, source in promise.sources.items()}
    source = sources.get(metric.source) or locked.get(metric.source)
    return Entry(
        metric=metric,
        simulated=bool(source and source.simulated),
        source_text=source.description if source else "",
        in_files=file is not None,
        differing=tuple(promise.slug for promise, promised in known.promised if promised != metric),
        uses=tuple(known.uses),
        baselines=tuple(known.baselines),
        levels=tuple(known.levels),
        minimum=next((one.minimum_effect for one in _primaries(known) if one.metric == metric.name), None),
        gains=tuple(known.gains),
        healths=tuple(known.healths),
    )


def _baselines(promise: Promise, metric: Metric, brief: Brief | None) -> Iterable[BaselineSeen]:
    planned = promise.plan.of(metric.name)
    if planned is None:
        return ()
    how = scale_of(metric, promise.experiment.unit)
    decimals = how.decimals(planned.baseline_mean / 10.0)
    return (
        BaselineSeen(
            slug=promise.slug,
            labels=labels_of(promise),
            mean=how.value(planned.baseline_mean, decimals),
            std_dev=how.value(planned.baseline_std_dev, how.decimals(planned.baseline_std_dev / 10.0)),
            shown_mean=planned.baseline_mean * how.factor,
            origin=planned.origin,
            measured=planned.origin != STATED,
            brief=brief,
        ),
    )


def _primaries(known: _Gathered) -> Iterable[Primary]:
    return (promise.experiment.metrics.primary for promise, _ in known.promised)


def _gains(promise: Promise, metric: Metric, brief: Brief | None) -> list[Gain]:
    rows: Iterable[Mapping[str, Any]] = brief.numbers.get("comparisons", ()) if brief else ()
    return [
        Gain(
            slug=promise.slug,
            labels=labels_of(promise),
            variant=row["variant"],
            role=row["role"],
            share=row["variance_reduction"],
            brief=brief,
        )
        for row in rows
        if brief and row["metric"] == metric.name and row["variance_reduction"] is not None
    ]


def _healths(promise: Promise, metric: Metric, brief: Brief | None) -> list[Health]:
    rows: Iterable[Mapping[str, Any]] = brief.numbers.get("metrics", ()) if brief else ()
    return [
        Health(
            slug=promise.slug,
            labels=labels_of(promise),
            units=row["units"],
            splits=row["splits"],
            rejections=row["rejections"],
            rate=row["rate"] or 0.0,
            lower=row["lower"] or 0.0,
            upper=row["upper"] or 0.0,
            alpha=row["alpha"],
            status=Status(row["status"]),
            brief=brief,
        )
        for row in rows
        if brief and row["metric"] == metric.name
    ]


class Shown(StrEnum):
    """Choices of the list."""

    ALL = ""
    USED = "used"
    UNUSED = "unused"
    REAL = "real"

    @property
    def text(self) -> str:
        """In words."""
        return SHOWN[self][0]


SHOWN: Mapping[Shown, tuple[str, Callable[[Entry], bool]]] = {
    Shown.ALL: ("all", lambda _entry: True),
    Shown.USED: ("used by an experiment", lambda entry: bool(entry.uses)),
    Shown.UNUSED: ("not used", lambda entry: not entry.uses),
    Shown.REAL: ("real data only", lambda entry: not entry.simulated),
}
"""What each choice is called, and which metrics it keeps."""


def select(found: Iterable[Entry], *, text: str = "", shown: Shown = Shown.ALL) -> tuple[Entry, ...]:
    """The metrics a reader asked for; every word of `text` must stand in name, description, owner or source."""
    keeps = SHOWN[shown][1]
    words = text.casefold().split()
    return tuple(one for one in found if keeps(one) and all(word in _words(one.metric) for word in words))


def _words(metric: Metric) -> str:
    return f"{metric.name} {metric.description} {metric.owner} {metric.source}".casefold()
