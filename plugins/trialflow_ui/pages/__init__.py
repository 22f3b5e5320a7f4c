"""One module per page; ROUTERS is all of them."""

from fastapi import APIRouter

from trialflow_ui.pages import assets, experiment, experiments, finding, layers, memo, metrics, plan, portfolio, run

ROUTERS: tuple[APIRouter, ...] = (
    assets.router,
    experiments.router,
    experiment.router,
    finding.router,
    memo.router,
    run.router,
    layers.router,
    portfolio.router,
    metrics.router,
    plan.router,
)

__all__ = ["ROUTERS"]
