"""What happened to the primary metric: the effect, how it grew, and whether it lasts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from trialflow.checks.comparison import Comparison
from trialflow.checks.finding import Status
from trialflow.decision.decision import Decision
from trialflow.memo.evidence import Evidence, real, to_day
from trialflow.memo.memo import Chart, EffectOverTime, EffectPath, Lifetime, LifetimePath, Section, Table
from trialflow.memo.words import (
    NOT_AVAILABLE,
    MetricScale,
    amount,
    counted,
    day,
    decimals_for,
    listed,
    p_value,
    percent,
    relative,
    relative_span,
    scale_of,
    sentence,
    significant,
    whole,
)
from trialflow.spec.experiment import Policy
from trialflow.spec.promise import Promise

POLICY: Mapping[Policy, str] = {
    Policy.FIXED: "fixed horizon: one look at the end",
    Policy.GROUP_SEQUENTIAL: "group-sequential: looks on planned days, O'Brien-Fleming-type spending of alpha",
    Policy.ALWAYS_VALID: "always valid: a confidence sequence that may be read on every day",
}


def scale(promise: Promise, metric: str) -> MetricScale:
    """How the metric is written in this experiment."""
    return scale_of(promise.metrics.get(metric), promise.experiment.unit)


def primary_comparisons(promise: Promise, evidence: Evidence) -> tuple[Comparison, ...]:
    """The comparisons of the primary metric for everybody, in the order of the evidence."""
    name = promise.experiment.metrics.primary.metric
    return tuple(one for one in evidence.comparisons("effects") if one.metric == name and not one.segment_dimension)


def in_segment(evidence: Evidence, segment: str) -> tuple[Comparison, ...]:
    """The comparisons inside one segment, named as a verdict names it."""
    return tuple(one for one in evidence.comparisons("segments") if segment_name(one) == segment)


def segment_name(one: Comparison) -> str:
    """`country = PL`; everybody has no dimension."""
    return f"{one.segment_dimension} = {one.segment_value}" if one.segment_dimension else "everybody"


def leading(decision: Decision, comparisons: Sequence[Comparison]) -> Comparison | None:
    """The comparison that the verdict is about: the named variant's, else the first with a number."""
    named = [one for one in comparisons if one.variant == decision.final_variant]
    known = [one for one in comparisons if one.estimate is not None]
    return next(iter([*named, *known, *comparisons]), None)


def level_text(comparison: Comparison) -> str:
    """`95% interval`."""
    return "interval" if math.isnan(comparison.level) else f"{percent(comparison.level)} interval"


def effect_text(one: Comparison, scale: MetricScale) -> str:
    """`−0.82 percentage points (95% interval −1.33 to −0.31)`."""
    decimals = scale.decimals(one.lower, one.upper) if one.lower is not None else decimals_for_estimate(one, scale)
    return f"{scale.effect(one.estimate, decimals)} ({level_text(one)} {scale.span(one.lower, one.upper, decimals)})"


def decimals_for_estimate(one: Comparison, scale: MetricScale) -> int:
    """Decimals where there is no interval: from the standard error, else from the estimate."""
    spread = one.std_error if one.std_error else abs(one.estimate or 0.0)
    return decimals_for(spread * scale.factor)


def effect_section(promise: Promise, evidence: Evidence, *, shown: bool) -> Section:
    """The primary metric: per treatment the two levels, the effect on both scales, its reading and its history."""
    primary = promise.experiment.metrics.primary
    title = f"Effect on {primary.metric}"
    if not shown:
        return Section(title=title, paragraphs=(SUPPRESSED,), essential=True)
    found = primary_comparisons(promise, evidence)
    if not found:
        return Section(
            title=title, paragraphs=(f"The effect is {NOT_AVAILABLE}: there is no comparison.",), essential=True
        )
    definition = promise.metrics.get(primary.metric)
    about = (sentence(definition.description),) if definition else ()
    readings = tuple(_reading(promise, one) for one in found)
    chart = _path_chart(promise, evidence)
    return Section(
        title=title,
        paragraphs=(*about, *readings, _minimum(promise, found)),
        tables=(_effect_table(promise, found),),
        charts=(chart,) if chart else (),
        essential=True,
    )


SUPPRESSED = (
    "Effects are not shown. The split or the record of this experiment is broken, so a difference between the variants "
    "says nothing about the treatment."
)


