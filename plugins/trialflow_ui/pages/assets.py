"""Style, scripts and pictures: served through routes, so that they stand behind the login too."""

from __future__ import annotations

import functools
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from trialflow_ui.entry import PREFIX
from trialflow_ui.refusals import shortened
from trialflow_ui.render import ASSETS, version

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
A_YEAR = "private, max-age=31536000, immutable"

router = APIRouter()


@router.get("/")
def home() -> Response:
    """The list is the front page."""
    return RedirectResponse(f"{PREFIX}/experiments/")


@router.get("/assets/{name:path}")
def asset(name: str, request: Request) -> Response:
    """A file below assets/; kept by browsers when it was asked for by the version that this server has.

    While servers are being upgraded a page of a new one may ask an old one, whose file must not be kept as the new one.
    """
    path = files().get(name)
    if path is None:
        raise HTTPException(404, f"there is no asset {shortened(name)}")
    headers = {"Cache-Control": A_YEAR} if request.query_params.get("v") == version(name) else {}
    return FileResponse(path, media_type=TYPES[path.suffix], headers=headers)


@functools.cache
def files() -> dict[str, Path]:
    """Every file that may be asked for, by its name: no path is ever made from what somebody asks."""
    return {path.relative_to(ASSETS).as_posix(): path for path in ASSETS.rglob("*") if path.suffix in TYPES}
