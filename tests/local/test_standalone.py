import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from trialflow.local import processes
from trialflow.local.environment import LocalError, Site, free_port
from trialflow.local.standalone import Standalone, running, stop_running
from trialflow.stages.workspace import Workspace

INCLUDE = Path(__file__).parents[2] / "include"


@pytest.fixture
def checkout(tmp_path):
    """A checkout without DAGs, so that Airflow has nothing to do."""
    for name in ("dags", "plugins"):
        (tmp_path / name).mkdir()
    (tmp_path / "include").symlink_to(INCLUDE)
    return tmp_path


def workspace(checkout):
    return Workspace.from_environment(
        {"TRIALFLOW_INCLUDE": str(checkout / "include"), "TRIALFLOW_HOME": str(checkout / "home")}
    )


@pytest.fixture
def place(checkout):
    """A site whose `airflow` prints a line and waits for SIGINT."""
    return Site(workspace=workspace(checkout), port=free_port(0), password="secret", environment_bin=fake(checkout))


def fake(checkout, body='trap "exit 0" INT; echo started; while :; do sleep 0.1; done'):
    programs = checkout / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "airflow").write_text(f"#!/bin/sh\n{body}\n")
    (programs / "airflow").chmod(0o755)
    return programs


def silent(_line):
    pass


def test_it_ends_when_its_block_ends(place):
    with Standalone(place, say=silent) as airflow:
        note = json.loads(place.running.read_text())
        assert airflow.alive
        assert note["url"] == place.url
    assert processes.members(note["pid"]) == ()
    assert not place.running.exists()


def test_it_ends_when_its_block_fails(place):
    pids = []

    def interrupted():
        with Standalone(place, say=silent):
            pids.append(json.loads(place.running.read_text())["pid"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert processes.members(pids[0]) == ()


def test_one_checkout_runs_one_airflow(place):
    with Standalone(place, say=silent), pytest.raises(LocalError, match=r"running already.*make down"):
        Standalone(place, say=silent).start()


def test_it_can_be_stopped_from_elsewhere(place):
    airflow = Standalone(place, say=silent)
    airflow.start()
    pid = json.loads(place.running.read_text())["pid"]
    assert stop_running(place.running, say=silent)
    assert processes.members(pid) == ()
    assert not stop_running(place.running, say=silent)
    airflow.stop()


def test_a_note_about_a_process_that_is_no_more_means_nothing(place):
    place.airflow_home.mkdir(parents=True)
    place.running.write_text(json.dumps({"pid": os.getpid(), "started_at": "another time", "url": "x"}))
    assert running(place.running) is None


def test_an_airflow_that_ends_by_itself_is_told_with_the_end_of_its_log(checkout, place):
    fake(checkout, "echo the database is newer; exit 3")
    with pytest.raises(LocalError, match=r"exit status 3(.|\n)*the database is newer"):  # noqa: SIM117 (read in order)
        with Standalone(place, say=silent) as airflow:
            airflow.wait_until_healthy()


def test_an_airflow_that_never_answers_is_given_up(place):
    with pytest.raises(LocalError, match=r"not healthy after(.|\n)*started"):  # noqa: SIM117 (read in order)
        with Standalone(place, say=silent) as airflow:
            airflow.wait_until_healthy(timeout=0.5)


@pytest.mark.slow
def test_ctrl_c_leaves_no_process_of_a_real_airflow(checkout):
    """Real Airflow by the real command: it comes up on loopback, and Ctrl-C ends it with everything it started."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "TRIALFLOW"))},
        "PYTHONPATH": str(INCLUDE),
        "TRIALFLOW_INCLUDE": str(checkout / "include"),
        "TRIALFLOW_HOME": str(checkout / "home"),
        "TRIALFLOW_PORT": str(free_port(0)),
        "TRIALFLOW_ADMIN_PASSWORD": "secret",
    }
    command = subprocess.Popen(
        [sys.executable, "-m", "trialflow.cli", "up"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    note = checkout / "home" / "airflow" / "running.json"
    try:
        said = []
        while "Ctrl-C stops it." not in "".join(said[-1:]):
            line = command.stdout.readline()
            assert line, "".join(said)
            said.append(line)
        known = json.loads(note.read_text())
        session = int(known["pid"])
        assert len(processes.members(session)) >= 5
        with urllib.request.urlopen(f"{known['url']}/api/v2/version", timeout=10) as answer:  # noqa: S310 (loopback)
            assert json.load(answer)["version"].startswith("3.")
        assert listeners(session) == {"127.0.0.1"}
        began = time.monotonic()
        command.send_signal(signal.SIGINT)
        rest, _ = command.communicate(timeout=45)
        assert time.monotonic() - began < 45
        assert command.returncode == 0, rest
        assert processes.members(session) == ()
        assert not note.exists()
    finally:
        known = running(note)
        if known:
            processes.end(int(known["pid"]))
        command.kill()
        command.communicate()


def listeners(session):
    """Addresses on which processes of a session listen."""
    if not Path("/proc/net/tcp").exists():
        pytest.skip("only Linux tells who listens where")
    inodes = set()
    for pid in processes.members(session):
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                inodes.add(str(link.readlink()))
            except OSError:
                continue
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                found.add(readable(fields[1].split(":")[0]))
    return found


def readable(address):
    octets = bytes.fromhex(address)
    return ".".join(str(octet) for octet in reversed(octets)) if len(octets) == 4 else address
