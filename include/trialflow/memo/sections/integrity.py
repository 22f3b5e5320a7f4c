"""Can the data be believed? The split, the logs, the A/A validation and the lock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trialflow.checks.finding import Finding, Status
from trialflow.memo.evidence import Evidence, real, to_day
from trialflow.memo.memo import Allocation, Chart, Section, Table
from trialflow.memo.words import (
    NOT_AVAILABLE,
    counted,
    day,
    decimals_for,
    fixed,
    p_value,
    percent,
    plain,
    probability,
    scale_of,
    sentence,
    significant,
    whole,
)
from trialflow.spec.promise import Promise

STATUS: Mapping[Status, str] = {
    Status.PASS: "pass",
    Status.WARN: "warning",
    Status.FAIL: "fail",
    Status.NO_DATA: "no data",
    Status.NOT_APPLICABLE: "not applicable",
}
NAMES: Mapping[str, str] = {
    "srm": "Traffic split, every day",
    "srm_final": "Traffic split, final test",
    "completeness": "Completeness",
    "day_to_day": "Spread of daily effects",
    "aa": "A/A validation",
    "adjustment": "Adjustment by the pre-period",
    "collision": "Collisions with other experiments",
    "lock": "Locked promise",
    "harm": "Harm",
    "effects": "Primary metric",
    "guardrails": "Guardrails",
    "secondary": "Secondary metrics",
    "diagnostics": "Diagnostics",
    "segments": "Segments",
    "novelty": "Novelty",
    "information": "Planned information",
    "power": "Power",
    "holdout": "Holdout",
    "shrinkage": "Shrinkage",
    "caps": "Caps",
    "imbalance": "Balance before the start",
    "canary": "Canary",
    "rollout": "Rollout",
    "rollout_completeness": "Data of the rollout",
    "rollout_srm": "Traffic split of the rollout",
    "rollout_harm": "Harm in the rollout",
    "rollout_novelty": "Novelty after the launch",
    "watch": "Watch after the launch",
}
INTEGRITY = (
    "srm",
    "srm_final",
    "completeness",
    "day_to_day",
    "aa",
    "imbalance",
    "adjustment",
    "caps",
    "collision",
    "lock",
)
EXPECTED = ("srm", "completeness", "aa", "lock")
TOLD_ELSEWHERE = frozenset(
    {
        *("effects", "guardrails", "secondary", "diagnostics", "segments", "novelty", "harm"),
        *("information", "power", "shrinkage", "holdout"),
    }
)
"""Checks that have a section or a sentence of their own; every other one is a row here, known by name or not."""


def integrity_section(promise: Promise, evidence: Evidence) -> Section:
    """One row per integrity check, and the allocation chart."""
    rows = []
    for check in _told_here(evidence):
        finding = evidence.findings.get(check)
        if finding is not None:
            rows.append(
                (
                    check_name(check),
                    STATUS[finding.status],
                    sentence(finding.headline),
                    _detail(promise, evidence, check),
                )
            )
        elif check in EXPECTED:
            rows.append((check_name(check), NOT_AVAILABLE, "The check has no finding for this day.", ""))
    chart = allocation_chart(promise, evidence)
    return Section(
        title="Integrity",
        paragraphs=(_verdict(evidence),),
        tables=(
            Table(
                caption="Checks of the data and of the record",
                columns=("Check", "Status", "What was found", "Figures"),
                rows=tuple(rows),
            ),
            *_where_table(evidence),
            *_pre_period_table(evidence),
            *_aa_table(evidence),
        ),
        charts=(chart,) if chart else (),
        essential=True,
    )


def _told_here(evidence: Evidence) -> tuple[str, ...]:
    return (*INTEGRITY, *(check for check in evidence.findings if check not in {*INTEGRITY, *TOLD_ELSEWHERE}))


def check_name(check: str) -> str:
    """A check in words."""
    return NAMES.get(check, plain(check).capitalize())


def troubles(evidence: Evidence) -> tuple[str, ...]:
    """What a reader should know first: every integrity check that did not pass, with its next step."""
    found = (evidence.findings.get(check) for check in _told_here(evidence))
    return tuple(_trouble(finding) for finding in found if finding and finding.status in _TROUBLE)


def _verdict(evidence: Evidence) -> str:
    bad = troubles(evidence)
    if bad:
        return "Read these first: " + " ".join(bad)
    missing = [check_name(check) for check in EXPECTED if check not in evidence.findings]
    if missing:
        return (
            f"Not every integrity check has a finding ({', '.join(missing)}); what is missing is not counted as passed."
        )
    return "Every integrity check that could run passed."


_TROUBLE = (Status.FAIL, Status.WARN, Status.NO_DATA)


def _trouble(finding: Finding) -> str:
    step = f" Next: {sentence(finding.next_step)}" if finding.next_step else ""
    return f"{check_name(finding.check)}, {STATUS[finding.status]}: {sentence(finding.headline)}{step}"


def _detail(promise: Promise, evidence: Evidence, check: str) -> str:
    if check == "srm":
        return _srm_detail(evidence)
    if check == "srm_final":
        statistic, freedom = evidence.number(check, "statistic"), evidence.number(check, "df")
        if statistic is None:
            return NOT_AVAILABLE
        threshold = evidence.number(check, "threshold")
        below = f", warning below {probability(threshold)}" if threshold is not None else ""
        p = p_value(evidence.number(check, "p_value"))
        return f"chi-square {fixed(statistic, 2)} on {significant(freedom or 0)} df, {p}{below}"
    if check == "adjustment":
        return "; ".join(_pull(promise, row) for row in evidence.rows(check, "variants"))
    return ""


def _pull(promise: Promise, row: Mapping[str, Any]) -> str:
    """`v7: effect −2.1 adjusted, −1.8 unadjusted, moved by 0.4 standard errors of the move`."""
    how = scale_of(promise.metrics.get(promise.experiment.metrics.primary.metric), promise.experiment.unit)
    adjusted, plain, error, z = (real(row.get(key)) for key in ("adjusted", "unadjusted", "adjusted_std_error", "z"))
    who = str(row.get("variant", ""))
    if adjusted is None or plain is None or z is None:
        return f"{who}: {NOT_AVAILABLE}"
    decimals = decimals_for((error or abs(adjusted)) * how.factor)
    p = real(row.get("p_value"))
    return (
        f"{who}: effect {how.effect(adjusted, decimals)} adjusted, {how.effect(plain, decimals)} unadjusted; "
        f"moved by {fixed(abs(z), 2)} of its standard errors{f' ({p_value(p)})' if p is not None else ''}"
    )


def _srm_detail(evidence: Evidence) -> str:
    parts = [f"sequential {p_value(evidence.number('srm', 'p_value'))}"]
    threshold = evidence.number("srm", "threshold")
    if threshold is not None:
        parts.append(f"alarm at {probability(threshold)}")
    alarm = to_day(evidence.get("srm", "alarm_day"))
    if alarm:
        parts.append(f"alarm on {day(alarm)}")
    mixed = evidence.number("srm", "mixed_units")
    if mixed:
        parts.append(f"{counted(int(mixed), 'unit')} seen in two variants and left out")
    return "; ".join(parts)


def _where_table(evidence: Evidence) -> tuple[Table, ...]:
    """Where the split is wrong, worst first; only what stands out: no group explains a split that is sound."""
    rows = [row for check in ("srm", "srm_final") for row in evidence.rows(check, "drill_down") if row.get("broken")]
    told = {
        (
            _where(row),
            _counts(row.get("observed")),
            _counts(row.get("expected")),
            p_value(real(row.get("adjusted_p_value"))),
        ): None
        for row in rows
    }
    if not told:
        return ()
    columns = ("Where", "Units seen", "Units planned", "Corrected p-value")
    caption = "Where the split differs from the plan, worst first (corrected by Holm over all days and groups)"
    return (Table(caption=caption, columns=columns, rows=tuple(told)),)


def _where(row: Mapping[str, Any]) -> str:
    when = to_day(row.get("value")) if row.get("dimension") == "day" else None
    return day(when) if when else f"{row.get('dimension')} = {row.get('value') or '(empty)'}"


def _counts(found: object) -> str:
    """`control 4,512, v7 4,960`."""
    known = found.items() if isinstance(found, Mapping) else ()
    return ", ".join(f"{name} {whole(units)}" for name, value in known if (units := real(value)) is not None)


def _pre_period_table(evidence: Evidence) -> tuple[Table, ...]:
    """The looks at the time before the exposure; told where they differ, and where somebody asks whether they were made."""
    rows = tuple(
        (
            str(row.get("metric", NOT_AVAILABLE)),
            NOT_AVAILABLE if (when := to_day(row.get("day"))) is None else day(when),
            NOT_AVAILABLE if (units := real(row.get("units"))) is None else whole(units),
            p_value(real(row.get("adjusted_p_value"))),
            "differ" if row.get("apart") else "agree",
        )
        for row in evidence.rows("imbalance", "looks")
    )
    if not rows:
        return ()
    columns = ("Metric", "Day of the look", "Units", "Corrected p-value", "The variants")
    share = evidence.number("imbalance", "alpha")
    alpha = f", {probability(share)} over all looks" if share is not None else ""
    return (Table(caption=f"Values from before the exposure{alpha}", columns=columns, rows=rows),)


def _aa_table(evidence: Evidence) -> tuple[Table, ...]:
    rows = []
    for row in evidence.rows("aa", "metrics"):
        rate, lower, upper = (real(row.get(key)) for key in ("rate", "lower", "upper"))
        interval = (
            f"{percent(lower, 1)} to {percent(upper, 1)}" if lower is not None and upper is not None else NOT_AVAILABLE
        )
        splits = real(row.get("splits"))
        rows.append(
            (
                str(row.get("metric", NOT_AVAILABLE)),
                STATUS.get(Status(row["status"]), "") if row.get("status") in list(Status) else NOT_AVAILABLE,
                NOT_AVAILABLE if splits is None else whole(splits),
                NOT_AVAILABLE if rate is None else percent(rate, 1),
                interval,
                p_value(real(row.get("uniformity_p"))),
            )
        )
    if not rows:
        return ()
    columns = ("Metric", "Status", "Re-splits", "Share rejected", "Interval of that share", "Uniform p-values")
    return (
        Table(caption="A/A validation: re-randomised splits without any treatment", columns=columns, rows=tuple(rows)),
    )


def allocation_chart(promise: Promise, evidence: Evidence) -> Chart | None:
    """Units per variant against the plan, with the split evidence by day; None where counts are missing."""
    observed, expected = evidence.get("srm", "observed"), evidence.get("srm", "expected")
    if not isinstance(observed, Mapping) or not isinstance(expected, Mapping) or not observed:
        return None
    names = tuple(variant.name for variant in promise.experiment.variants if variant.name in observed)
    names += tuple(name for name in observed if name not in names)
    seen = tuple(real(observed[name]) or 0.0 for name in names)
    planned = tuple(real(expected.get(name)) or 0.0 for name in names)
    path = [
        (when, real(row.get("p_value"))) for row in evidence.rows("srm", "path") if (when := to_day(row.get("day")))
    ]
    said = "; ".join(
        f"{name} {whole(one)} of {whole(plan)} planned" for name, one, plan in zip(names, seen, planned, strict=True)
    )
    unit = plain(promise.experiment.unit)
    ending = f" The sequential split test ends at {p_value(path[-1][1])}." if path else ""
    return Chart(
        kind="allocation",
        title="Units per variant against the plan",
        alt=f"Units per variant: {said}.{ending}",
        data=Allocation(
            variants=names,
            observed=seen,
            expected=planned,
            unit=f"Units ({unit})",
            days=tuple(when for when, _ in path),
            p_values=tuple(value for _, value in path),
            threshold=evidence.number("srm", "threshold"),
        ),
    )
