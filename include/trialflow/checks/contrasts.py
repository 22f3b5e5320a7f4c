"""From moments to estimates: the estimator each metric kind asks for, over the whole path of days at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import numpy as np

from trialflow.spec.experiment import DesignKind
from trialflow.spec.metric import Metric, MetricKind
from trialflow.spec.promise import Promise
from trialflow.stats.cuped import CupedAdjustment, adjust, adjust_ratios, linearised, pull
from trialflow.stats.means import METHOD as MEANS_METHOD
from trialflow.stats.means import difference_in_means
from trialflow.stats.moments import Floats, JointMoments, Moments
from trialflow.stats.proportions import difference_in_proportions
from trialflow.stats.quantile import QuantileSummary, difference_in_quantiles
from trialflow.stats.ratio import METHOD as RATIO_METHOD
from trialflow.stats.ratio import difference_in_ratios
from trialflow.stats.results import Estimate
from trialflow.warehouse.summary import EVERYBODY, MetricSummary, Segment, Summary

Estimator = Callable[[JointMoments, JointMoments], Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """How CUPED adjusts moments of all variants, and what the comparison of the adjusted means is called.

    `straight` makes of them the moments of a value and its covariate, where they are not that already.
    """

    adjust: Callable[[JointMoments], CupedAdjustment]
    method: str
    straight: Callable[[JointMoments], JointMoments]


def _paired(moments: JointMoments) -> JointMoments:
    """The same variables and a constant 1, below which the last one, an indicator, is a ratio too."""
    wide = np.zeros((*moments.n.shape, moments.mean.shape[-1] + 1, moments.mean.shape[-1] + 1))
    wide[..., :-1, :-1] = moments.m2
    one = np.where(moments.n > 0.0, 1.0, 0.0)[..., None]
    return JointMoments(n=moments.n, mean=np.concatenate([moments.mean, one], axis=-1), m2=wide)


_MEANS = Adjustment(adjust=adjust, method=MEANS_METHOD, straight=lambda moments: moments)
# The variables that a source with a pre-period gives → how they are adjusted. "known" is one more covariate.
ADJUSTMENTS: Mapping[tuple[str, ...], Adjustment] = {
    ("value", "pre"): _MEANS,
    ("value", "pre", "known"): _MEANS,
    ("numerator", "denominator", "pre_numerator", "pre_denominator"): Adjustment(
        adjust=adjust_ratios, method=RATIO_METHOD, straight=linearised
    ),
    ("numerator", "denominator", "pre_numerator", "pre_denominator", "known"): Adjustment(
        adjust=lambda moments: adjust_ratios(_paired(moments)),
        method=RATIO_METHOD,
        straight=lambda moments: linearised(_paired(moments)),
    ),
}


def _means(control: JointMoments, treatment: JointMoments) -> Estimate:
    return difference_in_means(control.variable(0), treatment.variable(0))


def _proportions(control: JointMoments, treatment: JointMoments) -> Estimate:
    return difference_in_proportions(control.variable(0), treatment.variable(0))


def _cuped(adjustment: Adjustment) -> Estimator:
    """The CUPED estimator of two variants, made of an adjustment of any number."""

    def estimator(control: JointMoments, treatment: JointMoments) -> Estimate:
        return _between(adjustment.adjust(_stack(control, treatment)).moments, 0, 1, adjustment.method)

    return estimator


def _between(adjusted: Moments, control: int, treatment: int, method: str) -> Estimate:
    low, high = (
        Moments(n=adjusted.n[..., arm], mean=adjusted.mean[..., arm], m2=adjusted.m2[..., arm])
        for arm in (control, treatment)
    )
    return difference_in_means(low, high, method=method)


def _stack(control: JointMoments, treatment: JointMoments) -> JointMoments:
    return JointMoments(
        n=np.stack([control.n, treatment.n], axis=-1),
        mean=np.stack([control.mean, treatment.mean], axis=-2),
        m2=np.stack([control.m2, treatment.m2], axis=-3),
    )


ESTIMATORS: Mapping[MetricKind, Estimator] = {
    MetricKind.PROPORTION: _proportions,
    MetricKind.RETENTION: _proportions,
    MetricKind.MEAN: _means,
    MetricKind.COUNT: _means,
    MetricKind.RATIO: difference_in_ratios,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What a design picks: its randomisation unit in words, and the estimators of its metrics."""

    unit: str
    estimators: Mapping[MetricKind, Estimator]


DESIGNS: Mapping[DesignKind, Design] = {
    DesignKind.AB: Design(unit="the promise's own unit, hashed independently", estimators=ESTIMATORS),
}


def adjustment_of(promise: Promise, variables: tuple[str, ...]) -> Adjustment | None:
    """How moments of these variables are adjusted; None where the promise does not ask for CUPED or none has a past."""
    asked = promise.experiment.analysis.variance_reduction.method == "cuped"
    return ADJUSTMENTS.get(variables) if asked else None


