"""Every promised metric in one table and one forest plot, and the pre-registered segments."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trialflow.checks.comparison import Comparison
from trialflow.memo.evidence import Evidence, real
from trialflow.memo.memo import Chart, Forest, ForestRow, Section, Table
from trialflow.memo.sections.effect import (
    decimals_for_estimate,
    level_text,
    primary_comparisons,
    relative_decimals,
    relative_text,
    scale,
    segment_name,
)
from trialflow.memo.words import (
    NOT_AVAILABLE,
    amount,
    decimals_for,
    listed,
    p_value,
    percent,
    probability,
    whole,
)
from trialflow.spec.experiment import Guardrail, Multiplicity, Policy
from trialflow.spec.promise import Promise

ROLES = ("secondary", "guardrails", "diagnostics")
OPPOSITE = {"increase": -1, "decrease": 1}


def metrics_section(promise: Promise, evidence: Evidence) -> Section:
    """Primary, secondary, guardrail and diagnostic metrics, a table per treatment and one forest plot."""
    title = "All metrics"
    found = all_comparisons(promise, evidence)
    if not found:
        return Section(title=title, paragraphs=(f"Comparisons are {NOT_AVAILABLE}.",))
    variants = tuple(dict.fromkeys(one.variant for one in found))
    tables = tuple(_table(promise, variant, [one for one in found if one.variant == variant]) for variant in variants)
    forest = _forest(promise, found)
    missing = sorted(set(promise.experiment.metrics.names) - {one.metric for one in found})
    notes = (f"No comparison is available for {listed(missing)}.",) if missing else ()
    return Section(
        title=title,
        paragraphs=tuple(
            text
            for text in (_legend(promise, found).strip(), *notes, _harm(promise, evidence), _omnibus(evidence))
            if text
        ),
        tables=tables,
        charts=(forest,) if forest else (),
        essential=True,
    )


def all_comparisons(promise: Promise, evidence: Evidence) -> tuple[Comparison, ...]:
    """Comparisons for everybody, in the order primary, secondary, guardrails, diagnostics."""
    others = tuple(one for check in ROLES for one in evidence.comparisons(check) if not one.segment_dimension)
    return (*primary_comparisons(promise, evidence), *others)


def _legend(promise: Promise, found: Sequence[Comparison]) -> str:
    analysis = promise.experiment.analysis
    correction = {
        Multiplicity.NONE: "without correction for their number",
        Multiplicity.BONFERRONI: "corrected for their number (Bonferroni)",
        Multiplicity.HOLM: "corrected for their number (Holm)",
    }[analysis.multiplicity]
    text = (
        f"Secondary metrics are tested at the final look, {correction}." if promise.experiment.metrics.secondary else ""
    )
    if promise.experiment.metrics.guardrails:
        text += f" {_guardrail_rule(promise, found)} To lack a visible loss is not enough."
    if promise.experiment.metrics.diagnostics:
        text += " Diagnostics explain; no verdict rests on them."
    return text


def _guardrail_rule(promise: Promise, found: Sequence[Comparison]) -> str:
    """When a guardrail passes under the promised policy, and what its interval in the table has to do with it."""
    analysis = promise.experiment.analysis
    single = percent(1 - 2 * analysis.guardrail_alpha)
    if analysis.stopping.policy is Policy.ALWAYS_VALID:
        return (
            f"A guardrail passes from the first day on which its {percent(1 - analysis.guardrail_alpha)} interval, which "
            "may be read on every day and is wider than that of a single look, lies on the right side of its margin."
        )
    if analysis.stopping.policy is Policy.FIXED:
        return (
            f"A guardrail passes when, at the one look at the end, its {single} interval lies on the right side of its "
            "margin."
        )
    looked = any(one.boundary is not None for one in found if one.role == "guardrail")
    rest = "" if looked else " This day is no such look: its guardrails stand as the last look left them."
    return (
        "A guardrail passes at a planned look at which its distance from the margin, in standard errors, is beyond the "
        f"boundary of that look (see Power and looks). Early boundaries are wider than the {single} interval shown here, "
        f"which is that of a single look.{rest}"
    )


def _harm(promise: Promise, evidence: Evidence) -> str:
    """What the looks for harm have shown; how they are made stands with the ledger."""
    finding = evidence.findings.get("harm")
    alpha = probability(promise.experiment.analysis.harm_alpha)
    return (
        f"Harm, looked for on every day with an alpha of its own ({alpha} per metric): {finding.headline}"
        if finding
        else ""
    )


def _omnibus(evidence: Evidence) -> str:
    """Whether all variants are alike, where there are three or more."""
    rows = [*evidence.rows("effects", "omnibus"), *evidence.rows("secondary", "omnibus")]
    found = [(row, str(row.get("reason") or p_value(real(row.get("p_value"))))) for row in rows]
    said = [f"{row.get('metric')} {result} ({row.get('method')})" for row, result in found]
    return (
        f"Tests that all variants are alike, one for each metric and not corrected: {', '.join(said)}." if said else ""
    )


def _table(promise: Promise, variant: str, rows: Sequence[Comparison]) -> Table:
    return Table(
        caption=f"{variant} against {promise.experiment.control.name}; effects in each metric's own unit",
        columns=("Metric", "Role", "Control", "Variant", "Effect", "Interval", "Relative effect", "Margin", "Outcome"),
        rows=tuple(_row(promise, one) for one in rows),
    )


def _row(promise: Promise, one: Comparison) -> tuple[str, ...]:
    how = scale(promise, one.metric)
    decimals = how.decimals(one.lower, one.upper) if one.lower is not None else decimals_for_estimate(one, how)
    share = relative_decimals(one)
    return (
        one.metric,
        one.role or NOT_AVAILABLE,
        how.level(one.control, decimals),
        how.level(one.treatment, decimals),
        how.effect(one.estimate, decimals),
        f"{how.span(one.lower, one.upper, decimals)} ({level_text(one).removesuffix(' interval')})",
        relative_text(one, share),
        _margin_text(promise, one),
        outcome(one),
    )


def guardrail(promise: Promise, metric: str) -> Guardrail | None:
    """The promised guardrail on a metric, if it is one."""
    return next((one for one in promise.experiment.metrics.guardrails if one.metric == metric), None)


def _margin_text(promise: Promise, one: Comparison) -> str:
    promised = guardrail(promise, one.metric)
    if promised is None or one.role != "guardrail":
        return "none"
    size = amount(promised.margin, scale(promise, one.metric)).removesuffix(" of the control value")
    return f"{size} {'lower' if one.direction == 'increase' else 'higher'}"


def outcome(one: Comparison) -> str:
    """What may be said of one comparison, in words."""
    if one.estimate is None:
        return f"{NOT_AVAILABLE}: {one.why_not or 'no number'}"
    if one.segment_dimension and one.crossed is not None:
        shown = "benefit shown" if one.crossed else "benefit not shown"
        return f"{shown} after correction (adjusted {p_value(one.adjusted_p_value)})"
    if one.role == "guardrail":
        known = {True: "shown not worse than the margin", False: "not shown to be within the margin"}
        return known.get(bool(one.non_inferior), "") if one.non_inferior is not None else f"verdict {NOT_AVAILABLE}"
    if one.crossed is not None:
        return "promised boundary crossed" if one.crossed else "promised boundary not crossed"
    if one.adjusted_p_value is not None:
        return f"adjusted {p_value(one.adjusted_p_value)}"
    if one.p_value is not None:
        return p_value(one.p_value)
    return "for information"


def _forest(promise: Promise, found: Sequence[Comparison]) -> Chart | None:
    several = len({one.variant for one in found}) > 1
    rows, left_out = [], []
    for one in found:
        row = _forest_row(promise, one, several=several)
        if row is None:
            left_out.append(one.metric if not several else f"{one.metric} ({one.variant})")
        else:
            rows.append(row)
    if not rows:
        return None
    said = "; ".join(f"{' '.join(row.label.split())} {row.text}" for row in rows)
    missing = (
        f" Not drawn, because the relative effect is not bounded or not available: {listed(left_out)}."
        if left_out
        else ""
    )
    return Chart(
        kind="forest",
        title="Relative effects with their intervals and margins",
        alt=f"Forest plot of relative effects against {promise.experiment.control.name}, with intervals: {said}.{missing}",
        data=Forest(rows=tuple(rows), axis="Effect relative to control (%)"),
    )


def _forest_row(promise: Promise, one: Comparison, *, several: bool) -> ForestRow | None:
    bounds = (one.relative_estimate, one.relative_lower, one.relative_upper)
    estimate, lower, upper = bounds
    if estimate is None or lower is None or upper is None or not all(map(math.isfinite, (estimate, lower, upper))):
        return None
    return ForestRow(
        label=f"{one.metric}\n{one.variant}" if several else one.metric,
        role=one.role,
        good_direction=-OPPOSITE.get(one.direction, -1),
        estimate=estimate * 100,
        lower=lower * 100,
        upper=upper * 100,
        margin=_margin(promise, one),
        text=relative_text(one, relative_decimals(one)),
    )


def _margin(promise: Promise, one: Comparison) -> float | None:
    """The margin as a signed relative effect in percent, on the side that is worse."""
    promised = guardrail(promise, one.metric)
    if promised is None or one.role != "guardrail":
        return None
    share = promised.margin.relative
    if share is None and promised.margin.absolute is not None and one.control:
        share = promised.margin.absolute / abs(one.control)
    return None if share is None else OPPOSITE.get(one.direction, -1) * share * 100


def segments_section(promise: Promise, evidence: Evidence) -> Section:
    """The pre-registered segments and nothing else."""
    title = "Segments"
    promised = promise.experiment.segments
    if not promised:
        return Section(title=title, paragraphs=("No segments were pre-registered, so none are compared.",))
    finding = evidence.findings.get("segments")
    found = evidence.comparisons("segments")
    names = listed([f"{one.dimension} ({', '.join(one.values)})" for one in promised])
    note = (
        f"Pre-registered: {names}. Segments are smaller than the whole, so their intervals are wider; a segment "
        "without a shown effect is not a segment where the treatment does nothing."
    )
    said = (finding.headline,) if finding else (f"The comparison of segments is {NOT_AVAILABLE}.",)
    tables = (_segment_table(promise, found),) if found else ()
    return Section(title=title, paragraphs=(note, *said, *_differences(promise, evidence)), tables=tables)


def _differences(promise: Promise, evidence: Evidence) -> tuple[str, ...]:
    """Whether the segments differ from one another, and from the whole where the split is not the same in each."""
    how = scale(promise, promise.experiment.metrics.primary.metric)
    said = []
    for row in evidence.rows("segments", "heterogeneity"):
        p, scatter = real(row.get("adjusted_p_value")), real(row.get("i_squared"))
        alike = p is None or p > promise.experiment.analysis.alpha
        verdict = "are not shown to differ from one another" if alike else "differ from one another"
        share = f", {percent(scatter, 0)} of their scatter beyond chance" if scatter is not None else ""
        said.append(
            f"The effects of {row.get('variant')} by {row.get('dimension')} {verdict} "
            f"(Cochran's Q, adjusted {p_value(p)}{share})."
        )
    for row in evidence.rows("segments", "simpson"):
        crude, level = real(row.get("crude")), real(row.get("standardised"))
        if not row.get("uneven") or crude is None or level is None:
            continue
        decimals = decimals_for(min(abs(crude), abs(level)) * how.factor)
        turned = (
            "; every segment points the other way than the whole (Simpson's paradox)" if row.get("reversed") else ""
        )
        said.append(
            f"The split differs between the values of {row.get('dimension')}: the effect of {row.get('variant')} is "
            f"{how.effect(crude, decimals)} as it stands and {how.effect(level, decimals)} with every segment weighted "
            f"by all its units{turned}."
        )
    return tuple(said)


def _segment_table(promise: Promise, found: Sequence[Comparison]) -> Table:
    rows = []
    for one in found:
        how = scale(promise, one.metric)
        decimals = how.decimals(one.lower, one.upper) if one.lower is not None else decimals_for_estimate(one, how)
        rows.append(
            (
                segment_name(one),
                one.variant,
                one.metric,
                f"{whole(one.n_control)} / {whole(one.n_treatment)}",
                how.effect(one.estimate, decimals),
                how.span(one.lower, one.upper, decimals),
                outcome(one),
            )
        )
    caption = f"Effects by segment against {promise.experiment.control.name}, each metric in its own unit"
    columns = ("Segment", "Variant", "Metric", "Units (control / variant)", "Effect", level_text(found[0]), "Outcome")
    return Table(caption=caption, columns=columns, rows=tuple(rows))
