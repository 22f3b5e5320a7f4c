"""Daily monitoring: wait for the day, then one task per experiment."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from trialflow_operators.base import TrialflowOperator, announce, name_task, refusing, workspace
from trialflow_operators.times import ANALYSIS_DUE, day_of, partition_of

if TYPE_CHECKING:
    from airflow.sdk import Context


class RunningExperimentsSensor(BaseSensorOperator):
    """Wait until the day is complete in every source of a running experiment; return the slugs to look at.

    After `patience` the day is looked at all the same: what is missing becomes a NO_DATA finding and an alert, and the
    experiments whose data is there are not held up by another team's late load. A replay of a past day never waits.
    """

    template_fields = ("as_of",)

    def __init__(self, *, as_of: str, patience: timedelta, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.as_of = as_of
        self.patience = patience

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        from airflow.sdk import timezone

        from trialflow.stages.monitoring import incomplete, running

        place, as_of = workspace(), day_of(self.as_of)
        with refusing():
            missing = incomplete(place, as_of)
        waited = timezone.utcnow() - context["dag_run"].run_after
        if missing and waited < self.patience:
            self.log.info("Not complete for %s yet: %s", as_of, ", ".join(missing))
            return PokeReturnValue(is_done=False)
        if missing:
            self.log.warning("Going on without %s, which is not complete for %s", ", ".join(missing), as_of)
        return PokeReturnValue(is_done=True, xcom_value=list(running(place, as_of)))


class MonitorOperator(TrialflowOperator):
    """Load, summarise, check and record one experiment on one day; announce when a final analysis is due.

    A finding does not fail this task, whatever it says: it stands in the record and is told by message and memo. Red
    means that the day could not be judged at all.
    """

    def execute(self, context: Context) -> dict[str, str]:
        """Return each check's status."""
        from trialflow.stages.monitoring import monitor

        name_task(context, self.slug)
        with refusing():
            result = monitor(workspace(), self.slug, day_of(self.as_of))
        announce(context, ANALYSIS_DUE, [partition_of(self.slug, day) for day in result.due])
        trouble = [name for name, status in result.statuses.items() if status in ("fail", "no_data")]
        name_task(context, f"{self.slug} ({', '.join(trouble)})" if trouble else self.slug)
        return result.statuses
