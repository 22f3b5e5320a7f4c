"""A/A validation: before the start, the real estimator is run on past data in which nothing was changed.

Every registration starts it. Units of the pre-period are split anew at least a thousand times; a metric that rejects
clearly more often than alpha blocks the start. A promise may waive it with a reason, which every memo shows.

**When it looks wrong but is not.** A warning "rejects less often than it says" is a conservative test (few units, rare
events): it costs power, not truth.

**When to act.** A red `validate` names the metric. Heavy tails: cap it. Units that are not the randomised ones: mend the
source. Then register an amendment with the reason. Until then the experiment is `blocked`.
"""

from __future__ import annotations

from airflow.sdk import DAG, IdentityMapper, PartitionedAssetTimetable

from trialflow_operators.aa import ValidateOperator
from trialflow_operators.base import POOL
from trialflow_operators.dags import DEFAULTS, SLUG_PARAM, START, tell_and_finish
from trialflow_operators.times import KEY_SLUG, REGISTERED

with DAG(
    dag_id="aa_validation",
    schedule=PartitionedAssetTimetable(assets=REGISTERED, default_partition_mapper=IdentityMapper()),
    start_date=START,
    catchup=False,
    max_active_runs=4,
    default_args=DEFAULTS,
    params={"slug": SLUG_PARAM},
    tags=["trialflow", "1 before the start"],
    doc_md=__doc__,
):
    validate = ValidateOperator(task_id="validate", slug=KEY_SLUG, pool=POOL)
    tell_and_finish(validate)
