"""A lake to write into."""

from __future__ import annotations

from pathlib import Path

import pytest

from trialflow.warehouse.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")
