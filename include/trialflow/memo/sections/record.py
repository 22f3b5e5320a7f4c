"""What differs from the promise, what this memo cannot say, and what is learned from the experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from trialflow.checks.comparison import Comparison
from trialflow.checks.finding import Finding, Status
from trialflow.decision.decision import Decision, Verdict
from trialflow.memo.evidence import Evidence
from trialflow.memo.memo import Section, Table
from trialflow.memo.sections.effect import effect_text, leading, minimum_effect, primary_comparisons, scale
from trialflow.memo.sections.integrity import INTEGRITY, STATUS, check_name
from trialflow.memo.sections.looks import PURPOSE, latest
from trialflow.memo.sections.metrics import all_comparisons, outcome
from trialflow.memo.words import counted, day, period, sentence
from trialflow.spec.experiment import Policy
from trialflow.spec.look import Look, LookPurpose
from trialflow.spec.promise import Promise


class Difference(Protocol):
    """One changed field of an amended promise."""

    @property
    def field(self) -> str:
        """Dotted path inside the promise."""

    @property
    def before(self) -> Any:  # noqa: ANN401 (any JSON value)
        """What was promised first."""

    @property
    def after(self) -> Any:  # noqa: ANN401 (any JSON value)
        """What holds now."""


Amendment = tuple[date, str, Sequence[Difference]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a person ordered about a running experiment; `kind` is "stopped", "paused", "resumed" or "withdrawn"."""

    kind: str
    as_of: date
    by: str = ""
    reason: str = ""


def deviations_section(
    promise: Promise,
    evidence: Evidence,
    looks: Sequence[Look],
    amendments: Sequence[Amendment],
    orders: Sequence[Order] = (),
) -> Section:
    """Everything that is not as first promised."""
    points = []
    if promise.experiment.replay:
        points.append(
            "This is a replay of historical data: future dates, traffic power and full weeks were not required."
        )
    waived = promise.experiment.analysis.aa.waived
    if waived:
        points.append(sentence(f"A/A validation was waived: {waived}"))
    points += [
        sentence(f"{day(as_of)}: the promise was amended in {counted(len(changes), 'field')}. Reason: {reason}")
        for as_of, reason, changes in amendments
    ]
    points += [_ordered(one) for one in orders]
    points += _restated(looks)
    lock = evidence.findings.get("lock")
    if lock is not None and lock.status in (Status.FAIL, Status.WARN):
        points.append(sentence(lock.headline))
    if evidence.get("effects", "extended"):
        points.append("The promised extension days were used.")
    rows = changed_fields(amendments) + tuple(
        ("not recorded", *(_value(change.get(key)) for key in ("field", "before", "after")))
        for change in evidence.rows("lock", "differences")
    )
    table = (
        (Table(caption="What differs from the first promise, field by field", columns=CHANGE_COLUMNS, rows=rows),)
        if rows
        else ()
    )
    same = (
        "Nothing differs from the promise that was registered."
        if lock is not None
        else "No deviation is on record, but the locked promise was not checked on this day."
    )
    opening = () if points else (same,)
    return Section(
        title="Deviations from the promise", paragraphs=opening, points=tuple(points), tables=table, essential=True
    )


CHANGE_COLUMNS = ("Amended on", "Field", "Before", "After")


def changed_fields(amendments: Sequence[Amendment]) -> tuple[tuple[str, ...], ...]:
    """One row per changed field, under `CHANGE_COLUMNS`."""
    return tuple(
        (day(as_of), change.field, _value(change.before), _value(change.after))
        for as_of, _, changes in amendments
        for change in changes
    )


def _ordered(order: Order) -> str:
    """`Stopped on 7 January 2026 by ada: The supplier is gone.`; nobody has to say why they resume."""
    who = f" by {order.by}" if order.by else ""
    why = f": {order.reason.strip()}" if order.reason.strip() else ""
    return sentence(f"{order.kind} on {day(order.as_of)}{who}{why}")


def _value(value: Any) -> str:  # noqa: ANN401 (any JSON value)
    return "not stated" if value is None or value == "" else str(value)


def _restated(looks: Sequence[Look]) -> list[str]:
    """Looks whose data changed afterwards; a crossing that appears only then needs a person.

    The order of `looks` must not matter: a memo is made again from looks in another one.
    """
    first = {_which(look): look for look in looks if look.revision == 0}
    revised = [look for look in latest(looks) if look.revision > 0 and _which(look) in first]
    points = []
    for purpose, metric, variant in dict.fromkeys((look.purpose, look.metric, look.variant) for look in revised):
        of_these = [look for look in revised if (look.purpose, look.metric, look.variant) == (purpose, metric, variant)]
        same = [look for look in of_these if look.crossed == first[_which(look)].crossed]
        points += [_judged_again(same)] if same else []
        for look in of_these:
            if look.crossed and not first[_which(look)].crossed:
                points.append(
                    f"{_judged_again([look])} The boundary is crossed only on the restated data, so a person must judge it."
                )
            elif first[_which(look)].crossed and not look.crossed:
                points.append(f"{_judged_again([look])} The boundary is no longer crossed.")
    return points


def _which(look: Look) -> tuple[LookPurpose, date, str, str]:
    return look.purpose, look.as_of, look.metric, look.variant


def _judged_again(looks: Sequence[Look]) -> str:
    """One sentence about looks for the same, in the order of their days."""
    one, last = looks[0], looks[-1]
    about = f"({one.metric}, {one.variant}) were restated"
    if len(looks) == 1:
        return (
            f"The data behind the look for {PURPOSE[one.purpose]} of {day(one.as_of)} {about}; it was judged again at its "
            "recorded boundary."
        )
    return (
        f"The data behind {len(looks)} looks for {PURPOSE[one.purpose]} from {period(one.as_of, last.as_of)} {about}; each "
        "was judged again at its recorded boundary."
    )


