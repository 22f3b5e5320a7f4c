"""The real SlackHook against a stand-in that checks what Slack checks and breaks as Slack breaks."""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from airflow.sdk.exceptions import AirflowException

from tests.dags.block_kit import MESSAGE_LENGTH, message_error
from tests.dags.conftest import states
from tests.dags.slack_stand_in import CHANNEL, SHOP, TOKEN, Trouble, rate_limited, slack_stand_in
from tests.memo.scenes import SCENES
from trialflow.decision import FollowUp, Signature, Verdict
from trialflow.memo import posts
from trialflow.memo.chart_document import chart_document
from trialflow.memo.links import page, runbook
from trialflow.memo.memo import Allocation, Chart
from trialflow.memo.slack import with_links
from trialflow.registry import Attachment, EventKind, Message
from trialflow.stages.delivery import CHART, REPLY, deliver
from trialflow.stages.follow_ups import open_follow_ups
from trialflow.stages.preregistration import Offer, register
from trialflow_operators import slack as operators
from trialflow_operators.failing import tell_of_failure
from trialflow_operators.slack import CONNECTION, SlackMessenger, TellOperator, messenger

COOKIE_CATS = "cookie_cats"
NOTE = f"registered|{COOKIE_CATS}|1"


@pytest.fixture
def slack(monkeypatch):
    monkeypatch.setattr(operators, "LOOKS", (0.01, 0.01))
    with slack_stand_in() as stand_in:
        extra = {"base_url": stand_in.url, "timeout": 1}
        connection = {"conn_type": "slack", "password": TOKEN, "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(connection))
        yield stand_in


@pytest.fixture
def registered(workspace):
    text = (workspace.include / "experiments" / f"{COOKIE_CATS}.yaml").read_text()
    register(workspace, Offer(where="test", text=text), by="test", today=date(2026, 11, 22))
    return workspace


def intend(workspace, *keys, thread=NOTE, channel="", payload=None, **more):
    with workspace.registry() as registry, registry.append(COOKIE_CATS) as record:
        for key in keys:
            told = payload or {"text": f"Words of {key}."}
            record.intend(Message(key=key, channel=channel, payload=told, thread=thread, **more))


def outbox(workspace):
    with workspace.registry() as registry:
        return [stored.message.key for stored in registry.outbox()]


def test_a_message_is_posted_once_however_often_the_outbox_is_emptied(slack, registered):
    assert deliver(registered, messenger()).posted == (NOTE,)
    assert deliver(registered, messenger()).posted == ()
    assert slack.keys == [NOTE]


def test_later_messages_of_an_experiment_stand_in_its_thread(slack, registered):
    deliver(registered, messenger())
    intend(registered, "later")
    deliver(registered, messenger())
    opener, later = slack.messages
    assert later["thread_ts"] == opener["ts"]


class KilledAfterPosting(SlackMessenger):
    """Posts, and dies before anybody can record it."""

    def post(self, post):
        super().post(post)
        raise KeyboardInterrupt


def killed_after_posting():
    whole = messenger()
    return KilledAfterPosting(whole._asking, whole._posting, whole._default_channel)


class TestKilledBetweenPostAndRecord:
    """The next try finds the message by its key in the metadata."""

    def killed(self, workspace):
        with pytest.raises(KeyboardInterrupt):
            deliver(workspace, killed_after_posting())

    def test_it_is_found_again(self, slack, registered):
        self.killed(registered)
        assert deliver(registered, messenger()).posted == (NOTE,)
        assert slack.keys == [NOTE]
        assert outbox(registered) == []

    def test_it_is_found_however_much_was_written_since(self, slack, registered):
        slack.page = 100  # whatever is asked for
        self.killed(registered)
        slack.chat(350)
        assert deliver(registered, messenger()).posted == (NOTE,)
        assert slack.keys == [NOTE]
        assert slack.calls.count("conversations.history") == 5

    def test_it_is_found_in_a_long_thread(self, slack, registered):
        slack.page = 100
        deliver(registered, messenger())
        intend(registered, "alert")
        self.killed(registered)
        slack.chat(250, thread_ts=slack.messages[0]["ts"])
        assert deliver(registered, messenger()).posted == ("alert",)
        assert slack.keys == [NOTE, "alert"]

    def test_what_was_written_long_before_is_not_read(self, slack, registered):
        slack.last_ts = 0.0
        slack.messages += [
            {"channel": CHANNEL, "ts": f"{1_600_000_000 + number}.000000", "text": "old"} for number in range(500)
        ]
        deliver(registered, messenger())
        assert slack.calls.count("conversations.history") == 1


LOST_ANSWERS = {
    "reset": Trouble(cut="reset", done=True),
    "reset in mid-answer": Trouble(cut="middle", done=True),
    "too late": Trouble(wait=1.3, done=True),
    "internal error": Trouble(says='{"ok": false, "error": "internal_error"}', done=True),
    "gateway": Trouble(status=502, done=True),
    "unavailable": Trouble(status=503, done=True),
    "no JSON": Trouble(says="<html>", done=True),
    "no ts": Trouble(says='{"ok": true}', done=True),
}


class TestLostAnswers:
    """Slack has taken the message, or not, and nobody here knows: the next round looks before it posts."""

    @pytest.mark.parametrize("trouble", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
    def test_a_message_that_was_posted_is_found(self, slack, registered, trouble):
        slack.troubles["chat.postMessage"] = [trouble]
        done = deliver(registered, messenger())
        assert (done.posted, done.failed) == ((), (NOTE,))
        assert deliver(registered, messenger()).posted == (NOTE,)
        assert slack.keys == [NOTE]

    @pytest.mark.parametrize("cut", ["reset", "middle"])
    def test_a_message_that_was_not_posted_is_posted(self, slack, registered, cut):
        slack.troubles["chat.postMessage"] = [Trouble(cut=cut)]
        assert deliver(registered, messenger()).failed == (NOTE,)
        assert slack.keys == []
        assert deliver(registered, messenger()).posted == (NOTE,)
        assert slack.keys == [NOTE]

    def test_what_only_reads_is_asked_again_at_once(self, slack, registered):
        slack.troubles["conversations.history"] = [Trouble(status=503), Trouble(cut="reset")]
        assert deliver(registered, messenger()).posted == (NOTE,)
        assert slack.calls.count("conversations.history") == 3


def test_a_storm_of_rate_limits_is_waited_out(slack, registered):
    intend(registered, "alert", "decision")
    slack.troubles = {
        "conversations.history": [rate_limited()],
        "chat.postMessage": [rate_limited(1), rate_limited(), rate_limited()],
    }
    assert deliver(registered, messenger()).posted == (NOTE, "alert", "decision")
    assert slack.keys == [NOTE, "alert", "decision"]


def test_after_an_hour_without_slack_everything_is_posted_in_order(slack, registered, run_dag):
    slack.away = True
    keys = [f"alert {number}" for number in range(3)]
    for number, key in enumerate(keys):
        intend(registered, key, thread=NOTE if number % 2 else "")
        done = deliver(registered, messenger())
        assert done.posted == ()
        assert len(done.failed) == number + 2
    slack.away = False
    run = run_dag("notifications", conf={"as_of": "2018-01-01"})
    assert str(run.state) == "success"
    assert slack.keys == [NOTE, *keys]
    in_thread = [message["thread_ts"] is not None for message in slack.messages if "thread_ts" in message]
    assert sum(in_thread) == 1


def test_messages_link_to_the_experiment_s_page_below_airflow_s_own_address(slack, registered, run_dag, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/")
    monkeypatch.setenv("TRIALFLOW_RUNBOOK_URL", "https://docs.example/runbook.md")
    intend(registered, "alert", links=(("The experiment", page(COOKIE_CATS)), ("Runbook: srm", runbook("srm"))))
    run_dag("notifications", conf={"as_of": "2018-01-01"})
    assert slack.messages[1]["blocks"][-1]["text"]["text"] == (
        f"<https://airflow.example/plugin/experiments/trialflow/experiments/{COOKIE_CATS}|The experiment> · "
        "<https://docs.example/runbook.md#srm|Runbook: srm>"
    )


class TestRefusals:
    def test_a_channel_we_are_not_in_is_replaced_by_the_default_one(self, slack, registered):
        intend(registered, "alert", channel="#shop", thread="")
        slack.not_in = {SHOP}
        assert deliver(registered, messenger()).posted == (NOTE, "alert")
        assert [message["channel"] for message in slack.messages] == [CHANNEL, CHANNEL]
        assert "Meant for #shop" in json.dumps(slack.messages[1]["blocks"])

    def test_a_channel_that_does_not_exist_is_replaced_by_the_default_one(self, slack, registered):
        intend(registered, "alert", channel="#nowhere", thread="")
        assert deliver(registered, messenger()).posted == (NOTE, "alert")
        assert "#nowhere" in json.dumps(slack.messages[1]["blocks"])

    def test_blocks_that_slack_refuses_are_shown_as_text(self, slack, registered):
        broken = {"text": "SHIP", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]}
        intend(registered, "alert", payload=broken)
        intend(registered, "later")
        assert deliver(registered, messenger()).posted == (NOTE, "alert", "later")
        assert slack.messages[1]["text"].startswith("SHIP\n")
        assert "must be less than 151 characters" in slack.messages[1]["text"]

    def test_a_message_refused_for_good_blocks_nobody(self, slack, registered, run_dag):
        intend(registered, "alert", payload={"text": "x" * 40_001})
        intend(registered, "later")
        run = run_dag("notifications", conf={"as_of": "2018-01-01"})
        assert str(run.state) == "success"
        assert slack.keys == [NOTE, "later"]
        with registered.registry() as registry:
            assert registry.message("alert").problem == "msg_too_long"

    def test_a_wrong_token_is_no_message_s_fault(self, slack, registered, monkeypatch):
        intend(registered, "alert", thread="")
        right = json.loads(os.environ[f"AIRFLOW_CONN_{CONNECTION.upper()}"])
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(right | {"password": "xoxb-old"}))
        assert deliver(registered, messenger()).failed == (NOTE, "alert")
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(right))
        assert deliver(registered, messenger()).posted == (NOTE, "alert")

    def test_a_thread_whose_first_message_was_deleted_is_opened_again(self, slack, registered):
        deliver(registered, messenger())
        slack.messages.clear()
        intend(registered, "alert", "decision")
        deliver(registered, messenger())
        opener, later = slack.messages
        assert opener.get("thread_ts") is None
        assert later["thread_ts"] == opener["ts"]


