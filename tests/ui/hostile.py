"""A record in which everything that people may write is an attack on whoever shows it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import yaml

from tests.stages.worlds import FIRST, LAST, METRICS, SLUG, SOURCE, begin, days, fill, merged, promise, shop, world
from tests.ui.copies import copy_life
from trialflow.decision import FollowUp, Verdict
from trialflow.registry import EventKind
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import monitor
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.sign import sign
from trialflow.stages.workspace import Workspace

SIGNED, WAITING, NEW = SLUG, "waiting_shop", "new_shop"
TAG, ATTRIBUTE = "xss", "data-xss"
ATTACK = f"""'"></title></textarea></script></style><{TAG} {ATTRIBUTE}="1">{{{{ 7 * 7 }}}}&lt;{TAG}&gt;"""

UNIT = f"</script><{TAG}>"
"""As much of it as a metric's unit has room for: charts write that."""


def hostile(name: str) -> str:
    """The attack, with the name of the field that brings it."""
    return f"{name} {ATTACK}"


PROMISE = {
    **{name: hostile(name) for name in ("title", "hypothesis", "mechanism", "owner", "audience", "notes")},
    "slack_channel": f"#<{TAG}>",
    "variants": [
        {"name": "control", "role": "control", "weight": 0.5, "description": hostile("description")},
        {"name": "treatment", "role": "treatment", "weight": 0.5, "model_version": hostile("model")},
    ],
    "segments": [{"dimension": "device", "values": ["mobile", hostile("segment")]}],
}


def hostile_record(root: Path) -> Workspace:
    """A life that is signed, one that waits for it, one that has not begun; all is described in the same tongue."""
    workspace = fill(shop(root), world(effect=0.25, segments={"device": {"mobile": 0.6, hostile("segment"): 0.4}}))
    _describe(workspace)
    (root / "promise.yaml").write_text(promise(**PROMISE))
    begin(workspace, promise(**PROMISE))
    copy_life(workspace.registry_url, SIGNED, [NEW], layer="ranking")
    notes = promise(**PROMISE | {"notes": hostile("changed")})
    register(workspace, Offer(where="a test", text=notes), by="ada", today=FIRST, reason=hostile("reason"))
    for day in days(last=LAST):
        monitor(workspace, SIGNED, day)
    analyse(workspace, SIGNED, LAST)
    _told_by_hand(workspace)
    copy_life(workspace.registry_url, SIGNED, [WAITING], layer="ranking")
    rationale, follow_up = hostile("rationale"), FollowUp(action=hostile("action"), owner=hostile("who"), due=date.max)
    sign(
        workspace,
        SIGNED,
        LAST,
        verdict=Verdict.HOLD,
        by=hostile("signer"),
        rationale=rationale,
        owner=hostile("owner"),
        follow_ups=[follow_up],
        signed_on=LAST,
    )
    return workspace


def _describe(workspace: Workspace) -> None:
    for metric in METRICS:
        told = merged(metric, {"owner": hostile("owner"), "description": hostile("description"), "unit": UNIT})
        (workspace.include / "metrics" / f"{metric['name']}.yaml").write_text(yaml.safe_dump(told, sort_keys=False))
    source = SOURCE | {"description": hostile("source")}
    (workspace.include / "sources" / f"{SOURCE['name']}.yaml").write_text(yaml.safe_dump(source, sort_keys=False))


def _told_by_hand(workspace: Workspace) -> None:
    with workspace.registry() as registry, registry.append(SIGNED) as record:
        for kind, day in ((EventKind.PAUSED, date(2026, 1, 19)), (EventKind.RESUMED, date(2026, 1, 20))):
            record.event(kind, day, detail={"reason": hostile("reason")}, by=hostile("by"))
