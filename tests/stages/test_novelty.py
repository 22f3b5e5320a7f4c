"""Who belongs to the cohort in which novelty is looked for: whoever the experiment enrolled, an extension included."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.stages.conftest import Lakes
from tests.stages.worlds import FINAL, LAST, SLUG, begin, days, promise, shop, world
from trialflow.simulation import Loss
from trialflow.stages.final_analysis import analyse
from trialflow.stages.novelty import watch_novelty
from trialflow.stages.workspace import Workspace

END = date(2026, 1, 31)  # a week and more after the regular end: units of the extension have been seen for a horizon
PRIMARY = {"primary": {"metric": "views_3d", "minimum_effect": {"relative": 0.18}}}


@pytest.fixture
def spec() -> Any:
    """Less traffic than was promised in the two regular weeks, so that the promised extension takes place."""
    lost = tuple(Loss(table="exposures", day=day, share=0.7) for day in days(last=LAST))
    return world(units=1500, last_day=date(2026, 1, 25), follow_days=6, losses=lost)


def cohort(workspace: Workspace, as_of: date) -> int:
    return sum(watch_novelty(workspace, SLUG, as_of).evidence["cohort_units"])


def test_units_of_an_extension_join_the_cohort(tmp_path: Path, lakes: Lakes, spec: Any) -> None:
    longer = begin(
        shop(tmp_path / "longer", lake=lakes(spec)), promise(calendar={"max_extension_days": 7}, metrics=PRIMARY)
    )
    regular = begin(shop(tmp_path / "regular", lake=lakes(spec)), promise(metrics=PRIMARY))
    horizon = timedelta(days=6)
    assert cohort(longer, FINAL) == cohort(regular, FINAL)
    assert cohort(longer, LAST + horizon) == cohort(regular, LAST + horizon)
    assert cohort(longer, END) > cohort(regular, END) == cohort(regular, LAST + horizon)


def test_the_final_analysis_looks_at_the_same_cohort(tmp_path: Path, lakes: Lakes, spec: Any) -> None:
    calendar = {"max_extension_days": 7}
    workspace = begin(shop(tmp_path, lake=lakes(spec)), promise(calendar=calendar, metrics=PRIMARY))
    last = FINAL + timedelta(days=7)
    analyse(workspace, SLUG, last)
    with workspace.registry() as registry:
        (finding,) = registry.findings(SLUG, check="novelty")
    assert sum(finding.evidence["cohort_units"]) == cohort(workspace, last)
    assert sum(finding.evidence["cohort_units"]) > cohort(workspace, LAST + timedelta(days=6))
