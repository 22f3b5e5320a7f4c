"""Rollout: what follows a decision is recorded: the promised ramp, the way back to control, or retirement.

Started by `final_analysis`. Nothing is switched here: the record says which share is due from which day, for people and
for the flag system to follow.

**When it looks wrong but is not.** No steps after HOLD, EXTEND or INVALID: there is nothing to ramp.

**When to act.** A SHIP without steps means that the promise has no `decision.rollout`: plan the ramp by hand, and put it
into the next promise.
"""

from __future__ import annotations

from airflow.sdk import DAG, IdentityMapper, PartitionedAssetTimetable

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
    record = RollOutOperator(task_id="record", slug=KEY_SLUG, as_of=KEY_DAY)
    tell_and_finish(record)
