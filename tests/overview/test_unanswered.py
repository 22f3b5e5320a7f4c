from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from tests.stages.worlds import FIRST, shop
from trialflow.errors import NotSupportedError, WarehouseError
from trialflow.overview.plan_form import PlanForm
from trialflow.overview.planning import planned
from trialflow.overview.unanswered import WHERE, public_reason

EVE = FIRST - timedelta(days=1)


def test_what_is_kept_back_is_logged_and_its_place_is_told(caplog: pytest.LogCaptureFixture) -> None:
    error = WarehouseError("server at 10.0.0.7 is shut", public="the warehouse is shut")
    assert public_reason(error) == f"the warehouse is shut; {WHERE}"
    assert "10.0.0.7" in caplog.text
    assert [one.levelno for one in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("error", [WarehouseError("no table"), NotSupportedError("no population")])
def test_what_is_public_anyway_is_told_and_not_logged(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    assert public_reason(error) == str(error)
    assert caplog.records == []


def test_a_plan_names_no_folder_of_the_warehouse(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    workspace = shop(tmp_path)
    spoilt = tmp_path / "lake" / "visits" / f"day={EVE}" / "part-0.parquet"
    spoilt.parent.mkdir(parents=True)
    spoilt.write_bytes(b"no Parquet")
    form = PlanForm.of({"metric": "views_3d", "effect": "5%", "mean": "2", "std_dev": "3", "traffic": "100"})
    plan = planned(form, workspace, workspace.catalog(), {}, today=FIRST).result
    assert plan is not None
    assert plan.measured.why_not == f"the warehouse connection 'lake' could not answer; {WHERE}"
    assert str(tmp_path) in caplog.text
