"""Where the local Airflow keeps things, and the environment variables it is started with."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trialflow.errors import TrialflowError
from trialflow.stages.workspace import Workspace

HOST = "127.0.0.1"
USER = "admin"
PREFERRED_PORT = 8080
PARALLELISM = 16
"""Slots are cheap forks; few of them starve the scheduler's loop. The pool is what bounds heavy tasks."""

INHERITED_BUT_WRONG = ("AIRFLOW_CONFIG", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")


class LocalError(TrialflowError):
    """Airflow on this machine does not start, stop or answer as it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One checkout's own Airflow: the code it runs, where it writes, and where it listens."""

    workspace: Workspace
    port: int
    password: str
    environment_bin: Path

    @property
    def root(self) -> Path:
        """The checkout: dags/, plugins/ and include/ lie here."""
        return self.workspace.include.parent

    @property
    def airflow_home(self) -> Path:
        """Airflow's own state: configuration, database, logs."""
        return self.workspace.home / "airflow"

    @property
    def log(self) -> Path:
        """Everything Airflow's processes print."""
        return self.airflow_home / "standalone.log"

    @property
    def running(self) -> Path:
        """Says which process runs and where, while it runs."""
        return self.airflow_home / "running.json"

    @property
    def url(self) -> str:
        """Address of the UI and of the REST API, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    @property
    def passwords(self) -> Path:
        """The simple auth manager's logins."""
        return self.airflow_home / "passwords.json"

    @property
    def commands(self) -> Path:
        """Folder of the `airflow` command that standalone finds first."""
        return self.airflow_home / "bin"


def site(workspace: Workspace, environment: Mapping[str, str] | None = None) -> Site:
    """Choose port and password: TRIALFLOW_PORT (or the next free one) and TRIALFLOW_ADMIN_PASSWORD (or a kept one)."""
    env = os.environ if environment is None else environment
    wanted = env.get("TRIALFLOW_PORT") or str(PREFERRED_PORT)
    if not wanted.isdigit() or not 0 < int(wanted) < 65536:
        message = f"TRIALFLOW_PORT = {wanted} is not a port; give a number from 1024 to 65535"
        raise LocalError(message)
    home = workspace.home / "airflow"
    return Site(
        workspace=workspace,
        port=free_port(int(wanted)),
        password=env.get("TRIALFLOW_ADMIN_PASSWORD") or _kept_password(home / "passwords.json"),
        environment_bin=Path(sys.executable).parent,
    )


def free_port(preferred: int) -> int:
    """`preferred` if nobody listens there, else one that the system hands out."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((HOST, port))
            except OSError:
                continue
            return int(listener.getsockname()[1])
    message = f"no port is free on {HOST}"
    raise LocalError(message)


def _kept_password(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))[USER])
    except (OSError, ValueError, KeyError):
        return secrets.token_urlsafe(9)


def prepare(place: Site) -> None:
    """Write what must be there before the start: the folder, the login, and the command standalone starts parts with."""
    if not (place.root / "dags").is_dir():
        message = f"{place.root} holds no folder dags: run this from a checkout of Trialflow (`make up`)"
        raise LocalError(message)
    airflow = place.environment_bin / "airflow"
    if not airflow.is_file():
        message = f"{airflow} is missing: the environment has no Airflow. `make clean` and `make demo` build it anew"
        raise LocalError(message)
    place.commands.mkdir(parents=True, exist_ok=True)
    _write_private(place.passwords, json.dumps({USER: place.password}))
    command = place.commands / "airflow"
    command.write_text(_COMMAND.format(airflow=shlex.quote(str(airflow))), encoding="utf-8")
    command.chmod(0o755)


_COMMAND = """\
#!/bin/sh
# `airflow standalone` starts its parts through this. Scheduler and triggerer would each open a log server on every
# interface; on one machine the API server reads the log files themselves.
case "$1" in
    scheduler | triggerer) set -- "$@" --skip-serve-logs ;;
esac
exec {airflow} "$@"
"""


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")


def variables(place: Site, inherited: Mapping[str, str] | None = None, *, paused: bool = False) -> dict[str, str]:
    """The environment of every Airflow process. `paused`: whether DAGs that Airflow sees for the first time wait.

    What the user has set stays (connections, a messenger's token), but for what would lead Airflow elsewhere.
    """
    env = {
        name: value
        for name, value in (os.environ if inherited is None else inherited).items()
        if name not in INHERITED_BUT_WRONG
    }
    include = str(place.workspace.include)
    return env | {
        "PATH": os.pathsep.join([str(place.commands), str(place.environment_bin), env.get("PATH", os.defpath)]),
        "PYTHONPATH": include,
        "TRIALFLOW_INCLUDE": include,
        "TRIALFLOW_HOME": str(place.workspace.home),
        "MPLBACKEND": "Agg",
        "NO_COLOR": "1",
        # Sums must come out the same on every machine, and 16 tasks times all cores would only get in each other's way.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "AIRFLOW_HOME": str(place.airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(place.root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(place.root / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": str(paused),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(PARALLELISM),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{place.url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(place.passwords),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{place.airflow_home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(place.airflow_home / "logs"),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(place.port),
        "AIRFLOW__API__BASE_URL": place.url,
        "AIRFLOW__API__WORKERS": "1",
        # The Swagger page is the only one that would load scripts from elsewhere.
        "AIRFLOW__API__ENABLE_SWAGGER_UI": "False",
        # New files are seen after 5 s, changed ones at once; unchanged ones need no parsing every 30 s.
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        # The first call to the execution API builds an application for about 8 s; the default of 5 s fails first tasks.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
    }
