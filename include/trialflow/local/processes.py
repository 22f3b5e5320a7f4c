"""Ending a program with everything it started, and recognising one that was started earlier."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

PATIENCE = ((signal.SIGINT, 15.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))
"""What is sent, and how many seconds are waited for everybody to be gone."""

PROC = Path("/proc")


def members(session: int) -> tuple[int, ...]:
    """Living processes of a session. Airflow puts tasks into process groups of their own, but they stay in the session."""
    return tuple(pid for pid in _pids() if pid != os.getpid() and _session_of(pid) == session and not _is_zombie(pid))


def end(
    leader: int,
    *,
    patience: Sequence[tuple[signal.Signals, float]] = PATIENCE,
    reap: Callable[[], object] = lambda: None,
) -> bool:
    """End the session that `leader` leads; False if something of it outlives even SIGKILL.

    The first signal goes to the leader alone, so that it can end its parts in order (Airflow standalone does so on
    SIGINT, and orphans them on SIGTERM); the later ones to whoever is left. `reap` is called while waiting.
    """
    for step, (number, seconds) in enumerate(patience):
        for pid in [leader] if step == 0 else members(leader):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            reap()
            left = members(leader)
            if not left:
                return True
            if step == 0 and leader not in left:
                break  # the leader is gone and left some behind: nobody will end them in order any more
            time.sleep(0.1)
    return not members(leader)


def started_at(pid: int) -> str:
    """When a living process began, in the system's own words; empty when there is none. Process numbers come again."""
    stat = _stat(pid)
    if stat:
        return stat[19]
    if PROC.joinpath("self").exists():
        return ""
    return _ps("-o", "lstart=", "-p", str(pid)).strip()


def _pids() -> list[int]:
    if PROC.joinpath("self").exists():
        return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    return [int(line) for line in _ps("-A", "-o", "pid=").split()]


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _is_zombie(pid: int) -> bool:
    stat = _stat(pid)
    return bool(stat) and stat[0] == "Z"


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on (the third of proc(5)); empty where there is no such file."""
    try:
        text = PROC.joinpath(str(pid), "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()


def _ps(*arguments: str) -> str:
    return subprocess.run(["ps", *arguments], capture_output=True, text=True, check=False).stdout