def _reading(promise: Promise, one: Comparison) -> str:
    """One treatment in plain words, with the interval's reading; never more than it says."""
    how = scale(promise, one.metric)
    if one.estimate is None:
        return f"The effect of {one.variant} is {NOT_AVAILABLE}: {one.why_not or 'no number'}."
    decimals = how.decimals(one.lower, one.upper)
    control = promise.experiment.control.name
    levels = (
        f"Under {one.variant}, {one.metric} is {how.value(one.treatment, decimals)}; "
        f"under {control} it is {how.value(one.control, decimals)}: a difference of {effect_text(one, how)}."
    )
    return " ".join(part for part in (levels, _relative_words(one), _compatible(one), _p_words(one)) if part)


def _relative_words(one: Comparison) -> str:
    if one.relative_estimate is None:
        return f"The relative effect is {NOT_AVAILABLE}."
    decimals = relative_decimals(one)
    span = relative_span(one.relative_lower, one.relative_upper, decimals)
    return f"Relative to control this is {relative(one.relative_estimate, decimals)} ({level_text(one)} {span})."


def relative_decimals(one: Comparison) -> int:
    """Decimals of the relative effect in percent."""
    lower, upper = one.relative_lower, one.relative_upper
    if lower is None or upper is None or math.isinf(lower) or math.isinf(upper):
        return 1
    return decimals_for((upper - lower) * 50)


def relative_text(one: Comparison, decimals: int, prefix: str = "") -> str:
    """`−4.3% (−7.0% to −1.6%)`; `prefix` names the interval."""
    if one.relative_estimate is None:
        return NOT_AVAILABLE
    span = relative_span(one.relative_lower, one.relative_upper, decimals)
    return f"{relative(one.relative_estimate, decimals)} ({prefix}{' ' if prefix else ''}{span})"


def _compatible(one: Comparison) -> str:
    if one.lower is None or one.upper is None:
        return sentence(f"no interval yet: {one.why_not}" if one.why_not else "the interval is not available")
    if one.lower <= 0 <= one.upper:
        return "The interval includes zero: the data are compatible with a rise as well as with a fall."
    sign = 1 if one.direction == "increase" else -1
    good = sign * (one.estimate or 0.0) > 0
    return f"The interval lies wholly on the {'good' if good else 'bad'} side of zero."


def _p_words(one: Comparison) -> str:
    if one.p_value is None:
        return ""
    return f"At this single planned look {p_value(one.p_value)} (two-sided test of a difference of zero)."


def _minimum(promise: Promise, found: Sequence[Comparison]) -> str:
    primary = promise.experiment.metrics.primary
    how = scale(promise, primary.metric)
    promised = amount(primary.minimum_effect, how)
    texts = []
    for one in found:
        if one.control is None or one.lower is None or one.upper is None:
            continue
        sign = 1 if one.direction == "increase" else -1
        least = minimum_effect(promise, one.control)
        low, high = sorted((sign * one.lower, sign * one.upper))
        place = "lies wholly above it" if low >= least else "excludes it" if high < least else "includes it"
        texts.append(f"the interval of {one.variant} {place}")
    return sentence(
        f"The smallest effect worth having was promised as {promised}" + (f"; {listed(texts)}" if texts else "")
    )


def minimum_effect(promise: Promise, control: float) -> float:
    """The smallest effect worth having on the metric's own scale, as the rules of the verdict take it.

    A promised share is one of the control level that was seen. The plan took it of the baseline, which may have been another.
    """
    return promise.experiment.metrics.primary.minimum_effect.on_scale(control)


def _effect_table(promise: Promise, found: Sequence[Comparison]) -> Table:
    how = scale(promise, found[0].metric)
    adjusted = any(one.variance_reduction is not None for one in found)
    rows = []
    for one in found:
        decimals = how.decimals(one.lower, one.upper) if one.lower is not None else decimals_for_estimate(one, how)
        share = relative_decimals(one)
        rows.append(
            (
                one.variant,
                f"{whole(one.n_control)} / {whole(one.n_treatment)}",
                how.value(one.control, decimals),
                how.value(one.treatment, decimals),
                how.effect(one.estimate, decimals),
                how.span(one.lower, one.upper, decimals),
                relative_text(one, share),
                *((_adjustment(one, how, decimals),) if adjusted else ()),
            )
        )
    first = found[0]
    columns = ("Variant", "Units (control / variant)", "Control level", "Variant level", "Effect")
    interval = level_text(first)
    return Table(
        caption=f"{first.metric} against {promise.experiment.control.name}, effects in {how.effect_unit}",
        columns=(
            *(*columns, interval, f"Relative effect ({interval})"),
            *(("Without variance reduction",) if adjusted else ()),
        ),
        rows=tuple(rows),
    )


