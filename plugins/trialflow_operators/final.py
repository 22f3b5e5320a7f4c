"""Final analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk.exceptions import AirflowFailException

from trialflow_operators.base import TrialflowOperator, name_task, refusing, workspace
from trialflow_operators.times import day_of

if TYPE_CHECKING:
    from airflow.sdk import Context


SIGN = "sign"
"""The task of `final_analysis` that asks for the signature."""


class AnalyseOperator(TrialflowOperator):
    """Weigh everything up to the day, record the recommended decision and its memo."""

    def execute(self, context: Context) -> str:
        """Return the verdict."""
        from trialflow.stages.final_analysis import analyse

        if not self.slug:
            raise AirflowFailException("No experiment is named: give slug and as_of in the run's params.")
        name_task(context, self.slug)
        with refusing():
            as_of = day_of(self.as_of)
            result = analyse(workspace(), self.slug, as_of, sign_link=_sign_link(context))
        verdict = result.decision.verdict.value
        name_task(context, f"{self.slug}: {verdict}")
        self.log.info("%s on %s: %s", self.slug, as_of, verdict)
        return verdict


def _sign_link(context: Context) -> str:
    """Where this run asks for the signature, as a target of a message."""
    from trialflow.memo.links import inside

    run = context["dag_run"]
    return inside(f"/dags/{run.dag_id}/runs/{quote(run.run_id, safe='')}/tasks/{SIGN}/required_actions")
