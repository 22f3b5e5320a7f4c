"""All experiments: one row each, filtered and sorted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from threading import Lock
from typing import Any

from trialflow.decision import Decision
from trialflow.overview.brief import Brief
from trialflow.overview.reader import MOST, Reader
from trialflow.overview.standing import LIST_CHECKS, URGENT, Standing, standing
from trialflow.registry import Event, Stage
from trialflow.spec.promise import Promise

ORDER = {stage: place for place, stage in enumerate((Stage.ANALYSED, Stage.BLOCKED, Stage.RUNNING, Stage.ROLLING_OUT))}
FAR = date.max


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a reader asked for; empty means everything."""

    text: str = ""
    stage: str = ""
    owner: str = ""
    layer: str = ""
    metric: str = ""
    sort: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Values to filter by, among all experiments."""

    stages: Mapping[str, int]
    owners: tuple[str, ...]
    layers: tuple[str, ...]
    metrics: tuple[str, ...]


def every(reader: Reader, *, today: date) -> tuple[Standing, ...]:
    """Where every experiment stands at the end of `today`. Eight queries at most, four when nothing is new."""
    promises, events = reader.promises(), reader.events()
    briefs, decisions = reader.briefs(LIST_CHECKS), reader.decisions(events)
    return tuple(
        _standing(promise, events.get(slug, ()), briefs.get(slug, {}), decisions.get(slug), today)
        for slug, promise in promises.items()
    )


def _standing(
    promise: Promise, events: tuple[Event, ...], briefs: Mapping[str, Brief], decision: Decision | None, today: date
) -> Standing:
    """As it was put together before, if it was from the same: most of a record does not change between two pages."""
    given = (promise, events, briefs, decision, today)
    with _KEEPING:
        known = _STANDINGS.get(promise.slug)
    if known is not None and known[0] == given:
        return known[1]
    made = standing(promise, events, briefs, decision, today=today)
    with _KEEPING:
        if len(_STANDINGS) >= MOST:
            _STANDINGS.clear()
        _STANDINGS[promise.slug] = (given, made)
    return made


_STANDINGS: dict[str, tuple[tuple[Any, ...], Standing]] = {}
_KEEPING = Lock()


def choices(standings: Iterable[Standing]) -> Choices:
    """What there is to choose from."""
    found = list(standings)
    return Choices(
        stages=Counter(one.stage for one in found),
        owners=_sorted(one.promise.experiment.owner for one in found),
        layers=_sorted(one.promise.experiment.layer for one in found),
        metrics=_sorted(name for one in found for name in one.promise.experiment.metrics.names),
    )


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names), key=str.casefold))


SORTS: Mapping[str, tuple[str, Callable[[Standing], Any]]] = {
    "": ("what waits for you", lambda one: (_urgency(one), one.slug)),
    "title": ("title", lambda one: (one.promise.experiment.title.casefold(),)),
    "decision": ("expected decision", lambda one: (one.expected_decision or FAR, one.slug)),
    "start": ("latest start", lambda one: (-one.promise.experiment.calendar.first_day.toordinal(), one.slug)),
    "effect": ("largest relative gain", lambda one: (-_gain(one), one.slug)),
    "information": ("least information", lambda one: (one.information is None, one.information or 0.0, one.slug)),
}
"""Orders of the list: the name in the address, what it is called, and the key."""


def _urgency(one: Standing) -> tuple[int, int]:
    troubled = any(brief.status in URGENT for brief in one.briefs.values()) and one.life.stage is Stage.RUNNING
    return (0 if troubled or one.late_since else 1, ORDER.get(one.life.stage, len(ORDER)))


def _gain(one: Standing) -> float:
    if one.effect is None or one.effect.estimate is None:
        return float("-inf")
    return one.promise.metrics[one.effect.metric].direction.sign * one.effect.estimate


def select(standings: Sequence[Standing], wanted: Wanted) -> tuple[Standing, ...]:
    """The rows a reader asked for, in the order asked for."""
    _, key = SORTS.get(wanted.sort, SORTS[""])
    return tuple(sorted((one for one in standings if _matches(one, wanted)), key=key))


def _matches(one: Standing, wanted: Wanted) -> bool:
    experiment = one.promise.experiment
    words = f"{one.slug} {experiment.title} {experiment.hypothesis} {experiment.owner}".casefold()
    return (
        all(word in words for word in wanted.text.casefold().split())
        and wanted.stage in ("", one.stage)
        and wanted.owner in ("", experiment.owner)
        and wanted.layer in ("", experiment.layer)
        and (not wanted.metric or wanted.metric in experiment.metrics.names)
    )