SPLIT = Allocation(variants=("a", "b"), observed=(5.0, 5.0), expected=(5.0, 5.0), unit="user")
CHARTS = tuple(
    Attachment(
        kind=CHART,
        name=f"{number}-allocation.png",
        document=chart_document(Chart(kind="allocation", title=f"Split {number}", alt=f"Even, {number}.", data=SPLIT)),
    )
    for number in (1, 2)
)
HALF_WAY = {
    "before the first address": {"files.getUploadURLExternal": [Trouble(cut="reset")]},
    "at the second file": {"upload": [Trouble(status=200, error="x", done=True), Trouble(cut="reset")]},
    "before the end": {"files.completeUploadExternal": [Trouble(status=503)]},
    "with the last answer lost": {"files.completeUploadExternal": [Trouble(cut="reset", done=True)]},
    "with the last answer cut": {"files.completeUploadExternal": [Trouble(cut="middle", done=True)]},
}


class TestCharts:
    @pytest.fixture
    def decided(self, slack, registered):
        """The note is out; a decision with two charts and a reply waits."""
        deliver(registered, messenger())
        reply = Attachment(kind=REPLY, name="2", document={"text": "and so on"})
        intend(registered, "decision", attachments=(reply, *CHARTS))
        return registered

    def test_stand_in_the_thread_of_their_memo_with_their_words(self, slack, decided):
        deliver(decided, messenger())
        note, decision, reply, charts = slack.messages
        assert {decision["thread_ts"], reply["thread_ts"], charts["thread_ts"]} == {note["ts"]}
        assert [(file["title"], file["alt_txt"]) for file in charts["files"]] == [
            ("Split 1", "Even, 1."),
            ("Split 2", "Even, 2."),
        ]
        assert all(one["content"].startswith(b"\x89PNG") for one in slack.uploads.values())
        assert outbox(decided) == []

    @pytest.mark.parametrize("troubles", HALF_WAY.values(), ids=HALF_WAY)
    def test_killed_half_way_they_are_shown_once(self, slack, decided, troubles):
        slack.troubles = {method: list(waiting) for method, waiting in troubles.items()}
        assert deliver(decided, messenger()).failed == ("decision",)
        deliver(decided, messenger())
        assert [file["title"] for file in slack.files] == ["Split 1", "Split 2"]
        assert slack.keys == [NOTE, "decision", "decision#2"]
        assert outbox(decided) == []

    def test_that_slack_shares_late_are_not_shared_again(self, slack, decided):
        slack.shares_late = 4  # the first round looks three times
        assert deliver(decided, messenger()).failed == ("decision",)
        deliver(decided, messenger())
        assert [file["title"] for file in slack.files] == ["Split 1", "Split 2"]
        assert outbox(decided) == []

    def test_that_slack_has_dropped_are_shared_again_without_the_words_that_it_drops_them_for(
        self, slack, decided, monkeypatch
    ):
        slack.shares_late = 1000
        assert deliver(decided, messenger()).failed == ("decision",)
        slack.pending, slack.shares_late = [], 0
        monkeypatch.setattr(operators, "ALT_TEXT_FOR", timedelta(0))
        deliver(decided, messenger())
        assert [(file["title"], file["alt_txt"]) for file in slack.files] == [("Split 1", None), ("Split 2", None)]

    def test_an_app_without_the_scope_for_files_still_posts_words(self, slack, decided):
        slack.scopes.clear()
        done = deliver(decided, messenger())
        assert (done.posted, done.failed, done.refused) == (("decision",), (), ("decision#charts",))
        assert slack.keys == [NOTE, "decision", "decision#2"]


