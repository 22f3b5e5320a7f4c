"""The calendar of layers: which experiment holds which layer from when to when, and which of them would share units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby

from trialflow.checks.collision import overlapping
from trialflow.overview.reader import Reader
from trialflow.overview.standing import STAGES, labels_of
from trialflow.registry import Life, Stage, fold
from trialflow.spec.experiment import Experiment
from trialflow.spec.promise import Promise
from trialflow.stages.quarter import quarter_of

ALL = "all"
"""The name of the window that shows everything."""
MARGIN_DAYS = 3
"""Days of air on both sides of a window that is as long as what it shows."""
MOST_YEARS = 30
MOST_DAYS = 366 * MOST_YEARS
"""Days that are shown at once: more is no picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Days that are shown, both inclusive."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days are shown."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a reader asked for, as it stands in the address; empty means that we choose."""

    first: str = ""
    last: str = ""
    quarter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarter:
    """A quarter in which something runs: `2026-Q1`, and how many experiments."""

    name: str
    first: date
    last: date
    experiments: int

    @property
    def text(self) -> str:
        """`Q1 2026 (9)`."""
        year, number = self.name.split("-")
        return f"{number} {year} ({self.experiments})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One experiment in its layer.

    Units enter from `first_day` to `last_day`, the last look is on `final_day`. `extension` is the last look if the promised
    extension were used: None where none is promised or where it was used (then the other days include it). `with_slugs` are
    experiments of the same layer in the same days, by the rule that registration refuses them by.
    """

    slug: str
    title: str
    owner: str
    layer: str
    stage: Stage
    labels: tuple[str, ...]
    first_day: date
    last_day: date
    final_day: date
    extension: date | None
    extended: bool
    paused: bool
    with_slugs: tuple[str, ...] = ()

    @property
    def until(self) -> date:
        """The last day that may be needed."""
        return self.extension or self.final_day

    @property
    def stage_text(self) -> str:
        """The stage in words."""
        return STAGES[self.stage] + (", paused" if self.paused else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A layer with the experiments that hold it within the window, by first day."""

    layer: str
    stays: tuple[Stay, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """What the page shows; `problem` says what was wrong with the days that were asked for."""

    window: Window
    lanes: tuple[Lane, ...]
    quarters: tuple[Quarter, ...]
    experiments: int
    problem: str = ""

    @property
    def stays(self) -> tuple[Stay, ...]:
        """Every experiment shown."""
        return tuple(stay for lane in self.lanes for stay in lane.stays)

    @property
    def collisions(self) -> tuple[tuple[Stay, str], ...]:
        """Each pair once: an experiment and the other one that it would share units with."""
        return tuple((stay, other) for stay in self.stays for other in stay.with_slugs if stay.slug < other)


def calendar(reader: Reader, asked: Asked, *, today: date) -> Calendar:
    """The layers in the days asked for, as they stand at the end of `today`. Three queries at most."""
    events = reader.events()
    known = [
        (promise, fold(events.get(slug, ()), promise.experiment.calendar, today))
        for slug, promise in reader.promises().items()
    ]
    stays = [_stay(promise, life) for promise, life in known]
    quarters = _quarters(stays)
    window, problem = _window(asked, stays, quarters, today)
    shown = [stay for stay in stays if stay.first_day <= window.last and window.first <= stay.until]
    return Calendar(
        window=window,
        lanes=_lanes(_with_collisions(shown, known)),
        quarters=quarters,
        experiments=len(stays),
        problem=problem,
    )


def _stay(promise: Promise, life: Life) -> Stay:
    experiment = promise.experiment
    days = experiment.calendar
    more = days.max_extension_days
    return Stay(
        slug=promise.slug,
        title=experiment.title,
        owner=experiment.owner,
        layer=experiment.layer,
        stage=life.stage,
        labels=labels_of(promise),
        first_day=days.first_day,
        last_day=days.last_day + timedelta(days=more if life.extended else 0),
        final_day=days.final_day(extended=life.extended),
        extension=days.final_day(extended=True) if more and not life.extended else None,
        extended=life.extended,
        paused=life.paused,
    )


def _with_collisions(shown: Iterable[Stay], known: Sequence[tuple[Promise, Life]]) -> list[Stay]:
    """Retired experiments hold no layer, as at registration."""
    holding = {promise.slug: promise.experiment for promise, life in known if life.stage is not Stage.RETIRED}
    of_layer: dict[str, list[Experiment]] = {}
    for one in holding.values():
        of_layer.setdefault(one.layer, []).append(one)
    return [
        replace(stay, with_slugs=tuple(other.slug for other in overlapping(holding[stay.slug], of_layer[stay.layer])))
        if stay.slug in holding
        else stay
        for stay in shown
    ]


def _lanes(stays: Iterable[Stay]) -> tuple[Lane, ...]:
    ordered = sorted(stays, key=lambda stay: (stay.layer.casefold(), stay.layer, stay.first_day, stay.slug))
    return tuple(Lane(layer=name, stays=tuple(found)) for name, found in groupby(ordered, key=lambda stay: stay.layer))


def _quarters(stays: Iterable[Stay]) -> tuple[Quarter, ...]:
    """Every quarter in which an experiment runs, latest first."""
    counts: Counter[tuple[date, date]] = Counter()
    for stay in stays:
        first, last = quarter_of(stay.first_day)
        while first <= stay.until:
            counts[first, last] += 1
            first, last = quarter_of(last + timedelta(days=1))
    return tuple(
        Quarter(name=_name(first), first=first, last=last, experiments=counts[first, last])
        for first, last in sorted(counts, reverse=True)
    )


def _name(first: date) -> str:
    return f"{first.year}-Q{(first.month + 2) // 3}"


def _window(asked: Asked, stays: Sequence[Stay], quarters: Sequence[Quarter], today: date) -> tuple[Window, str]:
    """The days to show, and what was wrong with those asked for."""
    chosen = _chosen(stays, today)
    try:
        first = date.fromisoformat(asked.first) if asked.first else None
        last = date.fromisoformat(asked.last) if asked.last else None
    except ValueError as error:
        return chosen, f"A day is written YYYY-MM-DD ({error})."
    if first or last:
        window = Window(first=first or chosen.first, last=last or chosen.last)
        if window.last < window.first:
            return chosen, f"The first day, {window.first}, lies after the last, {window.last}."
        if window.days > MOST_DAYS:
            told = f"{window.first} to {window.last} is longer than {MOST_YEARS} years, the most that is shown at once."
            return (_everything(stays)[0] if stays else chosen), told
        return window, ""
    if asked.quarter == ALL and stays:
        return _everything(stays)
    if asked.quarter and asked.quarter != ALL:
        found = next((one for one in quarters if one.name == asked.quarter), None)
        if found is None:
            return chosen, f"No experiment runs in {asked.quarter}."
        return Window(first=found.first, last=found.last), ""
    return chosen, ""


def _everything(stays: Sequence[Stay]) -> tuple[Window, str]:
    """The days in which something runs; of more than can be shown at once the latest, with words that say so."""
    whole = _around(min(stay.first_day for stay in stays), max(stay.until for stay in stays))
    if whole.days <= MOST_DAYS:
        return whole, ""
    latest = Window(first=whole.last - timedelta(days=MOST_DAYS - 1), last=whole.last)
    return latest, f"Experiments run from {whole.first}, more than {MOST_YEARS} years; the latest of them are shown."


def _around(first: date, last: date) -> Window:
    return Window(first=first - timedelta(days=MARGIN_DAYS), last=last + timedelta(days=MARGIN_DAYS))


def _chosen(stays: Sequence[Stay], today: date) -> Window:
    """The quarter of `today` if something runs in it, or the nearest one in which something begins."""
    first, last = quarter_of(today)
    if stays and not any(stay.first_day <= last and first <= stay.until for stay in stays):
        nearest = min((stay.first_day for stay in stays), key=lambda day: (abs((day - today).days), day))
        first, last = quarter_of(nearest)
    return Window(first=first, last=last)
