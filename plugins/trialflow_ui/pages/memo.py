"""A memo as it was recorded: a document of its own, with its style inside and no script."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import HTMLResponse

from trialflow.overview.dossier import Archive
from trialflow_ui.archive import archive

router = APIRouter()
POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "form-action 'none'",
        "frame-ancestors 'self'",
        "base-uri 'none'",
    )
)


@router.get("/experiments/{slug}/memos/{kind}/{as_of}")
def memo(slug: str, kind: str, as_of: date, file: Annotated[Archive, Depends(archive)]) -> HTMLResponse:
    """The newest revision of the memo, byte for byte."""
    found = file.memo(slug, kind, as_of)
    text = found.documents.get("html") if found else None
    if text is None:
        raise HTTPException(404, f"there is no {kind} memo of {slug} for {as_of}")
    return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})
