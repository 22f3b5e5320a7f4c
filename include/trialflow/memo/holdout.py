"""The quarterly memo: everybody against the holdout, beside what was shipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trialflow.checks.comparison import Comparison
from trialflow.checks.finding import Finding, Status
from trialflow.memo.build import labels, provenance
from trialflow.memo.code import code
from trialflow.memo.evidence import Evidence, real
from trialflow.memo.inputs import Inputs, finding_references, order_reference, plan_reference
from trialflow.memo.memo import Memo, Section, Table
from trialflow.memo.sections.effect import (
    decimals_for_estimate,
    effect_text,
    level_text,
    relative_decimals,
    relative_text,
    scale,
)
from trialflow.memo.sections.integrity import STATUS
from trialflow.memo.sections.looks import look_days_taken
from trialflow.memo.sections.record import Amendment, Order, deviations_section
from trialflow.memo.sections.verdict import seen
from trialflow.memo.words import NOT_AVAILABLE, MetricScale, absolute, counted, percent, period, sentence, whole
from trialflow.spec.fingerprint import fingerprint
from trialflow.spec.promise import Promise

SHRUNKEN = (
    "Shrunken means drawn towards what experiments usually do, because a launch was picked for having looked good. "
    "Shrunken estimates are Bayesian and not stop-safe."
)


def holdout_memo(
    promise: Promise,
    finding: Finding,
    amendments: Sequence[Amendment] = (),
    orders: Sequence[Order] = (),
    *,
    promise_fingerprint: str = "",
    made_by: str = "",
) -> Memo:
    """The quarterly comparison of the holdout with everybody else, with the smallest effect it could have found.

    `promise` may be cut to the quarter; `promise_fingerprint` is then that of the registered one. `made_by` names the code
    where it is not the present one.
    """
    evidence = Evidence.of([finding])
    found = evidence.comparisons(finding.check)
    looks = counted(len(look_days_taken(promise, (), evidence)) or 1, "look")
    locked = promise_fingerprint or fingerprint(promise)
    return Memo(
        experiment=promise.slug,
        as_of=finding.as_of,
        title=f"Holdout: {promise.experiment.title}",
        verdict="HOLDOUT" if found and finding.status is Status.PASS else f"HOLDOUT ({STATUS[finding.status]})",
        summary=_summary(promise, evidence, finding, found),
        labels=labels(promise),
        highlights=_highlights(promise, evidence, found, looks),
        sections=(
            _measured(promise, evidence, finding, found, looks),
            _shipped(promise, evidence, finding.check),
            deviations_section(promise, evidence, (), amendments, orders),
        ),
        provenance=provenance(
            promise,
            evidence,
            interval=period(promise.experiment.calendar.first_day, finding.as_of),
            promise_fingerprint=locked,
            made_by=made_by,
        )
        | {"Finding": finding.fingerprint},
        inputs=Inputs(
            promise=locked,
            version=len(amendments) + 1,
            code=made_by or code(),
            plan=plan_reference(promise.plan),
            findings=finding_references([finding]),
            orders=tuple(order_reference(order) for order in orders),
        ),
    )


def _summary(promise: Promise, evidence: Evidence, finding: Finding, found: Sequence[Comparison]) -> str:
    """What everybody has over the holdout, and how far that is from what was expected."""
    one = next((one for one in found if one.estimate is not None), None)
    if one is None:
        return sentence(finding.headline)
    how = scale(promise, one.metric)
    expected = evidence.number(finding.check, "shipped_sum")
    beside = (
        f"; the launches of the period were expected to add {how.effect(expected, _decimals(one, how))}"
        if expected is not None and evidence.rows(finding.check, "shipped")
        else "; no launch of the period is on record"
    )
    return sentence(f"{seen(promise, one)}{beside}")


def _highlights(promise: Promise, evidence: Evidence, found: Sequence[Comparison], looks: str) -> dict[str, str]:
    known = next((one for one in found if one.estimate is not None), None)
    if known is None:
        return {"Looks": looks}
    how = scale(promise, known.metric)
    decimals = _decimals(known, how)
    figures = {f"Effect on {known.metric} ({known.variant})": effect_text(known, how)}
    if evidence.rows("holdout", "shipped"):
        figures["Expected from launches"] = how.effect(evidence.number("holdout", "shipped_sum"), decimals)
    return figures | {"Looks": looks}


def _decimals(one: Comparison, how: MetricScale) -> int:
    return how.decimals(one.lower, one.upper) if one.lower is not None else decimals_for_estimate(one, how)


def _measured(
    promise: Promise, evidence: Evidence, finding: Finding, found: Sequence[Comparison], looks: str
) -> Section:
    primary = promise.experiment.metrics.primary.metric
    detectable = evidence.number(finding.check, "minimum_detectable_effect")
    smallest = (
        f"The smallest effect on {primary} that this comparison finds with the promised power of "
        f"{percent(promise.experiment.analysis.power, 0)} is {absolute(detectable, scale(promise, primary))}; smaller ones "
        "may be there and not be seen."
        if detectable is not None
        else f"The smallest effect that this comparison could find is {NOT_AVAILABLE}."
    )
    return Section(
        title="Holdout against everybody",
        paragraphs=(
            f"{looks} at the end of the period; all units of both sides are used, however unequal they are in number.",
            smallest,
            *((f"Next: {sentence(finding.next_step)}",) if finding.next_step else ()),
        ),
        tables=(_table(promise, found),) if found else (),
        essential=True,
    )


def _shipped(promise: Promise, evidence: Evidence, check: str) -> Section:
    """What was shipped, added up, beside what the holdout shows."""
    title = "What was shipped"
    how = scale(promise, promise.experiment.metrics.primary.metric)
    promised, gap = evidence.number(check, "shipped_sum"), evidence.number(check, "gap")
    lower, upper = evidence.number(check, "gap_lower"), evidence.number(check, "gap_upper")
    rows = evidence.rows(check, "shipped")
    if promised is None or gap is None:
        return Section(title=title, paragraphs=(f"The sum of what was shipped is {NOT_AVAILABLE}.",), essential=True)
    if not rows:
        nothing = "Nothing that was signed to ship in this period has an effect on this metric on record."
        return Section(title=title, paragraphs=(nothing,), essential=True)
    decimals = how.decimals(lower, upper)
    naive = evidence.number(check, "shipped_naive_sum")
    level = percent(1 - promise.experiment.analysis.alpha)
    reads = (
        "The interval includes zero: sum and measurement agree as far as can be told."
        if lower is not None and upper is not None and lower <= 0 <= upper
        else "The interval excludes zero: the launches together did not do what their experiments said."
    )
    added = (
        f"{counted(len(rows), 'launch adds', 'launches add')} up to {how.effect(promised, decimals)}"
        + (f" (as naively estimated: {how.effect(naive, decimals)})" if naive is not None else "")
        + f". What the holdout shows, less that sum, is {how.effect(gap, decimals)} "
        + f"({level} interval {how.span(lower, upper, decimals)})."
    )
    few = not all(row.get("shrunken") for row in rows)
    notes = (
        "Each effect counts for the share of units that were exposed to it, and effects are taken to be independent and to "
        "add up.",
        SHRUNKEN if any(row.get("shrunken") for row in rows) else "",
        "Where nothing is shrunk, too few experiments have finished to know how large effects usually are."
        if few
        else "",
    )
    paragraphs = (added, reads, " ".join(note for note in notes if note))
    return Section(title=title, paragraphs=paragraphs, tables=(_contributions(how, rows),), essential=True)


def _contributions(how: MetricScale, rows: Sequence[Mapping[str, Any]]) -> Table:
    told = []
    errors = [error for row in rows if (error := real(row.get("std_error")))]
    decimals = how.decimals(-2 * min(errors), 2 * min(errors)) if errors else 2
    for row in rows:
        naive, effect, exposure = (real(row.get(key)) for key in ("naive", "estimate", "exposure"))
        share = exposure if exposure is not None else 1.0
        told.append(
            (
                str(row.get("experiment", NOT_AVAILABLE)),
                how.number(naive, decimals),
                how.number(effect, decimals) if row.get("shrunken") else f"{how.number(effect, decimals)} (not shrunk)",
                percent(share, 0),
                how.number(None if effect is None else effect * share, decimals),
            )
        )
    columns = ("Experiment", "Naive effect", "Shrunken effect", "Units exposed", "Adds to the sum")
    return Table(caption=f"Signed launches, effects in {how.effect_unit}", columns=columns, rows=tuple(told))


def _table(promise: Promise, found: Sequence[Comparison]) -> Table:
    rows = []
    for one in found:
        how = scale(promise, one.metric)
        decimals = _decimals(one, how)
        rows.append(
            (
                one.metric,
                one.variant,
                f"{whole(one.n_control)} / {whole(one.n_treatment)}",
                how.effect(one.estimate, decimals),
                how.span(one.lower, one.upper, decimals),
                relative_text(one, relative_decimals(one)),
            )
        )
    return Table(
        caption=f"Everybody against {promise.experiment.control.name}, each metric in its own unit",
        columns=("Metric", "Variant", "Units (holdout / variant)", "Effect", level_text(found[0]), "Relative effect"),
        rows=tuple(rows),
    )
