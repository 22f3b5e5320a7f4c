"""Airflow standalone as a child: started, watched until it is healthy, and ended with everything it started."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from trialflow.local import processes
from trialflow.local.environment import USER, LocalError, Site, prepare, variables
from trialflow.local.rest import Rest, RestError

COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")
START_TIMEOUT = 240.0
LAST_LINES = 25

Say = Callable[[str], None]


class Standalone:
    """One running Airflow. As a context manager it is started at the top of the block and ended at its end.

    It leads a session of its own, so that the terminal's Ctrl-C does not reach it: it must be told by `stop`, and in
    order, or it leaves its parts behind.
    """

    def __init__(self, place: Site, *, paused: bool = False, say: Say = print) -> None:
        self.place = place
        self.rest = Rest(place.url, USER, place.password)
        self._paused = paused
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._asked = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start and return at once. Raises LocalError when this checkout's Airflow runs already."""
        other = running(self.place.running)
        if other is not None:
            message = (
                f"the Airflow of this checkout is running already (process {other['pid']}, {other['url']}): "
                "use it, or stop it with `make down`"
            )
            raise LocalError(message)
        prepare(self.place)
        self._began = time.monotonic()
        with self.place.log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(self.place.environment_bin / "airflow"), "standalone"],
                cwd=self.place.root,
                env=variables(self.place, paused=self._paused),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            pid = self._process.pid
            note = {"pid": pid, "started_at": processes.started_at(pid), "url": self.place.url}
            self.place.running.write_text(json.dumps(note), encoding="utf-8")
        except BaseException:
            self.stop()  # a Ctrl-C right here must not leave it behind
            raise

    def stop(self) -> None:
        """End every process of it. Harmless when nothing runs."""
        process = self._process
        if process is None:
            return
        self._say("Stopping Airflow …")
        began = time.monotonic()
        gone = processes.end(process.pid, reap=process.poll)
        process.poll()
        self.place.running.unlink(missing_ok=True)
        self._process = None
        if not gone:
            message = f"processes {processes.members(process.pid)} do not end; see {self.place.log}"
            raise LocalError(message)
        self._say(f"Airflow has stopped ({time.monotonic() - began:.0f} s); nothing of it is left running.")

    def restart(self) -> None:
        """Stop, start and wait until it is healthy."""
        self.stop()
        self.start()
        self.wait_until_healthy()

    @property
    def alive(self) -> bool:
        """Whether the leading process still runs."""
        return self._process is not None and self._process.poll() is None

    def wait_until_healthy(self, timeout: float = START_TIMEOUT) -> None:
        """Wait for every component, then for the execution API. Raises LocalError with the end of the log."""
        said = ""
        told = time.monotonic()
        while True:
            self.check_alive()
            health = self.rest.health()
            waiting = [name for name in COMPONENTS if health.get(name) != "healthy"]
            seconds = time.monotonic() - self._began
            if not waiting:
                break
            if seconds > timeout:
                message = f"Airflow is not healthy after {seconds:.0f} s (waiting for {', '.join(waiting)})."
                raise LocalError(f"{message}\n{last_lines(self.place.log)}")
            now = f"waiting for {', '.join(waiting) if health else 'the API server'}"
            if now != said or time.monotonic() - told > 10:
                self._say(f"  {seconds:3.0f} s  {now}")
                said, told = now, time.monotonic()
            time.sleep(0.5)
        try:
            self.rest.warm_up()
        except RestError as error:
            message = f"Airflow's execution API does not answer: {error}\n{last_lines(self.place.log)}"
            raise LocalError(message) from error
        self._say(f"  {time.monotonic() - self._began:3.0f} s  Airflow is healthy")

    def scheduler_is_dead(self) -> bool:
        """Whether the rest answers and the scheduler has not been heard of for a while (asked every ten seconds)."""
        now = time.monotonic()
        if now - self._asked < 10.0:
            return False
        self._asked = now
        health = self.rest.health()
        return bool(health) and health.get("scheduler") == "unhealthy"

    def check_alive(self) -> None:
        """Raise LocalError, with the end of the log, when Airflow has ended by itself."""
        if self._process is not None and not self.alive:
            message = f"Airflow has ended (exit status {self._process.returncode}); the end of {self.place.log}:"
            raise LocalError(f"{message}\n{last_lines(self.place.log)}")


def running(note: Path) -> dict[str, str] | None:
    """What `note` says about a running Airflow, or None when that process is no more."""
    try:
        known: dict[str, str] = json.loads(note.read_text(encoding="utf-8"))
        pid = int(known["pid"])
    except (OSError, ValueError, KeyError):
        return None
    now = processes.started_at(pid)
    left_behind = not now and processes.members(pid)
    return known if left_behind or (now and now == known.get("started_at")) else None


def stop_running(place: Path, say: Say = print) -> bool:
    """End the Airflow that the note `place` speaks of, whoever started it; False when there is none."""
    known = running(place)
    if known is None:
        place.unlink(missing_ok=True)
        say("Nothing is running.")
        return False
    say(f"Stopping Airflow at {known['url']} …")
    if not processes.end(int(known["pid"])):
        message = f"processes {processes.members(int(known['pid']))} do not end"
        raise LocalError(message)
    place.unlink(missing_ok=True)
    say("Airflow has stopped.")
    return True


def last_lines(path: Path, count: int = LAST_LINES) -> str:
    """The end of a log, each line set off."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "  (no log)"
    return "\n".join(f"  | {line}" for line in lines[-count:])
