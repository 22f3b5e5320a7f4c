"""Write the administrator's password where Airflow's simple auth manager looks for it.

Airflow would otherwise invent a password and print it into the log. Entries of other users are kept. The file is
replaced in one step and readable by its owner alone, since the simple auth manager stores passwords in the clear.
"""

from __future__ import annotations

import json
import os
from pathlib import Path


def write_password(path: Path, user: str, password: str) -> None:
    """Set the password of `user` in the JSON file at `path`, which is made when it does not exist."""
    passwords: dict[str, str] = json.loads(path.read_text() or "{}") if path.exists() else {}
    passwords[user] = password
    draft = path.with_name(path.name + ".draft")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(passwords) + "\n")
    draft.replace(path)


if __name__ == "__main__":
    write_password(
        Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]),
        "admin",
        os.environ["TRIALFLOW_ADMIN_PASSWORD"],
    )
