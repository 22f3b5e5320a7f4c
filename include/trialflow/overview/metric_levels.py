"""Where a metric stood, as experiments on record saw it: everybody before the start, and control while it ran."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from trialflow.memo.words import scale_of, whole
from trialflow.overview.brief import Brief
from trialflow.overview.standing import labels_of
from trialflow.spec.metric import Metric
from trialflow.spec.promise import Promise

COMPARED = ("effects", "guardrails", "secondary")
STATED = "stated in the promise"


class When(StrEnum):
    """At which time of an experiment a metric's level was seen."""

    BEFORE = "everybody, before the start"
    CONTROL = "control, in the experiment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The mean per unit that one experiment saw, in words and on the scale of the words; `units` in words, if counted."""

    when: When
    slug: str
    labels: tuple[str, ...]
    mean: str
    shown_mean: float
    units: str
    brief: Brief


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What was seen on one day: one or more experiments that saw the same."""

    day: date
    when: When
    mean: str
    units: str
    seen: tuple[Level, ...]


def by_day(levels: Iterable[Level]) -> tuple[Levels, ...]:
    """Newest first; what several experiments saw alike on one day stands once."""
    alike: dict[tuple[date, When, str, str], list[Level]] = {}
    for one in levels:
        alike.setdefault((one.brief.as_of, one.when, one.mean, one.units), []).append(one)
    return tuple(
        Levels(day=day, when=when, mean=mean, units=units, seen=tuple(alike[day, when, mean, units]))
        for day, when, mean, units in sorted(alike, reverse=True)
    )


def before(promise: Promise, metric: Metric, brief: Brief | None) -> Iterable[Level]:
    """What registration measured of everybody; a baseline that was stated is nobody's measurement."""
    planned = promise.plan.of(metric.name)
    if planned is not None and brief is not None and planned.origin != STATED:
        yield _level(promise, metric, When.BEFORE, planned.baseline_mean, "", brief)


def controls(promise: Promise, metric: Metric, briefs: Mapping[str, Brief]) -> Iterable[Level]:
    """Control's level in the newest comparison, once for all treatments."""
    for check in COMPARED:
        brief = briefs.get(check)
        rows = brief.numbers.get("comparisons", ()) if brief else ()
        row = next((one for one in rows if one["metric"] == metric.name and one["control"] is not None), None)
        if brief and row is not None:
            units = whole(row["n_control"]) if row["n_control"] is not None else ""
            yield _level(promise, metric, When.CONTROL, row["control"], units, brief)
            return


def _level(promise: Promise, metric: Metric, when: When, mean: float, units: str, brief: Brief) -> Level:
    how = scale_of(metric, promise.experiment.unit)
    return Level(
        when=when,
        slug=promise.slug,
        labels=labels_of(promise),
        mean=how.value(mean, how.decimals(mean / 10.0)),
        shown_mean=mean * how.factor,
        units=units,
        brief=brief,
    )
