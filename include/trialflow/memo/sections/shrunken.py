"""Naive beside shrunken: what an effect is worth once it is remembered that it was read because it was large."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trialflow.memo.evidence import Evidence, real, to_day
from trialflow.memo.memo import Section, Table
from trialflow.memo.sections.effect import primary_comparisons, scale
from trialflow.memo.words import NOT_AVAILABLE, MetricScale, counted, day, listed, p_value, percent, sentence
from trialflow.spec.promise import Promise

CURSE = (
    "Whoever picks an effect because it crossed a boundary picks a lucky one more often than an unlucky one, so the naive "
    "estimate of a picked effect is too large on average."
)
SHRUNKEN = (
    "Shrunken means: drawn from the naive estimate towards what earlier experiments usually did, the more so the noisier "
    "this one is. The shrunken estimate and its interval are Bayesian and not stop-safe: they are read once, after the "
    "end, and no verdict rests on them."
)
BAND = (
    "The band of this experiment by itself runs from the effect that best explains such a crossing up to the naive estimate; "
    "it needs no other experiment, and it is wide where the boundary was only just crossed."
)
MOST_NAMES = 12


def shrunken_section(promise: Promise, evidence: Evidence) -> Section:
    """The naive estimate, the one corrected for looks, the shrunken one and the band, a row for each treatment."""
    title = "Naive and shrunken estimate"
    rows = evidence.rows("shrinkage", "variants")
    finding = evidence.findings.get("shrinkage")
    stops = _after_stop(promise, evidence)
    if finding is None or not rows:
        why = sentence(finding.headline) if finding else f"The shrunken estimate is {NOT_AVAILABLE}."
        return Section(title=title, paragraphs=(*stops, why))
    has_prior = any(real(row.get("shrunken")) is not None for row in rows)
    has_band = any(real(row.get("band_lower")) is not None for row in rows)
    paragraphs = (
        *((CURSE,) if has_prior or has_band or stops else ()),
        *stops,
        f"{sentence(finding.headline)}{_learnt_from(promise, evidence) if has_prior else ''}",
        *((SHRUNKEN,) if has_prior else ()),
        *((BAND,) if has_band else ()),
    )
    return Section(title=title, paragraphs=paragraphs, tables=(_table(promise, evidence, rows),), essential=has_prior)


def _learnt_from(promise: Promise, evidence: Evidence) -> str:
    """Which experiments, and how their effects are spread."""
    used = evidence.rows("shrinkage", "experiments")
    names = list(dict.fromkeys(str(row.get("experiment")) for row in used))
    if not names:
        return ""
    shown = [*names[:MOST_NAMES], *((f"{len(names) - MOST_NAMES} more",) if len(names) > MOST_NAMES else ())]
    text = f" Counted were {listed(shown)}, whatever became of them."
    prior = evidence.get("shrinkage", "prior")
    mean, spread = (real(prior.get(key)) for key in ("mean", "std_dev")) if isinstance(prior, Mapping) else (None, None)
    if mean is None or spread is None:
        return text
    if evidence.get("shrinkage", "scale") == "relative":
        how = MetricScale(factor=100.0, value_suffix="%", effect_unit="% of the control value, good direction positive")
    else:
        how = scale(promise, promise.experiment.metrics.primary.metric)
    decimals = how.decimals(spread, -spread) if spread else how.decimals(mean)
    usual = "none beyond their own noise" if not spread else how.effect(spread, decimals).lstrip("+")
    return (
        f"{text} Their effects centre on {how.effect(mean, decimals)}, with a spread (standard deviation) of {usual}."
    )


def _table(promise: Promise, evidence: Evidence, rows: Sequence[Mapping[str, Any]]) -> Table:
    name = promise.experiment.metrics.primary.metric
    how = scale(promise, name)
    found = {one.variant: one for one in primary_comparisons(promise, evidence)}
    has_prior = any(real(row.get("shrunken")) is not None for row in rows)
    told = []
    for row in rows:
        variant = str(row.get("variant"))
        one = found.get(variant)
        error = real(row.get("std_error"))
        decimals = how.decimals(one.lower, one.upper) if one and one.lower is not None else how.decimals(error)
        naive, corrected, shrunken = (real(row.get(key)) for key in ("naive", "corrected", "shrunken"))
        told.append(
            (
                variant,
                how.number(naive, decimals),
                how.number(corrected, decimals) if corrected is not None else "the same",
                *(
                    (how.number(shrunken, decimals), how.span(real(row.get("lower")), real(row.get("upper")), decimals))
                    if has_prior
                    else ()
                ),
                _band(row, how, decimals),
            )
        )
    level = real(rows[0].get("level"))
    interval = f"Shrunken {percent(level)} interval" if level is not None else "Shrunken interval"
    label = "; shrunken: Bayesian, not stop-safe" if has_prior else ""
    return Table(
        caption=f"Effect on {name} in {how.effect_unit}{label}",
        columns=(
            *("Variant", "Naive", "Corrected for looks"),
            *(("Shrunken", interval) if has_prior else ()),
            "Band by itself",
        ),
        rows=tuple(told),
    )


def _band(row: Mapping[str, Any], how: MetricScale, decimals: int) -> str:
    lower, upper = real(row.get("band_lower")), real(row.get("band_upper"))
    if lower is None or upper is None:
        return "no benefit crossed a boundary"
    same = how.number(lower, decimals) == how.number(upper, decimals)
    return "as naive: far beyond the boundary" if same else how.span(lower, upper, decimals)


def _after_stop(promise: Promise, evidence: Evidence) -> tuple[str, ...]:
    """Naive and median-unbiased side by side, where looks before the stop can have made the naive one too large."""
    how = scale(promise, promise.experiment.metrics.primary.metric)
    said = []
    for row in evidence.rows("effects", "after_stop"):
        names = ("naive", "median_unbiased", "lower", "upper", "level", "stagewise_p_value", "looks_before")
        naive, middle, lower, upper, level, p, before = (real(row.get(name)) for name in names)
        when = to_day(row.get("stopped_on"))
        if naive is None or middle is None or level is None or when is None or not before:
            continue
        decimals = how.decimals(lower, upper)
        why = "A benefit was shown early" if row.get("early") else "The last planned look was taken"
        said.append(
            f"{why}, on {day(when)}, after {counted(int(before), 'look')} before it: for {row.get('variant')} the naive "
            f"estimate of that look is {how.effect(naive, decimals)}, the median-unbiased one "
            f"{how.effect(middle, decimals)} ({percent(level)} interval {how.span(lower, upper, decimals)}, stage-wise "
            f"{p_value(p)})."
        )
    return tuple(said)