def bucket_estimator(promise: Promise, metric: Metric, variables: tuple[str, ...]) -> Estimator:
    """The estimator that a real analysis of this metric uses, for A/A splits: CUPED where the promise asks for it."""
    adjustment = adjustment_of(promise, variables)
    if adjustment is not None:
        return _cuped(adjustment)
    return DESIGNS[promise.experiment.design].estimators[metric.kind]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contrast:
    """One treatment against control on one metric and segment, per day: arrays of shape (day,).

    `estimate` is the one the verdict uses (CUPED-adjusted where promised), `unadjusted` the plain one. `shared_variance`
    is the variance of what both adjusted means have in common; relative effects and margins need it. `pull` is by how
    much the adjustment moved the difference, None where nothing was adjusted.
    """

    variant: str
    metric: Metric
    segment: Segment
    estimate: Estimate
    unadjusted: Estimate
    n_control: Floats
    n_treatment: Floats
    shared_variance: Floats
    variance_reduction: Floats | None = None
    pull: Estimate | None = None

    @property
    def good_z(self) -> Floats:
        """The statistic in standard errors, positive where the change is good; NaN where not estimable."""
        return signed_z(self.estimate, self.metric.direction.sign)


def signed_z(estimate: Estimate, sign: int) -> Floats:
    """Estimate / std_error, times `sign`; NaN where there is no number."""
    usable = estimate.estimable & (estimate.std_error > 0)
    safe = np.where(usable, estimate.std_error, 1.0)
    return np.where(usable, sign * estimate.estimate / safe, np.nan)


def information_of(estimate: Estimate) -> Floats:
    """1 / std_error², 0 where there is no number."""
    usable = estimate.estimable & (estimate.std_error > 0)
    return np.where(usable, 1.0 / np.where(usable, estimate.std_error, 1.0) ** 2, 0.0)


def contrasts(
    promise: Promise, summary: Summary, metric_name: str, segment: Segment = EVERYBODY
) -> tuple[Contrast, ...]:
    """Every treatment against control on one metric; empty where the source gave no rows for it."""
    found = summary.of(metric_name, segment)
    if found is None:
        return ()
    experiment = promise.experiment
    metric = promise.metrics[metric_name]
    control = summary.variants.index(experiment.control.name)
    if metric.kind is MetricKind.QUANTILE:
        ranked = summary.quantile_path(metric_name) if segment == EVERYBODY else {}
        return _quantile_contrasts(promise, summary, found, ranked) if summary.as_of in ranked else ()
    return tuple(
        _contrast(promise, metric, found, variant.name, control=control, treatment=summary.variants.index(variant.name))
        for variant in experiment.treatments
    )


def _quantile_contrasts(
    promise: Promise, summary: Summary, found: MetricSummary, ranked: Mapping[date, QuantileSummary]
) -> tuple[Contrast, ...]:
    """Quantiles are known on few days: the path has no number on the others. Covariates do not apply."""
    control = summary.variants.index(promise.experiment.control.name)
    contrasts = []
    for variant in promise.experiment.treatments:
        treatment = summary.variants.index(variant.name)
        known = {
            summary.days.index(day): difference_in_quantiles(_of_variant(one, control), _of_variant(one, treatment))
            for day, one in ranked.items()
        }
        path = on_days(known, len(summary.days))
        contrasts.append(
            Contrast(
                variant=variant.name,
                metric=promise.metrics[found.metric],
                segment=found.segment,
                estimate=path,
                unadjusted=path,
                n_control=found.moments.n[:, control],
                n_treatment=found.moments.n[:, treatment],
                shared_variance=np.zeros(len(summary.days)),
            )
        )
    return tuple(contrasts)


def _of_variant(ranked: QuantileSummary, place: int) -> QuantileSummary:
    names = ("n", "point", "lower", "upper", "lower_rank", "upper_rank")
    own: dict[str, Any] = {name: np.asarray(getattr(ranked, name)[place]) for name in names}
    return replace(ranked, **own)


def on_days(known: Mapping[int, Estimate], days: int) -> Estimate:
    """A path (day,) without a number but for the days `known`, each an estimate of shape (); at least one of them."""
    some = next(iter(known.values()))
    path: dict[str, Any] = {}
    for field in fields(some):
        value = getattr(some, field.name)
        if isinstance(value, np.ndarray | np.generic):
            blank = np.nan if np.issubdtype(value.dtype, np.floating) else np.zeros((), dtype=value.dtype)
            path[field.name] = np.full(days, blank, dtype=value.dtype)
            for place, one in known.items():
                path[field.name][place] = getattr(one, field.name)
    return replace(some, **path)


def _contrast(
    promise: Promise, metric: Metric, found: MetricSummary, variant: str, *, control: int, treatment: int
) -> Contrast:
    moments = found.moments
    arm_c, arm_t = moments.take(slice(None), control), moments.take(slice(None), treatment)
    plain = DESIGNS[promise.experiment.design].estimators[metric.kind](arm_c, arm_t)
    estimate, reduction, shared, moved = plain, None, np.zeros(arm_c.n.shape), None
    adjustment = adjustment_of(promise, found.variables)
    if adjustment is not None:
        adjusted = adjustment.adjust(moments)
        estimate = _between(adjusted.moments, control, treatment, adjustment.method)
        reduction, shared = adjusted.variance_reduction, adjusted.shared_variance
        straight = adjustment.straight(moments)
        moved = pull(straight.take(slice(None), control), straight.take(slice(None), treatment), adjusted.theta)
    return Contrast(
        variant=variant,
        metric=metric,
        segment=found.segment,
        estimate=estimate,
        unadjusted=plain,
        n_control=arm_c.n,
        n_treatment=arm_t.n,
        shared_variance=shared,
        variance_reduction=reduction,
        pull=moved,
    )
