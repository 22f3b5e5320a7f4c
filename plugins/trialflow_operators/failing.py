"""What happens when a task has failed for good: the people who keep Trialflow running are told."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


def tell_of_failure(context: Context) -> None:
    """Airflow's on_failure_callback: put a message into the outbox, which `tell`, at the end of every run, posts.

    Airflow calls it after the last try, in the task's own process. It never raises: the task has a failure to show already.
    """
    try:
        from trialflow.stages.telling import intend_failure
        from trialflow_operators.base import workspace

        intend_failure(workspace(), **_failure(context))
    except Exception:  # whatever it is, the task's own error must stay the one that is seen
        log.exception("No message about this failure was put into the outbox")


def _failure(context: Context) -> dict[str, str]:
    instance = context["ti"]
    label = cast("dict[str, object]", context).get("experiment") or getattr(instance.task, "slug", "")
    return {
        "dag": instance.dag_id,
        "run": instance.run_id,
        "task": instance.task_id,
        "map_index": str(instance.map_index),
        "experiment": str(label or ""),
        "problem": str(context.get("exception") or ""),
        "link": str(getattr(instance, "log_url", "")),
    }
