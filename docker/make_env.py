"""Write a `.env` for docker-compose.yaml: the example with a fresh secret in every required place.

Usage: python3 docker/make_env.py [FILE]      (default: .env beside docker-compose.yaml)

Needs only the standard library. An existing file is never touched: a new Fernet key could not read what the old one
encrypted.
"""

from __future__ import annotations

import base64
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def fernet_key() -> str:
    """Return 32 random bytes in the URL-safe base64 that Fernet asks for."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def password() -> str:
    """Return 192 random bits in hexadecimal, safe inside a URL."""
    return secrets.token_hex(24)


def signing_key() -> str:
    """Return 512 random bits in hexadecimal, the strength of the HS512 signature."""
    return secrets.token_hex(64)


SECRETS: dict[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": password,
    "AIRFLOW_DB_PASSWORD": password,
    "TRIALFLOW_DB_PASSWORD": password,
    "AIRFLOW_FERNET_KEY": fernet_key,
    "AIRFLOW_JWT_SECRET": signing_key,
    "AIRFLOW_API_SECRET_KEY": signing_key,
    "TRIALFLOW_ADMIN_PASSWORD": password,
}


def filled(example: str) -> str:
    """Return the text of the example with a fresh value behind every secret's name."""
    return "".join(_filled_line(line) for line in example.splitlines(keepends=True))


def _filled_line(line: str) -> str:
    make = SECRETS.get(line.rstrip("\n").removesuffix("="))
    return line.rstrip("\n") + make() + "\n" if make else line


def main(arguments: list[str]) -> int:
    """Write the file and say where it is; exit status 1 when it is already there."""
    target = Path(arguments[0]) if arguments else ROOT / ".env"
    try:
        target.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        print(f"{target} exists and was left alone: remove it first if you really want new secrets", file=sys.stderr)
        return 1
    target.write_text(filled((ROOT / ".env.example").read_text()))
    print(f"{target} written; the password of the user admin is its TRIALFLOW_ADMIN_PASSWORD")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
