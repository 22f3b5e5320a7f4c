"""Novelty decay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trialflow_operators.base import TrialflowOperator, name_task, refusing, workspace
from trialflow_operators.times import day_of

if TYPE_CHECKING:
    from airflow.sdk import Context


class NoveltyOperator(TrialflowOperator):
    """Judge whether the effect changes with days since first exposure."""

    def execute(self, context: Context) -> str:
        """Return the finding's status."""
        from trialflow.stages.novelty import watch_novelty

        name_task(context, self.slug)
        with refusing():
            finding = watch_novelty(workspace(), self.slug, day_of(self.as_of))
        self.log.info("%s: %s", finding.status, finding.headline)
        return finding.status.value
