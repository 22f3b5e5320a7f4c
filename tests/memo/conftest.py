"""Fixtures of the memo tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.memo.scenes import SCENES, Scene

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(params=sorted(SCENES))
def scene(request: pytest.FixtureRequest) -> Scene:
    """Every scene in turn."""
    return SCENES[request.param]()


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with its golden file; TRIALFLOW_REGENERATE_GOLDEN=1 writes it anew, to be read before use."""

    def compare(name: str, text: str) -> None:
        file = GOLDEN / name
        if os.environ.get("TRIALFLOW_REGENERATE_GOLDEN") == "1":
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text(encoding="utf-8")

    return compare
