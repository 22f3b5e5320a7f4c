"""What was shipped gave: each effect as seen and shrunken, and the holdout's own measurement of all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from trialflow.checks.finding import Status
from trialflow.decision import Decision, Verdict
from trialflow.memo.words import NOT_AVAILABLE, MetricScale, scale_of, sentence
from trialflow.overview.brief import Brief
from trialflow.overview.standing import interval_text, labels_of
from trialflow.spec.experiment import Role
from trialflow.spec.promise import Promise

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An estimate with its interval, in words on the metric's own scale.

    `share`, `lower` and `upper` are shares of the control value with the good direction positive, None where that has no
    bounds or is not known.
    """

    text: str
    span: str
    share: float | None = None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """One shipped effect. `why_not` says why it is not shrunken; `seen` and `learnt` are the findings of the two numbers."""

    slug: str
    title: str
    labels: tuple[str, ...]
    verdict: Verdict
    segment: str
    metric: str
    variant: str
    signed_on: date | None
    naive: Estimate
    shrunken: Estimate | None
    why_not: str
    seen: Brief | None
    learnt: Brief | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summand:
    """One effect that a holdout's sum counts, in words, with the share of the units that were exposed to it."""

    experiment: str
    naive: str
    counted: str
    shrunken: bool
    exposure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """A sum of effects or a measured one: in words, and `value` with its bounds in `unit` for a chart."""

    name: str
    text: str
    span: str
    value: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """A holdout's latest comparison beside what was shipped meanwhile; `sums` is empty where nothing could be measured."""

    slug: str
    title: str
    labels: tuple[str, ...]
    brief: Brief
    metric: str
    unit: str
    first_day: date | None
    sums: tuple[Sum, ...]
    shipped: tuple[Summand, ...]
    gap: str
    detectable: str


def returned(promise: Promise, decision: Decision, briefs: Mapping[str, Brief]) -> Returned:
    """The effect of the variant that was signed, from the findings of the verdict's day."""
    seen = briefs.get("segments" if decision.final_segment else "effects")
    learnt = briefs.get("shrinkage")
    name = promise.experiment.metrics.primary.metric
    comparison = _first(seen, "comparisons", decision, name, decision.final_segment)
    shrunken, why_not = _shrunken(promise, decision, comparison, learnt)
    return Returned(
        slug=promise.slug,
        title=promise.experiment.title,
        labels=labels_of(promise),
        verdict=decision.final_verdict,
        segment=decision.final_segment,
        metric=name,
        variant=decision.final_variant,
        signed_on=decision.signature.signed_on if decision.signature else None,
        naive=_naive(promise, comparison),
        shrunken=shrunken,
        why_not=why_not,
        seen=seen,
        learnt=learnt,
    )


def _first(brief: Brief | None, rows: str, decision: Decision, metric: str, segment: str) -> Row | None:
    found: Iterable[Row] = brief.numbers.get(rows, ()) if brief else ()
    wanted = (row for row in found if row["variant"] == decision.final_variant and row.get("metric", metric) == metric)
    return next((row for row in wanted if _segment(row) == segment), None)


def _segment(row: Row) -> str:
    dimension = row.get("segment_dimension")
    return f"{dimension} = {row['segment_value']}" if dimension else ""


def _scale(promise: Promise) -> MetricScale:
    return scale_of(promise.metrics[promise.experiment.metrics.primary.metric], promise.experiment.unit)


def _sign(promise: Promise) -> int:
    return promise.metrics[promise.experiment.metrics.primary.metric].direction.sign


def _naive(promise: Promise, row: Row | None) -> Estimate:
    if row is None or row["estimate"] is None:
        return Estimate(text=NOT_AVAILABLE, span="")
    how = _scale(promise)
    decimals = how.decimals(row["lower"], row["upper"])
    ends = (row["relative_lower"], row["relative_upper"])
    lower, upper = _good(_sign(promise), *ends)
    return Estimate(
        text=how.effect(row["estimate"], decimals),
        span=interval_text(row.get("level"), how.span(row["lower"], row["upper"], decimals)),
        share=None if row["relative_estimate"] is None else _sign(promise) * row["relative_estimate"],
        lower=lower,
        upper=upper,
    )


