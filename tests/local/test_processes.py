import os
import signal
import subprocess
import sys
import time

import pytest

from trialflow.local import processes

FAST = ((signal.SIGINT, 1.0), (signal.SIGTERM, 1.0), (signal.SIGKILL, 2.0))

# A leader with one child in a process group of its own, as Airflow's tasks are. What each does on which signal is told.
PROGRAM = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", '''
import os, signal, sys, time
os.setpgid(0, 0)
for name in sys.argv[1:]:
    signal.signal(getattr(signal, name), signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
''', *sys.argv[2].split()])
if sys.argv[1] == "orderly":
    def order(*_):
        child.terminate()
        child.wait()
        sys.exit(0)
    signal.signal(signal.SIGINT, order)
elif sys.argv[1] == "careless":
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
else:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def start():
    """Start a leader, `orderly`, `careless` or `deaf`; its child ignores the signals named."""
    started = []

    def begin(kind, ignored=""):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, kind, ignored], stdout=subprocess.PIPE, start_new_session=True
        )
        started.append(process)
        for _ in range(2):
            assert process.stdout.readline() == b"ready\n"
        return process

    yield begin
    for process in started:
        for pid in processes.members(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.stdout.close()
        process.wait()


def test_a_leader_that_ends_its_parts_is_given_the_time(start):
    process = start("orderly")
    assert len(processes.members(process.pid)) == 2
    assert processes.end(process.pid, patience=FAST, reap=process.poll)
    assert processes.members(process.pid) == ()
    assert process.returncode == 0


def test_what_a_leader_leaves_behind_is_ended_too(start):
    process = start("careless")
    began = time.monotonic()
    assert processes.end(process.pid, patience=FAST, reap=process.poll)
    assert processes.members(process.pid) == ()
    assert time.monotonic() - began < 1.0


def test_a_leader_that_does_not_listen_is_terminated(start):
    process = start("deaf")
    assert processes.end(process.pid, patience=FAST, reap=process.poll)
    assert process.returncode == -signal.SIGTERM


def test_whoever_ignores_everything_is_killed(start):
    process = start("careless", "SIGINT SIGTERM")
    assert processes.end(process.pid, patience=FAST, reap=process.poll)
    assert processes.members(process.pid) == ()


def test_other_sessions_are_left_alone(start):
    ended, other = start("orderly"), start("orderly")
    processes.end(ended.pid, patience=FAST, reap=ended.poll)
    assert len(processes.members(other.pid)) == 2


def test_a_process_is_told_from_a_later_one_of_the_same_number(start):
    process = start("orderly")
    assert processes.started_at(process.pid) == processes.started_at(process.pid) != ""
    processes.end(process.pid, patience=FAST, reap=process.poll)
    assert processes.started_at(process.pid) == ""
