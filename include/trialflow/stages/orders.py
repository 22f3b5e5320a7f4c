"""Orders people give about a registered experiment: withdraw, stop, pause, resume."""

from __future__ import annotations

from datetime import date

from trialflow.errors import Problem, PromiseError
from trialflow.registry import EventKind
from trialflow.stages.workspace import Workspace

ORDERS = {
    "withdraw": EventKind.WITHDRAWN,
    "stop": EventKind.STOPPED,
    "pause": EventKind.PAUSED,
    "resume": EventKind.RESUMED,
}
NEEDS_REASON = frozenset({"withdraw", "stop", "pause"})


def order(workspace: Workspace, slug: str, action: str, *, as_of: date, by: str, reason: str, key: str = "") -> bool:
    """Record an order; False when it stands already. Raises PromiseError for an unknown action or a missing reason."""
    problems = []
    if action not in ORDERS:
        cure = f"choose one of {', '.join(ORDERS)}"
        problems.append(Problem(where="the form", field="action", value=action, message="is not an order", cure=cure))
    if action in NEEDS_REASON and not reason.strip():
        cure = "say why; it is shown in every later memo"
        problems.append(Problem(where="the form", field="reason", value="empty", message="is missing", cure=cure))
    if problems:
        raise PromiseError(problems)
    with workspace.registry() as registry, registry.append(slug) as record:
        return record.event(ORDERS[action], as_of, key=key, detail={"reason": reason}, by=by)
