"""Time the pages over a record of 500 experiments of 90 days each, and write the table into docs/benchmarks.md.

One simulated experiment runs its 90 days through the real stages; its rows are then copied in bulk, to 25 teams with
metrics of their own. Airflow's tables hold the runs of these days. The record (about 1 GB) is kept below build/ and made
anew when that is removed.
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
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.stages.worlds import METRICS, SLUG, begin, fill, promise, shop, world
from tests.ui.copies import copy_life

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
PLACE = ROOT / "build" / "bench-pages"
HEADING = "## Pages"

EXPERIMENTS, DAYS, MATURING, DECIDED = 500, 90, 6, 100
TEAMS = 25
OFFERS_A_DAY = 96
"""Runs of preregistration, which looks for new promises every quarter of an hour."""
ROUNDS, COLD_ROUNDS = 15, 5
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
    "/run/": f"/run/?dag_id=daily_monitoring&run_id=daily-{LAST}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Milliseconds of one page; `cpu` is the CPU time of a warm one."""

    first: float
    cold: float
    morning: float
    warm: float
    cpu: float


def main() -> int:
    """Make the record, measure, print, write."""
    record = prepared()
    environment(record)
    found = measured()
    text = report(found, record)
    print(text)
    write(text)
    slow = [path for path, goal in GOALS_MS.items() if max(found[path].morning, found[path].warm) > goal]
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
    copy_life(workspace.registry_url, SLUG, names[:-DECIDED], layer="ranking", changed=of_a_team)
    decision = analyse(workspace, SLUG, LAST).decision
    sign(workspace, SLUG, LAST, verdict=decision.verdict, by="ada", signed_on=LAST)
    copy_life(workspace.registry_url, SLUG, names[-DECIDED:], layer="ranking", changed=of_a_team)


def of_a_team(name: str) -> dict[str, str]:
    """What differs between the copies: a title each, and the metrics, owner and analysts of one of the teams."""
    number = int(name.rpartition("_")[2])
    team = f"{number % TEAMS:02}"
    metrics = {one["name"]: f"{one['name']}_{team}" for one in METRICS}
    return {**metrics, "A new ranker": f"A new ranker for shelf {number}", "Ranking team": f"Team {team}"}


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


def measured() -> dict[str, Times]:
    """Every page, asked as an administrator's browser asks it."""
    from airflow.utils import db

    db.initdb()
    runs_of_these_days()
    from airflow.api_fastapi.app import init_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    from trialflow_ui.app import make_app

    manager = init_auth_manager()
    client = TestClient(make_app(), base_url="http://airflow.test")
    client.cookies.set("_token", manager.generate_jwt(SimpleAuthManagerUser(username="ada", role="admin")))
    with client:
        client.get("/assets/pages.css")
        return {path: of_page(lambda address=address: client.get(address)) for path, address in PAGES.items()}  # type: ignore[misc] # a default of a lambda has no type


