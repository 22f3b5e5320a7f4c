"""Trialflow's DAGs as they stand in a running Airflow: switched on, triggered, backfilled, waited for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from trialflow.local.answers import SignOff
from trialflow.local.environment import LocalError
from trialflow.local.rest import ANYTHING, Rest, RestError, quoted
from trialflow.local.windows import Window

DAGS = (
    "preregistration",
    "aa_validation",
    "daily_monitoring",
    "novelty_decay",
    "final_analysis",
    "rollout",
    "retest",
    "quarterly_holdout",
    "notifications",
)
POOL = "trialflow"
SIGNING, SIGN, PARKED = "final_analysis", "sign", "awaiting_input"
UNFINISHED = ("queued", "running")
MAY_WAIT = ("daily_monitoring", "novelty_decay")
"""Scheduled runs of these wait for a live experiment's data, for hours if need be: nobody waits for them here."""

BACKFILL_RUNS = 8
PAST_DAYS = ("backfill", "manual")
BACKFILL_TRIES = 5
BUSY = (500, 503)
"""How SQLite's refusal of a second writer reaches the caller: nothing was written, and the same may be sent again."""

WRITE_TRIES, STANDS_ALREADY = 12, 409


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a DAG."""

    dag: str
    run: str
    state: str
    kind: str
    partition: str
    logical_date: str

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Run:
        """A run as the API tells it."""
        return cls(
            dag=answer["dag_id"],
            run=answer["dag_run_id"],
            state=answer["state"],
            kind=answer["run_type"],
            partition=answer.get("partition_key") or "",
            logical_date=answer.get("logical_date") or "",
        )


class Runs:
    """What the launcher does with Trialflow's DAGs. All of it may be done again."""

    def __init__(self, rest: Rest, *, pause: float = 1.0) -> None:
        self._rest = rest
        self._pause = pause

    # Getting ready

    def missing_dags(self) -> tuple[str, ...]:
        """DAGs that Airflow does not know yet. Raises LocalError when a file cannot be imported."""
        broken = list(self._rest.listed("/importErrors", "import_errors"))
        if broken:
            told = "\n".join(f"{one['filename']}:\n{one['stack_trace']}" for one in broken)
            message = f"Airflow cannot import {len(broken)} DAG file(s):\n{told}"
            raise LocalError(message)
        known = {dag["dag_id"] for dag in self._rest.listed("/dags", "dags")}
        return tuple(dag for dag in DAGS if dag not in known)

    def switch_on(self) -> None:
        """Unpause every DAG that waits."""
        for dag in self._rest.listed("/dags", "dags", paused="true"):
            if dag["dag_id"] in DAGS:
                self._paused(dag["dag_id"], paused=False)

    def make_pool(self) -> None:
        """The pool that bounds heavy tasks, unless it is there: a size somebody chose stays."""
        try:
            self._rest.get(f"/pools/{POOL}")
        except RestError as error:
            if error.status != 404:
                raise
            slots = int(os.environ.get("TRIALFLOW_POOL_SLOTS") or max(4, os.cpu_count() or 1))
            text = "Tasks that query the warehouse; the slots bound their memory"
            self._rest.send("POST", "/pools", {"name": POOL, "slots": slots, "description": text})

    # Starting

    def trigger(self, dag: str, conf: Mapping[str, Any]) -> str:
        """Start a run by hand; returns its id."""
        answer = self._rest.send("POST", f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": dict(conf)})
        return str(answer["dag_run_id"])

    def run_again(self, failed: Iterable[Run]) -> None:
        """Clear the failed tasks of runs, so that the scheduler takes them up again."""
        for run in failed:
            body = {"dry_run": False, "only_failed": True}
            self._rest.send("POST", f"/dags/{run.dag}/dagRuns/{quoted(run.run)}/clear", body)

    def days_to_run(self, dag: str, window: Window) -> tuple[date, ...]:
        """Days of the window that a backfill would run: without a run yet, or with a failed one."""
        answer = self._rest.send("POST", "/backfills/dry_run", _backfill(dag, window))
        return tuple(sorted(_as_of(one["logical_date"]) for one in answer["backfills"]))

    def backfill(self, dag: str, window: Window) -> None:
        """Have the scheduler run `dag` for every day of the window that has not succeeded yet.

        Airflow allows one backfill per DAG, and closes a finished one only every half minute: it is closed here. On
        SQLite a creation that meets another writer is undone and refused (503); the DAG is paused meanwhile, because a
        scheduler that has taken up runs which are then undone dies of it. So are runs that wait for a signature, which
        the scheduler would write about once a second. Where it is refused again and again, the same days are started
        one by one: each is a short transaction that finds its gap.
        """
        self._close_backfills(dag)
        quiet = (dag, SIGNING)
        for one in quiet:
            self._paused(one, paused=True)
        try:
            made = self._backfilled(dag, window)
        finally:
            for one in quiet:
                self._paused(one, paused=False)
        if not made:
            self._one_by_one(dag, window)

    def _backfilled(self, dag: str, window: Window) -> bool:
        for _ in range(BACKFILL_TRIES):
            try:
                self._rest.send("POST", "/backfills", _backfill(dag, window))
            except RestError as error:
                if error.status not in BUSY:
                    raise
            else:
                return True
            time.sleep(self._pause)
            with suppress(RestError):
                self._close_backfills(dag)
        return False

    def _one_by_one(self, dag: str, window: Window) -> None:
        answer = self._rest.send("POST", "/backfills/dry_run", _backfill(dag, window))
        for day in sorted(one["logical_date"] for one in answer["backfills"]):
            self._insist("POST", f"/dags/{dag}/dagRuns", {"logical_date": day, "conf": {}})

    def _insist(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        """Send until SQLite takes it. What stands already (409) is left as it is."""
        for attempt in range(1, WRITE_TRIES + 1):
            try:
                self._rest.send(method, path, body)
            except RestError as error:
                if error.status == STANDS_ALREADY:
                    return
                if error.status not in BUSY or attempt == WRITE_TRIES:
                    raise
                time.sleep(self._pause)
            else:
                return

    def _close_backfills(self, dag: str) -> None:
        for one in self._rest.listed("/backfills", "backfills", dag_id=dag):
            if not one["completed_at"]:
                self._rest.send("PUT", f"/backfills/{one['id']}/cancel")

    def _paused(self, dag: str, *, paused: bool) -> None:
        self._rest.send("PATCH", f"/dags/{dag}", {"is_paused": paused})

    # Looking

    def unfinished(self, dag: str = ANYTHING) -> tuple[Run, ...]:
        """Runs that are queued or running, but for those that may wait for hours, or for a person's signature."""
        found = [Run.of(one) for one in self._rest.listed(f"/dags/{dag}/dagRuns", "dag_runs", state=UNFINISHED)]
        parked = self._parked() if any(run.dag == SIGNING for run in found) else frozenset()
        return tuple(
            run
            for run in found
            if not (run.kind == "scheduled" and run.dag in MAY_WAIT) and not (run.dag == SIGNING and run.run in parked)
        )

    def _parked(self) -> frozenset[str]:
        path = f"/dags/{SIGNING}/dagRuns/{ANYTHING}/taskInstances"
        return frozenset(one["dag_run_id"] for one in self._rest.listed(path, "task_instances", state=PARKED))

    def sign_offs(self) -> tuple[SignOff, ...]:
        """Questions that wait for an answer."""
        path = f"/dags/{SIGNING}/dagRuns/{ANYTHING}/hitlDetails"
        return tuple(
            SignOff(
                run=one["task_instance"]["dag_run_id"],
                recommendation=one["params"]["recommendation"]["value"] or "",
                options=tuple(one["options"]),
                form={name: param["value"] or "" for name, param in one["params"].items()},
            )
            for one in self._rest.listed(path, "hitl_details", response_received="false", state=PARKED)
        )

    def answer(self, asked: SignOff, option: str, form: Mapping[str, str]) -> None:
        """Answer a question as the user who is logged in; fields that are not given stay as they were shown.

        On SQLite an answer that meets other writers is undone and refused (500): it is given again. One that stands
        already (409) is left as it is.
        """
        path = f"/dags/{SIGNING}/dagRuns/{quoted(asked.run)}/taskInstances/{SIGN}/-1/hitlDetails"
        body = {"chosen_options": [option], "params_input": {**asked.form, **form}}
        self._insist("PATCH", path, body)

    def backfilling(self, dag: str) -> int:
        """How many runs of a DAG's past days are not finished, by backfill or one by one."""
        return sum(self._rest.count(f"/dags/{dag}/dagRuns", state=UNFINISHED, run_type=kind) for kind in PAST_DAYS)

    def failed(self, since: datetime | None = None) -> tuple[Run, ...]:
        """Runs of Trialflow's DAGs that failed, of all times or begun since."""
        query: dict[str, Any] = {"state": "failed"} | ({"start_date_gte": since.isoformat()} if since else {})
        found = (Run.of(one) for one in self._rest.listed(f"/dags/{ANYTHING}/dagRuns", "dag_runs", **query))
        return tuple(run for run in found if run.dag in DAGS)

    def succeeded_partitions(self, dag: str) -> frozenset[str]:
        """Partition keys with a run that succeeded."""
        found = self._rest.listed(f"/dags/{dag}/dagRuns", "dag_runs", state="success")
        return frozenset(one["partition_key"] for one in found if one.get("partition_key"))

    def state_of(self, dag: str, run: str) -> str:
        """State of one run."""
        return str(self._rest.get(f"/dags/{dag}/dagRuns/{quoted(run)}")["state"])

    def failed_tasks(self, run: Run) -> tuple[str, ...]:
        """Names of the tasks that made a run fail, with the label of a mapped one."""
        path = f"/dags/{run.dag}/dagRuns/{quoted(run.run)}/taskInstances"
        return tuple(
            one["task_id"] + (f" [{one['rendered_map_index'] or one['map_index']}]" if one["map_index"] >= 0 else "")
            for one in self._rest.listed(path, "task_instances", state="failed")
        )

    def tasks(self, state: str) -> int:
        """How many tasks of all runs are in a state."""
        return self._rest.count(f"/dags/{ANYTHING}/dagRuns/{ANYTHING}/taskInstances", state=state)


def _backfill(dag: str, window: Window) -> dict[str, Any]:
    """A request for the runs that look at the days of a window: a run looks at the day before its own date."""
    return {
        "dag_id": dag,
        "from_date": f"{window.first + timedelta(days=1)}T00:00:00Z",
        "to_date": f"{window.last + timedelta(days=1)}T23:59:59Z",
        "max_active_runs": BACKFILL_RUNS,
        "reprocess_behavior": "failed",
        "run_backwards": False,
        "dag_run_conf": {},
    }


def _as_of(logical_date: str) -> date:
    return datetime.fromisoformat(logical_date).date() - timedelta(days=1)


def wait_until(
    done: Callable[[], bool], tell: Callable[[], None], *, timeout: float, what: str, every: float = 1.0
) -> None:
    """Ask again and again, telling the progress every few seconds. Raises LocalError when it takes too long."""
    began = told = time.monotonic()
    while not done():
        now = time.monotonic()
        if now - began > timeout:
            message = f"{what}: not done after {timeout:.0f} s"
            raise LocalError(message)
        if now - told >= 4.0:
            tell()
            told = now
        time.sleep(every)
