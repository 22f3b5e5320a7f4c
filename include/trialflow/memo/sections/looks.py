"""How much was known and how often it was looked at: information, looks, alpha."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from trialflow.memo.evidence import Evidence, real, to_day
from trialflow.memo.memo import Section, Table
from trialflow.memo.sections.effect import POLICY, scale
from trialflow.memo.words import (
    NOT_AVAILABLE,
    absolute,
    counted,
    day,
    fixed,
    percent,
    probability,
    sentence,
    whole,
)
from trialflow.spec.experiment import Policy
from trialflow.spec.look import Look, LookPurpose
from trialflow.spec.promise import Promise
from trialflow.stats.power import achieved_power, drift, power_per_test

HIGHEST_BOUNDARY = 8.0  # beyond this many standard errors no look can stop anything (methods: early looks)
PURPOSE: Mapping[LookPurpose, str] = {
    LookPurpose.EFFICACY: "benefit",
    LookPurpose.NON_INFERIORITY: "non-inferiority",
    LookPurpose.HARM: "harm",
}


def latest(looks: Sequence[Look]) -> tuple[Look, ...]:
    """The newest revision of each look, by purpose, day, metric and variant."""
    newest: dict[tuple[LookPurpose, date, str, str], Look] = {}
    for look in looks:
        key = (look.purpose, look.as_of, look.metric, look.variant)
        if key not in newest or look.revision >= newest[key].revision:
            newest[key] = look
    order = list(LookPurpose)
    return tuple(newest[key] for key in sorted(newest, key=lambda key: (order.index(key[0]), *key[1:])))


def look_days_taken(promise: Promise, looks: Sequence[Look], evidence: Evidence) -> tuple[date, ...]:
    """Days on which the primary metric was looked at for a benefit; a confidence sequence looks on every day."""
    primary = promise.experiment.metrics.primary.metric
    recorded = {look.as_of for look in looks if look.purpose is LookPurpose.EFFICACY and look.metric == primary}
    shown = {date.fromisoformat(row["day"]) for row in evidence.rows("effects", "looks") if row.get("day")}
    if promise.experiment.analysis.stopping.policy is Policy.ALWAYS_VALID:
        rows = evidence.rows("effects", "path")
        shown |= {date.fromisoformat(row["day"]) for row in rows if row.get("estimate") is not None}
    return tuple(sorted(recorded | shown))


def looks_text(promise: Promise, looks: Sequence[Look], evidence: Evidence) -> str:
    """`2 of 4 planned looks`; a confidence sequence says on how many days it was read."""
    taken = look_days_taken(promise, looks, evidence)
    if promise.experiment.analysis.stopping.policy is Policy.ALWAYS_VALID:
        return f"{counted(len(taken), 'daily look')}, all allowed"
    if promise.experiment.analysis.stopping.policy is Policy.FIXED:
        # An extension postpones the one look: on the former last day none was taken.
        return f"{len(taken)} of 1 planned look"
    extended = bool(evidence.get("effects", "extended")) or any(
        found > promise.experiment.calendar.final_day() for found in taken
    )
    return f"{len(taken)} of {counted(len(promise.experiment.look_days(extended=extended)), 'planned look')}"


def power_section(promise: Promise, evidence: Evidence, looks: Sequence[Look], *, shown: bool) -> Section:
    """Planned against achieved information, and the ledger of looks."""
    policy = promise.experiment.analysis.stopping.policy
    analysis = promise.experiment.analysis
    split = len(promise.experiment.treatments)
    share = f" (split evenly over {split} treatments)" if split > 1 else ""
    opening = (
        f"Stopping policy: {POLICY[policy]}. {sentence(looks_text(promise, looks, evidence) + ' taken')} "
        f"The promised two-sided error rate is {probability(analysis.alpha)}{share}, "
        f"the promised power {percent(analysis.power)}."
    )
    found = latest(looks)
    benefit = tuple(look for look in found if look.purpose is not LookPurpose.HARM)
    harm = tuple(look for look in found if look.purpose is LookPurpose.HARM)
    table = (
        *((_look_table(promise, benefit, shown=shown),) if benefit else ()),
        *((_harm_table(harm, shown=shown),) if harm else ()),
    )
    note = () if found else (f"The ledger of looks is empty: alpha spent is {NOT_AVAILABLE}.",)
    if policy is Policy.ALWAYS_VALID and not found:
        note = ("A confidence sequence spends no alpha look by look; its error rate holds over all looks together.",)
    return Section(title="Power and looks", paragraphs=(opening, _information(promise, evidence), *note), tables=table)


def _information(promise: Promise, evidence: Evidence) -> str:
    if "information" not in evidence.findings:
        return f"Achieved information is {NOT_AVAILABLE}: the check did not run."
    fraction = evidence.number("information", "fraction")
    units, expected = evidence.number("information", "units"), evidence.number("information", "expected_units")
    suppressed = evidence.get("information", "suppressed")
    if suppressed:  # the units and the plan are known all the same
        units, expected = evidence.split_units, promise.plan.expected_units
    reached = (
        f"{percent(fraction, 0)} of the planned information was reached"
        if fraction is not None
        else f"the share of the planned information is {NOT_AVAILABLE}{f': {suppressed}' if suppressed else ''}"
    )
    seen = f"{whole(units)} units were seen" if units is not None else f"units seen: {NOT_AVAILABLE}"
    plan = f", {whole(expected)} were expected" if expected is not None else ", how many were expected is not on record"
    more = " Promised extension days are left." if evidence.get("information", "extension_left") else ""
    power = "" if suppressed else _achieved_power(promise, fraction)
    return f"{sentence(reached)} {sentence(seen + plan)}{more}{_planned_units(promise)}{power}{_forecast(evidence)}"


def _achieved_power(promise: Promise, fraction: float | None) -> str:
    """The power that the information reached gives against the promised minimum effect, never against the one observed."""
    primary = promise.experiment.metrics.primary.metric
    plan = promise.plan.of(primary)
    if plan is None or plan.minimum_effect is None or not fraction or fraction <= 0:
        return ""
    analysis, guardrails = promise.experiment.analysis, promise.experiment.metrics.guardrails
    alpha = promise.experiment.alpha_per_treatment
    # Planned information gives this drift, whatever the stopping policy inflated it by.
    planned = drift(alpha=alpha, power=power_per_test(analysis.power, guardrails=len(guardrails)))
    reached = float(achieved_power(effect=planned, information=fraction, alpha=alpha))
    how = scale(promise, primary)
    return (
        f" With the information reached, a true effect of {absolute(plan.minimum_effect, how)} is found with a power of "
        f"{percent(reached, 0)}; {percent(analysis.power, 0)} were promised"
        + (", for this metric and all guardrails together." if guardrails else ".")
    )


def _forecast(evidence: Evidence) -> str:
    """What the looks to come may bring, while there are any."""
    said = ""
    for row in evidence.rows("information", "forecast"):
        trend, planned = real(row.get("conditional_power")), real(row.get("conditional_power_planned"))
        if trend is None:
            continue
        promised = f", {percent(planned, 0)} if the smallest effect worth having is true" if planned is not None else ""
        when = to_day(row.get("expected_decision"))
        said += (
            f" The chance that {row.get('variant')} still shows a benefit is {percent(trend, 0)} if the effect is what it "
            f"looks like now{promised}"
            + (
                f"; a decision is expected about {day(when)}, on {day(last)} at the latest."
                if when and (last := to_day(row.get("last_look")))
                else "."
            )
        )
    return said


def _planned_units(promise: Promise) -> str:
    primary = promise.experiment.metrics.primary.metric
    plan = promise.plan.of(primary)
    if plan is None or plan.units_per_variant is None or plan.minimum_effect is None:
        return ""
    how = scale(promise, primary)
    least = absolute(plan.minimum_effect, how)
    return f" Registration asked for {whole(plan.units_per_variant)} units in each variant to find {least}."


def _look_table(promise: Promise, looks: Sequence[Look], *, shown: bool) -> Table:
    rows = []
    for look in looks:
        plan = promise.plan.of(look.metric)
        planned = plan.planned_information if plan else None
        rows.append(
            (
                day(look.as_of),
                PURPOSE[look.purpose],
                look.metric,
                look.variant,
                _share(look, planned) if shown else "not shown",
                fixed(look.z, 2) if shown else "not shown",
                _boundary(look),
                probability(look.alpha_spent),
                ("yes" if look.crossed else "no") if shown else "not shown",
                "first record" if look.revision == 0 else f"restated data, revision {look.revision}",
            )
        )
    columns = (
        "Day",
        "Looks for",
        "Metric",
        "Variant",
        "Information",
        "z",
        "Boundary",
        "Alpha spent so far",
        "Crossed",
        "Record",
    )
    caption = "Looks taken; z and boundary in standard errors, z positive in the good direction, alpha spent cumulative"
    return Table(caption=caption, columns=columns, rows=tuple(rows))


def _share(look: Look, planned: float | None) -> str:
    """Of the planned information; only the primary metric has a plan."""
    return percent(look.information / planned, 0) if planned else "none planned"


def _boundary(look: Look) -> str:
    return "cannot stop yet" if look.boundary > HIGHEST_BOUNDARY else fixed(look.boundary, 2)


def _harm_table(looks: Sequence[Look], *, shown: bool) -> Table:
    """Harm is looked for on every day, so each metric has one row: how often, and where it stands."""
    grouped: dict[tuple[str, str], list[Look]] = {}
    for look in looks:
        grouped.setdefault((look.metric, look.variant), []).append(look)
    rows = []
    for (metric, variant), taken in grouped.items():
        last = taken[-1]
        crossed = next((look.as_of for look in taken if look.crossed), None)
        rows.append(
            (
                metric,
                variant,
                whole(len(taken)),
                day(last.as_of),
                fixed(last.z, 2) if shown else "not shown",
                _boundary(last),
                probability(last.alpha_spent),
                ("no" if crossed is None else f"on {day(crossed)}") if shown else "not shown",
            )
        )
    caption = "Looks for harm, one-sided with their own alpha; z in standard errors, positive in the bad direction"
    columns = ("Metric", "Variant", "Looks", "Last look", "z", "Boundary", "Alpha spent so far", "Crossed")
    return Table(caption=caption, columns=columns, rows=tuple(rows))
