"""One lake with every sample, and the lives of the sample experiments, each lived once and only when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from trialflow.decision import Decision
from trialflow.spec.promise import Promise
from trialflow.stages.aa_validation import validate
from trialflow.stages.final_analysis import analyse
from trialflow.stages.monitoring import Monitored, monitor
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.samples import load_samples
from trialflow.stages.workspace import Workspace, registered

INCLUDE = Path(__file__).parents[2] / "include"
TODAY = date(2026, 6, 1)


@dataclass
class Life:
    """What became of one sample experiment."""

    workspace: Workspace
    promise: Promise
    monitored: dict[date, Monitored] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def due(self) -> list[date]:
        return [decision.as_of for decision in self.decisions]

    def evidence(self, check: str, as_of: date | None = None) -> dict[str, Any]:
        """The evidence of one check, by default of the last decision."""
        return dict(self.finding(check, as_of).evidence)

    def finding(self, check: str, as_of: date | None = None):
        with self.workspace.registry() as registry:
            (found,) = registry.findings(self.promise.slug, as_of=as_of or self.decisions[-1].as_of, check=check)
        return found

    def comparison(self, check: str, metric: str, variant: str | None = None) -> dict[str, Any]:
        rows = self.evidence(check)["comparisons"]
        (row,) = [row for row in rows if row["metric"] == metric and variant in (None, row["variant"])]
        return row


def offer(slug: str) -> Offer:
    path = INCLUDE / "experiments" / f"{slug}.yaml"
    return Offer(where=path.name, text=path.read_text(encoding="utf-8"), slug=slug)


def begin(workspace: Workspace, slug: str) -> Life:
    register(workspace, offer(slug), by="tests", today=TODAY)
    validate(workspace, slug)
    with workspace.registry() as registry:
        return Life(workspace=workspace, promise=registered(registry, slug))


def live(workspace: Workspace, slug: str) -> Life:
    """Look on the final days only (a run takes the looks it finds missing) and analyse whatever is due."""
    life = begin(workspace, slug)
    calendar = life.promise.experiment.calendar
    for day in sorted({calendar.final_day(), calendar.final_day(extended=True)}):
        life.monitored[day] = monitor(workspace, slug, day)
        life.decisions += [analyse(workspace, slug, due).decision for due in life.monitored[day].due]
    return life


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("samples")


@pytest.fixture(scope="session")
def workspace(home) -> Workspace:
    space = Workspace.from_environment({"TRIALFLOW_HOME": str(home), "TRIALFLOW_INCLUDE": str(INCLUDE)})
    load_samples(space)
    return space


@pytest.fixture(scope="session")
def life(workspace) -> Callable[[str], Life]:
    lived: dict[str, Life] = {}

    def of(slug: str) -> Life:
        if slug not in lived:
            lived[slug] = live(workspace, slug)
        return lived[slug]

    return of


@pytest.fixture
def fresh(workspace, tmp_path) -> Workspace:
    """The same lake with an empty record."""
    return Workspace.from_environment(
        {
            "TRIALFLOW_HOME": str(tmp_path),
            "TRIALFLOW_INCLUDE": str(INCLUDE),
            "TRIALFLOW_LAKE": str(workspace.lake_root),
        }
    )
