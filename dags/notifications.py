"""Notifications: what could not be posted is posted, and the day's digest goes out once.

Every stage puts its messages into the record's outbox and posts them at once. When Slack was away they stay there; this
run posts them afterwards, each exactly once. The digest is one message a day for all experiments.

**When it looks wrong but is not.** `tell` is skipped while no connection `trialflow_slack` exists: memos still stand in
files and in the record.

**When to act.** A red `tell` says which message Slack refused and why: most often the bot is not in the channel.
"""

from __future__ import annotations

from airflow.sdk import DAG

from trialflow_operators.dags import AS_OF_PARAM, DEFAULTS, START, tell_and_finish
from trialflow_operators.slack import DigestOperator
from trialflow_operators.times import AS_OF

with DAG(
    dag_id="notifications",
    schedule="30 6 * * *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params={"as_of": AS_OF_PARAM},
    tags=["trialflow", "6 every day"],
    doc_md=__doc__,
):
    digest = DigestOperator(task_id="digest", as_of=AS_OF)
    tell_and_finish(digest)