def runs_of_these_days() -> None:
    """Airflow's memory of the ninety days: daily runs with a task for each experiment, offers, and each one's own runs."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from uuid6 import uuid7

    names = [SLUG, *(f"copy_{number:03}" for number in range(1, EXPERIMENTS))]
    runs, tasks = [], []
    for number in range(DAYS):
        at = datetime.combine(FIRST + timedelta(days=number + 1), datetime.min.time(), UTC)
        day = f"daily-{at.date() - timedelta(days=1)}"
        runs.append(run_row("daily_monitoring", day, at, logical_date=at))
        runs += [
            run_row("preregistration", f"{day}-{offer}", at + timedelta(minutes=15 * offer), logical_date=None)
            for offer in range(OFFERS_A_DAY)
        ]
        tasks += [task_row(uuid7(), "daily_monitoring", day, index, name) for index, name in enumerate(names)]
    end = datetime.combine(LAST, datetime.min.time(), UTC)
    runs += [run_row("aa_validation", name, end - timedelta(days=DAYS), partition_key=name) for name in names]
    runs += [run_row("final_analysis", name, end, partition_key=f"{name}|{LAST}") for name in names[-DECIDED:]]
    with create_session() as session:
        session.execute(DagRun.__table__.insert(), runs)
        session.execute(TaskInstance.__table__.insert(), tasks)


def run_row(dag: str, run: str, at: datetime, **more: Any) -> dict[str, Any]:
    """A run that ended well."""
    plain = {
        "dag_id": dag,
        "run_id": run,
        "run_type": "scheduled",
        "state": "success",
        "run_after": at,
        "start_date": at,
    }
    numbers = {"conf": {}, "log_template_id": 1, "clear_number": 0, "span_status": "not_started"}
    return plain | numbers | {"logical_date": None, "partition_key": None} | more


def task_row(key: object, dag: str, run: str, index: int, name: str) -> dict[str, Any]:
    """The task of one experiment in a daily run."""
    task = {
        "id": key,
        "dag_id": dag,
        "run_id": run,
        "task_id": "monitor",
        "map_index": index,
        "rendered_map_index": name,
    }
    state = {"state": "success", "try_number": 1, "max_tries": 0, "span_status": "not_started"}
    return task | state | {"pool": "default_pool", "pool_slots": 1, "queue": "default"}


def of_page(get: Callable[[], object]) -> Times:
    """One page in each state that it is found in."""
    first, _ = milliseconds(get)
    cold = [asked_after(forget, get) for _ in range(COLD_ROUNDS)]
    morning = [asked_after(overnight, get) for _ in range(COLD_ROUNDS)]
    warm = [milliseconds(get) for _ in range(ROUNDS)]
    return Times(
        first=first,
        cold=statistics.median(cold),
        morning=statistics.median(morning),
        warm=statistics.median(wall for wall, _ in warm),
        cpu=statistics.median(cpu for _, cpu in warm),
    )


def asked_after(happened: Callable[[], None], get: Callable[[], object]) -> float:
    """Milliseconds of the first request after that."""
    happened()
    return milliseconds(get)[0]


def forget() -> None:
    """Drop every row that the process has kept, as if it had just begun."""
    from trialflow.overview.reader import Keep

    for value in kept(Keep):
        value._values.clear()
    overnight()


def overnight() -> None:
    """Drop what the nightly runs replace: all findings, and what was put together from them."""
    from trialflow.overview import dossier, experiments, reader

    for one in (reader.BRIEFS, reader.DECISIONS, dossier.FINDINGS, dossier.TOLD):
        one._values.clear()
    experiments._STANDINGS.clear()


def kept(kind: type) -> list[Any]:
    """Every store of rows among the modules of the pages."""
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("trialflow.overview")]
    return [value for module in modules for value in vars(module).values() if isinstance(value, kind)]


def milliseconds(get: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU time of one request that is answered well."""
    began, worked = time.perf_counter(), time.process_time()
    answer = get()
    taken = ((time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000)
    assert answer.status_code == 200, answer.text[:500]  # type: ignore[attr-defined] # noqa: S101 (a benchmark of errors is none)
    return taken


def report(found: dict[str, Times], record: Path) -> str:
    """The section of the page."""
    database = record / "home" / "registry.db"
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as rows:
        (findings,) = rows.execute("SELECT count(*) FROM findings").fetchone()
    size = f"{findings:,} findings, {database.stat().st_size / 1e6:,.0f} MB"
    lines = [
        INTRODUCTION.format(experiments=EXPERIMENTS, days=DAYS, size=size, rounds=ROUNDS),
        "| page | first | cold | morning | warm | of it CPU | goal |",
        "|---|---|---|---|---|---|---|",
    ]
    for path, one in found.items():
        goal = f"{GOALS_MS[path]:.0f} ms" if path in GOALS_MS else "–"
        shown = " | ".join(f"{value:.0f} ms" for value in (one.first, one.cold, one.morning, one.warm, one.cpu))
        lines.append(f"| `{path}` | {shown} | {goal} |")
    lines += ["", f"Measured on {os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}.", ""]
    return "\n".join(lines)


INTRODUCTION = f"""{HEADING}

`make bench-pages` writes this section: a record of {{experiments}} experiments of {{days}} days each ({{size}}; all of
their findings, summaries, looks and events; {TEAMS} teams with metrics of their own) and Airflow's runs of these days,
asked in one process by an administrator, login and rendering included. Wall time. First: the first request of a process,
which compiles the template too. Cold: nothing of the record is kept (median of {COLD_ROUNDS}); the pages read ahead as soon
as somebody opens Airflow, so that this is rare. Morning: the first request after the nightly runs, when all findings are
new. Warm: as every later reader finds it (median of {{rounds}}). The goals are for mornings and warm pages.
"""


def write(section: str) -> None:
    """Put the section at the end of the page, in the place of an older one."""
    before = re.split(rf"(?m)^{HEADING}$", PAGE.read_text(encoding="utf-8"))[0].rstrip()
    PAGE.write_text(f"{before}\n\n{section}", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
