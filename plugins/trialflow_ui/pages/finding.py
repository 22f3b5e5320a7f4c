"""One finding: what it says and the evidence it rests on."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from trialflow.overview.dossier import Archive
from trialflow.overview.finding import finding_page
from trialflow_ui.archive import archive
from trialflow_ui.charts import drawings
from trialflow_ui.render import page

router = APIRouter()
MOST_REVISIONS = 2**31 - 1
"""What the databases can count to."""


@router.get("/experiments/{slug}/findings/{check}/{as_of}")
def finding(
    request: Request,
    slug: str,
    check: str,
    as_of: date,
    file: Annotated[Archive, Depends(archive)],
    revision: Annotated[int | None, Query(ge=0, le=MOST_REVISIONS)] = None,
) -> HTMLResponse:
    """The newest revision, or the one asked for."""
    view = finding_page(file, slug, check, as_of, revision)
    if view is None:
        raise HTTPException(404, f"there is no finding {check} of {slug} for {as_of}")
    return page(
        request,
        "finding.html.j2",
        section="experiments",
        title=f"{view.name}, {view.promise.experiment.title}",
        view=view,
        figures=[drawing for chart in view.charts for drawing in drawings(chart)],
    )
