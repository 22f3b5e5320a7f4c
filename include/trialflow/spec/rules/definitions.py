"""Rules about the definitions themselves: a metric in the light of its source, and a source alone."""

from __future__ import annotations

from collections.abc import Iterator

from trialflow.spec.metric import Measure, Metric, MetricKind, Ranked
from trialflow.spec.promise import Promise
from trialflow.spec.rules.rule import Circumstances, Complaint
from trialflow.spec.source import CompleteBy, MomentsSource, UnitSource
from trialflow.spec.translation import did_you_mean

# Kinds whose per-unit value is a sum of amounts, so that a column must be named.
SUMMED = frozenset({MetricKind.MEAN, MetricKind.QUANTILE})
CAPPED = frozenset({MetricKind.MEAN, MetricKind.COUNT, MetricKind.RATIO})
NEVER_IN_A_FILTER = (";", "--", "/*")


def metrics(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Every metric of the promise, each with the source it reads."""
    for metric in promise.metrics.values():
        yield from metric_complaints(metric, promise.sources.get(metric.source))


def sources(promise: Promise, _: Circumstances) -> Iterator[Complaint]:
    """Every source of the promise."""
    for source in promise.sources.values():
        yield from source_complaints(source)


def metric_complaints(metric: Metric, source: UnitSource | MomentsSource | None) -> Iterator[Complaint]:
    """What is wrong with one metric; facts and columns are only asked for where the source holds units."""
    where = f"metrics/{metric.name}.yaml"
    yield from _kind(metric, where)
    yield from _window(metric, where)
    yield from _filters(
        {"measure.filter": metric.measure.filter, "denominator.filter": _filter(metric.denominator)}, where
    )
    if isinstance(source, UnitSource):
        yield from _unit_measures(metric, source, where)
    if isinstance(source, MomentsSource):
        yield from _moments_measures(metric, source, where)


def source_complaints(source: UnitSource | MomentsSource) -> Iterator[Complaint]:
    """What is wrong with one source."""
    where = f"sources/{source.name}.yaml"
    complete = source.complete
    needed = {
        CompleteBy.MAX_TIMESTAMP: {"table": complete.table, "timestamp": complete.timestamp},
        CompleteBy.SQL: {"expression": complete.expression},
    }
    for field, value in needed.get(complete.by, {}).items():
        if not value:
            message, cure = f"is needed by completeness by {complete.by.value}", f"add {field}"
            yield Complaint(field=f"complete.{field}", value=value, message=message, cure=cure, where=where)
    yield from _filters({"complete.expression": complete.expression}, where)
    if isinstance(source, UnitSource):
        filters = {"exposures.filter": source.exposures.filter}
        filters |= {f"facts.{name}.filter": fact.filter for name, fact in source.facts.items()}
        filters |= {"population.filter": source.population.filter if source.population else None}
        yield from _filters(filters, where)
    elif (source.moments.segment_dimension is None) != (source.moments.segment_value is None):
        message, cure = "names one of two columns", "give both segment_dimension and segment_value, or neither"
        yield Complaint(field="moments", value=None, message=message, cure=cure, where=where)


def _kind(metric: Metric, where: str) -> Iterator[Complaint]:
    kind = metric.kind
    if kind is MetricKind.QUANTILE and not (metric.quantile is not None and 0.0 < metric.quantile < 1.0):
        message, cure = "is needed: which quantile, between 0 and 1?", "write quantile: 0.9, for example"
        yield Complaint(field="quantile", value=metric.quantile, message=message, cure=cure, where=where)
    elif kind is not MetricKind.QUANTILE and metric.quantile is not None:
        message, cure = f"means nothing for kind {kind.value}", "leave it out"
        yield Complaint(field="quantile", value=metric.quantile, message=message, cure=cure, where=where)
    if metric.ranked is Ranked.EVENTS and kind is not MetricKind.QUANTILE:
        message, cure = f"means nothing for kind {kind.value}", "leave it out"
        yield Complaint(field="ranked", value=metric.ranked.value, message=message, cure=cure, where=where)
    if metric.denominator is not None and kind is not MetricKind.RATIO:
        message, cure = f"means nothing for kind {kind.value}", "write kind: ratio, or leave it out"
        yield Complaint(field="denominator", value=metric.denominator.stated(), message=message, cure=cure, where=where)
    if metric.cap is not None and kind not in CAPPED:
        why = "it does not move a quantile below it" if kind is MetricKind.QUANTILE else "a unit's value is 0 or 1"
        message, cure = f"means nothing for kind {kind.value}: {why}", "leave it out"
        yield Complaint(field="cap", value=metric.cap.stated(), message=message, cure=cure, where=where)
    elif metric.cap is not None and (metric.cap.value is None) == (metric.cap.quantile is None):
        message = "has neither value nor quantile" if metric.cap.value is None else "has both value and quantile"
        cure = "write value: 400 (in the metric's own unit), or quantile: 0.99 (found in the history at registration)"
        yield Complaint(field="cap", value=metric.cap.stated(), message=message, cure=cure, where=where)


def _window(metric: Metric, where: str) -> Iterator[Complaint]:
    window = metric.window
    if window is not None and window.to_day < window.from_day:
        message, cure = f"lies before from_day {window.from_day}", "give a day from from_day on"
        yield Complaint(field="window.to_day", value=window.to_day, message=message, cure=cure, where=where)
    if window is not None and metric.kind is MetricKind.RETENTION and window.from_day < 1:
        message, cure = "counts the day of exposure itself as retention", "write from_day: 1 or later"
        yield Complaint(field="window.from_day", value=window.from_day, message=message, cure=cure, where=where)


def _unit_measures(metric: Metric, source: UnitSource, where: str) -> Iterator[Complaint]:
    for field, measure in (("measure", metric.measure), ("denominator", metric.denominator)):
        if measure is not None and measure.fact not in source.facts:
            message, cure = f"is not a fact of source {source.name}", did_you_mean(measure.fact, source.facts)
            yield Complaint(field=f"{field}.fact", value=measure.fact, message=message, cure=cure, where=where)
    if metric.kind in SUMMED and metric.measure.value is None:
        cure = "name the column, or write kind: count to count rows"
        message = f"is needed: the {metric.kind.value} of which column?"
        yield Complaint(field="measure.value", value=None, message=message, cure=cure, where=where)
    if metric.kind is MetricKind.RATIO and metric.denominator is None:
        message, cure = "is needed: a ratio of what to what?", "add denominator: {fact: …}"
        yield Complaint(field="denominator", value=None, message=message, cure=cure, where=where)
    if metric.kind is MetricKind.RETENTION and metric.window is None:
        message, cure = "is needed: back after how many days?", "add window: {from_day: 1, to_day: …}"
        yield Complaint(field="window", value=None, message=message, cure=cure, where=where)


def _moments_measures(metric: Metric, source: MomentsSource, where: str) -> Iterator[Complaint]:
    if metric.kind is MetricKind.RATIO:
        message = f"source {source.name} holds one mean per metric; a ratio needs the joint moments of two"
        cure = "write kind: mean (or proportion) where each unit of n has its own value, or use a source of units"
        yield Complaint(field="kind", value="ratio", message=message, cure=cure, where=where)
    if metric.kind is MetricKind.QUANTILE:
        message = f"source {source.name} holds a mean and a variance per metric; a quantile needs the units"
        cure = "use a source of units, or a proportion (share above a limit)"
        yield Complaint(field="kind", value="quantile", message=message, cure=cure, where=where)
    stated = {
        "measure.value": metric.measure.value,
        "measure.filter": metric.measure.filter,
        "cap": metric.cap.stated() if metric.cap else None,
    }
    for field, value in stated.items():
        if value is not None:
            message, cure = f"cannot be applied to the finished moments of source {source.name}", "leave it out"
            yield Complaint(field=field, value=value, message=message, cure=cure, where=where)


def _filters(filters: dict[str, str | None], where: str) -> Iterator[Complaint]:
    for field, text in filters.items():
        found = [mark for mark in NEVER_IN_A_FILTER if text and mark in text]
        if found:
            message, cure = f"holds {found[0]}", "give one condition, without comments or a second statement"
            yield Complaint(field=field, value=text, message=message, cure=cure, where=where)


def _filter(measure: Measure | None) -> str | None:
    return measure.filter if measure else None
