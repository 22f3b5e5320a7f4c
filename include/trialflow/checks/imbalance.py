"""Were the variants alike before the experiment could change them? A look at the covariates, early and once at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from trialflow.checks.comparison import number
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.spec.promise import Promise
from trialflow.spec.source import UnitSource
from trialflow.stats.imbalance import pre_period_imbalance
from trialflow.stats.moments import Floats, JointMoments
from trialflow.stats.multiplicity import holm
from trialflow.warehouse.summary import EVERYBODY, MetricSummary, Summary

ALPHA = 0.01  # over all looks and metrics together
EARLY = (3, 7)  # days of matured units after which the first looks are taken: soon, and after the first full week
MINIMUM_UNITS = 100  # in the smallest variant: the test is one of large samples
COVARIATES = ("pre", "pre_numerator", "pre_denominator", "known")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    metric: str
    covariates: tuple[str, ...]
    look: int
    day: date
    units: int
    means: dict[str, list[float | None]]
    p_value: float


def imbalance(promise: Promise, summary: Summary, *, final_day: date) -> Checked:
    """WARN from the look on at which the pre-period differs between the variants by more than chance allows.

    Three looks, after 3 and 7 days with matured units and on `final_day`, each at a third of 1 %; within a look the metrics
    are corrected by Holm. A function of the path, so that a look is the same on whatever day it is read.
    """
    found = [one for one in summary.metrics if one.segment == EVERYBODY and _covariates(one)]
    why = _without(promise, found)
    if why:
        return _checked(promise, summary, Status.NOT_APPLICABLE, why, [])
    rows = _corrected([row for one in found for row in _rows(promise, summary, one, final_day)])
    apart = list(dict.fromkeys(row["metric"] for row in rows if row["apart"]))
    if apart:
        headline = f"The variants differed before they began, in {', '.join(apart)}, by more than chance."
        return _checked(promise, summary, Status.WARN, headline, rows)
    if not rows and summary.as_of >= final_day:
        headline = f"No metric had {MINIMUM_UNITS} matured units in every variant and a pre-period that varies."
        return _checked(promise, summary, Status.NO_DATA, headline, rows)
    looks = len({row["look"] for row in rows})
    headline = (
        f"The pre-period agrees between the variants, in {looks} of {len(EARLY) + 1} looks so far."
        if rows
        else "No look at the pre-period was due yet."
    )
    return _checked(promise, summary, Status.PASS, headline, rows)


def _without(promise: Promise, found: Sequence[MetricSummary]) -> str:
    """Why there is no pre-period, or nothing."""
    if found:
        return ""
    source = promise.source
    if not isinstance(source, UnitSource):
        return f"Source {source.name} holds finished moments and no pre-period."
    return "The promise reads no pre-period: variance_reduction is none."


def _covariates(found: MetricSummary) -> tuple[str, ...]:
    return tuple(name for name in found.variables if name in COVARIATES)


def _rows(promise: Promise, summary: Summary, found: MetricSummary, final_day: date) -> list[_Row]:
    names = _covariates(found)
    columns = [found.variables.index(name) for name in names]
    whole = found.moments
    moments = JointMoments(n=whole.n, mean=whole.mean[..., columns], m2=whole.m2[..., columns, :][..., :, columns])
    test = pre_period_imbalance(moments)
    position = {day: place for place, day in enumerate(summary.days)}
    return [
        _Row(
            metric=found.metric,
            covariates=names,
            look=look,
            day=day,
            units=int(moments.n[at].sum()),
            means=_means(summary, moments.mean[at]),
            # Constant within the variants and yet not the same in them: no chance makes that of so many units.
            p_value=0.0 if test.separated[at].any() else float(test.p_value[at]),
        )
        for look, day in enumerate(_look_days(promise, found.metric, final_day), start=1)
        if (at := position.get(day)) is not None
        and moments.n[at].min() >= MINIMUM_UNITS
        and (bool(test.estimable[at]) or bool(test.separated[at].any()))
    ]


def _look_days(promise: Promise, metric: str, final_day: date) -> list[date]:
    """After so many days on which units have matured, and the last day; an early look that is not before it is left out."""
    window = promise.metrics[metric].window
    first = promise.experiment.calendar.first_day + timedelta(days=window.to_day if window else 0)
    early = [first + timedelta(days=number - 1) for number in EARLY]
    return [*(day for day in early if day < final_day), final_day]


def _means(summary: Summary, means: Floats) -> dict[str, list[float | None]]:
    return {name: [number(value) for value in row.tolist()] for name, row in zip(summary.variants, means, strict=True)}


def _corrected(rows: Sequence[_Row]) -> list[dict[str, Any]]:
    """The rows as evidence, look by look, with p-values corrected over the metrics of a look."""
    found = []
    for look in sorted({row.look for row in rows}):
        own = [row for row in rows if row.look == look]
        adjusted = holm(np.asarray([row.p_value for row in own]))
        found += [
            {
                "metric": row.metric,
                "covariates": list(row.covariates),
                "look": row.look,
                "day": row.day.isoformat(),
                "units": row.units,
                "means": row.means,
                "p_value": number(row.p_value),
                "adjusted_p_value": number(float(p)),
                "apart": bool(p < ALPHA / (len(EARLY) + 1)),
            }
            for row, p in zip(own, adjusted, strict=True)
        ]
    return found


def _checked(promise: Promise, summary: Summary, status: Status, headline: str, rows: list[dict[str, Any]]) -> Checked:
    step = (
        "Look for what treated the variants differently before: an earlier experiment on the same split, or an exposure "
        "that depends on the variant. Trust no small effect before that is settled."
    )
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="imbalance",
            as_of=summary.as_of,
            status=status,
            headline=headline,
            evidence={"alpha": ALPHA, "looks": rows},
            next_step=step if status is Status.WARN else "",
        )
    )
