"""The calendar of layers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from trialflow.overview.layers import Asked, calendar
from trialflow.overview.reader import Reader
from trialflow_ui.lanes import label, picture
from trialflow_ui.record import record
from trialflow_ui.render import page, yesterday

router = APIRouter()
Text = Annotated[str, Query(max_length=20)]


@router.get("/layers/")
def layers(
    request: Request,
    view: Annotated[Reader, Depends(record)],
    first: Annotated[str, Query(max_length=20, alias="from")] = "",
    last: Annotated[str, Query(max_length=20, alias="to")] = "",
    quarter: Text = "",
) -> HTMLResponse:
    """Who runs where and when; without a choice this quarter, or the nearest one in which something runs."""
    today = yesterday()
    found = calendar(view, Asked(first=first, last=last, quarter=quarter), today=today)
    return page(
        request,
        "layers.html.j2",
        section="layers",
        title="Calendar of layers",
        calendar=found,
        picture=picture(found, today),
        label=label,
        quarter=quarter,
        by_days=bool(first or last),
        today=today,
    )
