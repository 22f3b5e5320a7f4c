"""Retest: a launched winner that serves another model version is no longer what was tested.

Started by an event of the asset `trialflow_model_changed` with the partition key `slug|version` (from a deployment
pipeline through REST: `POST /api/v2/assets/events`), or by hand with slug and version. The record keeps `retest_due`, and
the experiment's thread gets a message with the registration form. `trialflow retest` prints the new promise's skeleton.

**When it looks wrong but is not.** Nothing is told twice for the same version, nor for the version that was tested, nor
for an experiment that has shipped nothing.

**When to act.** Register the new promise, or say in the thread why the change of version does not matter.
"""

from __future__ import annotations

from airflow.sdk import DAG, IdentityMapper, Param, PartitionedAssetTimetable

from trialflow_operators.dags import AS_OF_PARAM, DEFAULTS, SLUG_PARAM, START, tell_and_finish
from trialflow_operators.retest import RetestOperator
from trialflow_operators.times import AS_OF_RUN, KEY_SLUG, KEY_VERSION, MODEL_CHANGED

VERSION_PARAM = Param(
    None,
    type=["null", "string"],
    title="Model version",
    description="The version that the winner serves now; only for runs by hand.",
)

with DAG(
    dag_id="retest",
    schedule=PartitionedAssetTimetable(assets=MODEL_CHANGED, default_partition_mapper=IdentityMapper()),
    start_date=START,
    catchup=False,
    max_active_runs=4,
    default_args=DEFAULTS,
    params={"slug": SLUG_PARAM, "model_version": VERSION_PARAM, "as_of": AS_OF_PARAM},
    tags=["trialflow", "4 after the decision"],
    doc_md=__doc__,
):
    due = RetestOperator(task_id="due", slug=KEY_SLUG, model_version=KEY_VERSION, as_of=AS_OF_RUN)
    tell_and_finish(due)
