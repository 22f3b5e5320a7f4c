"""What every DAG of Trialflow has in common."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import BaseOperator, Param

from trialflow_operators.failing import tell_of_failure
from trialflow_operators.monitoring import RollingOutSensor, RunningExperimentsSensor
from trialflow_operators.slack import TellOperator
from trialflow_operators.times import AS_OF

START = datetime(2014, 1, 1, tzinfo=UTC)  # before the oldest sample, so that any of its days can be backfilled
DEFAULTS: dict[str, Any] = {
    "owner": "trialflow",
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "on_failure_callback": tell_of_failure,
}

SLUG_PARAM = Param(None, type=["null", "string"], title="Experiment", description="Slug; only for runs by hand.")
AS_OF_PARAM = Param(
    None,
    type=["null", "string"],
    format="date",
    title="Day",
    description="Last complete day to look at; only for runs by hand. Empty: the day before the run.",
)


def wait_for_running() -> RunningExperimentsSensor:
    """The task that waits for a complete day and returns the slugs to look at, without holding a worker meanwhile."""
    return _wait(RunningExperimentsSensor, "running")


def wait_for_rolling_out() -> RunningExperimentsSensor:
    """The same for rollouts."""
    return _wait(RollingOutSensor, "rolling_out")


def _wait(sensor: type[RunningExperimentsSensor], task_id: str) -> RunningExperimentsSensor:
    return sensor(
        task_id=task_id,
        as_of=AS_OF,
        patience=timedelta(hours=12),
        mode="reschedule",
        poke_interval=timedelta(minutes=10),
        timeout=timedelta(hours=20),
    )


def tell_and_finish(last: BaseOperator | Any) -> BaseOperator:
    """After `last`: post the outbox whatever happened, then end the run as failed if anything but a skip went wrong.

    Without the closing task a run whose mapped task failed would count as a success, because its only leaf succeeded. It is
    returned, for what else must have ended well before it.
    """
    tell = TellOperator(task_id="tell", trigger_rule="all_done")
    done = EmptyOperator(task_id="done", trigger_rule="none_failed")
    before = last if isinstance(last, list) else [last]
    before >> tell
    [*before, tell] >> done
    return done
