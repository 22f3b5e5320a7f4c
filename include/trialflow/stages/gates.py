"""One day of a ramp, judged: the step's promise summarised, its gates asked, and what they say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked
from trialflow.checks.novelty import not_applicable, novelty
from trialflow.checks.rollout import (
    HarmGate,
    Stretch,
    baseline_of,
    before_promise,
    data_gate,
    harm_finding,
    harm_gate,
    split_gate,
    step_promise,
)
from trialflow.checks.watch import levels
from trialflow.errors import NotSupportedError
from trialflow.spec.look import Look
from trialflow.spec.promise import Promise
from trialflow.stages.monitoring import missing_sources
from trialflow.stages.ramp import Outcome, Plan, State
from trialflow.stages.workspace import Workspace
from trialflow.warehouse.lifetime import lifetime
from trialflow.warehouse.summarise import summarise
from trialflow.warehouse.summary import Summary

GATES = ("rollout_completeness", "rollout_srm", "rollout_harm")
BAD = frozenset({Status.FAIL, Status.NO_DATA})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A day's outcome with the findings of its gates and the looks they took."""

    outcome: Outcome
    findings: tuple[Finding, ...]
    looks: tuple[Look, ...] = ()

    def of(self, check: str) -> Finding | None:
        """One finding by its check."""
        return next((one for one in self.findings if one.check == check), None)


def judge(workspace: Workspace, promise: Promise, plan: Plan, state: State, day: date, looks: Sequence[Look]) -> Judged:
    """The gates of one day, on data up to that day alone. `looks` are those on record before it.

    Data first, then the split, then harm: what is not there, or came in other shares than planned, is not compared.
    """
    stretch = state.stretch(plan, day)
    derived = step_promise(promise, plan.ramped, stretch)
    missing = missing_sources(workspace, derived, day)
    if missing:
        text = f"The data of this day is not complete in {', '.join(missing)}."
        return _missing(promise, day, _absent(promise, day, text), None)
    summary = summarise(derived, day, workspace.connections)
    data = data_gate(promise, derived, stretch, summary).finding
    split = split_gate(promise, derived, stretch, summary).finding
    if data.status in BAD:
        return _missing(promise, day, data, split)
    if split.status is Status.FAIL:
        harm = harm_finding(promise, day, (), "the split is broken")
        return Judged(outcome=Outcome.BROKEN, findings=(data, split, harm))
    gates = [
        *(_earlier(workspace, promise, plan, past, day, looks) for past in _maturing(promise, plan, state, day)),
        *([harm_gate(promise, derived, stretch, summary, looks)] if derived.experiment.treatments else []),
    ]
    harm = harm_finding(promise, day, gates)
    watched = () if derived.experiment.treatments else (_levels(workspace, promise, plan, state, summary),)
    return Judged(
        outcome=Outcome.HARM if harm.status is Status.FAIL else Outcome.QUIET,
        findings=(data, split, harm, *watched),
        looks=tuple(look for gate in gates for look in gate.checked.looks),
    )


def _missing(promise: Promise, day: date, data: Finding, split: Finding | None) -> Judged:
    harm = harm_finding(promise, day, (), "the day's data is missing")
    return Judged(outcome=Outcome.MISSING, findings=(data, *([split] if split else []), harm))


def _absent(promise: Promise, day: date, text: str) -> Finding:
    return Finding(
        experiment=promise.slug,
        check="rollout_completeness",
        as_of=day,
        status=Status.NO_DATA,
        headline=text,
        evidence={"problems": [{"day": day.isoformat(), "problem": text}]},
        next_step="Load the day, mark it complete, and run the day again.",
    )


def _maturing(promise: Promise, plan: Plan, state: State, day: date) -> list[Stretch]:
    """Steps before the present one whose last units have not matured before this day."""
    found = []
    for past in state.past:
        derived = step_promise(promise, plan.ramped, past)
        if derived.experiment.treatments and day <= derived.experiment.calendar.final_day():
            found.append(past)
    return found


def _earlier(
    workspace: Workspace, promise: Promise, plan: Plan, past: Stretch, day: date, looks: Sequence[Look]
) -> HarmGate:
    derived = step_promise(promise, plan.ramped, past)
    return harm_gate(promise, derived, past, summarise(derived, day, workspace.connections), looks)


def _levels(workspace: Workspace, promise: Promise, plan: Plan, state: State, after: Summary) -> Finding:
    before = before_promise(promise, plan.ramped)
    names = before.experiment.metrics.names
    as_of = min(promise.experiment.calendar.final_day(), plan.start - timedelta(days=1))
    summary = summarise(before, as_of, workspace.connections)
    days = plan.step(state.step).days
    return levels(promise, summary, after, names=names, days=days).finding


def recheck_novelty(workspace: Workspace, promise: Promise, plan: Plan, state: State, day: date) -> Finding:
    """At the end of the watch, whether the effect changes with days since exposure, on the units of the last step."""
    stretch = state.stretch(plan, day)
    checked = _novelty(workspace, promise, plan, stretch, day)
    return _renamed(checked, promise.slug)


def _novelty(workspace: Workspace, promise: Promise, plan: Plan, stretch: Stretch, day: date) -> Checked:
    if baseline_of(promise.experiment, stretch.share) is None:
        return not_applicable(promise, day, "everybody has the winner, so there is nobody to compare with")
    derived = step_promise(promise, plan.ramped, stretch)
    metric = promise.metrics[promise.experiment.metrics.primary.metric]
    try:
        return novelty(derived, lifetime(derived, metric, day, workspace.connections), day)
    except NotSupportedError as reason:
        return not_applicable(promise, day, str(reason))


def _renamed(checked: Checked, slug: str) -> Finding:
    return replace(checked.finding, experiment=slug, check="rollout_novelty")
