"""Are the logs all there? Days without exposures, metrics without rows, arms that stand still."""

from __future__ import annotations

from datetime import date

import numpy as np

from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.spec.promise import Promise
from trialflow.spec.source import Grain, MomentsSource
from trialflow.stats.moments import Bools
from trialflow.warehouse.summary import EVERYBODY, MetricSummary, Summary

DROP = 0.2  # a day with less than this share of the usual exposures is suspicious
USUAL_DAYS = 7
ODD_GROWTH = 0.1  # a day's growth may differ from its usual ratio to control's by this much (log scale) in any case
ODD_SPREADS = 10.0  # and by this many median absolute deviations of that ratio


def stale_days(promise: Promise, summary: Summary, metric: str) -> tuple[date, ...]:
    """Days on which the running totals of one arm stood still or jumped while those of control moved as usual.

    Only sources with running totals can show this. Such a day is not a look: part of the contrast is another day's.
    A day is judged by the days before it only, so that what is said about it never changes.
    """
    source = promise.source
    found = summary.of(metric)
    if not isinstance(source, MomentsSource) or not source.moments.cumulative or found is None:
        return ()
    control = summary.variants.index(promise.experiment.control.name)
    return tuple(day for day, odd in zip(summary.days, _odd_growth(found, control), strict=True) if odd)


def _odd_growth(found: MetricSummary, control: int) -> Bools:
    """Whether an arm's growth of a day, relative to control's, is far from what it was on the days before; shape (day,)."""
    totals = found.moments.mean[..., 0] * found.moments.n
    grown = np.diff(totals, axis=0, prepend=0.0)
    base = grown[:, [control]]
    usable = (grown > 0) & (base > 0)
    ratio = np.where(usable, np.log(np.where(usable, grown, 1.0) / np.where(usable, base, 1.0)), np.inf)
    moved = np.asarray((grown > 0).any(axis=1), dtype=np.bool_)
    odd = np.zeros(len(grown), dtype=np.bool_)
    for day in range(1, len(grown)):
        before = ratio[:day][moved[:day] & ~odd[:day]]
        if not moved[day] or len(before) < USUAL_DAYS:
            odd[day] = moved[day] and not usable[day].all()
            continue
        middle = np.median(before, axis=0)
        spread = np.median(np.abs(before - middle), axis=0)
        odd[day] = bool((np.abs(ratio[day] - middle) > np.maximum(ODD_GROWTH, ODD_SPREADS * spread)).any())
    return odd


def completeness(promise: Promise, summary: Summary) -> Checked:
    """FAIL where a day's data is missing or stands still on as_of, WARN for suspicious days before it."""
    problems = [*_exposure_problems(promise, summary), *_metric_problems(promise, summary)]
    today = [(day, problem) for day, problem in problems if day == summary.as_of]
    earlier = [(day, problem) for day, problem in problems if day != summary.as_of]
    status = Status.FAIL if today else Status.WARN if earlier else Status.PASS
    if int(summary.exposures.new_units.sum()) == 0:
        status = Status.NO_DATA
    shown = today or earlier
    more = f" (and {len(shown) - 1} more)" if len(shown) > 1 else ""
    headline = {
        Status.PASS: "Exposures and every metric have rows for every day.",
        Status.NO_DATA: "There are no exposures at all.",
    }.get(status, f"{shown[0][1]} on {shown[0][0]}{more}." if shown else "")
    mixed = summary.exposures.mixed_units
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="completeness",
            as_of=summary.as_of,
            status=status,
            headline=headline,
            evidence={
                "problems": [{"day": day.isoformat(), "problem": text} for day, text in (*earlier, *today)],
                "mixed_units": mixed,
                "days": len(summary.days),
            },
            next_step=""
            if status is Status.PASS
            else "Ask the owner of the source to load the day again, then re-run it.",
        )
    )


def _exposure_problems(promise: Promise, summary: Summary) -> list[tuple[date, str]]:
    """Days of enrolment on which nobody, or far fewer than usual, entered. Totals know no days."""
    source = promise.source
    if source.grain is Grain.TOTALS:
        return []
    cumulative = isinstance(source, MomentsSource) and source.exposures.cumulative
    last = promise.experiment.calendar.last_day
    units = summary.exposures.new_units.sum(axis=1)
    problems = []
    for index, day in enumerate(summary.days):
        if day > last or cumulative:
            continue
        usual = float(np.median(units[max(0, index - USUAL_DAYS) : index])) if index else 0.0
        if units[index] == 0:
            problems.append((day, "No unit was exposed"))
        elif index >= USUAL_DAYS and units[index] < DROP * usual:
            problems.append((day, f"Only {int(units[index]):,} units were exposed, usually {usual:,.0f}"))
    return problems


def _metric_problems(promise: Promise, summary: Summary) -> list[tuple[date, str]]:
    problems: list[tuple[date, str]] = []
    for name in promise.experiment.metrics.names:
        found = summary.of(name, EVERYBODY)
        if found is None or float(found.moments.n[-1].sum()) == 0.0:
            if _is_due(promise, summary, name):
                problems.append((summary.as_of, f"{name} has no rows"))
            continue
        odd = f"{name} moved in one variant and not, or twice, in another"
        problems += [(day, odd) for day in stale_days(promise, summary, name)]
        problems += [
            (day, f"{name} has no events in at least one variant") for day in _silent_days(promise, summary, found)
        ]
    return problems


def _is_due(promise: Promise, summary: Summary, name: str) -> bool:
    """Whether a metric should have rows by now: its window has closed for the first day's units."""
    window = promise.metrics[name].window
    elapsed = (summary.as_of - promise.experiment.calendar.first_day).days
    totals = promise.source.grain is Grain.TOTALS
    if totals:
        return summary.as_of >= promise.experiment.calendar.last_day
    return elapsed >= (window.to_day if window else 0)


def _silent_days(promise: Promise, summary: Summary, found: MetricSummary) -> list[date]:
    """Days on which units matured but the values of an arm add up to nothing, after days on which they did not: lost logs.

    What is expected is counted in units that have a value, grown × mean² / variance, so that a metric in cents and one in
    euros are judged alike: for a rare event it is the number of events.
    """
    if promise.source.grain is not Grain.UNITS:
        return []
    values = found.moments.variable(0)
    totals = values.mean * values.n
    grown, gained = np.diff(values.n, axis=0), np.diff(totals, axis=0)
    mean, variance = values.mean[:-1], np.nan_to_num(values.variance[:-1])
    expected = np.where(variance > 0, grown * mean**2 / np.where(variance > 0, variance, 1.0), grown * (mean != 0.0))
    silent = (np.abs(gained) < 1e-9 * np.maximum(np.abs(totals[:-1]), 1e-300)) & (expected > MINIMUM_EXPECTED)
    return [summary.days[index + 1] for index in np.flatnonzero(silent.any(axis=1))]


MINIMUM_EXPECTED = 10.0  # fewer expected events than this may be missing by chance
