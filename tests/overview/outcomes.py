"""Experiments from registration to signature as a record that pages about many of them can be shown from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.fakes import FIRST, a_promise, a_source
from trialflow.checks.comparison import Comparison
from trialflow.checks.finding import Finding, Status
from trialflow.decision import Decision, Signature, Verdict
from trialflow.registry import EventKind, Registry
from trialflow.spec.fingerprint import document, fingerprint
from trialflow.spec.plan_document import plan_document
from trialflow.spec.promise import MetricPlan, Plan, Promise

LAST = FIRST + timedelta(days=27)
TODAY = FIRST + timedelta(days=120)


def a_record(folder: Path) -> Registry:
    """An empty record."""
    return Registry.open(f"sqlite:///{folder / 'registry.db'}")


def one(slug: str, *, first: date = FIRST, days: int = 28, simulated: bool = False, **changes: Any) -> Promise:
    """A promise whose calendar begins on `first`, on real or on simulated data."""
    last = first + timedelta(days=days - 1)
    calendar = {"first_day": first, "last_day": last, **changes.pop("calendar", {})}
    source = a_source().model_copy(update={"simulated": simulated})
    made = a_promise(source=source, slug=slug, title=f"About {slug}", calendar=calendar, **changes)
    named = {name: made.metrics[name] for name in made.experiment.metric_names}
    return replace(made, metrics=named)


def planned(promise: Promise, origin: str = "28 days before the start") -> Promise:
    """The promise with a baseline of its primary metric: 0.2 with standard deviation 0.4."""
    name = promise.experiment.metrics.primary.metric
    plan = MetricPlan(metric=name, baseline_mean=0.2, baseline_std_dev=0.4, origin=origin)
    return replace(promise, plan=Plan(metrics=(plan,)))


def begin(registry: Registry, promise: Promise, findings: Sequence[Finding] = (), *, validated: bool = True) -> None:
    """Register and validate on the eve of the first day."""
    eve = promise.experiment.calendar.first_day - timedelta(days=1)
    registry.register(
        document(promise), plan_document(promise.plan), fingerprint(promise), promise.slug, "ada", as_of=eve
    )
    with registry.append(promise.slug) as record:
        if validated:
            record.event(EventKind.VALIDATED, eve)
        record.findings(findings)


def decide(
    registry: Registry,
    promise: Promise,
    verdict: Verdict,
    *,
    signed: Verdict | None = None,
    as_of: date | None = None,
    signed_on: date | None = None,
    findings: Sequence[Finding] = (),
    segment: str = "",
) -> None:
    """Recommend a verdict on the last day unless said otherwise, and sign it where `signed` says as what."""
    judged = as_of or promise.experiment.calendar.last_day
    decision = Decision(
        experiment=promise.slug,
        as_of=judged,
        verdict=verdict,
        reasons=(),
        findings={one.check: one.fingerprint for one in findings},
        variant="new",
        segment=segment,
    )
    with registry.append(promise.slug) as record:
        record.findings(findings)
        record.event(EventKind.ANALYSED, judged)
        record.decision(decision.document(), decision.fingerprint, judged)
        if signed is not None:
            signature = Signature(
                verdict=signed,
                recommended=verdict,
                signed_by="grace",
                signed_on=signed_on or judged,
                decision=decision.fingerprint,
                overridden=signed is not verdict,
                variant="new",
                segment=segment,
            )
            record.event(EventKind.SIGNED, judged, decision.fingerprint, signature.document(), by="grace")
            record.event(EventKind.DECIDED, signature.signed_on)


def told(promise: Promise, check: str, evidence: Mapping[str, Any], *, as_of: date | None = None) -> Finding:
    """A finding of the last day unless said otherwise."""
    return Finding(
        experiment=promise.slug,
        check=check,
        as_of=as_of or promise.experiment.calendar.last_day,
        status=Status.PASS,
        headline=f"What {check} says.",
        evidence=evidence,
    )


def compared(metric: str = "value", **changes: Any) -> dict[str, Any]:
    """A comparison: control 2.0, effect 0.1 with an interval from 0.04 to 0.16."""
    plain = Comparison(
        variant="new",
        metric=metric,
        role="primary",
        direction="increase",
        method="Welch",
        n_control=1000,
        n_treatment=1000,
        control=2.0,
        treatment=2.1,
        estimate=0.1,
        std_error=0.03,
        lower=0.04,
        upper=0.16,
        level=0.95,
        relative_estimate=0.05,
        relative_lower=0.02,
        relative_upper=0.08,
    )
    return plain.document() | changes


def effects(promise: Promise, *rows: Mapping[str, Any], as_of: date | None = None) -> Finding:
    """The finding `effects`."""
    return told(promise, "effects", {"comparisons": list(rows or (compared(),))}, as_of=as_of)


def shrunken(promise: Promise, **changes: Any) -> Finding:
    """The finding `shrinkage`: 0.1 becomes 0.06, from 0.01 to 0.11."""
    row = {"variant": "new", "naive": 0.1, "shrunken": 0.06, "lower": 0.01, "upper": 0.11, "level": 0.95} | changes
    return told(promise, "shrinkage", {"metric": "value", "variants": [row], "experiments": []})


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are sent to a database inside the block."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)
