"""The catalog of metrics, and one metric."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from trialflow.errors import Problem, PromiseError
from trialflow.overview.catalog import Entry, Shown, entries, select
from trialflow.overview.reader import Reader
from trialflow.spec.catalog import Catalog
from trialflow_ui import portfolio_charts as charts
from trialflow_ui.record import record, workspace
from trialflow_ui.render import page

router = APIRouter()


def catalog() -> tuple[Catalog, tuple[Problem, ...]]:
    """The files as they are now; where they cannot be read the promises' own definitions are shown, with the problems."""
    try:
        return workspace().catalog(), ()
    except PromiseError as error:
        return Catalog(metrics={}, sources={}), tuple(error.problems)


Files = Annotated[tuple[Catalog, tuple[Problem, ...]], Depends(catalog)]


@router.get("/metrics/")
def every(
    request: Request,
    view: Annotated[Reader, Depends(record)],
    files: Files,
    q: Annotated[str, Query(max_length=200)] = "",
    show: Annotated[Shown, Query()] = Shown.ALL,
) -> HTMLResponse:
    """One row each."""
    found = _entries(view, files[0])
    return page(
        request,
        "metrics.html.j2",
        section="metrics",
        title="Metrics",
        entries=select(found, text=q, shown=show),
        total=len(found),
        problems=files[1],
        q=q,
        show=show,
        choices=tuple(Shown),
    )


@router.get("/metrics/{name}")
def one(request: Request, name: str, view: Annotated[Reader, Depends(record)], files: Files) -> HTMLResponse:
    """What it is, who uses it, and what was measured of it."""
    found = next((entry for entry in _entries(view, files[0]) if entry.metric.name == name), None)
    if found is None:
        raise HTTPException(404, f"there is no metric {name}, neither in the files nor in a promise in force")
    return page(
        request,
        "metric.html.j2",
        section="metrics",
        title=name,
        entry=found,
        problems=files[1],
        baselines=charts.baselines(found.baselines),
        health=charts.health(found.healths),
    )


def _entries(view: Reader, files: Catalog) -> tuple[Entry, ...]:
    return entries(view, files.metrics, files.sources)
