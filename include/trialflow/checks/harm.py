"""Harm: a one-sided sequential test of its own on the primary (null 0) and on each guardrail (null −margin), every day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from trialflow.checks.comparing import compare
from trialflow.checks.comparison import number
from trialflow.checks.contrasts import Contrast
from trialflow.checks.finding import Finding, Status
from trialflow.checks.guardrails import against_margin, guarded_contrasts
from trialflow.checks.history import Checked, History
from trialflow.checks.ledger import Budget, Series, take_looks
from trialflow.checks.schedule import calendar_fractions
from trialflow.spec.experiment import Guardrail
from trialflow.spec.look import Look, LookPurpose
from trialflow.spec.metric import MetricKind
from trialflow.spec.promise import Promise
from trialflow.stats.moments import Floats
from trialflow.stats.results import Estimate
from trialflow.stats.spending import SpendingFunction
from trialflow.warehouse.summary import Summary

MINIMUM_UNITS = 100  # the statistic is asymptotic: no harm look before the smaller arm has this many matured units


def _series(promise: Promise, summary: Summary, history: History, contrast: Contrast, moved: Estimate) -> Series:
    # A quantile is known on the day of the run and on planned looks: only the latter are the same in every run.
    quantile = contrast.metric.kind is MetricKind.QUANTILE
    planned = promise.experiment.look_days(extended=True) if quantile else None
    enough = [
        day
        for day, n_c, n_t in zip(summary.days, contrast.n_control, contrast.n_treatment, strict=True)
        if min(n_c, n_t) >= MINIMUM_UNITS and (planned is None or day in planned)
    ]
    return take_looks(
        experiment=promise.slug,
        variant=contrast.variant,
        metric=contrast.metric.name,
        budget=Budget(
            purpose=LookPurpose.HARM,
            alpha=promise.experiment.analysis.harm_alpha,
            sides=1,
            spending=SpendingFunction.POCOCK,
        ),
        estimate=moved,
        sign=-1,
        days=summary.days,
        look_days=enough,
        fractions=calendar_fractions(promise.experiment, enough),
        history=history,
    )


def under_the_null(estimate: Estimate, n_control: Floats, n_treatment: Floats) -> Estimate:
    """The estimate with the spread that the smaller variant would have without harm, all arrays of one shape.

    A few units of a skewed metric have a low mean and a low spread together, which a test that estimates the spread from
    them takes for harm: 10 % false alarms instead of 1 % (lognormal with skewness 33, 10 units a day beside 90). So the
    spread is that of the null hypothesis, as in a score test (Rao 1948): where the larger variant varies more per unit,
    the smaller one's variance is moved towards it, by 1 − n_small / n_large of the way. At equal sizes nothing changes:
    there the errors of the two cancel. It never makes a standard error smaller.
    """
    safe_c, safe_t = np.maximum(n_control, 1.0), np.maximum(n_treatment, 1.0)
    per_c, per_t = estimate.control_std_error**2 * safe_c, estimate.treatment_std_error**2 * safe_t
    unequal = 1.0 - np.minimum(safe_c, safe_t) / np.maximum(safe_c, safe_t)
    more_c = np.where(n_control < n_treatment, unequal * np.maximum(per_t - per_c, 0.0), 0.0) / safe_c
    more_t = np.where(n_treatment < n_control, unequal * np.maximum(per_c - per_t, 0.0), 0.0) / safe_t
    return replace(
        estimate,
        std_error=np.sqrt(estimate.std_error**2 + more_c + more_t),
        control_std_error=np.sqrt(estimate.control_std_error**2 + more_c),
        treatment_std_error=np.sqrt(estimate.treatment_std_error**2 + more_t),
    )


def _without_harm(contrast: Contrast) -> Contrast:
    return replace(contrast, estimate=under_the_null(contrast.estimate, contrast.n_control, contrast.n_treatment))


def _targets(promise: Promise, summary: Summary) -> list[tuple[Contrast, Estimate, Guardrail | None]]:
    """Each contrast with the estimate whose null is "no harm" and whose negative side is harm."""
    metrics = promise.experiment.metrics
    primary = [_without_harm(found) for found in guarded_contrasts(promise, summary, metrics.primary.metric)]
    targets: list[tuple[Contrast, Estimate, Guardrail | None]] = [
        (contrast, _good_is_positive(contrast), None) for contrast in primary
    ]
    for guardrail in metrics.guardrails:
        found = [_without_harm(one) for one in guarded_contrasts(promise, summary, guardrail.metric)]
        targets.extend((contrast, against_margin(guardrail, contrast), guardrail) for contrast in found)
    return targets


def _good_is_positive(contrast: Contrast) -> Estimate:
    sign = contrast.metric.direction.sign
    return replace(contrast.estimate, estimate=sign * contrast.estimate.estimate)


def harm(promise: Promise, summary: Summary, history: History) -> Checked:
    """FAIL from the day on which any treatment is shown to do harm."""
    comparisons: list[dict[str, object]] = []
    looks: list[Look] = []
    harmful: list[tuple[date, str, str]] = []
    late: list[Look] = []
    for contrast, moved, guardrail in _targets(promise, summary):
        series = _series(promise, summary, history, contrast, moved)
        last = series.taken[-1] if series.taken else None
        role = "guardrail" if guardrail else "primary"
        comparison = compare(contrast, role=role, level=1.0 - 2.0 * promise.experiment.analysis.harm_alpha)
        control = comparison.control or 0.0
        comparisons.append(
            replace(
                comparison,
                margin=number(guardrail.margin.on_scale(control)) if guardrail else None,
                boundary=last.boundary if last else None,
                crossed=series.crossed_on is not None,
            ).document()
        )
        looks += series.new
        late += series.late_crossings
        if series.crossed_on:
            harmful.append((series.crossed_on, contrast.variant, contrast.metric.name))
    return Checked(finding=_finding(promise, summary, comparisons, harmful, late), looks=tuple(looks))


def _finding(
    promise: Promise,
    summary: Summary,
    comparisons: list[dict[str, object]],
    harmful: list[tuple[date, str, str]],
    late: list[Look],
) -> Finding:
    harmful.sort()
    known = [one for one in comparisons if one["estimate"] is not None]
    looked = [one for one in comparisons if one["boundary"] is not None]
    if harmful:
        day, variant, metric = harmful[0]
        status, headline = Status.FAIL, f"{variant} harms {metric}: its harm boundary was crossed on {day}."
    elif late:
        status = Status.WARN
        headline = f"{late[0].metric}: the harm boundary is crossed only on restated data; a person must judge it."
    elif not known:
        status, headline = Status.NO_DATA, "There is no number to look for harm in yet."
    elif not looked:
        status = Status.PASS
        headline = f"No look for harm yet: fewer than {MINIMUM_UNITS} matured units in a variant."
    else:
        status, headline = Status.PASS, "No harm boundary is crossed."
    return Finding(
        experiment=promise.slug,
        check="harm",
        as_of=summary.as_of,
        status=status,
        headline=headline,
        evidence={
            "comparisons": comparisons,
            "harmful": [
                {"day": day.isoformat(), "variant": variant, "metric": metric} for day, variant, metric in harmful
            ],
            "late_crossings": [look.as_of.isoformat() for look in late],
            "alpha": promise.experiment.analysis.harm_alpha,
        },
        next_step="Stop the variant: return its share to control, then read the memo." if harmful else "",
        blocks=bool(harmful),
    )
