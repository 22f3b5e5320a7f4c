"""Novelty and primacy: does the effect change with days since first exposure? On a balanced cohort only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from trialflow.checks.comparison import number
from trialflow.checks.fading import fading
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.checks.novelty_looks import novelty_look
from trialflow.spec.promise import Promise
from trialflow.stats.decay import novelty_contrast
from trialflow.stats.fixed_horizon import fixed_horizon, normal_score, student_quantile
from trialflow.stats.means import difference_in_means
from trialflow.stats.moments import Moments
from trialflow.stats.results import Estimate
from trialflow.warehouse.summary import LifetimeSummary

DAILY_LEVEL = 0.95
EXPLAINED_STEP = (
    "Record why the change is expected in an amendment, or let the experiment run until the effect is level."
)


def not_applicable(promise: Promise, as_of: date, reason: str) -> Checked:
    """The check cannot be made, and why."""
    return Checked(
        finding=Finding(
            experiment=promise.slug,
            check="novelty",
            as_of=as_of,
            status=Status.NOT_APPLICABLE,
            headline=f"Not judged: {reason}",
            evidence={},
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """One treatment's change of effect with days since exposure, as judged on one day."""

    variant: str
    crossed: bool
    estimate: float | None
    document: dict[str, Any]


def novelty(promise: Promise, summary: LifetimeSummary, as_of: date) -> Checked:
    """Late minus early effect per unit, a difference in differences in which seasons cancel (methods §9).

    A change against the metric's good direction is fading (novelty), one along it is growing (primacy). FAIL only where the
    promise requires a level effect and nobody explained the change. The check may run on any day and as often as one likes:
    the chance that it ever calls a level effect changed, on any day and for any treatment, is at most the promised alpha.
    """
    control = summary.variants.index(promise.experiment.control.name)
    changes, daily = [], []
    for variant in promise.experiment.treatments:
        treatment = summary.variants.index(variant.name)
        contrast, days = summary.contrast.variable(0), summary.daily.variable(0)
        moved = novelty_contrast(_arm(contrast, control), _arm(contrast, treatment))
        by_day = difference_in_means(_arm(days, control), _arm(days, treatment))
        changes.append(_change(promise, variant.name, moved, by_day, as_of))
        daily += _daily(variant.name, by_day)
    return Checked(finding=_finding(promise, summary, as_of, changes, daily))


def _change(promise: Promise, variant: str, moved: Estimate, by_day: Estimate, as_of: date) -> _Change:
    policy = promise.experiment.analysis.novelty
    look = novelty_look(promise.experiment, variant, as_of)
    score = float(normal_score(moved))
    half_width = float(student_quantile(look.boundary_z, moved.df) * moved.std_error)
    estimate = number(float(moved.estimate))
    return _Change(
        variant=variant,
        crossed=abs(score) >= look.boundary_z,
        estimate=estimate,
        document={
            "variant": variant,
            "estimate": estimate,
            "std_error": number(float(moved.std_error)),
            "p_value": None if estimate is None else number(look.p_value(score)),
            "lower": number(float(moved.estimate) - half_width),
            "upper": number(float(moved.estimate) + half_width),
            "late_effect": number(float(by_day.estimate[-policy.late_days :].mean())),
            "why_not": str(moved.because),
            "z": number(score),
            "boundary": number(look.boundary_z),
            "alpha_spent": number(look.alpha_spent),
            "information_share": number(look.shares[-1]) if look.shares else 0.0,
            "decay": fading(by_day, moved, early_days=policy.early_days, late_days=policy.late_days, level=DAILY_LEVEL),
        },
    )


def _daily(variant: str, by_day: Estimate) -> list[dict[str, Any]]:
    bounds = fixed_horizon(by_day, level=DAILY_LEVEL)
    return [
        {
            "variant": variant,
            "day": day,
            "estimate": number(float(estimate)),
            "lower": number(float(bounds.interval.lower[day])),
            "upper": number(float(bounds.interval.upper[day])),
        }
        for day, estimate in enumerate(by_day.estimate)
    ]


def _arm(moments: Moments, index: int) -> Moments:
    return Moments(n=moments.n[..., index], mean=moments.mean[..., index], m2=moments.m2[..., index])


def _finding(
    promise: Promise, summary: LifetimeSummary, as_of: date, changes: list[_Change], daily: list[dict[str, Any]]
) -> Finding:
    policy = promise.experiment.analysis.novelty
    sign = promise.metrics[summary.metric].direction.sign
    known = [change for change in changes if change.estimate is not None]
    changed = [change for change in known if change.crossed]
    fading_ones = [change for change in changed if sign * (change.estimate or 0.0) < 0]
    status, headline = _judge(promise, summary, known, changed, fading_ones)
    first = known[0].document if known else {}
    return Finding(
        experiment=promise.slug,
        check="novelty",
        as_of=as_of,
        status=status,
        headline=headline,
        evidence={
            "metric": summary.metric,
            **{key: first.get(key) for key in ("estimate", "std_error", "p_value", "lower", "upper")},
            "variants": [change.document for change in changes],
            "fading": [change.variant for change in fading_ones],
            "daily": daily,
            "cohort_units": [int(n) for n in summary.contrast.n],
            "early_days": policy.early_days,
            "late_days": policy.late_days,
            "horizon_days": summary.horizon_days,
            "alpha": policy.alpha,
            "policy": policy.policy,
            "explained": policy.explained,
        },
        next_step=EXPLAINED_STEP if fading_ones and not policy.explained else "",
        blocks=status is Status.FAIL,
    )


def _judge(
    promise: Promise,
    summary: LifetimeSummary,
    known: list[_Change],
    changed: list[_Change],
    fading_ones: list[_Change],
) -> tuple[Status, str]:
    policy = promise.experiment.analysis.novelty
    if not known:
        return Status.NO_DATA, f"No unit has been observed for {summary.horizon_days} days yet."
    names = ", ".join(change.variant for change in fading_ones or changed)
    if fading_ones and policy.policy == "required" and not policy.explained:
        return (
            Status.FAIL,
            f"The effect on {summary.metric} fades with days since first exposure ({names}), unexplained.",
        )
    if fading_ones:
        return Status.WARN, f"The effect on {summary.metric} fades with days since first exposure ({names})."
    if changed:
        return Status.WARN, f"The effect on {summary.metric} grows with days since first exposure ({names})."
    return Status.PASS, f"No evidence that the effect on {summary.metric} changes with days since first exposure."
