"""Retest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from trialflow_operators.base import name_task, refusing, workspace
from trialflow_operators.times import day_of

if TYPE_CHECKING:
    from airflow.sdk import Context


class RetestOperator(BaseOperator):
    """Record that a shipped winner serves another model version, and ask its team for a new promise."""

    template_fields = ("slug", "as_of", "model_version")

    def __init__(self, *, slug: str, as_of: str, model_version: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slug = slug
        self.as_of = as_of
        self.model_version = model_version

    def execute(self, context: Context) -> str:
        """Return what follows, in words."""
        from trialflow.stages.retest import retest

        name_task(context, self.slug)
        by = str(getattr(context["dag_run"], "triggering_user_name", None) or "asset")
        with refusing():
            result = retest(workspace(), self.slug, self.model_version, as_of=day_of(self.as_of), by=by)
        self.log.info("%s: %s", self.slug, result.note)
        return result.note
