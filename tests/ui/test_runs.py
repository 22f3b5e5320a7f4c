"""Which runs are about an experiment, and which experiment a run is about: on Airflow's own tables."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

DAY = date(2026, 3, 2)


@pytest.fixture
def session(airflow: None) -> Iterator[Session]:
    """Airflow's tables of runs and tasks, empty, in memory."""
    from airflow.models.base import Base

    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine, tables=[Base.metadata.tables[name] for name in ("dag_run", "task_instance")])
    with Session(engine) as made:
        yield made
    engine.dispose()


def add_run(session: Session, dag: str, name: str, **fields: object) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.utils.types import DagRunType

    at = datetime.combine(DAY, datetime.min.time(), UTC)
    row = DagRun.__table__.insert().values(
        {
            "dag_id": dag,
            "run_id": name,
            "run_type": DagRunType.MANUAL,
            "state": "success",
            "run_after": at,
            "conf": {},
            "log_template_id": 1,
            "clear_number": 0,
            "span_status": "not_started",
            **fields,
        }
    )
    session.execute(row)


def add_task(session: Session, dag: str, run: str, task: str, index: int, name: str, state: str = "success") -> None:
    from airflow.models.taskinstance import TaskInstance
    from uuid6 import uuid7

    session.execute(
        TaskInstance.__table__.insert().values(
            id=uuid7(),
            dag_id=dag,
            run_id=run,
            task_id=task,
            map_index=index,
            rendered_map_index=name or None,
            state=state,
            try_number=1,
            max_tries=0,
            pool="default_pool",
            pool_slots=1,
            queue="default",
            span_status="not_started",
        )
    )


def test_runs_are_found_by_the_experiment_and_by_the_experiment_and_day(session: Session) -> None:
    from trialflow_ui.runs import Runs

    add_run(session, "aa_validation", "one", partition_key="my_shop")
    add_run(session, "final_analysis", "two", partition_key=f"my_shop|{DAY}")
    add_run(session, "final_analysis", "other", partition_key=f"myXshop|{DAY}")
    add_run(session, "final_analysis", "longer", partition_key=f"my_shop_2|{DAY}")
    found = Runs(session).of("my_shop", DAY, DAY)
    assert {(one.run, one.day) for one in found} == {("one", None), ("two", DAY)}


def test_daily_runs_are_those_that_looked_at_a_day_of_the_calendar(session: Session) -> None:
    from trialflow_ui.runs import Runs

    for number in range(5):
        at = datetime(2026, 3, 1, 2, tzinfo=UTC) + timedelta(days=number)
        add_run(session, "daily_monitoring", f"run-{number}", logical_date=at, run_after=at)
    found = Runs(session).of("my_shop", DAY, DAY + timedelta(days=1))
    assert [one.day for one in found] == [DAY + timedelta(days=1), DAY]


def test_all_runs_of_a_long_experiment_are_listed_newest_first_whatever_they_are_about(session: Session) -> None:
    from trialflow_ui.runs import Runs

    began = datetime(2026, 3, 1, 2, tzinfo=UTC)
    add_run(session, "aa_validation", "first", partition_key="my_shop", start_date=began)
    for number in range(1, 91):
        at = began + timedelta(days=number)
        add_run(session, "daily_monitoring", f"day-{number}", logical_date=at, run_after=at, start_date=at)
    at = began + timedelta(days=45, hours=1)
    add_run(session, "preregistration", "order", conf={"slug": "my_shop"}, start_date=at)
    add_run(session, "final_analysis", "queued", partition_key=f"my_shop|{DAY}", state="queued")
    found = [one.run for one in Runs(session).of("my_shop", date(2026, 3, 1), date(2026, 5, 31))]
    days = [f"day-{number}" for number in range(90, 0, -1)]
    assert found == ["queued", *days[:45], "order", *days[45:], "first"]


def test_a_run_with_a_key_is_about_its_experiment(session: Session) -> None:
    from trialflow_ui.runs import Runs

    add_run(session, "rollout", "one", partition_key=f"my_shop|{DAY}")
    about = Runs(session).about("rollout", "one")
    assert (about.slug, about.day) == ("my_shop", DAY)


def test_a_run_by_hand_is_about_the_experiment_of_its_params(session: Session) -> None:
    from trialflow_ui.runs import Runs

    add_run(session, "final_analysis", "one", conf={"slug": "my_shop"})
    assert Runs(session).about("final_analysis", "one").slug == "my_shop"


@pytest.mark.parametrize("text", ["slug: my_shop\ntitle: x", "title: |\n  slug: other\nslug:  'my_shop' # mine\n"])
def test_a_run_that_registers_a_text_is_about_the_experiment_that_it_names(session: Session, text: str) -> None:
    from trialflow_ui.runs import Runs

    add_run(session, "preregistration", "one", conf={"yaml": text, "slug": ""})
    assert Runs(session).about("preregistration", "one").slug == "my_shop"
    assert [one.run for one in Runs(session).of("my_shop", DAY, DAY)] == ["one"]


