"""A metric's recent weeks, read in the warehouse on demand: each week's visitors with their whole windows.

A visitor counts from the first visit in the week on, whether or not there were earlier ones, as a unit of an experiment
that began with the week would; who comes in several weeks counts in each.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from time import monotonic

from scipy.special import ndtri

from trialflow.checks.power import baselines
from trialflow.errors import NotSupportedError, WarehouseError
from trialflow.memo.words import scale_of, short_day, whole
from trialflow.overview.plan_faults import admitted
from trialflow.overview.plan_form import PlanForm, draft
from trialflow.overview.unanswered import public_reason
from trialflow.spec.catalog import Catalog
from trialflow.spec.metric import Metric, MetricKind
from trialflow.spec.promise import Plan, Promise
from trialflow.spec.rules.calendar import WEEK
from trialflow.spec.source import UnitSource
from trialflow.stages.workspace import Workspace
from trialflow.warehouse.caps import capped_by_quantile, pooled_caps
from trialflow.warehouse.history import HISTORY_DAYS, history

WEEKS = 8
LEVEL = 0.95
PATIENCE = 20.0  # seconds after which no further week is asked for
ANY_EFFECT = {"effect": "1%", "treatments": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """The visitors of these seven days: how many units, and their mean, in words and on the scale of the words.

    `lower` and `upper` are its 95% interval; without units, or with values that do not vary, there is no mean.
    """

    first: date
    last: date
    units: int
    mean: float | None = None
    lower: float | None = None
    upper: float | None = None
    text: str = ""
    interval: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weeks:
    """The weeks that were read, oldest first, up to the facts of the day `through`.

    `instead_of` is the day that was asked for where nobody came and the last day on record was taken; `why_not` says why
    nothing was read, `cut` that reading was given up after PATIENCE.
    """

    through: date
    unit: str = ""
    weeks: tuple[Week, ...] = ()
    instead_of: date | None = None
    cut: bool = False
    why_not: str = ""

    @property
    def seen(self) -> bool:
        """Whether anybody came."""
        return any(one.units for one in self.weeks)


def weeks(
    workspace: Workspace, catalog: Catalog, metric: Metric, *, through: date | None, on_record: date | None, today: date
) -> Weeks:
    """The last WEEKS weeks that are complete on the day `through`, yesterday unless it is given. Stores nothing.

    Where no day was asked for and nobody came in the last week, those up to the day `on_record` are read.
    """
    asked = through or today - timedelta(days=1)
    promise = _about(catalog, metric, today)
    if isinstance(promise, str):
        return Weeks(through=asked, why_not=promise)
    try:
        found = _read(workspace, promise, metric, asked, only=1 if through is None else WEEKS)
        if through is None and found.seen:
            found = _read(workspace, promise, metric, asked)
        elif through is None and on_record is not None and on_record < asked:
            found = replace(_read(workspace, promise, metric, on_record), instead_of=asked)
    except (WarehouseError, NotSupportedError) as error:
        return Weeks(through=asked, why_not=public_reason(error))
    return found


def _about(catalog: Catalog, metric: Metric, today: date) -> Promise | str:
    """A promise that asks about this metric alone, or why there is none."""
    source = catalog.sources.get(metric.source)
    if not isinstance(source, UnitSource) or source.population is None:
        return f"source {metric.source} tells nothing of units outside experiments: it has no population of units"
    if metric.kind is MetricKind.QUANTILE:
        return "a quantile is not kept by week: only means, shares and ratios are"
    drafted = draft(PlanForm.of({"metric": metric.name, **ANY_EFFECT}), today=today)
    promise, faults = admitted(drafted, catalog, 1, {}, today=today)
    return promise or "; ".join(f"{one.field} {one.message}" for one in faults)


def _read(workspace: Workspace, promise: Promise, metric: Metric, through: date, only: int = WEEKS) -> Weeks:
    before = through + timedelta(days=1)
    caps = pooled_caps(promise, capped_by_quantile(promise), workspace.connections, before=before, days=HISTORY_DAYS)
    capped = replace(promise, plan=Plan(caps=caps))
    begun, found = monotonic(), []
    closed = metric.window.to_day if metric.window else 0
    for number in range(only):
        if number and monotonic() - begun > PATIENCE:
            break
        last = through - timedelta(days=closed + WEEK * number)
        found.append(_week(workspace, capped, metric, last, closed))
    return Weeks(through=through, weeks=tuple(reversed(found)), cut=len(found) < only)


def _week(workspace: Workspace, promise: Promise, metric: Metric, last: date, closed: int) -> Week:
    """The visitors of the week up to `last`, each from the first visit in it; their windows are closed `closed` days later.

    Who comes only in those later days is seen too, but has no closed window and does not count.
    """
    before = last + timedelta(days=closed + 1)
    summaries = history(promise, workspace.connections, before=before, days=WEEK + closed)
    empty = Week(first=last - timedelta(days=WEEK - 1), last=last, units=0)
    one = next((summary for summary in summaries if summary.metric == metric.name), None)
    if one is None:
        return empty
    units = int(one.moments.n)
    base = baselines(promise, (one,), "").get(metric.name)
    return replace(empty, units=units) if base is None else _told(empty, metric, units, base.mean, base.std_dev)


def _told(empty: Week, metric: Metric, units: int, mean: float, std_dev: float) -> Week:
    how = scale_of(metric, "unit")
    reach = float(ndtri(0.5 + LEVEL / 2.0)) * std_dev / math.sqrt(units)
    decimals = how.decimals(reach)
    return replace(
        empty,
        units=units,
        mean=mean * how.factor,
        lower=(mean - reach) * how.factor,
        upper=(mean + reach) * how.factor,
        text=how.value(mean, decimals),
        interval=f"{how.value(mean - reach, decimals)} to {how.value(mean + reach, decimals)}",
    )


def rows(found: Weeks) -> Iterator[tuple[str, str, str, str]]:
    """Days, units, mean and interval of each week in words, newest first."""
    for one in reversed(found.weeks):
        yield (
            f"{short_day(one.first)} to {short_day(one.last)}",
            whole(one.units),
            one.text or "no number",
            one.interval,
        )
