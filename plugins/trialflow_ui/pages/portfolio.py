"""The portfolio."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from trialflow.overview.portfolio import Portfolio, portfolio
from trialflow.overview.reader import Reader
from trialflow_ui import portfolio_charts as charts
from trialflow_ui.record import record
from trialflow_ui.render import page, yesterday

router = APIRouter()


@router.get("/portfolio/")
def show(
    request: Request,
    view: Annotated[Reader, Depends(record)],
    data: Annotated[Literal["", "all", "real"], Query()] = "",
) -> HTMLResponse:
    """What experimenting gave; `data=real` leaves simulated experiments out."""
    today = yesterday()
    found = portfolio(view, today=today, real_only=data == "real")
    return page(
        request,
        "portfolio.html.j2",
        section="portfolio",
        title="Portfolio",
        portfolio=found,
        specs=specs(found),
        real_only=data == "real",
        today=today,
    )


def specs(found: Portfolio) -> dict[str, Any]:
    """The charts by name; those without a number to draw are left out."""
    made = {
        "months": charts.months(found.months) if found.months else None,
        "verdicts": charts.verdicts(found.verdicts) if found.verdicts else None,
        "days": charts.decision_days(found.outcomes) if found.times else None,
        "returns": charts.returns(found.returns),
    }
    made |= {f"holdout-{one.slug}": charts.holdout(one.sums, one.unit) for one in found.holdouts if one.sums}
    return {name: spec for name, spec in made.items() if spec is not None}
