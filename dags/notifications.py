"""Notifications: what could not be posted is posted; the day's digest, the week's review and what has recovered go out.

Every stage puts its messages into the record's outbox and posts them at once. When Slack was away they stay there; this
run posts them afterwards, each exactly once and in their order. The digest is one message a day for all experiments; it
names the verdicts that wait for a signature and what Slack has refused for good. The review is one message a week: the
follow-ups of signed decisions that nobody has closed, those overdue first. To close one trigger `preregistration` with the
action `follow_up_done`.

**When it looks wrong but is not.** `tell` is skipped while no connection `trialflow_slack` exists: memos still stand in
files and in the record. `review` returns a number every day, and one message a week.

**When to act.** A red `tell` names the messages that wait; its log says what Slack answered. A message meant for a channel
that is closed to the app stands in the default channel and says so.
"""

from __future__ import annotations

from airflow.sdk import DAG

from trialflow_operators.dags import AS_OF_PARAM, DEFAULTS, START, tell_and_finish
from trialflow_operators.slack import DigestOperator, RecoverOperator, ReviewOperator
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
    recovered = RecoverOperator(task_id="recovered", as_of=AS_OF)
    digest = DigestOperator(task_id="digest", as_of=AS_OF)
    review = ReviewOperator(task_id="review", as_of=AS_OF)
    tell_and_finish([recovered, digest, review])
