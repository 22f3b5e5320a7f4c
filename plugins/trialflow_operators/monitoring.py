"""Daily monitoring: wait for the day, then one task per experiment and one per rollout."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from trialflow_operators.base import TrialflowOperator, announce, name_task, refusing, workspace
from trialflow_operators.times import ANALYSIS_DUE, day_of, partition_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from trialflow.stages.workspace import Workspace


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

        place, as_of = workspace(), day_of(self.as_of)
        with refusing():
            missing = self.incomplete(place, as_of)
        waited = timezone.utcnow() - context["dag_run"].run_after
        if missing and waited < self.patience:
            self.log.info("Not complete for %s yet: %s", as_of, ", ".join(missing))
            return PokeReturnValue(is_done=False)
        if missing:
            self.log.warning("Going on without %s, which is not complete for %s", ", ".join(missing), as_of)
        return PokeReturnValue(is_done=True, xcom_value=list(self.slugs(place, as_of)))

    def incomplete(self, place: Workspace, as_of: date) -> Sequence[str]:
        """Sources that are waited for."""
        from trialflow.stages.monitoring import incomplete

        return incomplete(place, as_of)

    def slugs(self, place: Workspace, as_of: date) -> Sequence[str]:
        """What is looked at on the day."""
        from trialflow.stages.monitoring import running

        return running(place, as_of)


class RollingOutSensor(RunningExperimentsSensor):
    """The same for rollouts, launches under watch and canaries: no ramp waits for another experiment's data."""

    def incomplete(self, place: Workspace, as_of: date) -> Sequence[str]:
        """Sources that are waited for."""
        from trialflow.stages.watch import incomplete

        return incomplete(place, as_of)

    def slugs(self, place: Workspace, as_of: date) -> Sequence[str]:
        """What is looked at on the day."""
        from trialflow.stages.watch import rolling

        return rolling(place, as_of)


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
        # A retry cannot know whether the try before it got as far as this: it announces once more.
        told = result.announced if context["ti"].try_number == 1 else ()
        announce(context, ANALYSIS_DUE, [partition_of(self.slug, day) for day in result.due if day not in told])
        trouble = [name for name, status in result.statuses.items() if status in ("fail", "no_data")]
        name_task(context, f"{self.slug} ({', '.join(trouble)})" if trouble else self.slug)
        return result.statuses


class GateOperator(TrialflowOperator):
    """Ask the gates of one ramp on one day, and record what follows: go on, hold, roll back.

    Neither does this task fail by what it finds: a rollback stands in the record and is told.
    """

    def execute(self, context: Context) -> dict[str, str]:
        """Return each gate's status."""
        from trialflow.stages.watch import watch

        name_task(context, self.slug)
        with refusing():
            result = watch(workspace(), self.slug, day_of(self.as_of))
        self.log.info("%s on %s: %s", self.slug, result.as_of, result.headline or result.skipped)
        status = result.statuses.get("rollout", "")
        name_task(context, f"{self.slug} ({status})" if status in ("fail", "no_data") else self.slug)
        return result.statuses
