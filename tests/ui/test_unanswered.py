"""A warehouse that does not answer: whoever reads a page learns that, and no host, user or folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.stages.worlds import promise, shop
from tests.ui.test_plan import AHEAD, PAGE
from trialflow.overview.unanswered import WHERE
from trialflow.stages.workspace import Workspace
from trialflow_ui.render import yesterday

ASKED = "metric=views_3d&effect=5%25&mean=2&std_dev=3&traffic=300"


@pytest.fixture
def unanswering(tmp_path: Path, showing) -> Workspace:
    """A shop whose visits are no Parquet."""
    workspace = shop(tmp_path)
    spoilt = tmp_path / "lake" / "visits" / f"day={yesterday() - timedelta(days=1)}" / "part-0.parquet"
    spoilt.parent.mkdir(parents=True)
    spoilt.write_bytes(b"no Parquet")
    with workspace.registry():  # makes the record
        pass
    showing(workspace)
    return workspace


def is_told(text: str, folder: Path, log: str) -> bool:
    return (
        "could not answer" in text and WHERE.split("API")[0] in text and str(folder) not in text and str(folder) in log
    )


@pytest.mark.parametrize("address", ["/metrics/views_3d?history=weeks", f"/plan/?{ASKED}"])
def test_a_page_keeps_the_warehouses_own_words_back(visit, unanswering, tmp_path, caplog, address):
    answer = visit("viewer").get(address, headers=PAGE)
    assert answer.status_code == 200
    assert is_told(answer.text, tmp_path, caplog.text)


def test_a_check_of_a_promise_keeps_them_back_too(visit, unanswering, tmp_path, caplog):
    answer = visit("admin").post("/plan/check", data={"yaml": promise(**AHEAD)}, headers=PAGE)
    assert is_told(answer.text, tmp_path, caplog.text)


def test_a_refusal_that_nobody_foresaw_keeps_them_back_too(visit, unanswering, tmp_path, caplog, monkeypatch):
    def asked(*_given: object, **_more: object) -> None:
        unanswering.connections.rows("lake", sa.text("SELECT * FROM visits"))

    monkeypatch.setattr("trialflow.overview.metric_weeks.weeks", asked)
    answer = visit("viewer", raising=False).get("/metrics/views_3d?history=weeks", headers=PAGE)
    assert answer.status_code == 500
    assert is_told(answer.text, tmp_path, caplog.text)
