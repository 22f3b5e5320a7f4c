"""What the primary effect is worth once it is remembered that it was picked: shrunken, and by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from trialflow.checks.comparison import Comparison, number
from trialflow.checks.finding import Finding, Status
from trialflow.checks.ledger import UNREACHABLE
from trialflow.spec.promise import Promise
from trialflow.stats.fixed_horizon import critical_value
from trialflow.stats.winners_curse import MINIMUM_EXPERIMENTS, EffectPrior, conditional_band, effect_prior, shrink

CHECK = "shrinkage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """One treatment's effect on a primary metric as its experiment left it, corrected for an early stop where it had one.

    `estimate` and `std_error` are on the metric's own scale, the `relative_*` ones shares of the control value with the
    good direction positive; None where the control is too close to zero.
    """

    experiment: str
    as_of: date
    metric: str
    variant: str
    estimate: float
    std_error: float
    relative_estimate: float | None
    relative_std_error: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """How effects are spread over earlier experiments: on the metric's own scale, or relative to control."""

    prior: EffectPrior
    used: tuple[Estimated, ...]
    relative: bool


def shrinkage(promise: Promise, effects: Finding, earlier: Sequence[Estimated]) -> Finding:
    """The primary effect of each treatment shrunk towards what earlier experiments did, and the band it allows by itself.

    `earlier` are the effects of every finished experiment before this one, losers included. Those on the same metric are
    used, and where they are too few the relative effects on all metrics. It is the one finding that depends on other
    experiments, so no verdict is weighed by it. The posterior is Bayesian: it is not made for stopping.
    """
    rows = estimated(effects)
    metric = promise.experiment.metrics.primary.metric
    if not rows:
        why = str(effects.evidence.get("suppressed") or f"there is no number for {metric}")
        return _finding(promise, effects, Status.NOT_APPLICABLE, f"Not computed: {why}.", {"suppressed": why})
    learnt = learn(metric, earlier)
    level = 1.0 - promise.experiment.alpha_per_treatment
    evidence = {
        "metric": metric,
        "scale": "relative" if learnt.relative else "absolute",
        "prior": _prior(learnt.prior),
        "experiments": [_used(one, relative=learnt.relative) for one in learnt.used],
        "variants": [
            {
                **_shrunken(one, _comparison(effects, one.variant), learnt, level),
                **_band(promise, effects, one.variant, level),
            }
            for one in rows
        ],
    }
    count = len({one.experiment for one in learnt.used})
    if not learnt.prior.estimable:
        headline = (
            f"Nothing is shrunk: {MINIMUM_EXPERIMENTS} finished experiments are needed to learn how large effects usually "
            f"are, and {count} came before this one."
        )
        return _finding(promise, effects, Status.NOT_APPLICABLE, headline, evidence)
    what = "relative effects of" if learnt.relative else f"effects on {metric} in"
    headline = f"The effect is shrunk towards the {what} {count} finished experiments."
    return _finding(promise, effects, Status.PASS, headline, evidence)


def estimated(effects: Finding) -> tuple[Estimated, ...]:
    """The effects of a finding as another experiment may learn from them; empty where nothing was computed.

    After a group-sequential stop the median-unbiased estimate counts: the naive one was read because it was large.
    """
    corrected = {str(row["variant"]): row for row in effects.evidence.get("after_stop", []) if row["looks_before"]}
    rows = [Comparison.from_document(row) for row in effects.evidence.get("comparisons", [])]
    found = (_estimated(effects, one, corrected.get(one.variant)) for one in rows if not one.segment_dimension)
    return tuple(one for one in found if one is not None)


def _estimated(effects: Finding, one: Comparison, corrected: Mapping[str, Any] | None) -> Estimated | None:
    estimate, error = one.estimate, one.std_error
    if corrected is not None and None not in (corrected["median_unbiased"], corrected["lower"], corrected["upper"]):
        estimate = float(corrected["median_unbiased"])
        width = float(corrected["upper"]) - float(corrected["lower"])
        normal = float(critical_value(np.asarray(np.inf), float(corrected["level"])))
        error = width / (2.0 * normal) if math.isfinite(width) else error
    if estimate is None or not error:
        return None
    factor = _relative_factor(one)
    return Estimated(
        experiment=effects.experiment,
        as_of=effects.as_of,
        metric=one.metric,
        variant=one.variant,
        estimate=estimate,
        std_error=error,
        relative_estimate=None if factor is None else factor * estimate,
        relative_std_error=None if factor is None else abs(factor) * error,
    )


def _relative_factor(one: Comparison) -> float | None:
    """From the metric's own scale to relative, with the good direction positive; None where that has no bounds."""
    if one.control is None or not one.control or one.relative_lower is None or one.relative_upper is None:
        return None
    return (1.0 if one.direction == "increase" else -1.0) / abs(one.control)


def learn(metric: str, earlier: Sequence[Estimated]) -> Learnt:
    """Effects on the same metric where enough experiments have one, else relative effects on every metric."""
    same = tuple(one for one in earlier if one.metric == metric)
    if _enough(same):
        return Learnt(prior=_learnt(same, relative=False), used=same, relative=False)
    known = tuple(one for one in earlier if one.relative_estimate is not None)  # one scale for all metrics
    return Learnt(prior=_learnt(known, relative=True), used=known, relative=True)


