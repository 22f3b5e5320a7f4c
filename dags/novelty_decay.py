"""Novelty decay: whether the effect changes with days since a unit's first exposure.

Weekly, for every running experiment whose promise asks for it; the final analysis looks once more. Only units observed
for the whole horizon count, the same days for both sides, so that neither the calendar nor late comers look like decay.

**When it looks wrong but is not.** "No evidence that the effect changes" is not evidence that it is level: early in an
experiment few units have been observed long enough.

**When to act.** A fading effect that nobody explained holds back a SHIP where the promise says `required`. Run longer, or
record the explanation as an amendment.
"""

from __future__ import annotations

from airflow.sdk import DAG

from trialflow_operators.base import POOL
from trialflow_operators.dags import AS_OF_PARAM, DEFAULTS, START, tell_and_finish, wait_for_running
from trialflow_operators.novelty import NoveltyOperator
from trialflow_operators.times import AS_OF

with DAG(
    dag_id="novelty_decay",
    schedule="0 4 * * 1",
    start_date=START,
    catchup=False,
    max_active_runs=4,
    default_args=DEFAULTS,
    params={"as_of": AS_OF_PARAM},
    tags=["trialflow", "2 while running"],
    doc_md=__doc__,
):
    running = wait_for_running()
    judge = NoveltyOperator.partial(
        task_id="judge", as_of=AS_OF, pool=POOL, map_index_template="{{ experiment }}"
    ).expand(slug=running.output)
    tell_and_finish(judge)
