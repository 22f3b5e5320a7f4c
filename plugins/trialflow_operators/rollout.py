"""Rollout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trialflow_operators.base import TrialflowOperator, name_task, refusing, workspace
from trialflow_operators.times import day_of

if TYPE_CHECKING:
    from airflow.sdk import Context


class RollOutOperator(TrialflowOperator):
    """Record what follows a decision: the promised ramp, the way back to control, or retirement."""

    def execute(self, context: Context) -> list[str]:
        """Return the steps of the ramp if every day is quiet, in words."""
        from trialflow.stages.rollout import roll_out

        name_task(context, self.slug)
        with refusing():
            result = roll_out(workspace(), self.slug, day_of(self.as_of))
        steps = [f"{day}: {share:.0%}" for day, share in result.steps]
        self.log.info("%s %s %s %s", result.slug, result.verdict, steps, result.note)
        return steps
