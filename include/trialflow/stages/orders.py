"""Orders people give about a registered experiment, and about its rollout."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from trialflow.errors import Problem, PromiseError
from trialflow.registry import EventKind, Registry, Stage
from trialflow.spec.letters import unseen_problems
from trialflow.spec.translation import did_you_mean
from trialflow.stages.workspace import Workspace

ORDERS = {
    "withdraw": EventKind.WITHDRAWN,
    "stop": EventKind.STOPPED,
    "pause": EventKind.PAUSED,
    "resume": EventKind.RESUMED,
    "pause_rollout": EventKind.ROLLOUT_PAUSED,
    "resume_rollout": EventKind.ROLLOUT_RESUMED,
    "roll_back": EventKind.ROLLED_BACK,
}
OF_A_ROLLOUT = frozenset({"pause_rollout", "resume_rollout", "roll_back"})
NEEDS_REASON = frozenset({"withdraw", "stop", "pause"}) | OF_A_ROLLOUT


def order(workspace: Workspace, slug: str, action: str, *, as_of: date, by: str, reason: str, key: str = "") -> bool:
    """Record an order; False when it stands already.

    Raises PromiseError with all of: an unknown action, a slug that is missing or not registered, a missing reason, an order
    about a rollout that is not under way.
    """
    problems = []
    if action not in ORDERS:
        cure = f"choose one of {', '.join(ORDERS)}"
        problems.append(Problem(where="the form", field="action", value=action, message="is not an order", cure=cure))
    if action in NEEDS_REASON and not reason.strip():
        cure = "say why; it is shown in every later memo"
        problems.append(Problem(where="the form", field="reason", value="empty", message="is missing", cure=cure))
    problems += unseen_problems("the form", "reason", reason)
    with workspace.registry() as registry:
        problems += slug_problems(slug, registry.slugs()) or _stage_problems(registry, slug, action)
        if problems:
            raise PromiseError(problems)
        with registry.append(slug) as record:
            return record.event(ORDERS[action], as_of, key=key, detail={"reason": reason}, by=by)


def slug_problems(slug: str, known: Sequence[str]) -> list[Problem]:
    """What is wrong with the slug that an order names."""
    if slug in known:
        return []
    message = "is not registered" if slug else "is missing"
    cure = did_you_mean(slug, known) if slug else "give the slug of the experiment the order is about"
    return [Problem(where="the form", field="slug", value=slug or "empty", message=message, cure=cure)]


def _stage_problems(registry: Registry, slug: str, action: str) -> list[Problem]:
    stage = registry.life(slug, date.max).stage
    if action not in OF_A_ROLLOUT or stage in (Stage.ROLLING_OUT, Stage.LAUNCHED):
        return []
    message, cure = (
        f"is {stage.value}: nothing is rolled out",
        "sign a SHIP or PARTIAL first; a promise is ended by withdraw",
    )
    return [Problem(where="the form", field="slug", value=slug, message=message, cure=cure)]
