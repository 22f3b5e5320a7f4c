"""docker-compose.yaml, checked as far as that is possible without a Docker engine."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from .conftest import VARIABLE, MissingVariableError, UniqueKeys, interpolate, parse_env

LONG_RUNNING = ("api-server", "scheduler", "dag-processor", "triggerer")
AIRFLOW_SERVICES = ("airflow-init", *LONG_RUNNING)
SECRET_NAME = re.compile(r"PASSWORD|SECRET|FERNET|TOKEN|_KEY")
PARSE_COMMANDS = """
import json, sys
from airflow.cli.cli_parser import get_parser
for arguments in json.load(sys.stdin):
    get_parser().parse_args(arguments)
"""


def variables_in(value: object) -> Iterator[re.Match[str]]:
    """Yield every `${…}` inside a YAML value."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from variables_in(item)
    elif isinstance(value, str):
        yield from (match for match in VARIABLE.finditer(value) if match["name"])


def script_commands(script: Path, program: str) -> list[list[str]]:
    """Return the arguments of every call of `program` in a shell script."""
    lines = (shlex.split(line, comments=True) for line in script.read_text().splitlines() if line.startswith(program))
    return [words[1:] for words in lines if words[0] == program]


def airflow_commands(compose: Mapping[str, Any], root: Path) -> list[list[str]]:
    """Return the arguments of every call of `airflow` in the services, their health checks and docker/init.sh."""
    services = compose["services"].values()
    tests = (service["healthcheck"]["test"] for service in services if "healthcheck" in service)
    return [
        *(compose["services"][name]["command"] for name in LONG_RUNNING),
        *(test[2:] for test in tests if test[1] == "airflow"),
        *(
            [word.replace("${TRIALFLOW_POOL_SLOTS}", "2") for word in words]
            for words in script_commands(root / "docker" / "init.sh", "airflow")
        ),
    ]


