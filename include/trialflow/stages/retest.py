"""Retest: a launched winner whose model changes is no longer what was tested, and asks for a new promise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import yaml

from trialflow.errors import Problem, PromiseError
from trialflow.memo import Memo, Section
from trialflow.memo.links import inside
from trialflow.registry import EventKind, Registry, Stage
from trialflow.spec.promise import Promise
from trialflow.spec.translation import did_you_mean
from trialflow.stages.ramp import Plan
from trialflow.stages.telling import message_of, texts_of
from trialflow.stages.watch import signed_plan
from trialflow.stages.workspace import Workspace, registered

FORM = "/dags/preregistration/trigger"
SHIPPED = (Stage.ROLLING_OUT, Stage.LAUNCHED)
WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Retest:
    """Whether a new version asks for a new test, in words, and the skeleton of its promise."""

    slug: str
    due: bool
    note: str
    skeleton: str = ""


def retest(workspace: Workspace, slug: str, model_version: str, *, as_of: date, by: str = "") -> Retest:
    """Record that a shipped winner serves another model version from `as_of` on, once per version, and tell its thread.

    Nothing is due for the version that was tested, and for an experiment that shipped nothing. Raises PromiseError for a
    slug that is not registered or a version that is missing.
    """
    with workspace.registry() as registry:
        _refuse(registry.slugs(), slug, model_version)
        promise = registered(registry, slug)
        plan = signed_plan(registry, promise)
        tested = _version(promise, plan)
        why_not = _why_not(registry, promise, plan, tested, model_version, as_of)
        if plan is None or why_not:
            return Retest(slug=slug, due=False, note=why_not)
        text = skeleton(promise, plan, model_version, as_of)
        note = f"{plan.ramped.variants[0]} was tested as {tested} and serves {model_version} from {as_of} on"
        key = f"retest|{slug}|{model_version}"
        memo = _memo(promise, as_of, note, text)
        links = (("Open the registration form", inside(FORM)),)
        message = message_of(promise, key, texts_of(memo), links=links, runbook_entry="retest")
        with registry.append(slug) as record:
            record.event(EventKind.RETEST_DUE, as_of, key=model_version, detail={"was": tested, "why": note}, by=by)
            record.intend(message)
        return Retest(slug=slug, due=True, note=note, skeleton=text)


def skeleton_of(registry: Registry, slug: str, model_version: str, as_of: date) -> str:
    """The skeleton alone, recording nothing. Raises PromiseError where nothing was shipped."""
    promise = registered(registry, slug)
    plan = signed_plan(registry, promise)
    if plan is None:
        raise PromiseError([_problem("slug", slug, "has shipped nothing", "name an experiment with a signed SHIP")])
    return skeleton(promise, plan, model_version, as_of)


def skeleton(promise: Promise, plan: Plan, model_version: str, as_of: date) -> str:
    """A new promise as YAML: what was shipped is control, the new version the treatment, the same length from Monday on.

    Everything else is as it was promised before; whoever registers it reads it first.
    """
    experiment = promise.experiment
    winner = next(variant for variant in experiment.variants if variant.name in plan.ramped.variants)
    first = as_of + timedelta(days=WEEK - as_of.weekday())
    calendar = experiment.calendar
    stated = experiment.stated()
    weeks = max(-(-calendar.days // WEEK), 1)
    changes: dict[str, Any] = {
        "slug": f"{experiment.slug[:48]}-retest-{first:%Y%m%d}"[:60],
        "title": f"Re-test: {experiment.title}",
        "variants": [
            {"name": "control", "role": "control", "weight": 0.5, "model_version": winner.model_version},
            {"name": "treatment", "role": "treatment", "weight": 0.5, "model_version": model_version},
        ],
        "calendar": {
            **{name: value for name, value in stated["calendar"].items() if name != "ramp"},
            "first_day": first.isoformat(),
            "last_day": (first + timedelta(days=WEEK * weeks - 1)).isoformat(),
        },
        "decision": {name: value for name, value in stated.get("decision", {}).items() if name != "rollout_key"},
        "notes": f"Re-test of {experiment.slug}, whose winner serves {model_version} instead of {winner.model_version}.",
    }
    kept = {name: value for name, value in stated.items() if name != "replay"}
    return yaml.safe_dump(kept | changes, sort_keys=False, allow_unicode=True, width=110)


def _version(promise: Promise, plan: Plan | None) -> str:
    names = plan.ramped.variants if plan else ()
    return next((variant.model_version for variant in promise.experiment.variants if variant.name in names), "")


def _why_not(
    registry: Registry, promise: Promise, plan: Plan | None, tested: str, model_version: str, as_of: date
) -> str:
    """Why no re-test is due; empty where one is."""
    if plan is None or registry.life(promise.slug, as_of).stage not in SHIPPED:
        return f"{promise.slug} serves no winner on {as_of}"
    if not tested:
        return "the promise states no model_version for the winner, so no change of it can be told"
    return f"{model_version} is what was tested" if model_version == tested else ""


def _memo(promise: Promise, as_of: date, note: str, text: str) -> Memo:
    return Memo(
        experiment=promise.slug,
        as_of=as_of,
        title=f"Re-test due: {promise.experiment.title}",
        verdict="RE-TEST",
        summary=f"{note[0].upper()}{note[1:]}. What was shown holds for the version that was tested.",
        labels=(),
        sections=(
            Section(
                title="Next step",
                paragraphs=(
                    "Register a new promise. `trialflow retest` prints its skeleton: what was shipped is its control.",
                ),
                points=tuple(text.splitlines()[:2]),
                essential=True,
            ),
        ),
        provenance={},
    )


def _refuse(known: tuple[str, ...], slug: str, model_version: str) -> None:
    problems = []
    if slug not in known:
        message, cure = ("is not registered", did_you_mean(slug, known)) if slug else ("is missing", "give the slug")
        problems.append(_problem("slug", slug or "empty", message, cure))
    if not model_version.strip():
        problems.append(_problem("model_version", "empty", "is missing", "give the version that is served now"))
    if problems:
        raise PromiseError(problems)


def _problem(field: str, value: str, message: str, cure: str) -> Problem:
    return Problem(where="the form", field=field, value=value, message=message, cure=cure)
