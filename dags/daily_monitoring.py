"""Daily monitoring: every running experiment, every complete day, integrity before effects.

One task per experiment loads, summarises, checks and records the day in one transaction: the promise's lock, the split
(sequential test), completeness, then effect, guardrails, harm and information. Messages are sent on a change of status
only. When a last look is reached, a boundary is crossed or harm is shown, `final_analysis` starts by itself.

**When it looks wrong but is not.** `running` waits (up for reschedule) until the sources are complete. A green task may
stand for an unhealthy experiment: its label names the failing checks. Running a day twice, or days in another order,
changes nothing; restated data makes revisions.

**When to act.** Red means that a day could not be judged: read the log, mend the connection or the table, clear the task.
To look at past days again use *Backfill*: the run of a date looks at the day before it.
"""

from __future__ import annotations

from airflow.sdk import DAG

from trialflow_operators.base import POOL
from trialflow_operators.dags import AS_OF_PARAM, DEFAULTS, START, tell_and_finish, wait_for_running
from trialflow_operators.monitoring import MonitorOperator
from trialflow_operators.times import ANALYSIS_DUE, AS_OF

with DAG(
    dag_id="daily_monitoring",
    schedule="0 2 * * *",
    start_date=START,
    catchup=False,
    max_active_runs=8,
    default_args=DEFAULTS,
    params={"as_of": AS_OF_PARAM},
    tags=["trialflow", "2 while running"],
    doc_md=__doc__,
):
    running = wait_for_running()
    monitor = MonitorOperator.partial(
        task_id="monitor",
        as_of=AS_OF,
        pool=POOL,
        map_index_template="{{ experiment }}",
        outlets=[ANALYSIS_DUE],
    ).expand(slug=running.output)
    tell_and_finish(monitor)