def test_a_red_tell_says_what_slack_answered(slack, registered):
    slack.away = True
    with pytest.raises(AirflowException, match=rf"{re.escape(NOTE)}: Slack did not take .*: HTTP 503"):
        TellOperator(task_id="tell").execute({})


def test_without_a_connection_the_posting_task_is_skipped_and_the_outbox_kept(registered, run_dag):
    run = run_dag("notifications", conf={"as_of": "2018-01-01"})
    assert states(run)["tell"] == ["skipped"]
    assert str(run.state) == "success"
    assert outbox(registered) == [NOTE]


@pytest.fixture
def several(registered):
    """An outbox with six messages for two places, the channel and a thread."""
    for number in range(5):
        intend(registered, f"later|{number}", thread=NOTE if number % 2 else "")
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
        def post(self, post):
            ts, thread_ts = super().post(post)
            with several.registry() as registry:
                for waiting in registry.outbox():
                    registry.posted(waiting.message.key, ts)
            return ts, thread_ts

    whole = messenger()
    deliver(several, Overtaken(whole._asking, whole._posting, whole._default_channel))
    assert len(slack.keys) == 1


class TestBlockKit:
    """The stand-in is as strict as Slack, and every memo passes."""

    @pytest.mark.parametrize("make", SCENES.values(), ids=SCENES)
    def test_every_memo_passes(self, make):
        for post in posts(make().memo):
            linked = with_links(post, [("Sign", "http://airflow/sign")], note="Meant for #shop")
            assert message_error(linked | {"metadata": {"event_type": "t", "event_payload": {"key": "k"}}}) is None

    @pytest.mark.parametrize(
        ("payload", "error"),
        [
            ({}, "no_text"),
            ({"text": "x" * 40_001}, "msg_too_long"),
            ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
            ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": ""}}]}, "invalid_blocks"),
            ({"blocks": [{"type": "section", "text": {"type": "mrkdwn"}}]}, "invalid_blocks"),
            ({"blocks": [{"type": "section"}]}, "invalid_blocks"),
            ({"blocks": [{"type": "section", "text": "words"}]}, "invalid_blocks"),
            ({"blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]}, "invalid_blocks"),
            ({"blocks": [{"type": "context", "elements": []}]}, "invalid_blocks"),
            ({"blocks": [{"type": "divider", "colour": "red"}]}, "invalid_blocks"),
            ({"blocks": [{"type": "sculpture"}]}, "invalid_blocks"),
            ({"blocks": "[]"}, "invalid_blocks"),
            ({"text": "x", "metadata": {"event_type": "t"}}, "invalid_metadata_format"),
            ({"text": "x", "metadata": {"event_type": "t", "event_payload": {"k": "x" * 9000}}}, "metadata_too_large"),
        ],
    )
    def test_what_slack_refuses_the_stand_in_refuses(self, payload, error):
        refused = message_error(payload if "blocks" not in payload else payload | {"text": "x"})
        assert refused["error"] == error

    def test_too_much_text_in_valid_blocks_is_refused(self):
        block = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}}
        assert message_error({"text": "x", "blocks": [block] * (MESSAGE_LENGTH // 3000 + 1)})["error"] == (
            "msg_blocks_too_long"
        )


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
    said, links = (block["text"]["text"] for block in slack.messages[0]["blocks"])
    assert f"Run: {run.run_id}".replace(">", "&gt;") in said
    assert "clear the task" in said
    assert "/dags/preregistration/runs/" in links
    assert "(docs/runbook.md#dags-that-fail)" in links


def test_a_task_that_was_cleared_and_succeeded_is_told_as_recovered(slack, workspace, run_dag, registered):
    """A run that did well in the end; a message says that one of its tasks had failed."""
    run = run_dag("preregistration", conf={"slug": COOKIE_CATS})
    failure = Message(
        key=f"failed|preregistration|{run.run_id}|find|-1", channel="", payload={"text": "FAILED · find · disk full"}
    )
    with workspace.registry() as registry:
        registry.intend(failure)
    run_dag("notifications", conf={"as_of": "2018-01-01"})
    failed, mended = slack.messages[-2:]
    assert mended["text"] == "RECOVERED · find · disk full"
    assert mended["thread_ts"] == failed["ts"]


def test_a_follow_up_is_closed_by_the_form(workspace, run_dag, registered):
    signature = Signature(
        verdict=Verdict.SHIP,
        recommended=Verdict.SHIP,
        signed_by="ada",
        signed_on=date(2026, 1, 18),
        decision="d",
        follow_ups=(FollowUp(action="Write it up", owner="Ada"),),
    )
    with workspace.registry() as registry, registry.append(COOKIE_CATS) as record:
        record.event(EventKind.SIGNED, date(2026, 1, 18), key="d", detail=signature.document(), by="ada")
    order = {"action": "follow_up_done", "slug": COOKIE_CATS, "follow_up": "2026-01-18|1", "as_of": "2026-02-01"}
    refused = run_dag("preregistration", conf=order)
    assert states(refused)["order"] == ["failed"]
    done = run_dag("preregistration", conf=order | {"reason": "It stands in the wiki."})
    assert states(done)["order"] == ["success"]
    with workspace.registry() as registry:
        assert open_follow_ups(registry, COOKIE_CATS) == ()


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