@pytest.mark.parametrize("text", ["", "title: x", "slug:", "- slug: my_shop", None])
def test_a_run_that_names_no_experiment_is_about_none(session: Session, text: str | None) -> None:
    from trialflow_ui.runs import Runs

    add_run(session, "preregistration", "one", conf={"yaml": text})
    assert Runs(session).about("preregistration", "one").slug == ""


def test_a_mapped_task_is_about_the_experiment_it_is_named_after(session: Session) -> None:
    from trialflow_ui.runs import Runs

    add_run(session, "daily_monitoring", "one")
    add_task(session, "daily_monitoring", "one", "monitor", 0, "my_shop")
    add_task(session, "daily_monitoring", "one", "monitor", 1, "ranker-v7 (srm)")
    add_task(session, "daily_monitoring", "one", "monitor", 2, "")
    runs = Runs(session)
    assert runs.about("daily_monitoring", "one", "monitor", 1).slug == "ranker-v7"
    assert runs.about("daily_monitoring", "one").slugs == ("my_shop", "ranker-v7")
    assert runs.about("daily_monitoring", "one", "monitor", 2).slug == ""


def test_a_run_that_airflow_does_not_know_says_so(session: Session) -> None:
    from trialflow_ui.runs import Runs

    assert Runs(session).about("rollout", "nobody").known is False


@pytest.mark.parametrize(("state", "found"), [("awaiting_input", True), ("deferred", True), ("success", False)])
def test_the_signature_is_asked_for_where_a_task_waits(session: Session, state: str, found: bool) -> None:
    from trialflow_ui.runs import Runs

    add_run(session, "final_analysis", "manual__1+1", partition_key=f"my_shop|{DAY}")
    add_task(session, "final_analysis", "manual__1+1", "sign", -1, "", state)
    link = Runs(session).signing("my_shop", DAY)
    assert link == ("/dags/final_analysis/runs/manual__1%2B1/tasks/sign/required_actions" if found else "")
    assert Runs(session).signing("my_shop", DAY + timedelta(days=1)) == ""


def test_a_run_that_a_person_started_asks_for_the_signature_too(session: Session) -> None:
    from trialflow_ui.runs import Runs

    for name, slug, day in (("other", "your_shop", DAY), ("later", "my_shop", date.max), ("mine", "my_shop", DAY)):
        add_run(session, "final_analysis", name, conf={"slug": slug, "as_of": str(day)})
        add_task(session, "final_analysis", name, "sign", -1, "", "deferred")
    assert Runs(session).signing("my_shop", DAY) == "/dags/final_analysis/runs/mine/tasks/sign/required_actions"


def test_runs_that_a_person_started_stand_among_those_of_their_experiment(session: Session) -> None:
    from trialflow_ui.runs import Runs

    add_run(session, "final_analysis", "mine", conf={"slug": "my_shop", "as_of": str(DAY)})
    add_run(session, "preregistration", "order", conf={"slug": "my_shop", "action": "pause"})
    add_run(session, "preregistration", "files")
    add_run(session, "final_analysis", "other", conf={"slug": "my_shop_2"})
    found = Runs(session).of("my_shop", DAY, DAY)
    assert {(one.run, one.day) for one in found} == {("mine", DAY), ("order", None)}


@pytest.mark.parametrize("started_by", ["manual", "operator_triggered"])
def test_a_run_that_somebody_started_is_not_lost_among_those_of_the_schedule(session: Session, started_by: str) -> None:
    from trialflow_ui.runs import MOST, Runs

    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    add_run(session, "preregistration", "order", run_type=started_by, conf={"slug": "my_shop"}, run_after=long_ago)
    for number in range(MOST + 50):
        at = long_ago + timedelta(minutes=15 * (number + 1))
        add_run(session, "preregistration", f"every-{number}", run_type="scheduled", logical_date=at, run_after=at)
    assert [one.run for one in Runs(session).of("my_shop", DAY, DAY)] == ["order"]


@pytest.fixture(params=["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
def server_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that stands in another zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_days_begin_at_midnight_utc_wherever_the_server_stands(session: Session, server_zone: str) -> None:
    from trialflow_ui.runs import Runs

    for hour in (-1, 0, 23, 24):
        at = datetime(2026, 3, 3, tzinfo=UTC) + timedelta(hours=hour)
        add_run(session, "daily_monitoring", f"hour {hour}", logical_date=at, run_after=at)
    assert {one.run for one in Runs(session).of("my_shop", DAY, DAY)} == {"hour 0", "hour 23"}
