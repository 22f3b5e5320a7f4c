"""Style, scripts and pictures: served through routes, so that they stand behind the login too."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from trialflow_ui.entry import PREFIX
from trialflow_ui.render import ASSETS

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
A_YEAR = "private, max-age=31536000, immutable"

router = APIRouter()


@router.get("/")
def home() -> Response:
    """The list is the front page."""
    return RedirectResponse(f"{PREFIX}/experiments/")


@router.get("/assets/{name:path}")
def asset(name: str, request: Request) -> Response:
    """A file below assets/; kept by browsers when it was asked for by its version."""
    path = (ASSETS / name).resolve()
    if not path.is_relative_to(ASSETS) or path.suffix not in TYPES or not path.is_file():
        raise HTTPException(404, f"there is no asset {name}")
    headers = {"Cache-Control": A_YEAR} if "v" in request.query_params else {}
    return FileResponse(path, media_type=TYPES[path.suffix], headers=headers)
