"""Which code made a memo: the version, and a hash over the library's files that also tells two states of a checkout apart."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

import trialflow

LIBRARY = Path(trialflow.__file__).resolve().parent
TEMPLATES = LIBRARY.parent / "templates"


@functools.cache
def code() -> str:
    """`trialflow 0.1.0 (3f9c2ab41d0e)`: the same wherever the same files lie."""
    return f"trialflow {trialflow.__version__} ({code_fingerprint()})"


@functools.cache
def code_fingerprint() -> str:
    """SHA-256 over names and contents of the library's modules and templates, first 12 hex digits."""
    digest = hashlib.sha256()
    for name, path in sorted(_files()):
        content = path.read_bytes()
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def _files() -> Iterator[tuple[str, Path]]:
    for root, pattern in ((LIBRARY, "*.py"), (TEMPLATES, "memo.*")):
        yield from ((f"{root.name}/{path.relative_to(root).as_posix()}", path) for path in root.rglob(pattern))
