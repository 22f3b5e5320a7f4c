"""All experiments."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from trialflow.overview.experiments import SORTS, Wanted, choices, every, select
from trialflow.overview.reader import Reader
from trialflow_ui.access import may_act
from trialflow_ui.record import record
from trialflow_ui.render import page, yesterday
from trialflow_ui.sparkline import interval_chart

router = APIRouter()
Text = Annotated[str, Query(max_length=200)]


@router.get("/experiments/")
def experiments(
    request: Request,
    view: Annotated[Reader, Depends(record)],
    can_act: Annotated[bool, Depends(may_act)],
    q: Text = "",
    stage: Text = "",
    owner: Text = "",
    layer: Text = "",
    metric: Text = "",
    sort: Text = "",
) -> HTMLResponse:
    """One row each: where it stands, what was seen, what is to be done."""
    today = yesterday()
    standings = every(view, today=today)
    wanted = Wanted(text=q, stage=stage, owner=owner, layer=layer, metric=metric, sort=sort)
    rows = select(standings, wanted)
    return page(
        request,
        "experiments.html.j2",
        section="experiments",
        title="Experiments",
        rows=[(one, interval_chart(one.effect)) for one in rows],
        total=len(standings),
        wanted=wanted,
        choices=choices(standings),
        sorts={name: called for name, (called, _) in SORTS.items()},
        filtered=wanted != Wanted(sort=wanted.sort),
        can_act=can_act,
        today=today,
    )
