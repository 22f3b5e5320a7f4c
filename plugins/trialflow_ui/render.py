"""Templates to pages."""

from __future__ import annotations

import functools
import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from trialflow.memo import words
from trialflow.memo.words import short_day
from trialflow.overview.days import short_days
from trialflow_ui.entry import PREFIX

HERE = Path(__file__).resolve().parent
ASSETS = HERE / "assets"
NAVIGATION = (
    ("experiments", "Experiments"),
    ("layers", "Calendar"),
    ("portfolio", "Portfolio"),
    ("plan", "Plan"),
    ("metrics", "Metrics"),
)


@functools.cache
def environment() -> Environment:
    """Every value is escaped unless a template's own code made it."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "day": words.day,
        "short_day": short_day,
        "short_days": short_days,
        "percent": words.percent,
        "whole": words.whole,
        "p": words.p_value,
        "relative": words.relative,
        "json_script": json_script,
    }
    made.globals |= {"asset": asset, "root": PREFIX, "navigation": NAVIGATION}
    return made


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A template as an answer. `section` marks the place in the navigation."""
    common = {"section": "", "path": request.url.path}
    text = environment().get_template(template).render(**common | values)
    return HTMLResponse(text, status_code=status)


def asset(name: str) -> str:
    """The address of an asset; it changes with the content, so that browsers may keep it."""
    return f"{PREFIX}/assets/{name}?v={version(name)}"


@functools.cache
def version(name: str) -> str:
    """Of an asset's content."""
    return hashlib.sha256((ASSETS / name).read_bytes()).hexdigest()[:12]


def json_script(value: object) -> Markup:
    """JSON for a script element of type application/json: nothing in it can end the element."""
    text = json.dumps(value, separators=(",", ":"), default=str, allow_nan=False)
    safe = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(safe)  # noqa: S704 (the three characters that HTML reads are gone)


def yesterday() -> date:
    """The last day that can be complete, UTC: pages show the record as it stands then."""
    return datetime.now(UTC).date() - timedelta(days=1)
