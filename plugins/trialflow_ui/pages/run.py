"""From a DAG run or a task of it to the experiment it is about: what the tab in Airflow's UI opens."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from trialflow.overview.reader import Reader
from trialflow_ui.access import READERS_OF_THE_DAG
from trialflow_ui.entry import PREFIX
from trialflow_ui.record import record
from trialflow_ui.render import page
from trialflow_ui.runs import Runs, runs

router = APIRouter()
Text = Annotated[str, Query(max_length=500)]


@router.get("/run/", dependencies=READERS_OF_THE_DAG)
def run(
    request: Request,
    view: Annotated[Reader, Depends(record)],
    airflow: Annotated[Runs, Depends(runs)],
    dag_id: Text = "",
    run_id: Text = "",
    task_id: Text = "",
    map_index: Text = "-1",
) -> Response:
    """To the one experiment, or a list of those of the run, or a sentence."""
    about = airflow.about(dag_id, run_id, task_id, _index(map_index))
    known = view.promises()
    if about.slug in known:
        return RedirectResponse(f"{PREFIX}/experiments/{quote(about.slug, safe='')}", status_code=HTTPStatus.SEE_OTHER)
    return page(
        request,
        "run.html.j2",
        title="Experiments of this run",
        section="experiments",
        about=about,
        dag_id=dag_id,
        run_id=run_id,
        promises=[known[slug] for slug in about.slugs if slug in known],
    )


def _index(text: str) -> int:
    """The place of a mapped task; -1, as Airflow counts a task that is not mapped, for anything else."""
    try:
        return int(text)
    except ValueError:
        return -1
