"""Lakes that many tests read and none changes, and a workspace of one's own to write into."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stages.worlds import begin, fill, shop, world
from trialflow.simulation import SimulationSpec
from trialflow.stages.workspace import Workspace

Lakes = Callable[..., Path]


@pytest.fixture(scope="session")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Lakes:
    """The folder of a lake with a world in it; a world that was asked for before is not made again."""
    made: dict[str, Path] = {}

    def lake(spec: SimulationSpec) -> Path:
        if repr(spec) not in made:
            root = tmp_path_factory.mktemp("world")
            made[repr(spec)] = fill(shop(root), spec).lake_root
        return made[repr(spec)]

    return lake


@pytest.fixture
def benefit(tmp_path: Path, lakes: Lakes) -> Workspace:
    """A workspace over a world in which views rise by a quarter. Its lake is shared: read only."""
    return shop(tmp_path, lake=lakes(world(effect=0.25)))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, lakes: Lakes) -> Path:
    """The benefit workspace with its promise registered and validated; to be copied."""
    root = tmp_path_factory.mktemp("template")
    begin(shop(root, lake=lakes(world(effect=0.25))))
    return root


@pytest.fixture
def begun(tmp_path: Path, template: Path, benefit: Workspace) -> Workspace:
    """The workspace `benefit` with its promise registered and validated."""
    for folder in ("home", "memos"):
        shutil.copytree(template / folder, tmp_path / folder)
    return benefit


@pytest.fixture
def own(tmp_path: Path) -> Workspace:
    """An empty workspace with a lake of its own."""
    return shop(tmp_path)
