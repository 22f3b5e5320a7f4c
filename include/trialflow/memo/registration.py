"""The registration note: what is promised before the first unit is exposed, and what the plan asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from trialflow.checks.finding import Finding, Status, worst
from trialflow.memo.build import labels, provenance
from trialflow.memo.code import code
from trialflow.memo.evidence import Evidence, real
from trialflow.memo.inputs import Inputs, finding_references, plan_reference
from trialflow.memo.memo import Memo, Section, Table
from trialflow.memo.sections.effect import POLICY, scale
from trialflow.memo.sections.integrity import STATUS, check_name
from trialflow.memo.sections.record import CHANGE_COLUMNS, Amendment, changed_fields
from trialflow.memo.words import (
    NOT_AVAILABLE,
    absolute,
    amount,
    counted,
    day,
    listed,
    percent,
    period,
    plain,
    probability,
    sentence,
    significant,
    whole,
)
from trialflow.spec.experiment import Policy
from trialflow.spec.fingerprint import fingerprint
from trialflow.spec.promise import Promise


def registration_note(
    promise: Promise,
    findings: Sequence[Finding] = (),
    amendments: Sequence[Amendment] = (),
    *,
    promise_fingerprint: str = "",
    made_by: str = "",
) -> Memo:
    """What was promised and locked, and how registration's own checks came out (`findings`).

    With `amendments`, oldest first, it is the note of the last of them: its reason and its changed fields come first.
    `made_by` names the code where it is not the present one.
    """
    experiment = promise.experiment
    evidence = Evidence.of(findings)
    as_of = max((finding.as_of for finding in findings), default=experiment.calendar.first_day)
    status = worst([finding.status for finding in evidence])
    calendar = experiment.calendar
    planned = period(calendar.first_day, calendar.final_day())
    locked = promise_fingerprint or fingerprint(promise)
    rests_on = provenance(promise, evidence, interval=planned, promise_fingerprint=locked, made_by=made_by)
    return Memo(
        experiment=promise.slug,
        as_of=as_of,
        title=experiment.title,
        verdict=("AMENDED" if amendments else "REGISTERED")
        + (", WITH A FAILED CHECK" if status is Status.FAIL else ""),
        summary=" ".join([*_amended(amendments), _summary(promise)]),
        labels=labels(promise),
        highlights={
            "Enrolment": period(calendar.first_day, calendar.last_day),
            "Primary metric": experiment.metrics.primary.metric,
            "Minimum effect": amount(
                experiment.metrics.primary.minimum_effect, scale(promise, experiment.metrics.primary.metric)
            ),
            "Looks": _looks(promise),
        },
        sections=(
            *_amendment(amendments),
            _why(promise),
            _what(promise),
            _metrics(promise),
            _plan(promise, evidence),
            _rules(promise),
            *_after(promise),
            *_checks(evidence),
        ),
        provenance={
            name.replace("Data", "Planned data"): text
            for name, text in rests_on.items()
            if name != "Data fingerprint"  # there is no data yet
        },
        inputs=Inputs(
            promise=locked,
            version=len(amendments) + 1,
            code=made_by or code(),
            plan=plan_reference(promise.plan),
            findings=finding_references(findings),
        ),
    )


def _amended(amendments: Sequence[Amendment]) -> tuple[str, ...]:
    """One sentence that nobody can take for a first registration."""
    return tuple(
        f"This is version {len(amendments) + 1} of the promise, amended on {day(as_of)} in "
        f"{counted(len(changes), 'field')}. {sentence(f'Reason: {reason}')}"
        for as_of, reason, changes in amendments[-1:]
    )


def _amendment(amendments: Sequence[Amendment]) -> tuple[Section, ...]:
    """What this amendment changes; the earlier ones have their own notes and are counted."""
    if not amendments:
        return ()
    rows = changed_fields(amendments[-1:])
    caption = "What differs from the version before, field by field"
    before = len(amendments) - 1
    earlier = (f"{counted(before, 'earlier amendment')} went before this one.",) if before else ()
    return (
        Section(
            title="Amendment",
            paragraphs=(sentence(f"Reason: {amendments[-1][1]}"), *earlier),
            tables=(Table(caption=caption, columns=CHANGE_COLUMNS, rows=rows),) if rows else (),
            essential=True,
        ),
    )


def _summary(promise: Promise) -> str:
    experiment = promise.experiment
    calendar = experiment.calendar
    arms = listed([variant.name for variant in experiment.treatments])
    primary = experiment.metrics.primary.metric
    return sentence(
        f"This experiment will compare {arms} with {experiment.control.name} on {primary} for "
        f"{counted(calendar.days, 'day')} from {day(calendar.first_day)}, with {_looks(promise)}"
    )


def _looks(promise: Promise) -> str:
    if promise.experiment.analysis.stopping.policy is Policy.ALWAYS_VALID:
        return f"a look allowed on each of {counted(promise.experiment.calendar.days, 'day')}"
    return counted(len(promise.experiment.look_days()), "planned look")


def _why(promise: Promise) -> Section:
    experiment = promise.experiment
    return Section(
        title="Why",
        points=(sentence(f"Hypothesis: {experiment.hypothesis}"), sentence(f"Mechanism: {experiment.mechanism}")),
        essential=True,
    )


def _what(promise: Promise) -> Section:
    experiment = promise.experiment
    rows = tuple(
        (
            variant.name,
            variant.role.value,
            percent(experiment.weights_on(experiment.calendar.last_day)[variant.name]),
            variant.model_version or "not stated",
            variant.description or "not stated",
        )
        for variant in experiment.variants
    )
    ramp = tuple(
        f"From {day(step.day)}: " + ", ".join(f"{name} {percent(share)}" for name, share in step.weights.items()) + "."
        for step in experiment.calendar.ramp
    )
    return Section(
        title="Variants",
        paragraphs=(
            f"Audience: {sentence(experiment.audience)} Unit: {plain(experiment.unit)}. Layer: {experiment.layer}. "
            f"Owner: {experiment.owner}.",
        ),
        points=ramp,
        tables=(
            Table(
                caption="Variants and their planned shares of the audience",
                columns=("Variant", "Role", "Share", "Model version", "Description"),
                rows=rows,
            ),
        ),
    )


def _metrics(promise: Promise) -> Section:
    metrics = promise.experiment.metrics
    margins = {guardrail.metric: guardrail.margin for guardrail in metrics.guardrails}
    rows = []
    for name in metrics.names:
        definition = promise.metrics.get(name)
        role = (
            "primary"
            if name == metrics.primary.metric
            else "guardrail"
            if name in margins
            else "secondary"
            if name in metrics.secondary
            else "diagnostic"
        )
        limit = f"margin {amount(margins[name], scale(promise, name))}" if role == "guardrail" else ""
        least = (
            f"minimum effect {amount(metrics.primary.minimum_effect, scale(promise, name))}"
            if role == "primary"
            else ""
        )
        rows.append(
            (
                name,
                role,
                f"more is better ({definition.kind.value})" if definition and definition.direction.sign > 0
                else f"less is better ({definition.kind.value})" if definition else NOT_AVAILABLE,
                limit or least or "none",
                definition.description if definition else NOT_AVAILABLE,
            )
        )  # fmt: skip
    return Section(
        title="Metrics",
        tables=(
            Table(
                caption="Metrics, their roles and promised sizes",
                columns=("Metric", "Role", "Direction", "Promised size", "Definition"),
                rows=tuple(rows),
            ),
        ),
        essential=True,
    )


def _plan(promise: Promise, evidence: Evidence) -> Section:
    shown = {str(row.get("metric")): real(row.get("resolvable")) for row in evidence.rows("power", "metrics")}
    knows = any(value is not None for value in shown.values())
    rows = []
    for plan in promise.plan.metrics:
        how = scale(promise, plan.metric)
        rows.append(
            (
                plan.metric,
                f"{significant(plan.baseline_mean * how.factor)}{how.value_suffix}",
                f"{significant(plan.baseline_std_dev * how.factor)} {how.effect_unit}",
                NOT_AVAILABLE if plan.minimum_effect is None else absolute(plan.minimum_effect, how),
                NOT_AVAILABLE if plan.units_per_variant is None else whole(plan.units_per_variant),
                *((_resolved(promise, plan.metric, shown.get(plan.metric)),) if knows else ()),
                plan.origin or "not stated",
            )
        )
    expected = promise.plan.expected_units
    daily = promise.plan.units_per_day
    traffic = (
        f"Traffic: {whole(daily) if daily is not None else NOT_AVAILABLE} units a day, "
        f"{whole(expected) if expected is not None else NOT_AVAILABLE} units expected over the calendar."
    )
    columns = ("Metric", "Baseline", "Standard deviation", "Effect to find", "Units per variant")
    columns = (*columns, *(("Expected traffic finds",) if knows else ()), "Baseline from")
    table = Table(caption="Planned sample sizes; baselines per unit", columns=columns, rows=tuple(rows))
    each = evidence.number("power", "power_per_test")
    together = promise.experiment.analysis.power
    power = (
        (f"Each is planned with a power of {percent(each, 0)}, so that all together have {percent(together)}.",)
        if each is not None and each > together and promise.experiment.metrics.guardrails
        else ()
    )
    return Section(title="Plan", paragraphs=(traffic, *power), tables=(table,) if rows else (), essential=True)


def _resolved(promise: Promise, metric: str, size: float | None) -> str:
    """The smallest effect or margin that the expected traffic resolves, of the kind that was promised."""
    if size is None:
        return NOT_AVAILABLE
    margins = {one.metric: one.margin for one in promise.experiment.metrics.guardrails}
    if metric in margins and margins[metric].relative is not None:
        return f"{significant(100.0 * size)}% of the control value"
    return absolute(size, scale(promise, metric))


def _rules(promise: Promise) -> Section:
    analysis = promise.experiment.analysis
    days = promise.experiment.look_days()
    reduction = analysis.variance_reduction
    waived = analysis.aa.waived
    points = [
        f"Stopping policy: {POLICY[analysis.stopping.policy]}; {_looks(promise)}.",
        f"Two-sided alpha {probability(analysis.alpha)}, power {percent(analysis.power)}; guardrails one-sided "
        f"{probability(analysis.guardrail_alpha)}; harm one-sided {probability(analysis.harm_alpha)} per metric.",
        f"The traffic split raises the alarm at {probability(analysis.srm_alpha)} and is then terminal.",
        "Variance reduction: "
        + (
            f"CUPED over {counted(reduction.pre_period_days, 'day')} before exposure."
            if reduction.method == "cuped"
            else "none."
        ),
        f"A/A validation waived: {sentence(waived)}"
        if waived
        else f"A/A validation: {whole(analysis.aa.splits)} re-splits before the start.",
    ]
    if analysis.stopping.policy is not Policy.ALWAYS_VALID:
        points.insert(1, f"Looks on {listed([day(found) for found in days])}.")
    return Section(title="Rules", points=tuple(points))


def _after(promise: Promise) -> tuple[Section, ...]:
    """Canary, ramp and watch: what is exposed before the experiment and after a signed launch, and what takes it back."""
    experiment = promise.experiment
    rules = experiment.decision
    points = []
    if rules.canary:
        last = experiment.calendar.first_day - timedelta(days=1)
        first = experiment.calendar.first_day - timedelta(days=rules.canary.days)
        points.append(
            f"Canary: {percent(rules.canary.share)} of the audience gets the treatments before the start, "
            f"{period(first, last)}."
        )
    if rules.rollout:
        steps = listed([f"{percent(step.share)} for {counted(step.days, 'day')}" for step in rules.rollout])
        points.append(f"Ramp after a signed launch: {steps}, longer where data are missing or the ramp is held.")
    if rules.watch_days:
        points.append(f"The launch is watched for {counted(rules.watch_days, 'day')}.")
    if not points:
        return ()
    gates = (*experiment.metrics.guardrails, *rules.system_guardrails)
    named = [f"{one.metric} (margin {amount(one.margin, scale(promise, one.metric))})" for one in gates]
    harmed = listed([experiment.metrics.primary.metric, *named])
    points.append(f"Each step is compared alone: harm to {harmed} takes it back, a broken split holds it.")
    return (Section(title="Before the start and after a launch", points=tuple(points)),)


def _checks(evidence: Evidence) -> tuple[Section, ...]:
    rows = tuple(
        (
            check_name(finding.check),
            STATUS[finding.status],
            sentence(finding.headline),
            sentence(finding.next_step) or "none",
        )
        for finding in evidence
    )
    if not rows:
        return ()
    columns = ("Check", "Status", "What was found", "Next step")
    table = Table(caption="Checks at registration", columns=columns, rows=rows)
    return (Section(title="Registration checks", tables=(table,), essential=True),)
