"""Quarterly holdout: everybody against the units that never got what was shipped.

On the first day of each quarter, for the quarter that has closed and every promise that keeps a holdout: the difference
with its interval, the smallest effect that could have been seen, and the sum of what the experiments of that time
shipped, side by side.

**When it looks wrong but is not.** The sum of shipped effects is usually larger than the holdout's difference: winners are
picked by their luck as well, effects fade, and they overlap.

**When to act.** A gap whose interval excludes zero: look at the largest shipped effects first, and re-test one.
"""

from __future__ import annotations

from airflow.sdk import DAG

from trialflow_operators.base import POOL
from trialflow_operators.dags import AS_OF_PARAM, DEFAULTS, START, tell_and_finish
from trialflow_operators.holdout import CompareHoldoutOperator, HoldoutsOperator
from trialflow_operators.times import AS_OF

with DAG(
    dag_id="quarterly_holdout",
    schedule="0 12 1 1,4,7,10 *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={"as_of": AS_OF_PARAM},
    tags=["trialflow", "5 in the long run"],
    doc_md=__doc__,
):
    keep = HoldoutsOperator(task_id="holdouts", as_of=AS_OF)
    compare = CompareHoldoutOperator.partial(
        task_id="compare", as_of=AS_OF, pool=POOL, map_index_template="{{ experiment }}"
    ).expand(slug=keep.output)
    tell_and_finish(compare)
