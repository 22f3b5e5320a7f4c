"""The scripts that make the secrets of a deployment."""

from __future__ import annotations

import json
import re
import runpy
import stat
import subprocess
import sys
from pathlib import Path

from cryptography.fernet import Fernet

from .conftest import parse_env


def make_env(root: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """Run docker/make_env.py the way a person does."""
    script = str(root / "docker" / "make_env.py")
    return subprocess.run([sys.executable, script, str(target)], capture_output=True, text=True, check=False)


def test_a_made_env_file_has_a_value_for_every_secret_and_only_its_owner_reads_it(root: Path, tmp_path: Path) -> None:
    target = tmp_path / ".env"
    assert make_env(root, target).returncode == 0
    values = parse_env(target.read_text())
    assert {name for name, value in values.items() if not value} == {"TRIALFLOW_EXTRA_PACKAGES"}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_two_made_files_share_no_secret(root: Path, tmp_path: Path, example_text: str) -> None:
    make_env(root, tmp_path / "one")
    make_env(root, tmp_path / "two")
    one, two = (parse_env((tmp_path / name).read_text()) for name in ("one", "two"))
    assert {name for name in one if one[name] != two[name]} == {
        name for name, value in parse_env(example_text).items() if not value and name != "TRIALFLOW_EXTRA_PACKAGES"
    }


def test_an_env_file_that_exists_is_never_touched(root: Path, tmp_path: Path) -> None:
    target = tmp_path / ".env"
    target.write_text("AIRFLOW_FERNET_KEY=old\n")
    result = make_env(root, target)
    assert result.returncode == 1
    assert "left alone" in result.stderr
    assert target.read_text() == "AIRFLOW_FERNET_KEY=old\n"


def test_the_made_fernet_key_encrypts_and_passwords_fit_into_a_url(secrets_made: dict[str, str]) -> None:
    fernet = Fernet(secrets_made["AIRFLOW_FERNET_KEY"])
    assert fernet.decrypt(fernet.encrypt(b"secret")) == b"secret"
    assert len(secrets_made["AIRFLOW_JWT_SECRET"]) >= 64
    assert all(re.fullmatch("[0-9a-f]{48}", secrets_made[name]) for name in secrets_made if name.endswith("_PASSWORD"))


def test_the_admins_password_is_replaced_and_other_users_keep_theirs(root: Path, tmp_path: Path) -> None:
    write_password = runpy.run_path(str(root / "docker" / "set_admin_password.py"))["write_password"]
    path = tmp_path / "passwords.json"
    write_password(path, "admin", "first")
    path.write_text(json.dumps({**json.loads(path.read_text()), "vic": "generated"}))
    write_password(path, "admin", "second")
    assert json.loads(path.read_text()) == {"admin": "second", "vic": "generated"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [other.name for other in tmp_path.iterdir()] == ["passwords.json"]
