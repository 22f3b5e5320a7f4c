"""Time the pages over a record of 500 experiments of 90 days each, and write the table into docs/benchmarks.md.

One simulated experiment runs its 90 days through the real stages; its rows are then copied in bulk. The record (about
1 GB) is kept below build/ and made anew when that is removed.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.stages.worlds import SLUG, begin, fill, promise, shop, world
from tests.ui.copies import copy_life

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
PLACE = ROOT / "build" / "bench-pages"
HEADING = "## Pages"

EXPERIMENTS, DAYS, MATURING, DECIDED = 500, 90, 6, 100
ROUNDS = 15
GOALS_MS = {"/experiments/": 300.0, "/experiments/{slug}": 500.0}

LAST = datetime.now(UTC).date() - timedelta(days=1)
FIRST = LAST - timedelta(days=DAYS - 1)
SHOWN = "copy_007"
PAGES = {
    "/experiments/": "/experiments/",
    "/experiments/{slug}": f"/experiments/{SHOWN}",
    "/experiments/{slug}/findings/{check}/{as_of}": f"/experiments/{SHOWN}/findings/effects/{LAST}",
    "/layers/": "/layers/",
    "/portfolio/": "/portfolio/",
    "/plan/": "/plan/",
    "/metrics/": "/metrics/",
}


def main() -> int:
    """Make the record, measure, print, write."""
    record = prepared()
    environment(record)
    found = measured()
    text = report(found, record)
    print(text)
    write(text)
    slow = [path for path, goal in GOALS_MS.items() if path in found and found[path][2] > goal]
    return 1 if slow else 0


def prepared() -> Path:
    """The folder of the record: made, or as it was made before (then its days end earlier)."""
    note = PLACE / "last_day"
    if note.is_file() and note.read_text() == LAST.isoformat():
        return PLACE
    shutil.rmtree(PLACE, ignore_errors=True)
    began = time.monotonic()
    one_life(PLACE)
    print(f"{EXPERIMENTS} experiments of {DAYS} days: {time.monotonic() - began:.0f} s", flush=True)
    note.write_text(LAST.isoformat())
    return PLACE


def one_life(root: Path) -> None:
    """Ninety days of one simulated experiment by the real stages, then its copies: most are running, some are decided."""
    from trialflow.stages.final_analysis import analyse
    from trialflow.stages.monitoring import monitor
    from trialflow.stages.sign import sign

    text = promise(
        calendar={"first_day": FIRST, "last_day": LAST - timedelta(days=MATURING), "maturity_days": MATURING},
        analysis={"stopping": {"looks": [28, 56]}},
        segments=[{"dimension": "device", "values": ["mobile", "desktop"]}],
    )
    workspace = fill(
        shop(root),
        world(first_day=FIRST, last_day=LAST - timedelta(days=MATURING), follow_days=MATURING, units=9000, effect=0.1),
    )
    begin(workspace, text, today=FIRST - timedelta(days=1))
    for number in range(DAYS):
        monitor(workspace, SLUG, FIRST + timedelta(days=number))
    print(f"  {DAYS} days of one", flush=True)
    names = [f"copy_{number:03}" for number in range(1, EXPERIMENTS)]
    copy_life(workspace.registry_url, SLUG, names[:-DECIDED], layer="ranking")
    decision = analyse(workspace, SLUG, LAST).decision
    sign(workspace, SLUG, LAST, verdict=decision.verdict, by="ada", signed_on=LAST)
    copy_life(workspace.registry_url, SLUG, names[-DECIDED:], layer="ranking")


def environment(record: Path) -> None:
    """Point the pages and Airflow at the record. Before the first import of Airflow."""
    airflow = Path(tempfile.mkdtemp(prefix="trialflow-bench-"))
    os.environ.update(
        TRIALFLOW_HOME=str(record / "home"),
        TRIALFLOW_INCLUDE=str(record / "include"),
        TRIALFLOW_LAKE=str(record / "lake"),
        AIRFLOW_HOME=str(airflow),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS="False",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{airflow / 'airflow.db'}",
        AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR",
        AIRFLOW__API_AUTH__JWT_SECRET="x" * 64,
    )
    sys.path[:0] = [str(ROOT / "plugins")]


def measured() -> dict[str, tuple[float, float, float]]:
    """Milliseconds of server time per page: the first request of a process, with nothing kept, with all kept (medians)."""
    from airflow.utils import db

    db.initdb()
    from airflow.api_fastapi.app import init_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    from trialflow_ui.app import make_app

    manager = init_auth_manager()
    app = make_app()
    client = TestClient(app, base_url="http://airflow.test")
    client.cookies.set("_token", manager.generate_jwt(SimpleAuthManagerUser(username="ada", role="admin")))
    there = {route.path for route in app.routes}  # type: ignore[attr-defined]
    found = {}
    with client:
        client.get("/assets/pages.css")
        for path, address in PAGES.items():
            if path in there:
                found[path] = of_page(lambda address=address: client.get(address))  # type: ignore[misc]
    return found


def of_page(get: Callable[[], object]) -> tuple[float, float, float]:
    """First, cold and warm."""
    first = milliseconds(get)
    cold = []
    for _ in range(5):
        forget()
        cold.append(milliseconds(get))
    return first, statistics.median(cold), statistics.median(milliseconds(get) for _ in range(ROUNDS))


def forget() -> None:
    """Drop every row that the process has kept."""
    from trialflow.overview.reader import Keep

    for name, module in list(sys.modules.items()):
        if name.startswith("trialflow.overview"):
            for value in vars(module).values():
                if isinstance(value, Keep):
                    value._values.clear()


def milliseconds(get: Callable[[], object]) -> float:
    """CPU time of one request that is answered well."""
    began = time.process_time()
    answer = get()
    taken = (time.process_time() - began) * 1000
    assert answer.status_code == 200, answer.text[:500]  # type: ignore[attr-defined] # noqa: S101 (a benchmark of errors is none)
    return taken


def report(found: dict[str, tuple[float, float, float]], record: Path) -> str:
    """The section of the page."""
    database = record / "home" / "registry.db"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as rows:
        (findings,) = rows.execute("SELECT count(*) FROM findings").fetchone()
    size = f"{findings:,} findings, {database.stat().st_size / 1e6:,.0f} MB"
    lines = [
        INTRODUCTION.format(experiments=EXPERIMENTS, days=DAYS, size=size, rounds=ROUNDS),
        "| page | first | cold | warm | goal |",
        "|---|---|---|---|---|",
    ]
    for path, (first, cold, warm) in found.items():
        goal = f"{GOALS_MS[path]:.0f} ms" if path in GOALS_MS else "–"
        lines.append(f"| `{path}` | {first:.0f} ms | {cold:.0f} ms | {warm:.0f} ms | {goal} |")
    lines += ["", f"Measured on {os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}.", ""]
    return "\n".join(lines)


INTRODUCTION = f"""{HEADING}

`make bench-pages` writes this section: a record of {{experiments}} experiments of {{days}} days each ({{size}}; all of
their findings, summaries, looks and events), asked in one process by an administrator, login and rendering included. First:
the first request of a process, which compiles the template too. Cold: nothing of the record is kept (median of 5). Warm: as
every later reader finds it (median of {{rounds}}). CPU time,
which a machine that does nothing else needs as wall time too. The goals are for warm pages.
"""


def write(section: str) -> None:
    """Put the section at the end of the page, in the place of an older one."""
    before = re.split(rf"(?m)^{HEADING}$", PAGE.read_text(encoding="utf-8"))[0].rstrip()
    PAGE.write_text(f"{before}\n\n{section}", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
