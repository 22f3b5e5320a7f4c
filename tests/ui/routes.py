"""The table of routes, and addresses of a record for each of them: a page that is added is tested by being there."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from tests.stages.worlds import LAST
from tests.ui.hostile import NEW, SIGNED, WAITING
from trialflow.overview.plan_form import GuardrailRow, PlanForm
from trialflow_ui.render import ASSETS

DAY = LAST.isoformat()
CHECKS = ("effects", "segments", "srm", "aa")
FILLED: Mapping[str, tuple[str, ...]] = {
    "slug": (SIGNED, WAITING, NEW),
    "check": CHECKS,
    "as_of": (DAY,),
    "day": (DAY,),
    "kind": ("decision", "registration"),
    "metric": ("views_3d",),
    "name": ("pages.css", "vendor/vega.min.js"),
}
"""Parameter of a path or a required one of a query → values that the record of the tests has."""
VALUES = {"name": {"/metrics/{name}": ("views_3d",)}}
"""Parameters that mean something else on one route."""
PLAN = {
    "metric": "views_3d",
    "effect": "20%",
    "mean": "3",
    "std_dev": "2.5",
    "traffic": "200",
    "guardrail_1": "complained_1d",
    "margin_1": "20%",
}
"""A plan that can be made whatever day it is."""
QUERIES: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "/plan/": ({}, PLAN),
    "/plan/register": ({}, PLAN),
    "/run/": (
        {"dag_id": "final_analysis", "run_id": "manual__1"},
        {"dag_id": "daily_monitoring", "run_id": "manual__1", "task_id": "monitor", "map_index": "0"},
    ),
}


def routes(app: Any) -> list[Any]:
    """Every route of the application."""
    return list(app.routes)


def addresses(app: Any) -> Iterator[tuple[str, str]]:
    """The path of each route as it is declared, and every address of it that the record can fill."""
    for route in routes(app):
        for path in _filled(route.path):
            for query in _queries(route):
                yield route.path, path + (f"?{urlencode(query)}" if query else "")


def _filled(path: str) -> Iterator[str]:
    names = [one.partition(":")[0] for one in re.findall(r"{([^}]+)}", path)]
    for values in itertools.product(*(_values(path, name) for name in names)):
        filled = path
        for name, value in zip(names, values, strict=True):
            filled = re.sub(rf"{{{name}(:\w+)?}}", quote(value), filled)
        yield filled


def _values(path: str, name: str) -> tuple[str, ...]:
    found = VALUES.get(name, {}).get(path) or FILLED.get(name)
    assert found, f"{path}: say in tests/ui/routes.py what a test may put for {{{name}}}"
    return found


def _queries(route: Any) -> tuple[Mapping[str, str], ...]:
    if route.path in QUERIES:
        return QUERIES[route.path]
    needed = [one.alias for one in route.dependant.query_params if one.field_info.is_required()]
    return ({name: _values(route.path, name)[0] for name in needed},)


ODD = {
    "a null character": "a\0b",
    "a text without end": "x" * 5000,
    "a raised digit": "²",
    "two signs": "--1",
    "less than nothing": "-1",
    "more than a database counts to": "9" * 400,
    "the first day there is": "0001-01-01",
    "the last day there is": "9999-12-31",
    "a number that is none": "nan",
    "signs that turn a line around": "\u202etxt.exe\u2066",
    "half a letter": "\udc80",
}
"""What nobody means and somebody sends."""


def odd_addresses(app: Any) -> Iterator[str]:
    """Every route with one of its parameters odd after the other, the rest as the record has it."""
    last = dict(addresses(app))  # of a plan the one that is filled
    for route in routes(app):
        path, _, query = last[route.path].partition("?")
        names = [name.partition(":")[0] for name in re.findall(r"{([^}]+)}", route.path)]
        for odd in ODD.values():
            for name in names:
                plain = {one: _values(route.path, one)[0] for one in names} | {name: odd}
                yield _with(route.path, plain) + (f"?{query}" if query else "")
            for name in _asked(route):
                yield f"{path}?{urlencode({**dict(parse_qsl(query)), name: odd}, errors='surrogateescape')}"


def _with(path: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        told = quote(value, safe="", errors="surrogateescape")
        path = re.sub(rf"{{{name}(:\w+)?}}", lambda _found, told=told: told, path)
    return path


def _asked(route: Any) -> list[str]:
    """Every parameter of a query; those of a plan are the fields of its form, which its promise reads as the plan does."""
    own = [one.alias for one in route.dependant.query_params]
    if route.path != "/plan/":
        return own
    rows = [f"{one.name}_1" for one in fields(GuardrailRow)]
    return [*own, *(one.name for one in fields(PlanForm)), "guardrail_1", *rows, "margin_scale_1", "unknown"]


def variants(path: str) -> tuple[str, ...]:
    """Other spellings of an address that a careless guard lets through."""
    plain, _, query = path.partition("?")
    mark = f"?{query}" if query else ""
    spellings = (
        plain,
        plain.rstrip("/"),
        f"{plain.rstrip('/')}/",
        f"{plain}//",
        f"/{plain}",
        f"{plain}/.",
        f"{plain};a",
    )
    return tuple(dict.fromkeys(f"{one or '/'}{mark}" for one in (*spellings, plain.upper(), f"{plain}%2f")))


def assets() -> list[str]:
    """Every file that is served."""
    return sorted(
        path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*") if path.suffix in (".js", ".css", ".svg")
    )