def _enough(effects: Sequence[Estimated]) -> bool:
    """Several treatments of one experiment share its control: they are not several experiments."""
    return len({one.experiment for one in effects}) >= MINIMUM_EXPERIMENTS


def _learnt(used: Sequence[Estimated], *, relative: bool) -> EffectPrior:
    if not _enough(used):
        return effect_prior([], [])
    if relative:
        known = [(one.relative_estimate or 0.0, one.relative_std_error or 0.0) for one in used]
    else:
        known = [(one.estimate, one.std_error) for one in used]
    return effect_prior([effect for effect, _ in known], [error for _, error in known])


def _prior(prior: EffectPrior) -> dict[str, Any] | None:
    if not prior.estimable:
        return None
    return {"mean": number(prior.mean), "std_dev": number(prior.std_dev), "effects": prior.experiments}


def _used(one: Estimated, *, relative: bool) -> dict[str, Any]:
    estimate, error = (one.relative_estimate, one.relative_std_error) if relative else (one.estimate, one.std_error)
    return {
        "experiment": one.experiment,
        "as_of": one.as_of.isoformat(),
        "metric": one.metric,
        "variant": one.variant,
        "estimate": None if estimate is None else number(estimate),
        "std_error": None if error is None else number(error),
    }


def _comparison(effects: Finding, variant: str) -> Comparison:
    return next(Comparison.from_document(row) for row in effects.evidence["comparisons"] if row["variant"] == variant)


def _shrunken(one: Estimated, comparison: Comparison, learnt: Learnt, level: float) -> dict[str, Any]:
    """The posterior on the metric's own scale; None in every number where there is no prior."""
    row: dict[str, Any] = {
        "variant": one.variant,
        "naive": comparison.estimate,
        "corrected": number(one.estimate) if one.estimate != comparison.estimate else None,
        "std_error": number(one.std_error),
        "level": level,
        "shrunken": None,
        "shrunken_std_error": None,
        "lower": None,
        "upper": None,
    }
    found = _posterior(one.estimate, one.std_error, comparison, learnt, level=level, included=False)
    if found is None:
        return row
    names = ("shrunken", "shrunken_std_error", "lower", "upper")
    return row | {name: number(value) for name, value in zip(names, found, strict=True)}


def shrunken_effect(
    estimate: float, std_error: float, comparison: Comparison, learnt: Learnt
) -> tuple[float, float] | None:
    """An effect that others were learnt with, shrunken, and its error; None where nothing is learnt.

    `comparison` gives the control value and the direction, for effects that are learnt relative to control.
    """
    found = _posterior(estimate, std_error, comparison, learnt, level=0.95, included=True)
    return None if found is None else found[:2]


def _posterior(
    estimate: float, std_error: float, comparison: Comparison, learnt: Learnt, *, level: float, included: bool
) -> tuple[float, float, float, float] | None:
    """Mean, deviation and interval on the metric's own scale; `included`: whether the prior was learnt with this effect."""
    factor = _relative_factor(comparison) if learnt.relative else 1.0
    if not learnt.prior.estimable or factor is None or not std_error:
        return None
    found = shrink(factor * estimate, abs(factor) * std_error, learnt.prior, level=level, included=included)
    lower, upper = sorted((float(found.interval.lower) / factor, float(found.interval.upper) / factor))
    return float(found.estimate) / factor, float(found.std_error) / abs(factor), lower, upper


def _band(promise: Promise, effects: Finding, variant: str, level: float) -> dict[str, Any]:
    """What one benefit that crossed its boundary allows without any other experiment; empty where none has crossed."""
    found = _crossing(effects, variant)
    if found is None:
        return {"band_lower": None, "band_upper": None}
    z, boundary, error = found
    band = conditional_band(z, critical=boundary, level=level)
    if not bool(band.estimable):
        return {"band_lower": None, "band_upper": None}
    sign = promise.metrics[promise.experiment.metrics.primary.metric].direction.sign
    ends = sorted(sign * error * float(end) for end in (band.lower, band.upper))
    return {
        "band_lower": number(ends[0]),
        "band_upper": number(ends[1]),
        "band_z": number(z),
        "band_boundary": number(boundary),
    }


def _crossing(effects: Finding, variant: str) -> tuple[float, float, float] | None:
    """The z in the good direction, its boundary and one standard error, of the look that showed the benefit."""
    crossed = effects.evidence.get("crossed_on", {}).get(variant)
    if not crossed:
        return None
    looks = [row for row in effects.evidence.get("looks", []) if row["variant"] == variant and row["day"] == crossed]
    if looks and looks[-1]["information"]:
        z, boundary = float(looks[-1]["z"]), float(looks[-1]["boundary"])
        return (z, boundary, 1.0 / math.sqrt(looks[-1]["information"])) if boundary < UNREACHABLE else None
    one = _comparison(effects, variant)
    if one.estimate is None or not one.std_error or one.boundary is None:
        return None
    sign = 1.0 if one.direction == "increase" else -1.0
    return sign * one.estimate / one.std_error, one.boundary, one.std_error


def _finding(promise: Promise, effects: Finding, status: Status, headline: str, evidence: Mapping[str, Any]) -> Finding:
    return Finding(
        experiment=promise.slug,
        check=CHECK,
        as_of=effects.as_of,
        status=status,
        headline=headline,
        evidence=evidence,
    )
