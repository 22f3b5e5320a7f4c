"""What a promise's metrics need from the facts: distinct measures, and how each metric is put together from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from trialflow.errors import NotSupportedError, WarehouseError
from trialflow.spec.metric import Measure, Metric, MetricKind
from trialflow.spec.promise import Promise
from trialflow.spec.source import FactTable, UnitSource
from trialflow.warehouse.tables import real, whole

ANY = frozenset({MetricKind.PROPORTION, MetricKind.RETENTION})
SUMMED = frozenset({MetricKind.MEAN, MetricKind.RATIO, MetricKind.QUANTILE})


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMeasure:
    """One filtered column of one fact table; `value` None counts rows. Metrics that agree in it share a scan."""

    fact: FactTable
    filter: str | None
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One variable of one metric: which measure, and which days since exposure count.

    `number` is the metric's place in the layout, `position` 0 for the value or numerator and 1 for the denominator.
    """

    number: int
    position: int
    measure: int
    from_day: int
    to_day: int
    windowed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Metrics of one query, with the distinct measures they are made of. `pre_days` is 0 without CUPED.

    `caps` holds the highest value of a unit for each metric, None where there is none; `newcomers` says that units without
    a past are told from those whose past is empty.
    """

    metrics: tuple[Metric, ...]
    caps: tuple[float | None, ...]
    measures: tuple[RawMeasure, ...]
    parts: tuple[Part, ...]
    pre_days: int
    newcomers: bool = False

    @property
    def has_ratio(self) -> bool:
        """Whether any metric has a denominator."""
        return any(metric.kind is MetricKind.RATIO for metric in self.metrics)

    @property
    def state(self) -> tuple[str, ...]:
        """Names of the per-unit variables that the query carries; those a metric does not have stay 0."""
        second = ("denominator",) if self.has_ratio else ()
        now = ("numerator", *second)
        return now + (tuple(f"pre_{name}" for name in now) if self.pre_days else ())

    def variables(self, metric: Metric) -> tuple[str, ...]:
        """Names of a metric's own variables, in the order of `MetricSummary.variables`."""
        now = ("numerator", "denominator") if metric.kind is MetricKind.RATIO else ("value",)
        pre = tuple(f"pre_{name}" for name in now) if len(now) == 2 else ("pre",)
        return now + (pre if self.pre_days else ()) + (("known",) if self.newcomers else ())

    def columns(self, metric: Metric) -> tuple[int, ...]:
        """Where a metric's own variables stand in `state`, which does not hold the indicator."""
        names = ("numerator", "denominator") if metric.kind is MetricKind.RATIO else ("numerator",)
        wanted = names + (tuple(f"pre_{name}" for name in names) if self.pre_days else ())
        return tuple(self.state.index(name) for name in wanted)


def layout(promise: Promise, metrics: Iterable[Metric], *, pre_days: int, longest: int | None = None) -> Layout:
    """The layout of unit-level metrics; `longest` cuts windows off after so many days (for pre-periods).

    Raises NotSupportedError for a source without unit-level facts, WarehouseError for an unknown fact and for a cap whose
    quantile was never resolved.
    """
    chosen = tuple(metrics)
    caps = tuple(_cap(promise, metric) for metric in chosen)
    measures: dict[RawMeasure, int] = {}
    parts: list[Part] = []
    for number, metric in enumerate(chosen):
        for position, measure in enumerate(_measures(metric)):
            raw = _raw(promise, metric, measure)
            place = measures.setdefault(raw, len(measures))
            parts.append(_part(metric, number=number, position=position, measure=place, longest=longest))
    return Layout(
        metrics=chosen,
        caps=caps,
        measures=tuple(measures),
        parts=tuple(parts),
        pre_days=pre_days,
        newcomers=pre_days > 0 and _population(promise) is not None,
    )


def value_of(
    layout: Layout, total: sa.ColumnElement[float], number: sa.ColumnElement[int], position: int
) -> sa.ColumnElement[float]:
    """SQL: the per-unit value made of a per-unit total: 1 if any, the capped total, or the total itself.

    A cap belongs to the value or numerator, never to a denominator.
    """
    branches: list[tuple[sa.ColumnElement[bool], sa.ColumnElement[float]]] = []
    if position == 0:
        some = [place for place, metric in enumerate(layout.metrics) if metric.kind in ANY]
        if some:
            branches.append(
                (number.in_([whole(place) for place in some]), sa.case((total > 0, real(1.0)), else_=real(0.0)))
            )
        for place, (metric, highest) in enumerate(zip(layout.metrics, layout.caps, strict=True)):
            if highest is not None and metric.kind not in ANY:
                cap = real(highest)
                branches.append((number == whole(place), sa.case((total > cap, cap), else_=total)))
    return sa.case(*branches, else_=total) if branches else total


def _population(promise: Promise) -> FactTable | None:
    return promise.source.population if isinstance(promise.source, UnitSource) else None


def _cap(promise: Promise, metric: Metric) -> float | None:
    cap = promise.cap_of(metric)
    if cap is None and metric.cap is not None:
        raise WarehouseError(
            f"metric {metric.name}: its cap is the quantile {metric.cap.quantile} of the history and was never resolved; "
            "register the promise first"
        )
    return cap


def _measures(metric: Metric) -> tuple[Measure, ...]:
    if metric.kind is not MetricKind.RATIO:
        return (metric.measure,)
    if metric.denominator is None:
        raise WarehouseError(f"metric {metric.name}: a ratio needs a denominator")
    return (metric.measure, metric.denominator)


def _raw(promise: Promise, metric: Metric, measure: Measure) -> RawMeasure:
    source = promise.sources[metric.source]
    if not isinstance(source, UnitSource):
        raise NotSupportedError(f"metric {metric.name}: source {source.name} holds no unit-level facts")
    if measure.fact not in source.facts:
        known = ", ".join(sorted(source.facts))
        raise WarehouseError(
            f"metric {metric.name}: source {source.name} has no fact {measure.fact!r} (known: {known})"
        )
    value = measure.value if metric.kind in SUMMED else None
    return RawMeasure(fact=source.facts[measure.fact], filter=measure.filter, value=value)


def _part(metric: Metric, *, number: int, position: int, measure: int, longest: int | None) -> Part:
    window = metric.window
    first, last = (window.from_day, window.to_day) if window else (0, 0)
    if longest is not None:
        last = min(last, longest - 1)
        first = min(first, last)
    return Part(
        number=number, position=position, measure=measure, from_day=first, to_day=last, windowed=window is not None
    )
