"""A broken split on a day of monitoring: where it is broken, in the record."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.stages.conftest import Lakes
from tests.stages.worlds import FIRST, SLUG, begin, shop, world
from trialflow.checks import Status
from trialflow.simulation import Loss
from trialflow.stages.monitoring import monitor


def test_the_day_of_the_loss_and_every_dimension_stand_in_the_finding(tmp_path: Path, lakes: Lakes) -> None:
    bad = FIRST + timedelta(days=2)
    lost = Loss(table="exposures", day=bad, variant="treatment", share=0.9)
    workspace = begin(shop(tmp_path, lake=lakes(world(losses=(lost,)))))
    monitor(workspace, SLUG, bad)
    with workspace.registry() as registry:
        (finding,) = registry.findings(SLUG, as_of=bad, check="srm")
    assert finding.status is Status.FAIL
    rows = finding.evidence["drill_down"]
    assert (rows[0]["dimension"], rows[0]["value"], rows[0]["broken"]) == ("day", bad.isoformat(), True)
    assert {row["value"] for row in rows if row["dimension"] == "device"} == {"mobile", "desktop"}
    assert f"It is broken in day {bad.isoformat()}" in finding.next_step
