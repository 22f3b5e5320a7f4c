"""DAG runs of an experiment, from Airflow's metadata: the one module of the pages that reads Airflow's own tables.

A run is about an experiment by its partition key ("slug" or "slug|day") or by what its starter stated; runs of daily
monitoring are about all experiments of their day, each in a mapped task that is named after it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.state import TaskInstanceState
from airflow.utils.types import DagRunType
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

DAILY = "daily_monitoring"
ANALYSIS = "final_analysis"
SIGN = "sign"
KEYED = ("aa_validation", ANALYSIS, "novelty_decay", "quarterly_holdout", "retest", "rollout")
BY_HAND = ("preregistration", *KEYED)
MOST = 400
"""So many of the newest runs are listed of a kind, and looked through for what their starter stated: a year of days."""
BY_SCHEDULE = (DagRunType.SCHEDULED, DagRunType.BACKFILL_JOB)
"""Nobody states anything about these: there is one every quarter of an hour, and none is about one experiment."""
NAME = re.compile(r"[\w.-]+")
SLUG_IN_YAML = re.compile(r"""^slug:[ \t]*["']?([\w.-]+)""", re.MULTILINE)
WAITING = (TaskInstanceState.AWAITING_INPUT, TaskInstanceState.DEFERRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: `day` is the day of the data where it is known, `link` an address inside Airflow's UI."""

    dag: str
    run: str
    day: date | None
    state: str
    started: datetime | None

    @property
    def link(self) -> str:
        """Where Airflow shows it."""
        return f"/dags/{quote(self.dag, safe='')}/runs/{quote(self.run, safe='')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a run is about: one experiment, several, or none that is known."""

    slug: str = ""
    slugs: tuple[str, ...] = ()
    day: date | None = None
    known: bool = True


class Runs:
    """Airflow's runs, as seen by one request."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, slug: str, first: date, last: date) -> tuple[Run, ...]:
        """Runs of an experiment that looks at the days from `first` to `last`, newest first. Three queries."""
        keyed = or_(DagRun.partition_key == slug, DagRun.partition_key.startswith(f"{slug}|", autoescape=True))
        own = self._found(DagRun.dag_id.in_(KEYED), keyed)
        stated = DagRun.partition_key.is_(None), DagRun.run_type.not_in(BY_SCHEDULE)
        by_hand = self._found(DagRun.dag_id.in_(BY_HAND), *stated)
        begin, end = _midnight(first + timedelta(days=1)), _midnight(last + timedelta(days=2))
        daily = self._found(DagRun.dag_id == DAILY, DagRun.logical_date >= begin, DagRun.logical_date < end)
        mine = (row for row in by_hand if _slug(row) == slug)
        return tuple(sorted(map(_run, (*own, *mine, *daily)), key=_newest))

    def signing(self, slug: str, as_of: date) -> str:
        """Where Airflow asks for the signature under the verdict of a day; "" where no run waits. One query."""
        key = f"{slug}|{as_of}"
        waiting = (
            select(DagRun)
            .join(TaskInstance, (TaskInstance.dag_id == DagRun.dag_id) & (TaskInstance.run_id == DagRun.run_id))
            .where(DagRun.dag_id == ANALYSIS, or_(DagRun.partition_key == key, DagRun.partition_key.is_(None)))
            .where(TaskInstance.task_id == SIGN, TaskInstance.state.in_(WAITING))
            .order_by(DagRun.run_after.desc())
        )
        found = (row.run_id for row in self._session.scalars(waiting) if (_slug(row), _day(row)) == (slug, as_of))
        run = next(found, "")
        return f"/dags/{ANALYSIS}/runs/{quote(run, safe='')}/tasks/{SIGN}/required_actions" if run else ""

    def about(self, dag_id: str, run_id: str, task_id: str = "", map_index: int = -1) -> About:
        """What a run, or one task of it, is about. Two queries at most."""
        run = self._session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
        if run is None:
            return About(known=False)
        day = _day(run)
        if slug := _slug(run):
            return About(slug=slug, day=day)
        names = self._mapped(dag_id, run_id)
        chosen = {name for task, index, name in names if task == task_id and index == map_index}
        if len(chosen) == 1:
            return About(slug=chosen.pop(), day=day)
        return About(slugs=tuple(sorted({name for _, _, name in names})), day=day)

    def _mapped(self, dag_id: str, run_id: str) -> list[tuple[str, int, str]]:
        columns: tuple[Any, ...] = (TaskInstance.task_id, TaskInstance.map_index, TaskInstance.rendered_map_index)
        query = select(*columns).where(
            TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id, TaskInstance.map_index >= 0
        )
        return [
            (task, index, found.group(0))
            for task, index, name in self._session.execute(query)
            if name and not name.isdigit() and (found := NAME.match(name))
        ]

    def _found(self, *conditions: Any) -> Sequence[DagRun]:
        query = select(DagRun).where(*conditions).order_by(DagRun.run_after.desc()).limit(MOST)
        return self._session.scalars(query).all()


def _run(row: DagRun) -> Run:
    return Run(dag=row.dag_id, run=row.run_id, day=_day(row), state=str(row.state), started=row.start_date)


def _midnight(day: date) -> datetime:
    """The beginning of a day, UTC, as Airflow's schedules count it."""
    return datetime.combine(day, time.min, UTC)


def _newest(run: Run) -> float:
    """What waits to be started stands first."""
    return -run.started.timestamp() if run.started else float("-inf")


def _slug(run: DagRun) -> str:
    """The experiment of a run: from its key, or as a person stated it who started it by hand, if only by a promise's text."""
    stated = run.conf or {}
    named = SLUG_IN_YAML.search(str(stated.get("yaml") or ""))
    return (
        (run.partition_key or "").partition("|")[0]
        or str(stated.get("slug") or "")
        or (named.group(1) if named else "")
    )


def _day(run: DagRun) -> date | None:
    """The day of the data: from the key, as a person stated it, else the day before the run's date."""
    _, _, keyed = (run.partition_key or "").partition("|")
    try:
        return date.fromisoformat(keyed or str((run.conf or {}).get("as_of") or ""))
    except ValueError:
        pass
    if run.dag_id != DAILY:
        return None
    when = run.logical_date or run.run_after
    return when.date() - timedelta(days=1) if when else None


def runs(session: SessionDep) -> Runs:
    """A route's dependency."""
    return Runs(session)