def parse_with_airflow(commands: list[list[str]], home: Path) -> subprocess.CompletedProcess[str]:
    """Let Airflow's own command line parser judge the commands."""
    return subprocess.run(
        [sys.executable, "-c", PARSE_COMMANDS],
        input=json.dumps(commands),
        env={**os.environ, "AIRFLOW_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def string_constants(folders: tuple[Path, ...], pattern: str) -> set[str]:
    """Return the string literals in the Python files of these folders that match the pattern as a whole."""
    files = [path for folder in folders for path in folder.rglob("*.py")]
    nodes = (node for path in files for node in ast.walk(ast.parse(path.read_text())))
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {text for text in texts if re.fullmatch(pattern, text)}


def test_the_file_fits_the_schema_with_its_variables_filled_in(compose: dict[str, Any]) -> None:
    schema = json.loads(Path(__file__).with_name("compose.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    errors = sorted(jsonschema.Draft202012Validator(schema).iter_errors(compose), key=str)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_the_schema_refuses_a_misspelt_key(compose: dict[str, Any]) -> None:
    schema = json.loads(Path(__file__).with_name("compose.schema.json").read_text())
    postgres = {**compose["services"]["postgres"], "healtcheck": {}}
    with pytest.raises(jsonschema.ValidationError, match="healtcheck"):
        jsonschema.validate({**compose, "services": {"postgres": postgres}}, schema)


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(yaml.constructor.ConstructorError, match="stand twice"):
        yaml.load("services: {}\nservices: {}\n", Loader=UniqueKeys)  # noqa: S506 - it extends the safe loader


def test_the_services_are_the_databases_the_init_and_airflows_four(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", *AIRFLOW_SERVICES}


def test_every_mounted_path_exists_and_every_named_volume_is_declared(compose: dict[str, Any], root: Path) -> None:
    mounts = [volume.split(":")[0] for service in compose["services"].values() for volume in service["volumes"]]
    paths = {mount for mount in mounts if mount.startswith(".")}
    assert [path for path in sorted(paths) if not (root / path).exists()] == []
    assert set(mounts) - paths == set(compose["volumes"])


def test_files_of_the_host_are_mounted_read_only(compose: dict[str, Any]) -> None:
    volumes = [volume for service in compose["services"].values() for volume in service["volumes"]]
    assert [volume for volume in volumes if volume.startswith(".") and not volume.endswith(":ro")] == []


def test_every_airflow_command_is_one_that_airflow_knows(compose: dict[str, Any], root: Path, tmp_path: Path) -> None:
    commands = airflow_commands(compose, root)
    assert ["db", "migrate"] in commands
    assert ["jobs", "check", "--job-type", "TriggererJob", "--local"] in commands
    result = parse_with_airflow(commands, tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_airflows_parser_would_refuse_a_command_it_does_not_know(tmp_path: Path) -> None:
    assert parse_with_airflow([["webserver"]], tmp_path).returncode == 2


def test_every_trialflow_command_is_one_that_the_command_line_knows(root: Path) -> None:
    commands = script_commands(root / "docker" / "init.sh", "trialflow")
    assert commands == [["registry", "migrate"], ["samples"]]
    for command in commands:
        result = subprocess.run(
            [sys.executable, str(root / "docker" / "trialflow"), *command, "--help"],
            env={**os.environ, "PYTHONPATH": str(root / "include")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        assert f"trialflow {' '.join(command)}" in result.stdout


def test_every_program_comes_with_its_image(compose: dict[str, Any], root: Path) -> None:
    # The official images bring bash, curl and pg_isready; airflow and trialflow come from the Dockerfile.
    programs = {s["healthcheck"]["test"][1] for s in compose["services"].values() if "healthcheck" in s}
    assert programs == {"pg_isready", "curl", "airflow"}
    command = compose["services"]["airflow-init"]["command"]
    assert command == ["bash", "/opt/trialflow/docker/init.sh"]
    assert "docker/init.sh docker/set_admin_password.py /opt/trialflow/docker/" in (root / "Dockerfile").read_text()


@pytest.mark.parametrize("script", ["init.sh", "postgres-init.sh"])
def test_the_scripts_are_valid_bash_and_executable(root: Path, script: str) -> None:
    path = root / "docker" / script
    assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", str(path)], check=False).returncode == 0


def test_every_variable_is_documented_in_the_example_and_no_other(
    raw_compose: dict[str, Any], example_text: str
) -> None:
    assert {match["name"] for match in variables_in(raw_compose)} == set(parse_env(example_text))


def test_the_example_shows_the_defaults_that_the_file_has(raw_compose: dict[str, Any], example_text: str) -> None:
    defaults = {m["name"]: m["argument"] for m in variables_in(raw_compose) if m["operator"] == ":-"}
    example = parse_env(example_text)
    assert defaults == {name: example[name] for name in defaults}


def test_a_variable_is_either_required_or_has_a_default(raw_compose: dict[str, Any]) -> None:
    assert [match["name"] for match in variables_in(raw_compose) if match["operator"] is None] == []


def test_every_secret_is_required_and_the_example_holds_none(raw_compose: dict[str, Any], example_text: str) -> None:
    required = {match["name"] for match in variables_in(raw_compose) if match["operator"] == ":?"}
    example = parse_env(example_text)
    assert required == {name for name in example if SECRET_NAME.search(name)}
    assert {example[name] for name in required} == {""}


def test_an_empty_secret_stops_the_start(raw_compose: dict[str, Any], secrets_made: dict[str, str]) -> None:
    for name in (name for name in secrets_made if SECRET_NAME.search(name)):
        with pytest.raises(MissingVariableError, match=name):
            interpolate(raw_compose, {**secrets_made, name: ""})


def test_no_secret_stands_in_the_file(raw_compose: dict[str, Any]) -> None:
    for service in raw_compose["services"].values():
        for name, value in service["environment"].items():
            if SECRET_NAME.search(name) and not name.endswith("PASSWORDS_FILE"):
                assert value.startswith("${"), name
            assert not re.search(r"://\w+:(?!\$\{)[^@]*@", value), name


def test_the_image_of_the_database_has_a_full_version(compose: dict[str, Any]) -> None:
    assert re.fullmatch(r"postgres:16\.\d+", compose["services"]["postgres"]["image"])


def test_the_base_image_has_the_version_of_airflow_that_is_locked(root: Path) -> None:
    bases = re.findall(r"^FROM (\S+)", (root / "Dockerfile").read_text(), flags=re.MULTILINE)
    locked = re.search(r"^apache-airflow==(\S+)", (root / "requirements.txt").read_text(), flags=re.MULTILINE)
    assert locked is not None
    assert bases == [f"apache/airflow:{locked[1]}-python3.11"]


def test_our_own_image_is_built_here_and_tagged_with_the_version(compose: dict[str, Any], root: Path) -> None:
    version = re.search(r'^version = "(.+)"', (root / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert version is not None
    for name in AIRFLOW_SERVICES:
        service = compose["services"][name]
        assert service["image"] == f"trialflow:{version[1]}"
        assert (root / service["build"]["context"] / "Dockerfile").is_file()


def test_nobody_runs_as_root_or_may_become_root(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert int(service["user"].split(":")[0]) > 0, name
        assert "no-new-privileges:true" in service["security_opt"], name
    assert all(compose["services"][name]["cap_drop"] == ["ALL"] for name in AIRFLOW_SERVICES)


def test_every_long_running_service_restarts_and_has_a_health_check(compose: dict[str, Any]) -> None:
    for name in ("postgres", *LONG_RUNNING):
        assert "healthcheck" in compose["services"][name], name
        assert compose["services"][name]["restart"] == "unless-stopped", name
    assert compose["services"]["airflow-init"]["restart"] == "no"


def test_nothing_starts_before_the_migrations_have_succeeded(compose: dict[str, Any]) -> None:
    for name in LONG_RUNNING:
        needed = compose["services"][name]["depends_on"]
        assert needed["airflow-init"]["condition"] == "service_completed_successfully", name
    assert compose["services"]["airflow-init"]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_tasks_start_only_when_the_execution_api_is_warm(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert any("/execution/health" in word for word in services["api-server"]["healthcheck"]["test"])
    assert services["scheduler"]["depends_on"]["api-server"]["condition"] == "service_healthy"


def test_all_airflow_services_share_one_environment(compose: dict[str, Any]) -> None:
    shared = compose["services"]["api-server"]["environment"]
    for name in LONG_RUNNING:
        assert compose["services"][name]["environment"] == shared, name
    own = {"TRIALFLOW_ADMIN_PASSWORD", "TRIALFLOW_POOL_SLOTS"}
    init = compose["services"]["airflow-init"]["environment"]
    assert {key: value for key, value in init.items() if key not in own} == shared
    assert set(init) - set(shared) == own
    assert {str(compose["services"][name]["env_file"]) for name in AIRFLOW_SERVICES} == {
        "[{'path': 'docker/connections.env', 'required': False}]"
    }


def test_only_the_user_interface_is_published_and_only_on_this_host(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"api-server": ["127.0.0.1:8080:8080"]}


def test_logs_and_the_lake_are_seen_by_whoever_needs_them(compose: dict[str, Any]) -> None:
    def mounts(name: str) -> dict[str, str]:
        return {v.split(":")[1]: v.split(":")[0] for v in compose["services"][name]["volumes"]}

    assert mounts("airflow-init")["/opt/trialflow/lake"] == "lake", "the samples would be loaded into the container"
    for name in LONG_RUNNING:
        assert mounts(name)["/opt/airflow/logs"] == "logs", name
        assert mounts(name)["/opt/trialflow/lake"] == "lake", name
        assert mounts(name)["/opt/trialflow/memos"] == "memos", name
        for folder in ("experiments", "metrics", "sources"):
            assert mounts(name)[f"/opt/trialflow/include/{folder}"] == f"./include/{folder}", name
    assert {name for name in AIRFLOW_SERVICES if "/opt/trialflow/auth" in mounts(name)} == {
        "airflow-init",
        "api-server",
    }


def test_every_setting_that_the_code_reads_can_be_set_here(compose: dict[str, Any], root: Path) -> None:
    read = string_constants((root / "include" / "trialflow", root / "plugins", root / "dags"), r"TRIALFLOW_[A-Z_]+")
    documented = (root / "docs" / "deployment.md").read_text()
    environment = compose["services"]["scheduler"]["environment"]
    assert {"TRIALFLOW_REGISTRY_URL", "TRIALFLOW_LAKE"} <= read
    assert [name for name in sorted(read) if name not in environment and name not in documented] == []


def test_every_pool_that_a_task_asks_for_is_created(root: Path) -> None:
    sets = [words for words in script_commands(root / "docker" / "init.sh", "airflow") if words[0] == "pools"]
    created = {words[2]: words[3] for words in sets}
    trees = [ast.parse(path.read_text()) for folder in ("dags", "plugins") for path in (root / folder).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {
        node.targets[0].id: node.value.value
        for node in nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    pools = [node.value for node in nodes if isinstance(node, ast.keyword) and node.arg == "pool"]
    assert all(isinstance(pool, ast.Name) for pool in pools), "pools are asked for by the names in base.py"
    asked = {names[pool.id] for pool in pools if isinstance(pool, ast.Name)}
    assert asked == set(created)
