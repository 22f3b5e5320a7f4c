"""One module per page; ROUTERS is all of them."""

from fastapi import APIRouter

from trialflow_ui.pages import assets, experiments, layers

ROUTERS: tuple[APIRouter, ...] = (assets.router, experiments.router, layers.router)

__all__ = ["ROUTERS"]
