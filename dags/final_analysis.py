"""Final analysis: all metrics, segments and corrections once; the verdict by the promised rules; the memo.

Started by `daily_monitoring`, one run per experiment and day, when the last look is reached, a promised boundary is
crossed, harm is shown or the split breaks. The verdict is a recommendation until a person signs it.

**When it looks wrong but is not.** EXTEND is no end: the promise had extension days and the information was short, so the
experiment goes back to running. Running it again on the same data changes nothing and posts nothing.

**When to act.** Read the memo: it begins with the verdict and the findings that it rests on. HOLD for
missing evidence means that a source did not deliver: mend it and run this day again with slug and day by hand.
"""

from __future__ import annotations

from airflow.sdk import DAG, IdentityMapper, PartitionedAssetTimetable

from trialflow_operators.base import POOL
from trialflow_operators.dags import AS_OF_PARAM, DEFAULTS, SLUG_PARAM, START, tell_and_finish
from trialflow_operators.final import AnalyseOperator
from trialflow_operators.times import ANALYSIS_DUE, DECIDED, KEY_DAY, KEY_SLUG

with DAG(
    dag_id="final_analysis",
    schedule=PartitionedAssetTimetable(assets=ANALYSIS_DUE, default_partition_mapper=IdentityMapper()),
    start_date=START,
    catchup=False,
    max_active_runs=4,
    default_args=DEFAULTS,
    params={"slug": SLUG_PARAM, "as_of": AS_OF_PARAM},
    tags=["trialflow", "3 at the end"],
    doc_md=__doc__,
):
    analyse = AnalyseOperator(task_id="analyse", slug=KEY_SLUG, as_of=KEY_DAY, pool=POOL, outlets=[DECIDED])
    tell_and_finish(analyse)
