"""A metric's weeks: each week's visitors with whole windows, read in the warehouse and kept nowhere."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.stages.worlds import FIRST, fill, shop, world
from trialflow.overview import metric_weeks
from trialflow.overview.metric_weeks import WEEKS, Weeks, rows, weeks
from trialflow.stages.workspace import Workspace

TODAY = FIRST + timedelta(days=300)
EVE = FIRST - timedelta(days=1)


@pytest.fixture(scope="module")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(shop(tmp_path_factory.mktemp("shop")), world())


def read(
    workspace: Workspace, metric: str = "views_3d", *, through: date | None = EVE, on_record: date | None = None
) -> Weeks:
    catalog = workspace.catalog()
    return weeks(workspace, catalog, catalog.metrics[metric], through=through, on_record=on_record, today=TODAY)


def counted(workspace: Workspace, first: date, last: date) -> tuple[int, float]:
    """By plain SQL over the tables: visitors of these days, and their views up to the third day after their first visit."""
    days = (last - first).days + 4
    engine = workspace.connections.engine("lake")
    query = f"""
        with visits as (
            select unit_id, min(occurred_at) as came from visits
            where occurred_at >= '{first}' and occurred_at < date '{first}' + {days} group by unit_id
        ), views as (
            select v.unit_id, count(e.unit_id) as n from visits v
            left join events e on e.unit_id = v.unit_id and e.name = 'view' and e.occurred_at >= v.came
            and date_trunc('day', e.occurred_at) <= date_trunc('day', v.came) + interval 3 day
            where v.came < date '{last}' + 1 group by v.unit_id
        ) select count(*), avg(n) from views"""
    with engine.connect() as connection:
        found = connection.exec_driver_sql(query).one()
    engine.dispose()
    return int(found[0]), float(found[1])


def test_a_week_is_that_of_a_query_written_by_hand(small_shop: Workspace) -> None:
    last = read(small_shop).weeks[-1]
    assert (last.first, last.last) == (EVE - timedelta(days=9), EVE - timedelta(days=3))
    assert (last.units, last.mean) == pytest.approx(counted(small_shop, last.first, last.last))
    assert last.lower is not None
    assert last.upper is not None
    assert last.lower < (last.mean or 0.0) < last.upper


def test_who_comes_in_two_weeks_counts_in_both(small_shop: Workspace) -> None:
    before, last = read(small_shop).weeks[-2:]
    came = [counted(small_shop, one.first, one.last)[0] for one in (before, last)]
    assert [before.units, last.units] == came
    together, _ = counted(small_shop, before.first, last.last)
    assert before.units + last.units > together


def test_weeks_follow_each_other_and_empty_ones_have_no_number(small_shop: Workspace) -> None:
    found = read(small_shop)
    assert len(found.weeks) == WEEKS
    assert all(later.first - one.last == timedelta(days=1) for one, later in pairwise(found.weeks))
    assert (found.weeks[0].units, found.weeks[0].mean) == (0, None)
    assert next(reversed(list(rows(found))))[2] == "no number"


def test_without_a_day_the_last_one_on_record_stands_in_where_nobody_came(small_shop: Workspace) -> None:
    found = read(small_shop, through=None, on_record=EVE)
    assert found.weeks == read(small_shop).weeks
    assert (found.through, found.instead_of) == (EVE, TODAY - timedelta(days=1))


def test_a_day_that_was_asked_for_is_kept_though_nobody_came(small_shop: Workspace) -> None:
    asked = FIRST + timedelta(days=200)
    found = read(small_shop, through=asked, on_record=EVE)
    assert (found.seen, found.through, found.instead_of) == (False, asked, None)


def test_nothing_on_record_leaves_the_weeks_empty(small_shop: Workspace) -> None:
    assert not read(small_shop, through=None).seen


def test_a_slow_warehouse_is_not_asked_for_more(small_shop: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_weeks, "PATIENCE", -1.0)
    found = read(small_shop)
    assert found.cut
    assert len(found.weeks) == 1


def test_a_warehouse_that_cannot_be_read_is_told_and_its_own_words_go_to_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = shop(tmp_path)
    for table in ("visits", "events"):
        spoilt = tmp_path / "lake" / table / f"day={EVE}" / "part-0.parquet"
        spoilt.parent.mkdir(parents=True)
        spoilt.write_bytes(b"no Parquet")
    found = read(workspace)
    assert found.weeks == ()
    assert found.why_not == (
        "the warehouse connection 'lake' could not answer; who runs Airflow finds the cause in the API server's log"
    )
    assert str(tmp_path) in caplog.text


def test_a_source_without_a_population_is_told(tmp_path: Path) -> None:
    workspace = shop(tmp_path)
    path = workspace.include / "sources" / "shop.yaml"
    text = path.read_text()
    path.write_text(text[: text.index("population:")] + text[text.index("complete:") :])
    assert "has no population" in read(workspace).why_not
