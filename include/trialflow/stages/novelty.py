"""Novelty decay: the effect by days since first exposure."""

from __future__ import annotations

from datetime import date

from trialflow.checks.finding import Finding
from trialflow.checks.history import Checked
from trialflow.checks.novelty import not_applicable, novelty
from trialflow.errors import NotSupportedError
from trialflow.registry import Registry
from trialflow.spec.promise import Promise
from trialflow.stages.monitoring import counts_extension, enrolled
from trialflow.stages.telling import alert_messages
from trialflow.stages.workspace import Workspace, history_of, registered
from trialflow.warehouse.lifetime import lifetime
from trialflow.warehouse.summarise import summarise


def watch_novelty(workspace: Workspace, slug: str, as_of: date) -> Finding:
    """Judge and record one experiment on one day."""
    with workspace.registry() as registry:
        promise = registered(registry, slug)
        cohort = enrolled(registry, promise)
        extended = _counts_extension(workspace, registry, cohort, as_of)
        checked = check_novelty(workspace, promise, cohort, as_of, extended=extended)
        record_novelty(registry, promise, checked.finding)
    return checked.finding


def _counts_extension(workspace: Workspace, registry: Registry, promise: Promise, as_of: date) -> bool:
    calendar = promise.experiment.calendar
    if not calendar.max_extension_days or as_of <= calendar.final_day():
        return False
    summary = summarise(promise, as_of, workspace.connections)
    return counts_extension(promise, summary, history_of(registry, promise))


def check_novelty(workspace: Workspace, promise: Promise, cohort: Promise, as_of: date, *, extended: bool) -> Checked:
    """The finding, without recording it; `cohort` is the promise with the enrolment that a person's stop has left it.

    `extended` lets units of the extension into the cohort.
    """
    if promise.experiment.analysis.novelty.policy == "none":
        return not_applicable(promise, as_of, "the promise asks for no novelty check")
    try:
        summary = lifetime(
            cohort,
            promise.metrics[promise.experiment.metrics.primary.metric],
            as_of,
            workspace.connections,
            extended=extended,
        )
    except NotSupportedError as reason:
        return not_applicable(promise, as_of, str(reason))
    return novelty(promise, summary, as_of)


def record_novelty(registry: Registry, promise: Promise, finding: Finding) -> None:
    """Record the finding and whatever is to be told of it."""
    messages = alert_messages(registry, promise, [finding], finding.as_of)
    with registry.append(promise.slug) as record:
        record.findings([finding])
        for message in messages:
            record.intend(message)
