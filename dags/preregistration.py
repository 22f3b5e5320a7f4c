"""Pre-registration: a promise is checked, locked and announced.

**How to use it.** *Trigger* opens a form: paste the promise as YAML, or fill the fields. With everything left empty the
run registers every file under `include/experiments/` that is not on record in its present form; the schedule does the
same. By REST the same fields stand in `conf`. To change a promise, register it again with a *reason*: the change is kept
as an amendment and shown in every later memo. To withdraw, stop, pause or resume an experiment, or to hold, resume or
roll back its rollout, or to say that a follow-up is done, choose the *action*.

**When it looks wrong but is not.** `register` is skipped when every file is on record already.

**When to act.** A red `register` lists all errors of the promise at once, each with field, value and cure; nothing was
stored. "is locked; it differs" means that the text was changed after registration: give a reason, or restore it.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from trialflow.spec.form import FORM
from trialflow_operators.dags import DEFAULTS, START, tell_and_finish
from trialflow_operators.preregistration import FindOffersOperator, OrderOperator, RegisterOperator
from trialflow_operators.times import REGISTERED, TODAY

ORDER_PARAMS = {
    "action": Param(
        "register",
        type="string",
        enum=[
            "register",
            "withdraw",
            "stop",
            "pause",
            "resume",
            "pause_rollout",
            "resume_rollout",
            "roll_back",
            "follow_up_done",
        ],
        title="Action",
        description="What to do; all but register need the slug, and a reason except for resume.",
        section="Order",
    ),
    "reason": Param(
        None,
        type=["null", "string"],
        title="Reason",
        description="Why a promise on record is changed, or an experiment is ended. For a changed file give its slug too.",
        section="Order",
    ),
    "follow_up": Param(
        None,
        type=["null", "string"],
        title="Follow-up",
        description="Which one is done: its name in the weekly review (2026-03-09|1). The reason says what came of it.",
        section="Order",
    ),
    "as_of": Param(
        None,
        type=["null", "string"],
        format="date",
        title="Day",
        description="From which day the order holds. Empty: today.",
        section="Order",
    ),
}
FORM_PARAMS = {
    one.name: Param(None, title=one.title, description=one.description, section=one.section, **one.schema)
    for one in FORM
}

with DAG(
    dag_id="preregistration",
    schedule="*/15 * * * *",
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULTS,
    params=FORM_PARAMS | ORDER_PARAMS,
    tags=["trialflow", "1 before the start"],
    doc_md=__doc__,
):
    find = FindOffersOperator(task_id="find")
    register = RegisterOperator.partial(
        task_id="register",
        today=TODAY,
        reason="{{ params.reason or '' }}",
        map_index_template="{{ experiment }}",
        outlets=[REGISTERED],
    ).expand_kwargs(find.output)
    order = OrderOperator(
        task_id="order",
        slug="{{ params.slug or '' }}",
        action="{{ params.action }}",
        reason="{{ params.reason or '' }}",
        as_of="{{ params.as_of or (dag_run.run_after | ds) }}",
        follow_up="{{ params.follow_up or '' }}",
    )
    tell_and_finish([register, order])
