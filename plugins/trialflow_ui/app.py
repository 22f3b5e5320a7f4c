"""The application: routes behind Airflow's login, security headers, and error pages that say what to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.base import BaseHTTPMiddleware

from trialflow.errors import TrialflowError, UnknownExperimentError
from trialflow_ui import pages
from trialflow_ui.access import READERS, login_url
from trialflow_ui.render import page

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "frame-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'self'",
    "base-uri": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
"""On every answer, unless a route sets its own (assets may be kept, a memo has its style inside)."""

WHAT_TO_DO = {
    401: "Log in to Airflow.",
    403: "Ask an administrator of this Airflow for the right to read the DAG daily_monitoring.",
    404: "Follow a link from the list of experiments.",
    422: "Follow a link from the list of experiments, or correct the address.",
}


def make_app() -> FastAPI:
    """All pages. No documentation routes: they would answer without a login."""
    app = FastAPI(title="Trialflow", docs_url=None, redoc_url=None, openapi_url=None, dependencies=READERS)
    app.add_middleware(BaseHTTPMiddleware, dispatch=_with_headers)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(UnknownExperimentError, _unknown)
    app.add_exception_handler(TrialflowError, _broken)
    app.add_exception_handler(Exception, _unexpected)
    for router in pages.ROUTERS:
        app.include_router(router)
    return app


async def _with_headers(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    answer = await call(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


def _refused(request: Request, problem: Any) -> Response:
    status = int(problem.status_code)
    if not _wants_page(request):
        return JSONResponse({"detail": problem.detail}, status_code=status)
    if status == HTTPStatus.UNAUTHORIZED:
        return RedirectResponse(login_url(str(request.url)), status_code=HTTPStatus.SEE_OTHER)
    return _told(request, status, str(problem.detail), WHAT_TO_DO.get(status, ""))


def _misread(request: Request, problem: Any) -> Response:
    wrong = "; ".join(f"{error['loc'][-1]}: {error['msg']}" for error in problem.errors())
    return _told(request, HTTPStatus.UNPROCESSABLE_ENTITY, wrong, WHAT_TO_DO[422])


def _unknown(request: Request, problem: Any) -> Response:
    return _told(request, HTTPStatus.NOT_FOUND, str(problem), WHAT_TO_DO[404])


def _broken(request: Request, problem: Any) -> Response:
    return _told(
        request, HTTPStatus.INTERNAL_SERVER_ERROR, str(problem), "Mend what it names, then load the page again."
    )


def _unexpected(request: Request, problem: Any) -> Response:
    """Starlette answers this outside the middleware that adds the headers; the log has the traceback."""
    answer = _told(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"This page could not be made: {type(problem).__name__}.",
        "Look for the error in the API server's log, and load the page again.",
    )
    answer.headers.update(HEADERS)
    return answer


def _told(request: Request, status: int, problem: str, advice: str) -> HTMLResponse:
    title = HTTPStatus(status).phrase
    return page(request, "error.html.j2", status=status, title=title, problem=problem, advice=advice)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
