"""Novelty and primacy: does the effect change with days since first exposure? On a balanced cohort only."""

from __future__ import annotations

from datetime import date
from typing import Any

from trialflow.checks.comparison import number
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.spec.promise import Promise
from trialflow.stats.decay import novelty_contrast
from trialflow.stats.fixed_horizon import fixed_horizon
from trialflow.stats.means import difference_in_means
from trialflow.stats.moments import Moments
from trialflow.warehouse.summary import LifetimeSummary

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


def novelty(promise: Promise, summary: LifetimeSummary, as_of: date) -> Checked:
    """Late minus early effect per unit, a difference in differences in which seasons cancel (methods §9).

    A change against the metric's good direction is fading (novelty), one along it is growing (primacy). FAIL only where the
    promise requires a level effect and nobody explained the change.
    """
    policy = promise.experiment.analysis.novelty
    control = summary.variants.index(promise.experiment.control.name)
    rows = []
    daily: list[dict[str, Any]] = []
    for variant in promise.experiment.treatments:
        treatment = summary.variants.index(variant.name)
        contrast = summary.contrast.variable(0)
        moved = novelty_contrast(_arm(contrast, control), _arm(contrast, treatment))
        by_day = difference_in_means(
            _arm(summary.daily.variable(0), control), _arm(summary.daily.variable(0), treatment)
        )
        late = float(by_day.estimate[-policy.late_days :].mean())
        rows.append((variant.name, fixed_horizon(moved, level=1.0 - policy.alpha), moved, late))
        bounds = fixed_horizon(by_day, level=0.95)
        daily += [
            {
                "variant": variant.name,
                "day": day,
                "estimate": number(float(by_day.estimate[day])),
                "lower": number(float(bounds.interval.lower[day])),
                "upper": number(float(bounds.interval.upper[day])),
            }
            for day in range(summary.horizon_days)
        ]
    return Checked(finding=_finding(promise, summary, as_of, rows, daily))


def _arm(moments: Moments, index: int) -> Moments:
    return Moments(n=moments.n[..., index], mean=moments.mean[..., index], m2=moments.m2[..., index])


def _finding(
    promise: Promise, summary: LifetimeSummary, as_of: date, rows: list[Any], daily: list[dict[str, Any]]
) -> Finding:
    policy = promise.experiment.analysis.novelty
    sign = promise.metrics[summary.metric].direction.sign
    results = [
        {
            "variant": name,
            "estimate": number(float(effect.estimate)),
            "std_error": number(float(effect.std_error)),
            "p_value": number(float(effect.p_value)),
            "lower": number(float(effect.interval.lower)),
            "upper": number(float(effect.interval.upper)),
            "late_effect": number(late),
        }
        for name, effect, _, late in rows
    ]
    known = [row for row in results if row["estimate"] is not None]
    changed = [row for row in known if row["p_value"] is not None and row["p_value"] < policy.alpha]
    fading = [row for row in changed if sign * float(row["estimate"] or 0.0) < 0]
    status, headline = _judge(promise, summary, known, changed, fading)
    first = known[0] if known else {}
    return Finding(
        experiment=promise.slug,
        check="novelty",
        as_of=as_of,
        status=status,
        headline=headline,
        evidence={
            "metric": summary.metric,
            **{key: first.get(key) for key in ("estimate", "std_error", "p_value", "lower", "upper")},
            "variants": results,
            "daily": daily,
            "cohort_units": [int(n) for n in summary.contrast.n],
            "early_days": policy.early_days,
            "late_days": policy.late_days,
            "horizon_days": summary.horizon_days,
            "alpha": policy.alpha,
            "policy": policy.policy,
            "explained": policy.explained,
        },
        next_step=EXPLAINED_STEP if fading and not policy.explained else "",
        blocks=status is Status.FAIL,
    )


def _judge(
    promise: Promise, summary: LifetimeSummary, known: list[Any], changed: list[Any], fading: list[Any]
) -> tuple[Status, str]:
    policy = promise.experiment.analysis.novelty
    if not known:
        return Status.NO_DATA, f"No unit has been observed for {summary.horizon_days} days yet."
    names = ", ".join(row["variant"] for row in fading or changed)
    if fading and policy.policy == "required" and not policy.explained:
        return (
            Status.FAIL,
            f"The effect on {summary.metric} fades with days since first exposure ({names}), unexplained.",
        )
    if fading:
        return Status.WARN, f"The effect on {summary.metric} fades with days since first exposure ({names})."
    if changed:
        return Status.WARN, f"The effect on {summary.metric} grows with days since first exposure ({names})."
    return Status.PASS, f"No evidence that the effect on {summary.metric} changes with days since first exposure."
