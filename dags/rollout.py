"""Rollout: what follows a signed decision is recorded: the first step of its ramp, the way back, or retirement.

Started by the sign-off in `final_analysis`. Nothing is switched here: the record says which share is due from which day
(events `rollout_step`), for people and for the flag system to follow. `daily_monitoring` gates every further step. The
ramp of a replay is past when it is signed, so this run goes through all its days at once.

**When it looks wrong but is not.** No steps after HOLD, EXTEND or INVALID: there is nothing to ramp. "nothing was rolled
out": published data replayed holds no rollout, so the ramp stands as a plan and the experiment stays `decided`.

**When to act.** A SHIP without steps means that the promise has no `decision.rollout`: plan the ramp by hand, and put it
into the next promise.
"""

from __future__ import annotations

from airflow.sdk import DAG, IdentityMapper, PartitionedAssetTimetable

from trialflow_operators.base import POOL
from trialflow_operators.dags import AS_OF_PARAM, DEFAULTS, SLUG_PARAM, START, tell_and_finish
from trialflow_operators.rollout import RollOutOperator
from trialflow_operators.times import DECIDED, KEY_DAY, KEY_SLUG

with DAG(
    dag_id="rollout",
    schedule=PartitionedAssetTimetable(assets=DECIDED, default_partition_mapper=IdentityMapper()),
    start_date=START,
    catchup=False,
    max_active_runs=4,
    default_args=DEFAULTS,
    params={"slug": SLUG_PARAM, "as_of": AS_OF_PARAM},
    tags=["trialflow", "4 after the decision"],
    doc_md=__doc__,
):
    record = RollOutOperator(task_id="record", slug=KEY_SLUG, as_of=KEY_DAY, pool=POOL)
    tell_and_finish(record)
