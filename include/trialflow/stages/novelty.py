"""Novelty decay: the effect by days since first exposure."""

from __future__ import annotations

from datetime import date

from trialflow.checks.finding import Finding
from trialflow.checks.history import Checked
from trialflow.checks.novelty import not_applicable, novelty
from trialflow.errors import NotSupportedError
from trialflow.registry import Registry
from trialflow.spec.promise import Promise
from trialflow.stages.telling import alert_messages
from trialflow.stages.workspace import Workspace, registered
from trialflow.warehouse.lifetime import lifetime


def watch_novelty(workspace: Workspace, slug: str, as_of: date) -> Finding:
    """Judge and record one experiment on one day."""
    with workspace.registry() as registry:
        promise = registered(registry, slug)
        checked = check_novelty(workspace, promise, as_of)
        record_novelty(registry, promise, checked.finding)
    return checked.finding


def check_novelty(workspace: Workspace, promise: Promise, as_of: date) -> Checked:
    """The finding, without recording it."""
    if promise.experiment.analysis.novelty.policy == "none":
        return not_applicable(promise, as_of, "the promise asks for no novelty check")
    try:
        summary = lifetime(
            promise, promise.metrics[promise.experiment.metrics.primary.metric], as_of, workspace.connections
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
