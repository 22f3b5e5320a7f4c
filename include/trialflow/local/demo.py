"""The demo: every sample experiment lives its whole life on the real scheduler, by REST and backfill."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta

from trialflow.local.answers import SignOff, answer_for
from trialflow.local.environment import USER
from trialflow.local.outcome import SIGN_OFF, Outcome, decided, outcome, replayed, told
from trialflow.local.rest import quoted
from trialflow.local.runs import SIGN, SIGNING, Run, Runs, wait_until
from trialflow.local.standalone import Say, Standalone
from trialflow.local.windows import Window, keeps_holdout, windows
from trialflow.registry import EventKind
from trialflow.spec.promise import Promise
from trialflow.stages.preregistration import waiting
from trialflow.stages.quarter import quarter_of
from trialflow.stages.samples import load_samples
from trialflow.stages.workspace import Workspace

DAG_TIMEOUT = 120.0
STAGE_TIMEOUT = 600.0
WINDOW_TIMEOUT = 1800.0
QUIET = 2.5
"""Seconds without an unfinished run after which a stage that has all its results is over."""

UNHURRIED = 3.0
"""Seconds that a question stands before it is answered."""

ANALYSED = ("final_analysis", "memo")
FOLLOW_UP = (*ANALYSED, SIGN_OFF, "rollout")

PATIENCE = 60.0
"""Seconds without an unfinished run after which a follow-up that is still owed is given up."""


class Demo:
    """One replay in a running Airflow. Everything that was done already is recognised and left alone."""

    def __init__(
        self,
        workspace: Workspace,
        airflow: Standalone,
        runs: Runs,
        *,
        say: Say = print,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        quiet: float = QUIET,
        patience: float = PATIENCE,
        every: float = 1.0,
        unhurried: float = UNHURRIED,
        leaving: Collection[str] = (),
    ) -> None:
        self._workspace = workspace
        self._airflow = airflow
        self._runs = runs
        self._say = say
        self._began = now()
        self._clock = time.monotonic()
        self._quiet = quiet
        self._patience = patience
        self._every = every
        self._unhurried = unhurried
        self._leaving = frozenset(leaving)

    @property
    def _yesterday(self) -> date:
        return self._began.date() - timedelta(days=1)

    def run(self) -> bool:
        """Replay everything; True when every stage of every sample ran and no run failed. `leaving` are not signed here."""
        self._load()
        self._ready()
        self._register()
        promises = self._promises()
        self._replay(promises)
        self._sign(promises)
        self._compare_holdouts(promises)
        self._settle("following up", lambda: not self._owed(promises, FOLLOW_UP))
        return self._report()

    def _load(self) -> None:
        self._step("Sample data into the lake")
        written = load_samples(self._workspace)
        self._say(f"  written: {', '.join(written)}" if written else "  all there already")

    def _ready(self) -> None:
        self._step("Airflow")
        self._airflow.wait_until_healthy()
        self._wait(lambda: not self._runs.missing_dags(), "waiting for the DAGs to be read", DAG_TIMEOUT)
        self._runs.make_pool()
        again = [run for run in self._runs.failed() if run.dag not in ("preregistration", "daily_monitoring")]
        if again:
            self._say(f"  {len(again)} runs failed last time and are run again")
            self._runs.run_again(again)
        self._runs.switch_on()

    def _register(self) -> None:
        files = waiting(self._workspace)
        self._step(f"Registration of {len(files)} files by `preregistration`" if files else "Registration")
        if files:
            run = self._runs.trigger("preregistration", {})
            self._wait(
                lambda: self._runs.state_of("preregistration", run) in ("success", "failed"),
                "registering",
                STAGE_TIMEOUT,
            )
            if self._runs.state_of("preregistration", run) == "failed":
                self._say(
                    "  ! not everything was registered; the log of the run lists every problem. A file that was changed"
                )
                self._say("    after its registration needs a reason (trigger form); `make clean` begins anew")
        else:
            self._say("  every file is on record in its present form")
        self._settle("A/A validation", lambda: not self._unvalidated())
        blocked = self._unvalidated()
        if blocked:
            self._say(f"  ! not validated: {', '.join(blocked)}")

    def _unvalidated(self) -> list[str]:
        judged = {EventKind.VALIDATED, EventKind.WAIVED, EventKind.VALIDATION_FAILED}
        with self._workspace.registry() as registry:
            return [
                promise.slug
                for promise in replayed(registry)
                if not judged & {event.kind for event in registry.events(promise.slug)}
            ]

    def _promises(self) -> tuple[Promise, ...]:
        with self._workspace.registry() as registry:
            return replayed(registry)

    def _replay(self, promises: tuple[Promise, ...]) -> None:
        found = windows([promise.experiment for promise in promises], self._yesterday)
        total = sum(window.days for window in found)
        self._step(f"Replay of {total} days in {len(found)} windows by backfill of `daily_monitoring`")
        owed = {window: len(self._runs.days_to_run("daily_monitoring", window)) for window in found}
        done = total - sum(owed.values())
        if done:
            self._say(f"  {done} of {total} days ran before")
        for window in found:
            if owed[window]:
                self._backfill("daily_monitoring", window, done, total, owed[window])
                done += owed[window]
        self._watch_novelty(promises, found)

    def _backfill(self, dag: str, window: Window, done: int, total: int, owed: int) -> None:
        self._say(f"  {window.first} to {window.last}: {owed} days")
        # On SQLite a backfill is refused, or worse, while the scheduler writes: what follows the last window ends first.
        self._settle("ending what runs", lambda: True)
        self._runs.backfill(dag, window)

        def left() -> int:
            return self._runs.backfilling(dag)

        def tell() -> None:
            days = done + owed - left()
            self._say(
                f"  {self._seconds():4.0f} s  days {days}/{total}, tasks {self._runs.tasks('success')} done, "
                f"{self._runs.tasks('running')} running, {len(self._runs.unfinished())} runs open"
            )

        self._wait(lambda: left() == 0, f"replaying {window.first} to {window.last}", WINDOW_TIMEOUT, tell)

    def _watch_novelty(self, promises: tuple[Promise, ...], found: tuple[Window, ...]) -> None:
        """The weekly check, in the windows of those who asked for it."""
        asked = [one.experiment for one in promises if one.experiment.analysis.novelty.policy != "none"]
        theirs = [window for window in found if any(window.holds(one.calendar.first_day) for one in asked)]
        owed = {window: len(self._runs.days_to_run("novelty_decay", window)) for window in theirs}
        total = sum(owed.values())
        if total:
            self._step(f"Novelty of {total} weeks by backfill of `novelty_decay`")
        done = 0
        for window in theirs:
            if owed[window]:
                self._backfill("novelty_decay", window, done, total, owed[window])
                done += owed[window]

    def _sign(self, promises: tuple[Promise, ...]) -> None:
        """Answer every sign-off but those left for the user, as a person would: by the form's own REST endpoint."""
        self._settle("final analyses", lambda: not self._owed(promises, ANALYSED))
        asked = self._asked(promises)
        if asked:
            self._step(f"Sign-off of {len(asked)} verdicts by REST, each with a reason")
            # Airflow 3.3 can fail a sign-off that is answered within a second of being asked.
            time.sleep(self._unhurried)
        for slug, question in asked:
            answer = answer_for(slug)
            option = answer.option(question.options)
            form = answer.form(question.options)
            self._runs.answer(question, option, form)
            time.sleep(self._every)  # one after another: on SQLite a burst of answers can end the scheduler
            mark = "" if option == question.options[0] else f" instead of {question.options[0]}"
            self._say(f"  {slug}: {option}{mark}. {form['rationale']}")

    def _asked(self, promises: tuple[Promise, ...]) -> list[tuple[str, SignOff]]:
        """The questions that wait, by experiment; where two runs ask the same, the second answer is skipped."""
        with self._workspace.registry() as registry:
            known = {
                decision.fingerprint: promise.slug
                for promise in promises
                for decision in decided(registry, promise.slug)
                if promise.slug not in self._leaving
            }
        waiting = [(known[one.recommendation], one) for one in self._runs.sign_offs() if one.recommendation in known]
        return sorted(waiting, key=lambda one: (one[0], one[1].run))

    def _compare_holdouts(self, promises: tuple[Promise, ...]) -> None:
        """The comparison of the quarter in which each holdout ends, once everything that shipped in it is decided."""
        with self._workspace.registry() as registry:
            days = {
                quarter_of(promise.experiment.calendar.last_day)[1]
                for promise in promises
                if keeps_holdout(promise.experiment)
                if not registry.memos(promise.slug, kind="holdout")
            }
        if not days:
            return
        self._settle("rolling out", lambda: not self._owed(promises, FOLLOW_UP))
        self._step("Comparison with the holdout by `quarterly_holdout`")
        for day in sorted(days):
            self._runs.trigger("quarterly_holdout", {"as_of": day.isoformat()})
        self._settle("comparing", lambda: True)

    def _owed(self, promises: tuple[Promise, ...], stages: tuple[str, ...]) -> list[str]:
        """Experiments that still lack one of the stages, which follow by themselves or have just been answered."""
        return [
            entry.slug
            for entry in self._outcomes(promises)
            if any(one.startswith(stages) for one in self._lacks(entry))
        ]

    def _lacks(self, entry: Outcome) -> list[str]:
        """What is missing of a life, but for a signature that is the user's to give."""
        return [one for one in entry.missing if not (entry.slug in self._leaving and one.startswith(SIGN_OFF))]

    def _outcomes(self, promises: tuple[Promise, ...]) -> list[Outcome]:
        rolled_out = self._runs.succeeded_partitions("rollout")
        with self._workspace.registry() as registry:
            return [
                outcome(registry, promise, rolled_out=rolled_out, yesterday=self._yesterday) for promise in promises
            ]

    def _settle(self, what: str, complete: Callable[[], bool]) -> None:
        """Wait until nothing is unfinished for a while: a short one when all is there, else as long as patience lasts."""
        idle_since = time.monotonic()

        def settled() -> bool:
            nonlocal idle_since
            now = time.monotonic()
            if self._runs.unfinished():
                idle_since = now
                return False
            idle = now - idle_since
            return (idle >= self._quiet and complete()) or idle >= self._patience

        self._wait(settled, what, STAGE_TIMEOUT)

    def _wait(
        self, done: Callable[[], bool], what: str, timeout: float, tell: Callable[[], None] | None = None
    ) -> None:
        def still_running() -> bool:
            self._airflow.check_alive()
            self._check_scheduler()
            return done()

        wait_until(still_running, tell or self._teller(what), timeout=timeout, what=what, every=self._every)

    def _teller(self, what: str) -> Callable[[], None]:
        def tell() -> None:
            by_dag: dict[str, int] = {}
            for run in self._runs.unfinished():
                by_dag[run.dag] = by_dag.get(run.dag, 0) + 1
            runs = ", ".join(f"{dag} {count}" for dag, count in sorted(by_dag.items())) or "none"
            self._say(f"  {self._seconds():4.0f} s  {what}; open runs: {runs}")

        return tell

    def _check_scheduler(self) -> None:
        """On SQLite the scheduler may die of a refused backfill while the rest stays up: then start all of it again."""
        if self._airflow.scheduler_is_dead():
            self._say("  ! the scheduler has died; Airflow is started again")
            self._airflow.restart()

    def _report(self) -> bool:
        entries = self._outcomes(self._promises())
        failed = self._runs.failed(self._began)
        self._step(f"The lives of {len(entries)} experiments")
        for entry in entries:
            for line in told(entry):
                self._say(line)
            self._say("")
        for run in failed:
            self._say(self._how_it_failed(run))
        whole = hashlib.sha256("\n".join(f"{one.slug} {one.digest}" for one in entries).encode()).hexdigest()[:12]
        self._say(f"Findings of all experiments: {whole} (the same data gives the same, however often it is replayed)")
        self._say(f"Memos: {self._workspace.memo_root}/<experiment>/ (Markdown, HTML, Slack)")
        incomplete = [entry.slug for entry in entries if self._lacks(entry)]
        complete = bool(entries) and not incomplete and not failed
        if complete:
            self._say(f"Every stage ran for every experiment ({self._seconds():.0f} s).")
            self._invite()
        else:
            self._say(
                f"NOT COMPLETE: {len(failed)} failed runs; stages missing for {', '.join(incomplete) or 'nobody'}."
            )
        return complete

    def _invite(self) -> None:
        """Say where the verdicts that were left can be signed."""
        for one in self._runs.sign_offs():
            path = f"/dags/{SIGNING}/runs/{quoted(one.run)}/tasks/{SIGN}/required_actions"
            self._say(
                f"\nA verdict waits for your signature ({one.options[0]} is recommended): read its memo and sign it at"
            )
            self._say(f"  {self._airflow.place.url}{path}")

    def _how_it_failed(self, run: Run) -> str:
        tasks = ", ".join(self._runs.failed_tasks(run)) or "no task"
        place = self._airflow.place
        logs = place.airflow_home / "logs" / f"dag_id={run.dag}" / f"run_id={run.run}"
        return f"! FAILED {run.dag} {run.run}: {tasks}\n    {place.url}/dags/{run.dag}/runs/{run.run}\n    {logs}"

    def _step(self, text: str) -> None:
        self._say(f"\n[{self._seconds():.0f} s] {text}")

    def _seconds(self) -> float:
        return time.monotonic() - self._clock


def login(airflow: Standalone) -> str:
    """Where the UI is and how to enter it."""
    return f"Airflow: {airflow.place.url}   user {USER}   password {airflow.place.password}"
