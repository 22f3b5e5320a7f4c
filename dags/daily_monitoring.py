"""Daily monitoring: every running experiment and every rollout, every complete day, integrity before effects.

One task per experiment loads, summarises, checks and records the day in one transaction: the promise's lock, the split
(sequential test), completeness, then effect, guardrails, harm and information. Messages are sent on a change of status
only. When a last look is reached, a boundary is crossed or harm is shown, `final_analysis` starts by itself.

`gate` does the same for each rollout, each launch under watch and each canary: a step of the ramp is followed by the next
when its days were quiet and there, missing data or a broken split holds the share, harm rolls back.

**When it looks wrong but is not.** `running` waits (up for reschedule) until the sources are complete. A green task may
stand for an unhealthy experiment: its label names the failing checks. Running a day twice, or days in another order,
changes nothing; restated data makes revisions. A `gate` that says "not judged yet" lacks matured units, not health.

**When to act.** Red means that a day could not be judged: read the log, mend the connection or the table, clear the task.
To look at past days again use *Backfill*: the run of a date looks at the day before it. A rollout that holds for a broken
split waits for a person: order `resume_rollout` or `roll_back` in `preregistration`, with the reason.
"""

from __future__ import annotations

from airflow.sdk import DAG

from trialflow_operators.base import POOL
from trialflow_operators.dags import (
    AS_OF_PARAM,
    DEFAULTS,
    START,
    tell_and_finish,
    wait_for_rolling_out,
    wait_for_running,
)
from trialflow_operators.monitoring import GateOperator, MonitorOperator
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
    rolling_out = wait_for_rolling_out()
    gate = GateOperator.partial(task_id="gate", as_of=AS_OF, pool=POOL, map_index_template="{{ experiment }}").expand(
        slug=rolling_out.output
    )
    tell_and_finish([monitor, gate])
