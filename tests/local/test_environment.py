import json
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from trialflow.local.environment import HOST, LocalError, Site, free_port, prepare, site, variables
from trialflow.stages.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "dags").mkdir()
    (tmp_path / "include").mkdir()
    return Workspace.from_environment(
        {"TRIALFLOW_INCLUDE": str(tmp_path / "include"), "TRIALFLOW_HOME": str(tmp_path / "home")}
    )


@pytest.fixture
def place(workspace, tmp_path):
    """A site whose `airflow` only says with what it was called."""
    programs = tmp_path / "programs with blanks"
    programs.mkdir()
    airflow = programs / "airflow"
    airflow.write_text('#!/bin/sh\necho "$@"\n')
    airflow.chmod(0o755)
    return Site(workspace=workspace, port=18080, password="secret", environment_bin=programs)


def test_a_taken_port_is_replaced_by_a_free_one():
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        chosen = free_port(taken)
        assert chosen != taken
    assert free_port(taken) == taken


def test_a_port_that_is_none_is_refused_with_the_value(workspace):
    for text in ("http", "0", "70000"):
        with pytest.raises(LocalError, match=f"TRIALFLOW_PORT = {text}"):
            site(workspace, {"TRIALFLOW_PORT": text})


def test_the_password_is_made_once_and_kept(workspace, place):
    first = site(workspace, {})
    assert len(first.password) >= 12
    prepare(Site(workspace=workspace, port=1, password=first.password, environment_bin=place.environment_bin))
    assert site(workspace, {}).password == first.password
    assert site(workspace, {"TRIALFLOW_ADMIN_PASSWORD": "mine"}).password == "mine"


def test_nobody_else_on_the_machine_can_read_the_password(place):
    prepare(place)
    assert stat.S_IMODE(place.passwords.stat().st_mode) == 0o600
    assert json.loads(place.passwords.read_text()) == {"admin": "secret"}


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ("scheduler", "scheduler --skip-serve-logs"),
        ("triggerer", "triggerer --skip-serve-logs"),
        ("api-server", "api-server"),
    ],
)
def test_no_part_opens_a_log_server(place, given, called):
    prepare(place)
    answer = subprocess.run([place.commands / "airflow", given], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == called


def test_everything_listens_on_loopback_and_writes_below_the_home(place, tmp_path):
    env = variables(place, {"PATH": "/usr/bin"})
    assert env["AIRFLOW__API__HOST"] == HOST
    assert env["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:18080"
    assert env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18080/execution/"
    assert env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    for name in ("AIRFLOW_HOME", "TRIALFLOW_HOME", "AIRFLOW__LOGGING__BASE_LOG_FOLDER"):
        assert Path(env[name]).is_relative_to(tmp_path / "home")


def test_the_users_connections_stay_and_another_airflows_settings_go(place):
    theirs = {
        "AIRFLOW_CONN_TRIALFLOW_SLACK": "{}",
        "AIRFLOW_HOME": "/elsewhere",
        "AIRFLOW_CONFIG": "/elsewhere/airflow.cfg",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://production",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    env = variables(place, theirs)
    assert env["AIRFLOW_CONN_TRIALFLOW_SLACK"] == "{}"
    assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("sqlite:///")
    assert not {"AIRFLOW_CONFIG", "PYTHONDONTWRITEBYTECODE"} & set(env)
    assert "/elsewhere" not in env.values()


def test_the_environments_own_airflow_is_found_first(place):
    first, second, *_ = variables(place, {"PATH": "/usr/bin"})["PATH"].split(":")
    assert (first, second) == (str(place.commands), str(place.environment_bin))


def test_dags_wait_only_where_it_is_asked_for(place):
    name = "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"
    assert (variables(place, {})[name], variables(place, {}, paused=True)[name]) == ("False", "True")


def test_a_folder_that_is_no_checkout_is_refused_with_the_cure(place):
    (place.root / "dags").rmdir()
    with pytest.raises(LocalError, match=r"holds no folder dags.*make up"):
        prepare(place)


def test_an_environment_without_airflow_is_refused_with_the_cure(place):
    (place.environment_bin / "airflow").unlink()
    with pytest.raises(LocalError, match="make clean"):
        prepare(place)