def _adjustment(one: Comparison, how: MetricScale, decimals: int) -> str:
    if one.unadjusted_estimate is None or one.variance_reduction is None:
        return "not used"
    plain = how.number(one.unadjusted_estimate, decimals)
    return f"{plain} (CUPED removed {percent(one.variance_reduction, 0)} of the variance)"


def _by_variant(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        grouped.setdefault(str(row.get("variant", "")), []).append(row)
    return grouped


def _scaled(rows: Sequence[Mapping[str, Any]], key: str, factor: float) -> tuple[float | None, ...]:
    values = (real(row.get(key)) for row in rows)
    return tuple(None if value is None or math.isinf(value) else value * factor for value in values)


def _path_chart(promise: Promise, evidence: Evidence) -> Chart | None:
    name = promise.experiment.metrics.primary.metric
    how = scale(promise, name)
    looked: dict[str, list[date]] = {}
    for row in evidence.rows("effects", "looks"):
        when = to_day(row.get("day"))
        if when is not None:
            looked.setdefault(str(row.get("variant", "")), []).append(when)
    paths = []
    for variant, all_rows in _by_variant(evidence.rows("effects", "path")).items():
        rows = [row for row in all_rows if to_day(row.get("day")) is not None]
        if len([row for row in rows if real(row.get("estimate")) is not None]) < 2:  # a line
            continue
        paths.append(
            EffectPath(
                variant=variant,
                days=tuple(found for row in rows if (found := to_day(row.get("day")))),
                estimate=_scaled(rows, "estimate", how.factor),
                lower=_scaled(rows, "lower", how.factor),
                upper=_scaled(rows, "upper", how.factor),
                look_days=tuple(looked.get(variant, ())),
            )
        )
    if not paths:
        return None
    known = next((one for one in primary_comparisons(promise, evidence) if one.control is not None), None)
    metric = promise.metrics.get(name)
    sign = metric.direction.sign if metric else 1
    least = sign * minimum_effect(promise, known.control or 0.0) * how.factor if known else None
    return Chart(
        kind="effect_over_time",
        title=f"Effect on {name} over time, with bounds that may be read on every day",
        alt=_path_alt(name, how, paths),
        data=EffectOverTime(
            paths=tuple(paths), axis=f"Effect ({how.effect_unit})", good_direction=sign, minimum_effect=least
        ),
    )


def _path_alt(name: str, how: MetricScale, paths: Sequence[EffectPath]) -> str:
    parts = []
    for path in paths:
        last = next(index for index in reversed(range(len(path.days))) if path.estimate[index] is not None)
        lower, upper = path.lower[last], path.upper[last]
        unscaled = MetricScale(factor=1.0, value_suffix="", effect_unit=how.effect_unit)
        decimals = unscaled.decimals(lower, upper)
        parts.append(
            f"{path.variant} ends on {day(path.days[last])} at {unscaled.effect(path.estimate[last], decimals)}, "
            f"bounds {unscaled.span(lower, upper, decimals)}, {counted(len(path.look_days), 'planned look')} marked"
        )
    return f"Line chart of the effect on {name} by day. " + "; ".join(parts) + "."


def novelty_section(promise: Promise, evidence: Evidence) -> Section:
    """Does the effect fade or grow with days since exposure? On a balanced cohort only."""
    policy = promise.experiment.analysis.novelty
    finding = evidence.findings.get("novelty")
    if finding is None:
        asked = (
            "was not part of the promise" if policy.policy == "none" else f"is {NOT_AVAILABLE}: the check did not run"
        )
        return Section(title="Novelty", paragraphs=(f"A novelty check {asked}.",))
    paragraphs = [sentence(finding.headline)]
    if finding.status not in (Status.NOT_APPLICABLE, Status.NO_DATA):
        paragraphs.append(_novelty_words(promise, evidence))
    explained = evidence.get("novelty", "explained") or policy.explained
    if explained:
        paragraphs.append(sentence(f"The team expected this: {explained}"))
    chart = _lifetime_chart(promise, evidence)
    return Section(title="Novelty", paragraphs=tuple(paragraphs), charts=(chart,) if chart else ())


def _novelty_words(promise: Promise, evidence: Evidence) -> str:
    policy = promise.experiment.analysis.novelty
    metric = str(evidence.get("novelty", "metric") or promise.experiment.metrics.primary.metric)
    how = scale(promise, metric)
    finding = evidence.findings["novelty"]
    rows = evidence.rows("novelty", "variants") or (finding.evidence,)
    said = "; ".join(_changed(row, how, percent(1 - policy.alpha)) for row in rows)
    return (
        f"Late minus early effect on {metric} (last {counted(policy.late_days, 'day')} against first "
        f"{counted(policy.early_days, 'day')} of {policy.horizon_days} since exposure, only units observed for all of "
        f"them; the interval holds on all days and for all treatments together): {said}."
        + "".join(_settles(row, how) for row in rows if finding.status in (Status.WARN, Status.FAIL))
    )


def _settles(row: Mapping[str, Any], how: MetricScale) -> str:
    """Where a changing effect is heading, as far as the days tell."""
    fit = row.get("decay")
    if not isinstance(fit, Mapping):
        return ""
    who, rest, half = row.get("variant"), fit.get("long_run_effect"), fit.get("half_life_days")
    if not isinstance(rest, Mapping) or not isinstance(half, Mapping):
        return f" Where the effect of {who} settles cannot be told: {fit.get('why_not') or 'the days do not say'}."
    estimate, lower, upper = (real(rest.get(key)) for key in ("estimate", "lower", "upper"))
    level, days = real(fit.get("level")), real(half.get("estimate"))
    if estimate is None or level is None or days is None:
        return ""
    decimals = how.decimals(lower, upper)
    return (
        f" If it goes on like this, the effect of {who} settles at {how.effect(estimate, decimals)} a day "
        f"({percent(level)} interval {how.span(lower, upper, decimals)}), and half of the change is over after "
        f"{significant(days, 2)} days."
    )


def _changed(row: Mapping[str, Any], how: MetricScale, level: str) -> str:
    estimate, lower, upper, p = (real(row.get(key)) for key in ("estimate", "lower", "upper", "p_value"))
    who = f"{row['variant']} " if row.get("variant") else ""
    if estimate is None:
        return f"{who}{NOT_AVAILABLE}"
    decimals = how.decimals(lower, upper)
    return f"{who}{how.effect(estimate, decimals)} ({level} interval {how.span(lower, upper, decimals)}, {p_value(p)})"


def _lifetime_chart(promise: Promise, evidence: Evidence) -> Chart | None:
    metric = str(evidence.get("novelty", "metric") or promise.experiment.metrics.primary.metric)
    how = scale(promise, metric)
    paths = []
    for variant, all_rows in _by_variant(evidence.rows("novelty", "daily")).items():
        rows = [row for row in all_rows if real(row.get("day")) is not None]
        if rows:
            paths.append(
                LifetimePath(
                    variant=variant,
                    days=tuple(int(real(row["day"]) or 0) for row in rows),
                    estimate=_scaled(rows, "estimate", how.factor),
                    lower=_scaled(rows, "lower", how.factor),
                    upper=_scaled(rows, "upper", how.factor),
                )
            )
    if not paths:
        return None
    definition = promise.metrics.get(metric)
    unscaled = MetricScale(factor=1.0, value_suffix="", effect_unit=how.effect_unit)
    first = paths[0]
    decimals = unscaled.decimals(first.lower[-1], first.upper[-1])
    ends = ", ".join(
        f"{path.variant} {unscaled.effect(path.estimate[0], decimals)} on day {path.days[0]} and "
        f"{unscaled.effect(path.estimate[-1], decimals)} on day {path.days[-1]}"
        for path in paths
    )
    return Chart(
        kind="lifetime",
        title=f"Effect on {metric} by day since first exposure, with intervals for each day by itself",
        alt=f"Effect on {metric} by day since first exposure, balanced cohort: {ends}.",
        data=Lifetime(
            paths=tuple(paths),
            axis=f"Effect ({how.effect_unit})",
            good_direction=definition.direction.sign if definition else 1,
        ),
    )