def _good(sign: int, lower: float | None, upper: float | None) -> tuple[float | None, float | None]:
    """The interval with the good direction positive."""
    if lower is None or upper is None:
        return None, None
    return (lower, upper) if sign > 0 else (-upper, -lower)


def _shrunken(
    promise: Promise, decision: Decision, comparison: Row | None, learnt: Brief | None
) -> tuple[Estimate | None, str]:
    """The shrunken effect, or why there is none."""
    if decision.final_segment:
        return None, "Only effects in the whole audience are shrunken."
    row = _first(learnt, "variants", decision, promise.experiment.metrics.primary.metric, "")
    if row is None or row["shrunken"] is None:
        return None, sentence(learnt.headline) if learnt else "The final analysis left no finding of it."
    how = _scale(promise)
    decimals = how.decimals(row["lower"], row["upper"])
    control = comparison.get("control") if comparison else None
    factor = _sign(promise) / abs(control) if control else None
    lower, upper = (None, None) if factor is None else sorted((factor * row["lower"], factor * row["upper"]))
    return Estimate(
        text=how.effect(row["shrunken"], decimals),
        span=interval_text(row.get("level"), how.span(row["lower"], row["upper"], decimals)),
        share=None if factor is None else factor * row["shrunken"],
        lower=lower,
        upper=upper,
    ), ""


def holds_out(promise: Promise) -> bool:
    """Whether a promise compares everybody with a holdout."""
    return promise.experiment.control.role is Role.HOLDOUT


def held_out(promise: Promise, brief: Brief) -> HeldOut:
    """The finding `holdout` in words."""
    found, how = brief.numbers, _scale(promise)
    row = next((one for one in found.get("comparisons", ()) if one["estimate"] is not None), None)
    ends = (row["lower"], row["upper"]) if row else (found.get("shipped_sum"), None)
    decimals = how.decimals(*ends)
    first = found.get("first_day")
    known = row is not None and brief.status is not Status.NO_DATA
    gap = (
        f"{how.effect(found['gap'], decimals)} ({how.span(found['gap_lower'], found['gap_upper'], decimals)})"
        if known
        else ""
    )
    return HeldOut(
        slug=promise.slug,
        title=promise.experiment.title,
        labels=labels_of(promise),
        brief=brief,
        metric=promise.experiment.metrics.primary.metric,
        unit=how.effect_unit,
        first_day=date.fromisoformat(first) if first else None,
        sums=_sums(found, row, how, decimals) if row and known else (),
        shipped=tuple(_summand(one, how) for one in found.get("shipped", ())),
        gap=gap,
        detectable=how.effect(found["minimum_detectable_effect"], decimals).lstrip("+") if known else "",
    )


def _sums(found: Row, measured: Row, how: MetricScale, decimals: int) -> tuple[Sum, ...]:
    scaled = [None if end is None else end * how.factor for end in (measured["lower"], measured["upper"])]
    return (
        *(
            Sum(name=name, text=how.effect(found[key], decimals), span="", value=found[key] * how.factor)
            for name, key in (("shipped, as seen", "shipped_naive_sum"), ("shipped, as counted", "shipped_sum"))
        ),
        Sum(
            name="measured by the holdout",
            text=how.effect(measured["estimate"], decimals),
            span=interval_text(measured.get("level"), how.span(measured["lower"], measured["upper"], decimals)),
            value=measured["estimate"] * how.factor,
            lower=scaled[0],
            upper=scaled[1],
        ),
    )


def _summand(row: Row, how: MetricScale) -> Summand:
    decimals = how.decimals(row["std_error"], -row["std_error"]) if row["std_error"] else how.decimals(row["naive"])
    return Summand(
        experiment=row["experiment"],
        naive=how.effect(row["naive"], decimals),
        counted=how.effect(row["estimate"], decimals),
        shrunken=row["shrunken"],
        exposure=row["exposure"],
    )
