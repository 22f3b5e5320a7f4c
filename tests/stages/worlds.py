"""One small shop: a simulated world, the files that describe it, and a workspace to run the stages in."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from trialflow.registry import Registry
from trialflow.simulation import Arm, Behaviour, Change, SimulationSpec, write
from trialflow.stages.aa_validation import validate
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.workspace import Workspace

SLUG = "small_shop"
FIRST = date(2026, 1, 5)
LAST = date(2026, 1, 18)
FINAL = date(2026, 1, 21)  # the last unit's three days are over
TODAY = date(2026, 1, 5) - timedelta(days=1)  # the day of registration: the eve of the first day

SOURCE: dict[str, Any] = {
    "name": "shop",
    "grain": "units",
    "simulated": True,
    "description": "Simulated: a small shop whose truth is known.",
    "exposures": {
        "table": "exposures",
        "unit": "unit_id",
        "variant": "variant",
        "timestamp": "exposed_at",
        "experiment": "experiment",
        "segments": {"device": "device"},
    },
    "facts": {
        name: {"table": "events", "unit": "unit_id", "timestamp": "occurred_at", "filter": f"name = '{name}'"}
        for name in ("view", "order", "complaint")
    },
    "population": {"table": "visits", "unit": "unit_id", "timestamp": "occurred_at"},
    "complete": {"by": "marker"},
}


def metric(name: str, kind: str, fact: str, to_day: int, direction: str = "increase", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "source": "shop",
        "measure": {"fact": fact, **({"value": "amount"} if kind == "mean" else {})},
        "direction": direction,
        "window": {"to_day": to_day},
        "owner": "Shop analytics",
        "description": f"{fact} up to day {to_day} after exposure",
        **more,
    }


METRICS: tuple[dict[str, Any], ...] = (
    metric("views_3d", "count", "view", 3),
    metric("orders_3d", "count", "order", 3),
    metric("revenue_3d", "mean", "order", 3, cap={"value": 400}),
    metric("complained_1d", "proportion", "complaint", 1, "decrease"),
)

EXPERIMENT: dict[str, Any] = {
    "slug": SLUG,
    "title": "A new ranker",
    "hypothesis": "Visitors open more pages when a new model ranks them.",
    "mechanism": "What is wanted stands higher.",
    "owner": "Ranking team",
    "slack_channel": "#shop",
    "source": "shop",
    "unit": "visitor",
    "layer": "ranking",
    "audience": "All visitors (simulated)",
    "variants": [
        {"name": "control", "role": "control", "weight": 0.5},
        {"name": "treatment", "role": "treatment", "weight": 0.5},
    ],
    "metrics": {
        "primary": {"metric": "views_3d", "minimum_effect": {"relative": 0.2}},
        "secondary": ["revenue_3d"],
        "guardrails": [{"metric": "complained_1d", "margin": {"absolute": 0.03}}],
    },
    "segments": [{"dimension": "device", "values": ["mobile"]}],
    "calendar": {"first_day": FIRST, "last_day": LAST, "maturity_days": 3},
    "analysis": {
        "stopping": {"policy": "group_sequential", "looks": [7, 14]},
        "novelty": {"policy": "report", "early_days": 3, "late_days": 3, "horizon_days": 7},
    },
    "decision": {"rollout": [{"share": 0.25, "days": 3}, {"share": 1.0, "days": 7}]},
}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` inside its sections; None removes a field."""
    result = copy.deepcopy(dict(base))
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def promise(**changes: Any) -> str:
    """The experiment file, with changes."""
    return yaml.safe_dump(merged(EXPERIMENT, changes), sort_keys=False, allow_unicode=True)


def world(*, effect: float = 0.0, **given: Any) -> SimulationSpec:
    """Three thousand visitors in two weeks; `effect` is what the treatment does to views, as a share."""
    plain: dict[str, Any] = {
        "slug": SLUG,
        "source": "shop",
        "first_day": FIRST,
        "last_day": LAST,
        "units": 3000,
        "arms": (Arm(name="control", weight=0.5), Arm(name="treatment", weight=0.5)),
        "behaviours": (
            Behaviour(name="view", rate=0.8, spread=0.4),
            Behaviour(name="order", rate=0.1, amount=40.0, tail=0.8),
            Behaviour(name="complaint", rate=0.02),
        ),
        "changes": (Change(variant="treatment", behaviour="view", relative=effect),) if effect else (),
        "segments": {"device": {"mobile": 0.6, "desktop": 0.4}},
        "pre_days": 14,
        "follow_days": 3,
        "visits": 0.2,
        "repeats": 0.2,
        "seed": 4,
    }
    return SimulationSpec(**{**plain, **given})


def shop(root: Path, *, lake: Path | None = None, registry_url: str = "", text: str | None = None) -> Workspace:
    """A workspace below `root` with the shop's definitions; `lake` may be one that others read too."""
    include = root / "include"
    for folder, documents in (("metrics", METRICS), ("sources", (SOURCE,))):
        (include / folder).mkdir(parents=True, exist_ok=True)
        for document in documents:
            (include / folder / f"{document['name']}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    (include / "experiments").mkdir(exist_ok=True)
    if text is not None:
        write_experiment(include, text)
    return Workspace(
        include=include,
        home=root / "home",
        registry_url=registry_url or f"sqlite:///{root / 'home' / 'registry.db'}",
        lake_root=lake or root / "lake",
        memo_root=root / "memos",
        urls={},
    )


def write_experiment(include: Path, text: str) -> Path:
    """Put an experiment file where it belongs."""
    path = include / "experiments" / f"{yaml.safe_load(text)['slug']}.yaml"
    path.write_text(text)
    return path


def fill(workspace: Workspace, spec: SimulationSpec, *, through: date | None = None) -> Workspace:
    """Put a world into the workspace's lake."""
    write(workspace.lake, spec, through=through)
    return workspace


def begin(workspace: Workspace, text: str | None = None, *, today: date = TODAY, slug: str = SLUG) -> Workspace:
    """Register the promise and validate it."""
    register(workspace, Offer(where="a test", text=text or promise()), by="ada", today=today)
    validate(workspace, slug)
    return workspace


def days(first: date = FIRST, last: date = FINAL) -> list[date]:
    """All days of the experiment, both inclusive."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def findings(registry: Registry, slug: str = SLUG) -> dict[tuple[str, date], dict[str, Any]]:
    """The documents of all findings, by check and day."""
    return {(one.check, one.as_of): one.document() for one in registry.findings(slug)}


def alerts(registry: Registry, slug: str = SLUG, *, checks: Iterable[str] = ()) -> list[tuple[str, str, str]]:
    """Intended alerts in the order of intent: check, day, status."""
    keys = [stored.message.key.split("|") for stored in registry.messages(slug)]
    found = [(key[2], key[3], key[4]) for key in keys if key[0] == "alert"]
    return [one for one in found if not checks or one[0] in checks]