TOLD_ON_TOP = frozenset({"srm", "srm_final", "lock"})  # as labels or deviations, where nobody overlooks them
TOLD_BY_THEMSELVES = frozenset({"shrinkage", "segments", *INTEGRITY})  # that a check could not be made stands there


def _limits(finding: Finding) -> bool:
    """Whether a finding limits what the numbers say and that is not told elsewhere."""
    if finding.status is Status.NOT_APPLICABLE:
        return finding.check not in TOLD_BY_THEMSELVES and not finding.evidence.get("suppressed")
    doubted = finding.status in (Status.WARN, Status.NO_DATA)
    return doubted and finding.check not in TOLD_ON_TOP and finding.check != "shrinkage"


def limits_section(promise: Promise, evidence: Evidence, *, shown: bool) -> Section:
    """What is paid for the effect, and what the numbers do not say: conditions, checks that could not run, simulated data."""
    points = [*(_trade_offs(promise, evidence) if shown else ())]
    if promise.simulated:
        points.append("The data are simulated: the figures say nothing about any real product.")
    if evidence.get("effects", "running_totals"):
        points.append(
            "The source holds running totals of units without a fixed window, so the looks are related in another "
            "way than the group-sequential boundaries assume; the error rate is not exactly the promised one."
        )
    points += [
        sentence(f"{check_name(finding.check)}, {STATUS[finding.status]}: {finding.headline}")
        for finding in evidence
        if _limits(finding)
    ]
    points.append(_policy_note(promise))
    points.append(
        "Whether the effect is the same for other people, at other times or together with other changes was not tested."
    )
    return Section(title="Limits and known trade-offs", points=tuple(points))


def _trade_offs(promise: Promise, evidence: Evidence) -> list[str]:
    """Metrics beside the primary one that moved the wrong way; a guardrail within its margin may be among them."""
    return [
        sentence(
            f"Trade-off: {one.metric} ({one.role}) moved the wrong way under {one.variant}, by "
            f"{effect_text(one, scale(promise, one.metric))}; {outcome(one)}"
        )
        for one in all_comparisons(promise, evidence)
        if one.role != "primary" and _is_worse(one)
    ]


def _is_worse(one: Comparison) -> bool:
    if one.lower is None or one.upper is None:
        return False
    return one.upper < 0 if one.direction == "increase" else one.lower > 0


def _policy_note(promise: Promise) -> str:
    policy = promise.experiment.analysis.stopping.policy
    if policy is Policy.GROUP_SEQUENTIAL:
        return (
            "Intervals at planned looks hold at all planned looks together; the band of the chart holds on every day."
        )
    if policy is Policy.ALWAYS_VALID:
        return "Intervals hold on all days together, for large samples; that is why they are wide."
    return "The interval of the final look holds for that one look; before it only the wider band may be read."


def review_section(promise: Promise, decision: Decision, evidence: Evidence, *, shown: bool) -> Section:
    """Hypothesis, mechanism, whether it held, and what follows: who does what by when."""
    experiment = promise.experiment
    signature = decision.signature
    actions = signature.follow_ups if signature else ()
    table = Table(
        caption="Follow-up actions",
        columns=("Action", "Owner", "Due"),
        rows=tuple((one.action, one.owner, day(one.due) if one.due else "no day given") for one in actions),
    )
    return Section(
        title="Review",
        points=(
            sentence(f"Hypothesis: {experiment.hypothesis}"),
            sentence(f"Mechanism: {experiment.mechanism}"),
            sentence(f"Did it hold? {_held(promise, decision, evidence, shown=shown)}"),
            f"Owner of the experiment: {experiment.owner}.",
            *((f"Owner of what follows: {signature.owner}.",) if signature and signature.owner else ()),
            *(() if actions else (_no_actions(decision),)),
        ),
        tables=(table,) if actions else (),
        essential=bool(actions),
    )


def _no_actions(decision: Decision) -> str:
    if decision.signature:
        return "Follow-up actions: none were given with the signature."
    if decision.verdict is Verdict.EXTEND:
        return "Follow-up actions: none; the extension runs by itself."
    return "Follow-up actions: they are given with the signature."


def _held(promise: Promise, decision: Decision, evidence: Evidence, *, shown: bool) -> str:
    """Only what the primary interval supports; the mechanism itself is never shown by an effect."""
    if not shown:
        return "It cannot be answered, because the experiment is not valid"
    one = leading(decision, primary_comparisons(promise, evidence))
    if one is None or one.lower is None or one.upper is None:
        return "It cannot be answered yet, because the primary effect is not available"
    sign = 1 if one.direction == "increase" else -1
    low, high = sorted((sign * one.lower, sign * one.upper))
    if decision.verdict is Verdict.PARTIAL:
        return f"Not for everybody: a benefit is shown only where {decision.segment or 'the promised segment'}"
    if low > 0 and low < minimum_effect(promise, one.control or 0.0):
        return (
            f"{one.metric} moved in the expected direction; whether by as much as was promised is open. The mechanism "
            "remains an explanation, not a finding"
        )
    if low > 0:
        return f"{one.metric} moved in the expected direction; the mechanism remains an explanation, not a finding"
    if high < 0:
        return f"{one.metric} moved against the expected direction"
    return f"Not shown: the interval of {one.metric} includes effects in both directions"
