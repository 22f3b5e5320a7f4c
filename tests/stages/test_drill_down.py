"""A broken split on a day of monitoring: where it is broken, in the record."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.stages.conftest import Lakes
from tests.stages.worlds import FIRST, SLUG, begin, shop, world
from trialflow.checks import Status
from trialflow.simulation import Loss
from trialflow.stages.monitoring import monitor


def test_the_days_of_the_loss_and_every_dimension_stand_in_the_finding(tmp_path: Path, lakes: Lakes) -> None:
    bad = [FIRST + timedelta(days=number) for number in range(3)]
    lost = tuple(Loss(table="exposures", day=day, variant="treatment") for day in bad)
    workspace = begin(shop(tmp_path, lake=lakes(world(losses=lost))))
    monitor(workspace, SLUG, bad[-1])
    with workspace.registry() as registry:
        (finding,) = registry.findings(SLUG, as_of=bad[-1], check="srm")
    assert finding.status is Status.FAIL
    broken = {(row["dimension"], row["value"]) for row in finding.evidence["drill_down"] if row["broken"]}
    assert broken == {("device", "mobile"), ("device", "desktop"), *(("day", day.isoformat()) for day in bad)}
    assert "It is broken in device mobile, " in finding.next_step
