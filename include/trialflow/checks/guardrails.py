"""Guardrails: each metric must be shown not to be worse than its margin (non-inferiority)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from trialflow.checks.comparing import compare, masked
from trialflow.checks.comparison import Comparison, number
from trialflow.checks.completeness import stale_days
from trialflow.checks.contrasts import Contrast, contrasts, signed_z
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked, History
from trialflow.checks.ledger import Budget, Series, take_looks
from trialflow.checks.schedule import band, calendar_fractions, efficacy_looks
from trialflow.spec.experiment import Guardrail, Policy
from trialflow.spec.look import Look, LookPurpose
from trialflow.spec.promise import Promise
from trialflow.stats.non_inferiority import margin_contrast
from trialflow.stats.results import Estimate
from trialflow.stats.spending import SpendingFunction
from trialflow.warehouse.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    comparison: Comparison
    shown_on: date | None = None
    looks: tuple[Look, ...] = ()
    late: tuple[Look, ...] = ()


def guarded_contrasts(promise: Promise, summary: Summary, metric: str) -> tuple[Contrast, ...]:
    """The contrasts of one metric without the days on which its data stands still."""
    stale = set(stale_days(promise, summary, metric))
    drop = np.asarray([day in stale for day in summary.days])
    return tuple(replace(found, estimate=masked(found.estimate, drop)) for found in contrasts(promise, summary, metric))


def against_margin(guardrail: Guardrail, contrast: Contrast) -> Estimate:
    """The contrast moved by the margin: null 0, positive = not worse than the margin."""
    return margin_contrast(
        contrast.estimate,
        direction_sign=contrast.metric.direction.sign,
        absolute=guardrail.margin.absolute,
        relative=guardrail.margin.relative,
        shared_variance=contrast.shared_variance,
    )


def _series(
    promise: Promise, summary: Summary, history: History, contrast: Contrast, shifted: Estimate, *, extended: bool
) -> Series:
    experiment = promise.experiment
    days = efficacy_looks(experiment, extended=extended)
    fractions = calendar_fractions(experiment, days)
    return take_looks(
        experiment=promise.slug,
        variant=contrast.variant,
        metric=contrast.metric.name,
        budget=Budget(
            purpose=LookPurpose.NON_INFERIORITY,
            alpha=experiment.analysis.guardrail_alpha,
            sides=1,
            spending=SpendingFunction.OBRIEN_FLEMING,
        ),
        estimate=shifted,
        sign=1,
        days=summary.days,
        look_days=days,
        fractions=[*fractions[:-1], 1.0] if fractions else [],
        history=history,
    )


def _compared(
    promise: Promise, summary: Summary, history: History, guardrail: Guardrail, contrast: Contrast, *, extended: bool
) -> _Result:
    alpha = promise.experiment.analysis.guardrail_alpha
    shifted = against_margin(guardrail, contrast)
    base = compare(contrast, role="guardrail", level=1.0 - 2.0 * alpha)
    base = replace(base, margin=number(guardrail.margin.on_scale(base.control or 0.0)))
    if base.estimate is None:
        return _Result(comparison=base)
    if promise.experiment.analysis.stopping.policy is Policy.ALWAYS_VALID:
        return _always_valid(promise, summary, contrast, shifted, base)
    series = _series(promise, summary, history, contrast, shifted, extended=extended)
    on_look = next((look for look in series.taken if look.as_of == summary.as_of), None)
    comparison = replace(
        base, non_inferior=series.crossed_on is not None, boundary=on_look.boundary if on_look else None
    )
    return _Result(comparison=comparison, shown_on=series.crossed_on, looks=series.new, late=series.late_crossings)


def _always_valid(
    promise: Promise, summary: Summary, contrast: Contrast, shifted: Estimate, base: Comparison
) -> _Result:
    """By a confidence sequence: shown from the first day on which the shifted contrast lies above it."""
    alpha = promise.experiment.analysis.guardrail_alpha
    critical = band(promise, contrast, alpha)
    above = signed_z(shifted, 1) >= critical
    shown_on = next((day for day, shown in zip(summary.days, above, strict=True) if shown), None)
    if not np.isfinite(critical[-1]):
        return _Result(comparison=replace(base, non_inferior=False))
    wide = compare(contrast, role="guardrail", level=1.0 - alpha, critical=float(critical[-1]))
    comparison = replace(
        wide, margin=base.margin, boundary=number(float(critical[-1])), non_inferior=shown_on is not None
    )
    return _Result(comparison=comparison, shown_on=shown_on)


def guardrails(promise: Promise, summary: Summary, history: History, *, extended: bool) -> Checked:
    """Non-inferiority of every guardrail in every treatment; no correction over guardrails, since all must pass."""
    results = [
        _compared(promise, summary, history, guardrail, contrast, extended=extended)
        for guardrail in promise.experiment.metrics.guardrails
        for contrast in guarded_contrasts(promise, summary, guardrail.metric)
    ]
    comparisons = [result.comparison for result in results]
    shown_on = {
        f"{one.comparison.variant}|{one.comparison.metric}": one.shown_on.isoformat() if one.shown_on else None
        for one in results
    }
    late = [look for result in results for look in result.late]
    over = summary.as_of >= promise.experiment.calendar.final_day(extended=extended)
    status, headline = _judge(promise, comparisons, over=over)
    goes_on = status is Status.WARN and not over
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="guardrails",
            as_of=summary.as_of,
            status=status,
            headline=headline,
            evidence={
                "comparisons": [comparison.document() for comparison in comparisons],
                "shown_on": shown_on,
                "late_crossings": [look.as_of.isoformat() for look in late],
                "alpha": promise.experiment.analysis.guardrail_alpha,
            },
            next_step="Keep the experiment running to its next planned look." if goes_on else "",
        ),
        looks=tuple(look for result in results for look in result.looks),
    )


def _judge(promise: Promise, comparisons: Sequence[Comparison], *, over: bool) -> tuple[Status, str]:
    promised = promise.experiment.metrics.guardrails
    if not promised:
        return Status.NOT_APPLICABLE, "The promise names no guardrail."
    known = {(one.metric, one.variant) for one in comparisons if one.estimate is not None}
    wanted = [(guardrail.metric, variant.name) for guardrail in promised for variant in promise.experiment.treatments]
    missing = dict.fromkeys(metric for metric, variant in wanted if (metric, variant) not in known)
    if missing:
        return Status.NO_DATA, f"There is no number for {', '.join(missing)}."
    open_ones = [f"{one.metric} ({one.variant})" for one in comparisons if not one.non_inferior]
    if open_ones:
        not_shown = "Not shown" if over else "Not yet shown"
        return Status.WARN, f"{not_shown} to be within the margin: {', '.join(open_ones)}."
    return Status.PASS, "Every guardrail is shown to be within its margin."
