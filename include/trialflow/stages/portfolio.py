"""What other experiments on record say about one: effects to learn from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from trialflow.checks.finding import Finding
from trialflow.checks.shrinkage import Estimated, estimated
from trialflow.checks.shrinkage import shrinkage as shrunken
from trialflow.decision import Verdict
from trialflow.registry import Registry
from trialflow.spec.promise import Promise
from trialflow.stages.workspace import registered


def shrinkage(registry: Registry, promise: Promise, findings: Mapping[str, Finding], as_of: date) -> Finding | None:
    """The finding `shrinkage` of a final analysis whose findings are given by check; None without one named `effects`."""
    effects = findings.get("effects")
    return None if effects is None else shrunken(promise, effects, finished_before(registry, promise, as_of))


def finished_before(registry: Registry, promise: Promise, as_of: date) -> tuple[Estimated, ...]:
    """Primary effects of the experiments whose last verdict came before `as_of`, by slug.

    Whatever the verdict: learnt from shipped ones alone the spread would repeat their luck. An extension is no end, and an
    invalid experiment has no effect. Simulated effects say nothing about real ones, nor the other way round.
    """
    others = (slug for slug in registry.slugs() if slug != promise.slug)
    alike = (slug for slug in others if registered(registry, slug).simulated == promise.simulated)
    return tuple(one for slug in alike for one in _last_effects(registry, slug, as_of))


def _last_effects(registry: Registry, slug: str, as_of: date) -> tuple[Estimated, ...]:
    ends = [
        stored
        for stored in registry.decisions(slug)
        if stored.as_of < as_of and stored.document["verdict"] not in (Verdict.EXTEND, Verdict.INVALID)
    ]
    if not ends:
        return ()
    weighed = ends[-1].document["findings"].get("effects")
    found = registry.findings(slug, as_of=ends[-1].as_of, check="effects", revisions=True)
    return tuple(effect for one in found if one.fingerprint == weighed for effect in estimated(one))
