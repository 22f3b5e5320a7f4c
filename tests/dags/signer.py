"""A person who signs: answers sign-offs through the code behind Airflow's REST endpoint, while a DAG runs in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

AFTER_S = 0.2


@contextmanager
def answering(option: str, *, by: str = "ada", **form: Any) -> Iterator[list[dict[str, Any]]]:
    """Answer the next question, and only that; yields what was asked. Fails the block when nobody was asked."""
    asked: list[dict[str, Any]] = []
    over = threading.Event()
    person = threading.Thread(target=_wait_and_answer, args=(option, by, form, asked, over), daemon=True)
    person.start()
    try:
        yield asked
    finally:
        over.set()
        person.join(timeout=30)
    assert asked, "no sign-off has asked for an answer"


def _wait_and_answer(
    option: str, by: str, form: dict[str, Any], asked: list[dict[str, Any]], over: threading.Event
) -> None:
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    waiting = select(TaskInstance, HITLDetail).join(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
    while not over.is_set():
        with create_session() as session:
            found = session.execute(waiting.where(TaskInstance.state == "awaiting_input")).first()
            if found is not None:
                task, detail = found
                asked.append({"subject": detail.subject, "body": detail.body, "options": list(detail.options)})
                update_hitl_detail(
                    dag_id=task.dag_id,
                    dag_run_id=task.run_id,
                    task_id=task.task_id,
                    update_hitl_detail_payload=UpdateHITLDetailPayload(chosen_options=[option], params_input=form),
                    user=SimpleAuthManagerUser(username=by, role="admin"),
                    session=session,
                    map_index=task.map_index,
                )
        if asked:
            return
        time.sleep(AFTER_S)
