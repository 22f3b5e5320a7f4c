"""Day to day: whether the daily effects vary more than independent units would let them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from trialflow.checks.comparison import number
from trialflow.checks.contrasts import contrasts
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.spec.promise import Promise
from trialflow.spec.source import Grain, MomentsSource
from trialflow.stats.day_to_day import FEWEST_DAYS, day_to_day
from trialflow.stats.moments import JointMoments
from trialflow.warehouse.summary import EVERYBODY, Summary

ALPHA = 0.01  # a warning, looked at once


def varies(promise: Promise, summary: Summary) -> Checked:
    """WARN where the primary metric's daily effects are over-dispersed: its intervals are then too narrow.

    Needs units that contribute on one day each: a window on a unit-level source, or additive daily moments.
    """
    reason = _why_not(promise)
    found = summary.of(promise.experiment.metrics.primary.metric, EVERYBODY)
    if reason or found is None:
        status = Status.NOT_APPLICABLE if reason else Status.NO_DATA
        return _checked(promise, summary, status, f"Not judged: {reason or 'the metric has no rows'}.", [])
    days = replace(summary, metrics=(replace(found, moments=_by_day(found.moments)),))
    rows: list[dict[str, Any]] = []
    judged: list[dict[str, Any]] = []
    for contrast in contrasts(promise, days, found.metric):
        result = day_to_day(
            np.where(contrast.unadjusted.estimable, contrast.unadjusted.estimate, np.nan), contrast.unadjusted.std_error
        )
        rows.append(
            {
                "variant": contrast.variant,
                "days": result.days,
                "statistic": number(result.statistic),
                "df": result.df,
                "p_value": number(result.p_value),
                "dispersion": number(result.dispersion),
                "std_error": number(result.std_error),
                "hac_std_error": number(result.hac_std_error),
            }
        )
        if result.estimable and result.days >= FEWEST_DAYS:
            judged.append(rows[-1])
    odd = [row for row in judged if row["p_value"] < ALPHA]
    if not judged:
        text = f"Not judged: fewer than {FEWEST_DAYS} days have an effect of their own."
        return _checked(promise, summary, Status.NOT_APPLICABLE, text, rows)
    if odd:
        worst = max(odd, key=lambda row: row["dispersion"])
        text = (
            f"The daily effects of {worst['variant']} vary {worst['dispersion']:.1f} times as much as their standard "
            "errors say; the intervals are too narrow."
        )
        return _checked(promise, summary, Status.WARN, text, rows)
    return _checked(promise, summary, Status.PASS, "The daily effects vary as much as their standard errors say.", rows)


def _why_not(promise: Promise) -> str:
    source, metric = promise.source, promise.metrics[promise.experiment.metrics.primary.metric]
    if source.grain is Grain.TOTALS:
        return "the source holds totals, not days"
    if isinstance(source, MomentsSource):
        return "the source holds running totals of returning units" if source.moments.cumulative else ""
    return "" if metric.window is not None else "without a window a unit counts on many days"


def _by_day(path: JointMoments) -> JointMoments:
    """The moments of the units that came in on each day, from the cumulative path (day, variant)."""
    grown = path.take(slice(1, None)) - path.take(slice(None, -1))
    return JointMoments(
        n=np.concatenate([path.n[:1], grown.n]),
        mean=np.concatenate([path.mean[:1], grown.mean]),
        m2=np.concatenate([path.m2[:1], grown.m2]),
    )


def _checked(promise: Promise, summary: Summary, status: Status, headline: str, rows: list[dict[str, Any]]) -> Checked:
    step = (
        "Analyse by the unit that was randomised, or let days or clusters be the unit; until then read the robust "
        "standard error beside the interval."
    )
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="day_to_day",
            as_of=summary.as_of,
            status=status,
            headline=headline,
            evidence={"variants": rows, "threshold": ALPHA},
            next_step=step if status is Status.WARN else "",
        )
    )
