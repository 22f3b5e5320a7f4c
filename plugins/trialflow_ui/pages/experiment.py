"""One experiment."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from trialflow.overview.dossier import Archive
from trialflow.overview.experiment import Detail, detail
from trialflow_ui.access import may_act
from trialflow_ui.archive import archive
from trialflow_ui.charts import Drawing, curve, drawings
from trialflow_ui.render import page, yesterday
from trialflow_ui.runs import MOST, Runs, runs

router = APIRouter()


@router.get("/experiments/{slug}")
def experiment(
    request: Request,
    slug: str,
    file: Annotated[Archive, Depends(archive)],
    airflow: Annotated[Runs, Depends(runs)],
    can_act: Annotated[bool, Depends(may_act)],
    log: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> HTMLResponse:
    """Its life, what was measured, the promise, and all that was recorded."""
    today = yesterday()
    dossier = file.dossier(slug, log)
    view = detail(dossier, today=today)
    calendar = view.standing.promise.experiment.calendar
    return page(
        request,
        "experiment.html.j2",
        section="experiments",
        title=view.standing.promise.experiment.title,
        view=view,
        figures=figures(view),
        most_runs=MOST,
        runs=airflow.of(slug, calendar.first_day, calendar.final_day(extended=view.standing.life.extended)),
        sign_off=airflow.signing(slug, view.waiting.as_of) if view.waiting and can_act else "",
        can_act=can_act,
        today=today,
    )


def figures(view: Detail) -> dict[str, tuple[Drawing, ...]]:
    """The figures of every part, by its key."""
    found = {
        part.key: (
            *(drawing for chart in part.section.charts for drawing in drawings(chart)),
            *(curve(one) for one in part.curves),
        )
        for part in view.parts
    }
    ramp = view.ramp.curve if view.ramp else None
    return found | {"ramp": (curve(ramp),) if ramp else ()}
