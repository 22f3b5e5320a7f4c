from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from airflow.providers.slack.hooks.slack import SlackHook

from tests.dags.conftest import states
from tests.dags.slack_stand_in import slack_stand_in
from trialflow.registry import Message
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.telling import deliver
from trialflow_operators.failing import tell_of_failure
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


@pytest.fixture
def several(registered):
    """An outbox with six messages for two places, the channel and a thread."""
    with registered.registry() as registry, registry.append(COOKIE_CATS) as record:
        for number in range(5):
            thread = f"registered|{COOKIE_CATS}|1" if number % 2 else ""
            record.intend(Message(key=f"later|{number}", channel="", payload={"text": "later"}, thread=thread))
    return registered


def test_tasks_that_want_to_post_at_once_post_every_message_once(slack, several):
    """Each round reads outbox and channel anew once it holds the record's lock."""

    def tell(_number: int) -> None:
        deliver(several, messenger())

    with ThreadPoolExecutor(4) as tasks:
        list(tasks.map(tell, range(4)))
    assert len(slack.keys) == 6
    assert len(set(slack.keys)) == 6


def test_a_round_leaves_out_what_another_one_has_posted_meanwhile(slack, several):
    """The round has read the outbox when the record says of every message but the first that it is out."""

    class Overtaken(SlackMessenger):
        def post(self, **message) -> str:
            ts = super().post(**message)
            with several.registry() as registry:
                for waiting in registry.outbox():
                    registry.posted(waiting.message.key, ts)
            return ts

    deliver(several, Overtaken(SlackHook(slack_conn_id=CONNECTION), "#experiments"))
    assert len(slack.keys) == 1


def failures(workspace) -> list[Message]:
    with workspace.registry() as registry:
        return [one.message for one in registry.messages() if one.message.key.startswith("failed|")]


def test_a_failed_task_is_told_by_the_same_run(slack, workspace, run_dag):
    conf = {"action": "withdraw", "slug": "nobody", "reason": "Cut.", "as_of": "2026-01-01"}
    run = run_dag("preregistration", conf=conf)
    assert states(run)["order"] == ["failed"]
    assert states(run)["tell"] == ["success"]
    (told,) = failures(workspace)
    assert told.key == f"failed|preregistration|{run.run_id}|order|-1"
    assert slack.keys == [told.key]
    assert slack.messages[0]["text"].startswith("FAILED · preregistration.order (nobody) · ")
    (block,) = slack.messages[0]["blocks"]
    assert f"Run: {run.run_id}".replace(">", "&gt;") in block["text"]["text"]
    assert "/dags/preregistration/runs/" in block["text"]["text"]
    assert "clear the task" in block["text"]["text"]


def test_a_failed_mapped_task_names_its_experiment(workspace, run_dag):
    run = run_dag("preregistration", conf={"yaml": "slug: broken_promise"})
    assert states(run)["register"] == ["failed"]
    (told,) = failures(workspace)
    assert told.key == f"failed|preregistration|{run.run_id}|register|0"
    assert told.payload["text"].startswith("FAILED · preregistration.register (pasted promise) · ")


def test_telling_of_a_failure_never_raises(monkeypatch, workspace, caplog):
    monkeypatch.setenv("TRIALFLOW_REGISTRY_URL", "nonsense")
    tell_of_failure({})
    assert "No message about this failure" in caplog.text
