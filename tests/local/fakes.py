"""Airflow without Airflow: runs that do a stage's work at once, and a server that is always well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from trialflow.decision import Verdict
from trialflow.local.answers import SignOff
from trialflow.local.runs import Run
from trialflow.local.windows import Window
from trialflow.stages.aa_validation import validate
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import monitor, running
from trialflow.stages.novelty import watch_novelty
from trialflow.stages.preregistration import register, waiting
from trialflow.stages.rollout import roll_out
from trialflow.stages.sign_off import answered, question
from trialflow.stages.workspace import Workspace

TODAY = date(2026, 11, 22)


@dataclass
class WorkingRuns:
    """Stands for `Runs`: whatever is started is done when the call returns. `broken` names DAGs whose runs fail."""

    workspace: Workspace
    broken: frozenset[str] = frozenset()
    started: list[str] = field(default_factory=list)
    ran: set[tuple[str, date]] = field(default_factory=set)
    failures: list[Run] = field(default_factory=list)
    rolled_out: set[str] = field(default_factory=set)
    asked: list[tuple[str, date]] = field(default_factory=list)

    def missing_dags(self) -> tuple[str, ...]:
        return ()

    def make_pool(self) -> None:
        self.started.append("pools")

    def switch_on(self) -> None:
        self.started.append("switch on")

    def run_again(self, failed: list[Run]) -> None:
        self.failures = [run for run in self.failures if run not in failed]

    def trigger(self, dag: str, conf: Mapping[str, Any]) -> str:
        self.started.append(f"{dag} {dict(conf)}")
        if self._fails(dag):
            return "manual"
        for offer in waiting(self.workspace):
            answer = register(self.workspace, offer, by="test", today=TODAY)
            validate(self.workspace, answer.slug)
        return "manual"

    def state_of(self, dag: str, run: str) -> str:
        return "failed" if dag in self.broken else "success"

    def days_to_run(self, dag: str, window: Window) -> tuple[date, ...]:
        days = (window.first + timedelta(days=step) for step in range(window.days))
        return tuple(day for day in days if (dag, day) not in self.ran)

    def backfill(self, dag: str, window: Window) -> None:
        self.started.append(f"{dag} {window.first} {window.last}")
        if self._fails(dag):
            return
        for day in self.days_to_run(dag, window):
            self.ran.add((dag, day))
            for slug in running(self.workspace, day):
                if dag == "novelty_decay":
                    watch_novelty(self.workspace, slug, day)
                    continue
                for due in monitor(self.workspace, slug, day).due:
                    self._follow_up(slug, due)

    def _follow_up(self, slug: str, due: date) -> None:
        if self._fails("final_analysis"):
            return
        if analyse(self.workspace, slug, due).decision.verdict is not Verdict.EXTEND:
            self.asked.append((slug, due))

    def sign_offs(self) -> tuple[SignOff, ...]:
        with self.workspace.registry() as registry:
            return tuple(
                SignOff(run=f"{slug}|{due}", recommendation=asked.form.recommendation, options=asked.options)
                for slug, due in self.asked
                for asked in [question(registry, slug, due)]
            )

    def answer(self, asked: SignOff, option: str, form: Mapping[str, str]) -> None:
        slug, _, day = asked.run.partition("|")
        self.started.append(f"sign {slug} {option}")
        due = date.fromisoformat(day)
        answered(self.workspace, slug, due, option=option, form=form, by="admin", at=datetime(2026, 11, 22, tzinfo=UTC))
        self.asked.remove((slug, due))
        roll_out(self.workspace, slug, due)
        self.rolled_out.add(asked.run)

    def _fails(self, dag: str) -> bool:
        if dag in self.broken:
            run = Run(dag=dag, run="run-1", state="failed", kind="manual", partition="", logical_date="")
            self.failures.append(run)
        return dag in self.broken

    def backfilling(self, dag: str) -> int:
        return 0

    def unfinished(self, dag: str = "~") -> tuple[Run, ...]:
        return ()

    def failed(self, since: datetime | None = None) -> tuple[Run, ...]:
        return tuple(self.failures)

    def failed_tasks(self, run: Run) -> tuple[str, ...]:
        return ("measure [cookie_cats]",)

    def succeeded_partitions(self, dag: str) -> frozenset[str]:
        return frozenset(self.rolled_out)

    def tasks(self, state: str) -> int:
        return 0


class WellServer:
    """Stands for `Standalone`."""

    def __init__(self, home: Path) -> None:
        self.place = SimpleNamespace(url="http://127.0.0.1:1", password="secret", airflow_home=home / "airflow")

    def wait_until_healthy(self) -> None:
        pass

    def check_alive(self) -> None:
        pass

    def scheduler_is_dead(self) -> bool:
        return False
