"""Register promises: from files, from the form, or by REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from trialflow_operators.base import announce, name_task, refusing, workspace
from trialflow_operators.times import REGISTERED, day_of, partition_of

if TYPE_CHECKING:
    from airflow.sdk import Context

# Form fields that say what to do, not what is promised.
ORDERS = ("action", "reason", "as_of", "follow_up")
REGISTER = "register"
FOLLOW_UP_DONE = "follow_up_done"


class FindOffersOperator(BaseOperator):
    """What is to be registered: the filled form or pasted YAML of this run, else files that are not yet on record.

    With the slug alone it is the file of that slug. A reason belongs to one promise: without one it needs the slug.
    """

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the keyword arguments of one `RegisterOperator` per promise."""
        from trialflow.stages.preregistration import waiting_with

        if context["params"].get("action", REGISTER) != REGISTER:
            return []
        reason = str(context["params"].get("reason") or "").strip()
        fields = {name: value for name, value in context["params"].items() if name not in ORDERS}
        filled = {name: value for name, value in fields.items() if value not in (None, "", [])}
        if filled.keys() - {"slug"}:
            return [{"offer": {"where": "the form", "fields": filled}}]
        with refusing():
            offers = waiting_with(workspace(), slug=str(filled.get("slug") or ""), reason=reason)
        return [{"offer": {"where": one.where, "text": one.text, "slug": one.slug}} for one in offers]


class RegisterOperator(BaseOperator):
    """Check one promise, lock it, and announce it. A bad promise fails with all its errors; nothing is stored."""

    template_fields = ("today", "reason")

    def __init__(self, *, offer: dict[str, Any], today: str, reason: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.offer = offer
        self.today = today
        self.reason = reason

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the slug and the version on record."""
        from trialflow.stages.preregistration import Offer, register

        name_task(context, self.offer.get("slug") or self.offer.get("fields", {}).get("slug") or "pasted promise")
        with refusing():
            answer = register(
                workspace(), Offer(**self.offer), by=_person(context), today=day_of(self.today), reason=self.reason
            )
        name_task(context, answer.slug)
        announce(context, REGISTERED, [partition_of(answer.slug)])
        self.log.info("%s is on record in version %s (new: %s)", answer.slug, answer.version, answer.created)
        return {"slug": answer.slug, "version": answer.version, "created": answer.created}


class OrderOperator(BaseOperator):
    """Record what a person orders about a registered experiment or its rollout, or that a follow-up is done."""

    template_fields = ("slug", "action", "reason", "as_of", "follow_up")

    def __init__(self, *, slug: str, action: str, reason: str, as_of: str, follow_up: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slug = slug
        self.action = action
        self.reason = reason
        self.as_of = as_of
        self.follow_up = follow_up

    def execute(self, context: Context) -> None:
        """Record the event with the user who ordered it; skipped when the run only registers."""
        from trialflow.stages.follow_ups import close_follow_up
        from trialflow.stages.orders import order

        if self.action == REGISTER:
            raise AirflowSkipException("Nothing but a registration was ordered.")
        with refusing():
            said: dict[str, Any] = {"as_of": day_of(self.as_of), "by": _person(context), "reason": self.reason}
            if self.action == FOLLOW_UP_DONE:
                close_follow_up(workspace(), self.slug, self.follow_up, **said)
            else:
                order(workspace(), self.slug, self.action, key=str(context["run_id"]), **said)


def _person(context: Context) -> str:
    """The user who triggered the run, or the schedule."""
    return str(getattr(context["dag_run"], "triggering_user_name", None) or "schedule")
