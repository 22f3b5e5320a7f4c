from __future__ import annotations

import json
from datetime import date

import pytest
from airflow.providers.slack.hooks.slack import SlackHook

from tests.dags.conftest import states
from tests.dags.slack_stand_in import slack_stand_in
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.telling import deliver
from trialflow_operators.slack import CONNECTION, SlackMessenger

COOKIE_CATS = "cookie_cats"


@pytest.fixture
def slack(monkeypatch):
    with slack_stand_in() as stand_in:
        connection = {
            "conn_type": "slack",
            "password": "xoxb-test",
            "extra": {"base_url": stand_in.url, "timeout": 5},
        }
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(connection))
        yield stand_in


@pytest.fixture
def registered(workspace):
    text = (workspace.include / "experiments" / f"{COOKIE_CATS}.yaml").read_text()
    register(workspace, Offer(where="test", text=text), by="test", today=date(2026, 11, 22))
    return workspace


def messenger() -> SlackMessenger:
    return SlackMessenger(SlackHook(slack_conn_id=CONNECTION), "#experiments")


def test_a_message_is_posted_once_however_often_the_outbox_is_emptied(slack, registered):
    assert deliver(registered, messenger()).posted == (f"registered|{COOKIE_CATS}|1",)
    assert deliver(registered, messenger()).posted == ()
    assert slack.keys == [f"registered|{COOKIE_CATS}|1"]


def test_a_try_killed_between_post_and_record_is_found_again(slack, registered):
    """The first try posts and dies before it can record: the second finds the message by its key in the metadata."""

    class KilledAfterPosting(SlackMessenger):
        def post(self, **message) -> str:
            super().post(**message)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver(registered, KilledAfterPosting(SlackHook(slack_conn_id=CONNECTION), "#experiments"))
    assert len(slack.messages) == 1
    assert deliver(registered, messenger()).posted == (f"registered|{COOKIE_CATS}|1",)
    assert len(slack.messages) == 1
    with registered.registry() as registry:
        assert registry.outbox() == ()


def test_nothing_is_lost_while_slack_is_away(slack, registered, run_dag):
    slack.away = True
    delivery = deliver(registered, messenger())
    assert delivery.failed == (f"registered|{COOKIE_CATS}|1",)
    slack.away = False
    run = run_dag("notifications", conf={"as_of": "2018-01-01"})
    assert str(run.state) == "success"
    assert f"registered|{COOKIE_CATS}|1" in slack.keys


def test_later_messages_of_an_experiment_stand_in_its_thread(slack, registered):
    from trialflow.registry import Message

    deliver(registered, messenger())
    with registered.registry() as registry, registry.append(COOKIE_CATS) as record:
        record.intend(Message(key="later", channel="", payload={"text": "later"}, thread=f"registered|{COOKIE_CATS}|1"))
    deliver(registered, messenger())
    opener, later = slack.messages
    assert later["thread_ts"] == opener["ts"]


def test_without_a_connection_the_posting_task_is_skipped_and_the_outbox_kept(registered, run_dag):
    run = run_dag("notifications", conf={"as_of": "2018-01-01"})
    assert states(run)["tell"] == ["skipped"]
    assert str(run.state) == "success"
    with registered.registry() as registry:
        assert [stored.message.key for stored in registry.outbox()] == [f"registered|{COOKIE_CATS}|1"]
