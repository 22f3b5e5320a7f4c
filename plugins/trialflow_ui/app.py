"""The application: routes behind Airflow's login, security headers, and error pages that say what to do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trialflow.errors import SchemaError, TrialflowError, UnknownExperimentError
from trialflow.overview.unanswered import public_reason
from trialflow_ui import pages
from trialflow_ui.access import READERS, login_url
from trialflow_ui.refusals import misread, refusal
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


class HeadersOnly:
    """Answers HEAD as GET is answered, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, and keep the body of its answer back."""

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        head = scope["type"] == "http" and scope["method"] == "HEAD"
        await self._app(scope, receive, without_body if head else send)


def make_app() -> FastAPI:
    """All pages. No documentation routes: they would answer without a login."""
    guards = [*READERS, Depends(_plain_address)]
    app = FastAPI(title="Trialflow", docs_url=None, redoc_url=None, openapi_url=None, dependencies=guards)
    app.add_middleware(BaseHTTPMiddleware, dispatch=_with_headers)
    app.add_middleware(HeadersOnly)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_exception_handler(UnknownExperimentError, _unknown)
    app.add_exception_handler(SchemaError, _of_another_version)
    app.add_exception_handler(TrialflowError, _broken)
    app.add_exception_handler(Exception, _unexpected)
    for router in pages.ROUTERS:
        app.include_router(router)
    for route in app.routes:
        if isinstance(route, APIRoute) and "GET" in route.methods:
            route.methods.add("HEAD")
    return app


def _plain_address(request: Request) -> None:
    """No database takes a null character, and nobody means one."""
    if any("\0" in text for text in (request.scope["path"], *request.query_params, *request.query_params.values())):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "It contains a null character (%00)")


async def _with_headers(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
    answer = await call(request)
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    return answer


def _refused(request: Request, problem: Any) -> Response:
    status = int(problem.status_code)
    if status == HTTPStatus.UNAUTHORIZED and _wants_page(request):
        return RedirectResponse(login_url(str(request.url)), status_code=HTTPStatus.SEE_OTHER)
    return _told(request, status, str(problem.detail))


def _misread(request: Request, problem: Any) -> Response:
    return _told(request, HTTPStatus.UNPROCESSABLE_ENTITY, misread(problem.errors()))


def _unknown(request: Request, problem: Any) -> Response:
    return _told(request, HTTPStatus.NOT_FOUND, str(problem))


def _of_another_version(request: Request, problem: Any) -> Response:
    advice = "Do what it says, then load the page again; the pages themselves never change the record."
    return _told(request, HTTPStatus.SERVICE_UNAVAILABLE, str(problem), advice)


def _broken(request: Request, problem: Any) -> Response:
    advice = "Mend what it names, then load the page again."
    return _told(request, HTTPStatus.INTERNAL_SERVER_ERROR, public_reason(problem), advice)


def _unexpected(request: Request, problem: Any) -> Response:
    """Starlette answers this outside the middleware that adds the headers; the log has the traceback."""
    advice = "Look for the error in the API server's log, and load the page again."
    answer = _told(request, HTTPStatus.INTERNAL_SERVER_ERROR, f"It ended with a {type(problem).__name__}.", advice)
    answer.headers.update(HEADERS)
    return answer


def _told(request: Request, status: int, problem: str, advice: str = "") -> Response:
    """The refusal as a page, or as JSON for who did not ask for one."""
    told = refusal(status, request.scope["path"], problem, advice=advice, method=request.method)
    if not _wants_page(request):
        return JSONResponse({"detail": told.problem}, status_code=status)
    return page(request, "error.html.j2", status=status, title=told.title, told=told)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
