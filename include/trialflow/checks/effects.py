"""The primary metric under the promised stopping rule: path, looks, and what may be said today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np

from trialflow.checks.after_stop import after_stop
from trialflow.checks.comparing import compare, masked
from trialflow.checks.comparison import Comparison, number
from trialflow.checks.completeness import stale_days
from trialflow.checks.contrasts import Contrast, contrasts, information_of
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked, History
from trialflow.checks.ledger import UNREACHABLE, Budget, Series, take_looks
from trialflow.checks.omnibus import omnibus
from trialflow.checks.schedule import BURN_IN_UNITS, Progress, band, efficacy_fractions, efficacy_looks, progress
from trialflow.spec.experiment import Experiment, Policy
from trialflow.spec.look import Look, LookPurpose
from trialflow.spec.promise import Promise
from trialflow.spec.source import MomentsSource
from trialflow.stats.fixed_horizon import student_quantile
from trialflow.stats.moments import Floats
from trialflow.stats.spending import SpendingFunction
from trialflow.warehouse.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PrimaryPath:
    """The primary metric of one treatment over all days, under the promised policy.

    `critical` has shape (day,): half-width of the anytime-valid band in standard errors. `planned` is the promised
    information, None where nothing was planned. `crossed_on` is the first day on which a benefit was shown and stands.
    """

    contrast: Contrast
    critical: Floats
    series: Series
    progress: Progress
    planned: float | None
    crossed_on: date | None


def primary_paths(promise: Promise, summary: Summary, history: History) -> tuple[PrimaryPath, ...]:
    """One path per treatment; empty where the source has no rows of the primary metric."""
    name = promise.experiment.metrics.primary.metric
    stale = set(stale_days(promise, summary, name))
    drop = np.asarray([day in stale for day in summary.days])
    found = [
        replace(contrast, estimate=masked(contrast.estimate, drop)) for contrast in contrasts(promise, summary, name)
    ]
    state = progress(promise.experiment, short=_is_short(promise, summary, history, found))
    return tuple(_path(promise, summary, history, contrast, state) for contrast in found)


def _planned(promise: Promise) -> float | None:
    plan = promise.plan.of(promise.experiment.metrics.primary.metric)
    return plan.planned_information if plan else None


def _is_short(promise: Promise, summary: Summary, history: History, found: Sequence[Contrast]) -> bool:
    """Whether the last day was reached without a benefit and short of the plan, in any treatment.

    Once a look of the last day or later is on record it has settled this: restated data must not open a second budget.
    """
    calendar, planned = promise.experiment.calendar, _planned(promise)
    if calendar.max_extension_days == 0 or planned is None or calendar.final_day() not in summary.days:
        return False
    settled = _settled(promise, history)
    if settled is not None:
        return settled
    return any(_wants_more(promise, summary, history, contrast, planned) for contrast in found)


def _settled(promise: Promise, history: History) -> bool | None:
    """What the record says about an extension, None where it has no look of the last day or later."""
    metric, regular = promise.experiment.metrics.primary.metric, promise.experiment.calendar.final_day()
    looks = [
        look
        for look in history.looks
        if look.purpose is LookPurpose.EFFICACY and look.metric == metric and look.as_of >= regular
    ]
    if not looks:
        return None
    all_of_it = number(promise.experiment.alpha_per_treatment) or 0.0
    return any(look.as_of > regular or look.alpha_spent < all_of_it for look in looks)


def _wants_more(promise: Promise, summary: Summary, history: History, contrast: Contrast, planned: float) -> bool:
    regular = promise.experiment.calendar.final_day()
    reached = number(float(information_of(contrast.estimate)[summary.days.index(regular)])) or 0.0
    if reached >= planned:
        return False
    policy = promise.experiment.analysis.stopping.policy
    if policy is Policy.ALWAYS_VALID:
        critical = band(promise, contrast, promise.experiment.alpha_per_treatment)
        crossed = _first_outside(contrast, critical, summary.days)
    else:
        # Judged at its interim boundary: the final one would be spent on an experiment that goes on.
        crossed = _looks(promise, summary, history, contrast, extended=True).crossed_on
    return crossed is None or crossed > regular


def _path(promise: Promise, summary: Summary, history: History, contrast: Contrast, state: Progress) -> PrimaryPath:
    experiment = promise.experiment
    critical = band(promise, contrast, experiment.alpha_per_treatment)
    series = _looks(promise, summary, history, contrast, extended=state.extended)
    crossed = series.crossed_on
    if experiment.analysis.stopping.policy is Policy.ALWAYS_VALID:
        outside = _first_outside(contrast, critical, summary.days)
        crossed = outside if outside is not None and outside <= state.final_day else None
    return PrimaryPath(
        contrast=contrast,
        critical=critical,
        series=series,
        progress=state,
        planned=_planned(promise),
        crossed_on=crossed,
    )


def _looks(promise: Promise, summary: Summary, history: History, contrast: Contrast, *, extended: bool) -> Series:
    experiment = promise.experiment
    information = dict(zip(summary.days, information_of(contrast.estimate).tolist(), strict=True))
    return take_looks(
        experiment=promise.slug,
        variant=contrast.variant,
        metric=contrast.metric.name,
        budget=efficacy_budget(experiment),
        estimate=contrast.estimate,
        sign=contrast.metric.direction.sign,
        days=summary.days,
        look_days=efficacy_looks(experiment, extended=extended),
        fractions=efficacy_fractions(experiment, _planned(promise), information, extended=extended),
        history=history,
    )


def efficacy_budget(experiment: Experiment) -> Budget:
    """What the looks for a benefit may spend in one treatment."""
    return Budget(
        purpose=LookPurpose.EFFICACY,
        alpha=experiment.alpha_per_treatment,
        sides=2,
        spending=SpendingFunction.OBRIEN_FLEMING,
    )


def _first_outside(contrast: Contrast, critical: Floats, days: Sequence[date]) -> date | None:
    z = contrast.good_z
    return next((day for day, one, bound in zip(days, z, critical, strict=True) if one >= bound), None)


def final_comparison(promise: Promise, path: PrimaryPath, summary: Summary) -> Comparison:
    """The primary comparison as of today, with the interval the policy allows on this day."""
    experiment = promise.experiment
    level = 1.0 - experiment.alpha_per_treatment
    policy = experiment.analysis.stopping.policy
    is_final = summary.as_of >= path.progress.final_day
    looked = {look.as_of: look for look in path.series.taken}.get(summary.as_of)
    if policy is Policy.FIXED and is_final:
        comparison = compare(path.contrast, role="primary", level=level, with_p_value=True)
        return replace(comparison, boundary=looked.boundary if looked else None, crossed=path.crossed_on is not None)
    if policy is Policy.GROUP_SEQUENTIAL and looked is not None and looked.boundary < UNREACHABLE:
        df = path.contrast.estimate.df[-1]
        critical = float(student_quantile(looked.boundary, df))
        comparison = compare(path.contrast, role="primary", level=level, critical=critical)
        return replace(comparison, boundary=looked.boundary, crossed=path.crossed_on is not None)
    critical = float(path.critical[-1])
    if not np.isfinite(critical):
        why = f"fewer than {BURN_IN_UNITS} units in an arm"
        bare = compare(path.contrast, role="primary", level=level)
        return replace(
            bare, lower=None, upper=None, relative_lower=None, relative_upper=None, why_not=bare.why_not or why
        )
    comparison = compare(path.contrast, role="primary", level=level, critical=critical)
    if policy is Policy.ALWAYS_VALID:
        return replace(comparison, boundary=number(critical), crossed=path.crossed_on is not None)
    return comparison


def effects(promise: Promise, summary: Summary, history: History) -> Checked:
    """The primary metric today, its path, and the looks taken."""
    paths = primary_paths(promise, summary, history)
    comparisons = [final_comparison(promise, path, summary) for path in paths]
    known = [comparison for comparison in comparisons if comparison.estimate is not None]
    new = tuple(look for path in paths for look in path.series.new)
    late = [look for path in paths for look in path.series.late_crossings]
    crossed = [path for path in paths if path.crossed_on is not None]
    status = Status.NO_DATA if not known else Status.WARN if late or _is_running_total(promise) else Status.PASS
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="effects",
            as_of=summary.as_of,
            status=status,
            headline=_headline(promise, known, crossed, late),
            evidence={
                "policy": promise.experiment.analysis.stopping.policy.value,
                "comparisons": [comparison.document() for comparison in comparisons],
                "path": [row for path in paths for row in _rows(path, summary.days)],
                "looks": [_look_row(look, path) for path in paths for look in path.series.taken],
                "crossed_on": {
                    path.contrast.variant: path.crossed_on.isoformat() if path.crossed_on else None for path in paths
                },
                "after_stop": _after_stop(promise, paths, summary.days),
                "omnibus": _omnibus(promise, summary, paths),
                "late_crossings": [look.as_of.isoformat() for look in late],
                "final_day": max((path.progress.final_day for path in paths), default=summary.as_of).isoformat(),
                "extended": any(path.progress.extended for path in paths),
                "running_totals": _is_running_total(promise),
            },
            next_step=_next_step(known, late),
        ),
        looks=new,
    )


def _after_stop(promise: Promise, paths: Sequence[PrimaryPath], days: Sequence[date]) -> list[dict[str, Any]]:
    if promise.experiment.analysis.stopping.policy is not Policy.GROUP_SEQUENTIAL:
        return []
    level = 1.0 - promise.experiment.alpha_per_treatment
    rows = (
        after_stop(path.contrast, path.series, days, final_day=path.progress.final_day, level=level) for path in paths
    )
    return [row for row in rows if row is not None]


def _omnibus(promise: Promise, summary: Summary, paths: Sequence[PrimaryPath]) -> list[dict[str, Any]]:
    """Only at the one look of a fixed horizon: its p-value knows of no other."""
    fixed = promise.experiment.analysis.stopping.policy is Policy.FIXED
    known = any(bool(path.contrast.estimate.estimable[-1]) for path in paths)
    if not fixed or not known or summary.as_of < max(path.progress.final_day for path in paths):
        return []
    row = omnibus(promise, summary, promise.experiment.metrics.primary.metric)
    return [row] if row is not None else []


def _is_running_total(promise: Promise) -> bool:
    source = promise.source
    return isinstance(source, MomentsSource) and source.moments.cumulative


def _headline(
    promise: Promise, known: Sequence[Comparison], crossed: Sequence[PrimaryPath], late: Sequence[Look]
) -> str:
    name = promise.experiment.metrics.primary.metric
    if not known:
        return f"There is no number for {name} yet."
    if late:
        return f"{name}: a boundary is crossed only on restated data; a person must judge it."
    if crossed:
        shown = ", ".join(f"{path.contrast.variant} on {path.crossed_on}" for path in crossed)
        return f"{name}: the promised boundary for a benefit is crossed ({shown})."
    return f"{name}: the promised boundary for a benefit is not crossed."


def _next_step(known: Sequence[Comparison], late: Sequence[Look]) -> str:
    if not known:
        return "Wait for matured units; if the window has closed, check the fact table and the metric's filter."
    return "Read the restated looks: a person must judge what they mean." if late else ""


def _rows(path: PrimaryPath, days: Sequence[date]) -> list[dict[str, Any]]:
    estimate = path.contrast.estimate
    half = path.critical * estimate.std_error
    return [
        {
            "variant": path.contrast.variant,
            "day": day.isoformat(),
            "estimate": number(float(estimate.estimate[index])),
            "lower": number(float(estimate.estimate[index] - half[index])),
            "upper": number(float(estimate.estimate[index] + half[index])),
        }
        for index, day in enumerate(days)
    ]


def _look_row(look: Look, path: PrimaryPath) -> dict[str, Any]:
    return {
        "variant": look.variant,
        "day": look.as_of.isoformat(),
        "z": look.z,
        "boundary": look.boundary,
        "crossed": look.crossed,
        "alpha_spent": look.alpha_spent,
        "information": look.information,
        "fraction": number(look.information / path.planned) if path.planned else None,
        "revision": look.revision,
    }
