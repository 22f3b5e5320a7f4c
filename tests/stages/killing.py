"""Kill a stage at its n-th step, run it again, and say what is on record. Run as a program by `test_killed`.

`python killing.py <workspace> <lake> <job>` prints one JSON line: the digest and the messages of a run that nobody
disturbed, and of every run that was killed and retried. A step is whatever the stage does to the record inside a writing
transaction: each statement, the moment before the commit, the moment after it.

Each run is a fork of this process, so that the imports are paid for once; nothing but imports happens before.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import alembic.command
import duckdb_sqlalchemy
import jinja2
import matplotlib.backends.backend_svg
import pandas as pd
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.default import DefaultDialect

from tests.stages.worlds import SLUG, TODAY, promise, shop
from trialflow.registry.connection import WRITES
from trialflow.stages import final_analysis, monitoring, preregistration, watch
from trialflow.stages.preregistration import Offer
from trialflow.stages.workspace import Workspace

Job = Callable[[Workspace], Any]
PAID_FOR_ONCE = (alembic.command, duckdb_sqlalchemy, jinja2, matplotlib.backends.backend_svg, pd)


DAY = date(2026, 1, 18)
RAMPED_DAY = date(2026, 1, 25)


def monitor(workspace: Workspace) -> None:
    """A day on which three kinds of looks are taken, an analysis becomes due and alerts are intended."""
    monitoring.monitor(workspace, SLUG, DAY)


def analyse(workspace: Workspace) -> None:
    """The final analysis of that day."""
    final_analysis.analyse(workspace, SLUG, DAY)


def register(workspace: Workspace) -> None:
    """A first registration: two transactions."""
    preregistration.register(workspace, Offer(where="a test", text=promise()), by="ada", today=TODAY)


def amend(workspace: Workspace) -> None:
    """An amendment of what is registered already."""
    text = promise(title="A newer ranker", metrics={"primary": {"minimum_effect": {"relative": 0.19}}})
    offer = Offer(where="a test", text=text)
    preregistration.register(workspace, offer, by="ada", today=TODAY, reason="The title was wrong.")


def gate(workspace: Workspace) -> None:
    """Four days of a ramp at once: looks, findings, the next step and its message."""
    watch.watch(workspace, SLUG, RAMPED_DAY)


JOBS: dict[str, Job] = {job.__name__: job for job in (monitor, analyse, register, amend, gate)}


class Steps:
    """Counts steps on the record and kills this process at one of them."""

    def __init__(self, kill_at: int | None) -> None:
        self.count = 0
        self.kill_at = kill_at

    def step(self) -> None:
        self.count += 1
        if self.count == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Count on every connection of this process."""

        def executed(connection: sa.Connection, *_: Any) -> None:
            if connection.get_execution_options().get(WRITES):
                self.step()

        commit = DefaultDialect.do_commit

        def committing(dialect: DefaultDialect, connection: Any) -> None:
            self.step()
            commit(dialect, connection)
            self.step()

        event.listen(sa.Engine, "after_cursor_execute", executed)
        DefaultDialect.do_commit = committing


def forked(job: Job, root: Path, lake: Path, kill_at: int | None) -> tuple[int, int]:
    """Run a job in a fork; returns the signal that ended it (0: none) and the number of steps it took."""
    counted = root / "steps"
    child = os.fork()
    if child == 0:
        status = 1
        try:
            steps = Steps(kill_at)
            steps.watch()
            job(shop(root, lake=lake))
            counted.write_text(str(steps.count))
            status = 0
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    if os.WIFEXITED(ended) and os.WEXITSTATUS(ended):
        raise RuntimeError(f"the run that was to be killed at step {kill_at} failed by itself")
    return os.WTERMSIG(ended), int(counted.read_text()) if counted.exists() else 0


def recorded(root: Path, lake: Path) -> dict[str, Any]:
    """What is on record, read in a fork too: a connection must not be carried over one."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        with shop(root, lake=lake).registry() as registry:
            found = {
                "digest": registry.digest(SLUG),
                "messages": sorted(stored.message.key for stored in registry.messages()),
                "memos": sorted(str(path.relative_to(root)) for path in (root / "memos").rglob("2026*")),
            }
        os.write(writing, json.dumps(found).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        found = json.loads(answer.read())
    os.wait()
    return dict(found)


def main(root: Path, lake: Path, name: str, points: int) -> None:
    """Sweep `points` steps of one job."""
    job = JOBS[name]

    def copy(label: str) -> Path:
        target = root.parent / f"{root.name}-{name}-{label}"
        shutil.copytree(root, target)
        return target

    undisturbed = copy("undisturbed")
    _, steps = forked(job, undisturbed, lake, None)
    results: dict[str, Any] = {"steps": steps, "undisturbed": recorded(undisturbed, lake), "killed": []}
    for step in sorted({1 + round(number * (steps - 1) / (points - 1)) for number in range(points)}):
        place = copy(str(step))
        ended, _ = forked(job, place, lake, step)
        (place / "steps").unlink(missing_ok=True)
        forked(job, place, lake, None)
        results["killed"].append({"step": step, "signal": ended, **recorded(place, lake)})
        shutil.rmtree(place)
    print(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
