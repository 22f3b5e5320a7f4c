"""The table of routes, and addresses of a record for each of them: a page that is added is tested by being there."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from tests.stages.worlds import LAST
from tests.ui.hostile import NEW, SIGNED, WAITING
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
PLAN = {"metric": "views_3d", "effect": "20"}
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
