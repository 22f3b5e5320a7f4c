"""Documents as text: one JSON form, so that equal content has equal bytes on every database."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from trialflow.errors import RegistryError


def canonical(document: Mapping[str, Any]) -> str:
    """Canonical JSON: sorted keys, no spaces, ASCII only, no NaN and no infinity.

    Raises RegistryError for what JSON cannot hold (a non-finite number, a date, an array).
    """
    try:
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        message = f"a document is not plain JSON: {error}; write dates as texts and non-finite numbers as null or 'inf'"
        raise RegistryError(message) from error


def parsed(text: str) -> dict[str, Any]:
    """The document of a canonical text."""
    document: dict[str, Any] = from_json(text)
    return document


def hashed(text: str) -> str:
    """SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
