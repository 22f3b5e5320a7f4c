"""Final analysis: all metrics, segments and corrections once; the verdict by the promised rules; the memo; the sign-off.

Started by `daily_monitoring`, one run per experiment and day, when the last look is reached, a promised boundary is
crossed, harm is shown or the split breaks. The verdict is a recommendation until a person signs it: open `sign` (*Required
Actions*), read the memo, choose a verdict. Another than the recommended one needs a rationale. `rollout` follows.

**When it looks wrong but is not.** A run stays open for as long as nobody signs, be it weeks; it holds no slot and keeps
nobody else waiting. A green `sign` whose log says "not recorded" was answered in a way that cannot stand (an override
without a rationale, a follow-up that nobody can read): the next run asks again and holds what was written. EXTEND is no
end: the promise had extension days and the information was short, so the experiment goes back to running, and nobody is
asked. Running a day again on the same data changes nothing, posts nothing, and skips what is signed.

**When to act.** Read the memo: it begins with the verdict and the findings that it rests on. HOLD for
missing evidence means that a source did not deliver: mend it and run this day again with slug and day by hand.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, IdentityMapper, PartitionedAssetTimetable

from trialflow_operators.base import POOL
from trialflow_operators.dags import AS_OF_PARAM, DEFAULTS, SLUG_PARAM, START, tell_and_finish
from trialflow_operators.final import SIGN, AnalyseOperator
from trialflow_operators.signing import SignOffOperator
from trialflow_operators.times import ANALYSIS_DUE, DECIDED, KEY_DAY, KEY_SLUG

with DAG(
    dag_id="final_analysis",
    schedule=PartitionedAssetTimetable(assets=ANALYSIS_DUE, default_partition_mapper=IdentityMapper()),
    start_date=START,
    catchup=False,
    max_active_runs=1000,  # runs that wait for a signature count; the pool bounds how many analyse at once
    default_args=DEFAULTS,
    params={"slug": SLUG_PARAM, "as_of": AS_OF_PARAM},
    tags=["trialflow", "3 at the end"],
    doc_md=__doc__,
):
    analyse = AnalyseOperator(task_id="analyse", slug=KEY_SLUG, as_of=KEY_DAY, pool=POOL)
    sign = SignOffOperator(
        task_id=SIGN,
        slug=KEY_SLUG,
        as_of=KEY_DAY,
        retries=4,
        retry_delay=timedelta(seconds=5),
        outlets=[DECIDED, ANALYSIS_DUE],
    )
    analyse >> sign >> tell_and_finish(analyse)
