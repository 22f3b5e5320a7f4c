"""The catalog of metrics, and one metric."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from trialflow.errors import Problem, PromiseError
from trialflow.overview import metric_weeks
from trialflow.overview.catalog import Entry, Shown, entries, select
from trialflow.overview.metric_weeks import Weeks
from trialflow.overview.plan_form import EARLIEST
from trialflow.overview.reader import Reader
from trialflow.spec.catalog import Catalog
from trialflow_ui import metric_charts
from trialflow_ui import portfolio_charts as charts
from trialflow_ui.record import record, workspace
from trialflow_ui.render import page, yesterday

router = APIRouter()
WEEKS = "weeks"


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
def one(
    request: Request,
    name: str,
    view: Annotated[Reader, Depends(record)],
    files: Files,
    history: Annotated[str, Query(max_length=20)] = "",
    through: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    """What it is, who uses it, and what was measured of it; its recent weeks if `history` asks the warehouse for them."""
    found = next((entry for entry in _entries(view, files[0]) if entry.metric.name == name), None)
    if found is None:
        raise HTTPException(404, f"there is no metric {name}, neither in the files nor in a promise in force")
    last = _day(through)
    weeks = _weeks(found, files[0], last) if history == WEEKS else None
    return page(
        request,
        "metric.html.j2",
        section="metrics",
        title=name,
        entry=found,
        problems=files[1],
        levels=metric_charts.levels(found),
        planning=urlencode(found.planned_with),
        weeks=weeks,
        weeks_chart=metric_charts.weeks(found.metric, weeks) if weeks else None,
        weeks_rows=tuple(metric_weeks.rows(weeks)) if weeks else (),
        through=through,
        misread=bool(through) and last is None,
        health=charts.health(found.healths),
    )


def _entries(view: Reader, files: Catalog) -> tuple[Entry, ...]:
    return entries(view, files.metrics, files.sources)


def _weeks(entry: Entry, files: Catalog, through: date | None) -> Weeks | None:
    if not entry.in_files:
        return None
    today = yesterday() + timedelta(days=1)
    return metric_weeks.weeks(
        workspace(), files, entry.metric, through=through, on_record=entry.last_measured, today=today
    )


def _day(text: str) -> date | None:
    """A day before today, as an address writes it."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if EARLIEST <= found <= yesterday() else None
