"""A/A validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from trialflow_operators.base import TrialflowOperator, name_task, refusing, workspace

if TYPE_CHECKING:
    from airflow.sdk import Context


class ValidateOperator(TrialflowOperator):
    """Re-randomise past data through the real estimator; record the finding, then fail when it blocks the start."""

    def execute(self, context: Context) -> str:
        """Return the finding's status."""
        from trialflow.stages.aa_validation import validate

        name_task(context, self.slug)
        with refusing():
            finding = validate(workspace(), self.slug)
        self.log.info("%s: %s", finding.status, finding.headline)
        if finding.blocks:
            raise AirflowFailException(f"{finding.headline} {finding.next_step}")
        return finding.status.value
