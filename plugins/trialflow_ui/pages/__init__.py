"""One module per page; ROUTERS is all of them."""

from fastapi import APIRouter

from trialflow_ui.pages import assets, experiments

ROUTERS: tuple[APIRouter, ...] = (assets.router, experiments.router)

__all__ = ["ROUTERS"]
