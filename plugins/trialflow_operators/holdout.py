"""Quarterly holdout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from trialflow_operators.base import TrialflowOperator, name_task, refusing, workspace
from trialflow_operators.times import day_of

if TYPE_CHECKING:
    from airflow.sdk import Context


class HoldoutsOperator(BaseOperator):
    """The promises that keep a holdout, as of a day."""

    template_fields = ("as_of",)

    def __init__(self, *, as_of: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.as_of = as_of

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002 (Airflow calls it so)
        """Return their slugs."""
        from trialflow.stages.holdout import holdouts

        with refusing():
            return list(holdouts(workspace(), day_of(self.as_of)))


class CompareHoldoutOperator(TrialflowOperator):
    """Everybody against the holdout, beside the sum of what was shipped."""

    def execute(self, context: Context) -> str:
        """Return the finding's status."""
        from trialflow.stages.holdout import compare_holdout

        name_task(context, self.slug)
        with refusing():
            finding = compare_holdout(workspace(), self.slug, day_of(self.as_of))
        self.log.info("%s: %s", finding.status, finding.headline)
        return finding.status.value
