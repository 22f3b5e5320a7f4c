"""A memo: its page, and the document as it was recorded, with its style inside and no script."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from trialflow.overview.dossier import Archive
from trialflow.overview.memo_page import memo_page
from trialflow_ui.archive import archive
from trialflow_ui.pages.finding import MOST_REVISIONS
from trialflow_ui.render import page

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
Revision = Annotated[int | None, Query(ge=0, le=MOST_REVISIONS)]
ADDRESS = "/experiments/{slug}/memos/{kind}/{as_of}"


@router.get(ADDRESS)
def memo(
    request: Request,
    slug: str,
    kind: str,
    as_of: date,
    file: Annotated[Archive, Depends(archive)],
    revision: Revision = None,
) -> HTMLResponse:
    """The memo in a frame, between the experiment it is about and the other memos of it."""
    view = memo_page(file, slug, kind, as_of, revision)
    if view is None:
        raise _missing(slug, kind, as_of)
    return page(
        request,
        "memo.html.j2",
        section="experiments",
        title=f"{kind.capitalize()} memo, {view.promise.experiment.title}",
        view=view,
    )


@router.get(f"{ADDRESS}/document")
def document(
    slug: str, kind: str, as_of: date, file: Annotated[Archive, Depends(archive)], revision: Revision = None
) -> HTMLResponse:
    """The newest revision of the memo or the one asked for, byte for byte."""
    found = file.memo(slug, kind, as_of, revision)
    text = found.documents.get("html") if found else None
    if text is None:
        raise _missing(slug, kind, as_of)
    return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})


def _missing(slug: str, kind: str, as_of: date) -> HTTPException:
    return HTTPException(404, f"there is no {kind} memo of {slug} for {as_of}")
