"""The outbox to a messenger: nothing twice, nothing lost, the order kept within a thread, nothing blocked for good."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.stages.messenger import DEFAULT, FakeMessenger
from tests.stages.worlds import SLUG
from trialflow.memo import Memo, Section
from trialflow.memo.chart_document import chart_document
from trialflow.memo.links import Addresses
from trialflow.memo.memo import Allocation, Chart
from trialflow.registry import Attachment, Message, Registry
from trialflow.stages import delivery
from trialflow.stages.delivery import CHART, RefusalError, deliver
from trialflow.stages.telling import message_of, slack, thread_of
from trialflow.stages.workspace import Workspace, registered

NOTE = thread_of(SLUG)
SPLIT = Allocation(variants=("a", "b"), observed=(5.0, 5.0), expected=(5.0, 5.0), unit="user")
CHARTS = tuple(Chart(kind="allocation", title=f"Split {n}", alt=f"Even, {n}.", data=SPLIT) for n in (1, 2))


def intend(workspace: Workspace, *keys: str, thread: str = NOTE, channel: str = "#shop", **more: object) -> None:
    with workspace.registry() as registry, registry.append(SLUG) as record:
        for key in keys:
            payload = {"text": f"Words of {key}.", "blocks": [{"type": "divider"}]}
            record.intend(Message(key=key, channel=channel, payload=payload, thread=thread, **more))  # type: ignore[arg-type]


def outbox(workspace: Workspace) -> list[str]:
    with workspace.registry() as registry:
        return [stored.message.key for stored in registry.outbox()]


@pytest.fixture
def shop(begun: Workspace) -> Workspace:
    """The promise is registered: its note waits in the outbox."""
    return begun


class TestThreads:
    def test_all_of_an_experiment_stands_in_one_thread_in_the_order_of_intent(self, shop: Workspace) -> None:
        intend(shop, "alert", "decision")
        slack_ = FakeMessenger()
        assert deliver(shop, slack_).posted == (NOTE, "alert", "decision")
        assert slack_.threads() == {NOTE: "", "alert": NOTE, "decision": NOTE}
        assert deliver(shop, slack_).posted == ()

    def test_what_comes_after_a_failure_waits_in_its_thread_alone(self, shop: Workspace) -> None:
        intend(shop, "alert", "decision")
        intend(shop, "other", thread="")
        slack_ = FakeMessenger(trouble={"alert": OSError("internal_error")})
        done = deliver(shop, slack_)
        assert (done.posted, done.failed) == ((NOTE, "other"), ("alert", "decision"))
        assert done.problems == {"alert": "internal_error"}  # the decision only waits for it
        slack_.trouble.clear()
        assert deliver(shop, slack_).posted == ("alert", "decision")
        assert list(slack_.posted) == [NOTE, "other", "alert", "decision"]

    def test_a_reply_never_goes_out_before_what_opens_its_thread(self, shop: Workspace) -> None:
        intend(shop, "alert")
        slack_ = FakeMessenger(trouble={NOTE: OSError("internal_error")})
        assert deliver(shop, slack_).posted == ()
        slack_.trouble.clear()
        deliver(shop, slack_)
        assert slack_.threads() == {NOTE: "", "alert": NOTE}

    def test_where_the_first_message_was_refused_the_next_one_opens_the_thread(self, shop: Workspace) -> None:
        intend(shop, "alert", "decision")
        slack_ = FakeMessenger(trouble={NOTE: RefusalError("msg_too_long")})
        done = deliver(shop, slack_)
        assert (done.posted, done.refused) == (("alert", "decision"), (NOTE,))
        assert slack_.threads() == {"alert": "", "decision": "alert"}

    def test_an_experiment_that_moves_to_another_channel_begins_a_thread_there(self, shop: Workspace) -> None:
        deliver(shop, slack_ := FakeMessenger())
        intend(shop, "alert", "decision", channel="#new")
        deliver(shop, slack_)
        assert slack_.threads() == {NOTE: "", "alert": "", "decision": "alert"}


class TestOutage:
    def test_slack_is_asked_once_a_round_while_it_is_away_and_nothing_is_lost(self, shop: Workspace) -> None:
        intend(shop, "alert", "decision")
        intend(shop, "other", thread="")
        slack_ = FakeMessenger(away=True)
        for _ in range(6):  # an hour of rounds
            assert deliver(shop, slack_).failed == (NOTE, "alert", "decision", "other")
        assert slack_.asked == [NOTE] * 6
        slack_.away = False
        assert deliver(shop, slack_).posted == (NOTE, "alert", "decision", "other")
        assert outbox(shop) == []

    def test_killed_between_post_and_record_nothing_is_posted_twice(self, shop: Workspace) -> None:
        intend(shop, "alert", "decision")
        slack_ = FakeMessenger(dies_at="alert")
        with pytest.raises(KeyboardInterrupt):
            deliver(shop, slack_)
        assert outbox(shop) == ["alert", "decision"]
        assert deliver(shop, slack_).posted == ("alert", "decision")
        assert list(slack_.posted) == [NOTE, "alert", "decision"]


class TestRefusals:
    def test_a_message_whose_layout_is_refused_is_shown_without_it(self, shop: Workspace) -> None:
        intend(shop, "alert", links=(("Sign", "http://airflow/sign"),))
        slack_ = FakeMessenger(no_layout=("alert",))
        done = deliver(shop, slack_)
        assert (done.posted, done.refused) == ((NOTE, "alert"), ())
        shown = slack_.posted["alert"].payload
        assert "blocks" not in shown
        assert shown["text"].startswith("Words of alert.\n<http://airflow/sign|Sign>\n")
        with shop.registry() as registry:
            stored = registry.message("alert")
        assert stored is not None
        assert stored.problem == "shown without its layout: invalid_blocks"

    def test_a_message_refused_for_good_is_on_record_and_blocks_nobody(self, shop: Workspace) -> None:
        intend(shop, "alert", "decision")
        slack_ = FakeMessenger(trouble={"alert": RefusalError("msg_too_long")})
        done = deliver(shop, slack_)
        assert (done.posted, done.failed, done.refused) == ((NOTE, "decision"), (), ("alert",))
        assert outbox(shop) == []
        with shop.registry() as registry:
            stored = registry.message("alert")
        assert stored is not None
        assert (stored.posted, stored.problem) == (False, "msg_too_long")

    def test_a_message_for_a_closed_channel_goes_to_the_default_one_and_says_so(self, shop: Workspace) -> None:
        intend(shop, "alert", "decision")
        slack_ = FakeMessenger(closed={"#shop"})
        assert deliver(shop, slack_).posted == (NOTE, "alert", "decision")
        assert {post.place for post in slack_.posted.values()} == {DEFAULT}
        assert slack_.threads() == {NOTE: "", "alert": NOTE, "decision": NOTE}
        said = slack_.posted["alert"].payload["blocks"][0]["elements"][0]["text"]
        assert (
            said == "Meant for #shop, where we may not post (is_archived): invite the app there, or amend the promise."
        )
        assert slack_.asked.count(NOTE) == 2  # the closed channel is tried once a round
        assert slack_.asked.count("alert") == 1

    def test_with_the_default_channel_closed_everything_waits(self, shop: Workspace) -> None:
        slack_ = FakeMessenger(closed={"#shop", DEFAULT})
        assert deliver(shop, slack_).failed == (NOTE,)
        slack_.closed = {"#shop"}
        assert deliver(shop, slack_).posted == (NOTE,)

    def test_what_fails_for_a_week_while_slack_answers_is_given_up(
        self, shop: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        intend(shop, "alert", "decision")
        monkeypatch.setattr(delivery, "PATIENCE", timedelta(seconds=-1))
        slack_ = FakeMessenger(trouble={"alert": OSError("unknown_error")}, away=True)
        assert deliver(shop, slack_).refused == ()  # an outage is no reason
        slack_.away = False
        done = deliver(shop, slack_)
        assert (done.posted, done.refused) == ((NOTE, "decision"), ("alert",))


class TestWhatFollows:
    @pytest.fixture
    def memo(self) -> Memo:
        """Long enough for three messages, with two charts."""
        words = "measure " * 300
        parts = [Section(title=f"Part {n}", paragraphs=(words,), essential=True) for n in range(10)]
        parts[0] = dataclasses.replace(parts[0], charts=CHARTS)
        return Memo(
            experiment=SLUG, as_of=date(2026, 1, 18), title="T", verdict="SHIP", summary="So.", labels=(),
            sections=tuple(parts), provenance={},
        )  # fmt: skip

    @pytest.fixture
    def decided(self, shop: Workspace, memo: Memo) -> Iterator[Workspace]:
        import json

        with shop.registry() as registry, registry.append(SLUG) as record:
            told = {"slack": json.dumps(slack(memo))}
            record.intend(message_of(registered(registry, SLUG), "decision", told, runbook_entry="srm"))
        return shop

    def test_a_long_memo_goes_on_in_the_thread_and_its_charts_stand_there(self, decided: Workspace) -> None:
        slack_ = FakeMessenger()
        deliver(decided, slack_, Addresses(base_url="http://airflow"))
        assert slack_.threads() == {NOTE: "", "decision": NOTE, "decision#2": NOTE, "decision#3": NOTE}
        (last,) = slack_.posted["decision"].payload["blocks"][-1:]
        page = f"<http://airflow/plugin/experiments/trialflow/experiments/{SLUG}|The experiment>"
        assert last["text"]["text"] == f"{page} · Runbook: srm (docs/runbook.md#srm)"
        (upload,) = {upload.thread_ts: upload for upload in slack_.shown.values()}.values()
        assert upload.thread_ts == slack_.ts[NOTE]
        assert [picture.title for picture in upload.pictures] == ["Split 1", "Split 2"]
        assert [picture.alt for picture in upload.pictures] == ["Even, 1.", "Even, 2."]
        assert all(picture.content.startswith(b"\x89PNG") for picture in upload.pictures)
        assert outbox(decided) == []

    @pytest.mark.parametrize("dies_at", ["decision", "decision#2", "decision#3", "charts"])
    def test_killed_on_the_way_it_goes_on_where_it_was(self, decided: Workspace, dies_at: str) -> None:
        slack_ = FakeMessenger(dies_at=dies_at)
        with pytest.raises(KeyboardInterrupt):
            deliver(decided, slack_)
        assert outbox(decided)[-1:] == ["decision"]
        deliver(decided, slack_)
        assert list(slack_.posted) == [NOTE, "decision", "decision#2", "decision#3"]
        assert len(slack_.shown) == 2
        assert outbox(decided) == []

    def test_words_need_not_wait_for_pictures(self, decided: Workspace) -> None:
        intend(decided, "later")

        class NoPictures(FakeMessenger):
            def upload(self, upload: object) -> dict[str, str]:
                raise OSError("not yet")

        slack_ = NoPictures()
        done = deliver(decided, slack_)
        assert (done.posted, done.failed) == ((NOTE, "decision", "later"), ("decision",))
        assert outbox(decided) == ["decision"]
        assert deliver(decided, FakeMessenger()).posted == ()
        assert outbox(decided) == []

    def test_files_that_slack_refuses_are_on_record(self, decided: Workspace) -> None:
        done = deliver(decided, FakeMessenger(no_files="missing_scope; needs files:write"))
        assert done.refused == ("decision#charts",)
        assert outbox(decided) == []

    def test_a_chart_that_cannot_be_drawn_blocks_nobody(self, shop: Workspace) -> None:
        broken = chart_document(CHARTS[0]) | {"type": "Sculpture"}
        intend(shop, "decision", attachments=(Attachment(kind=CHART, name="1.png", document=broken),))
        intend(shop, "later")
        done = deliver(shop, FakeMessenger())
        assert (done.posted, done.refused) == ((NOTE, "decision", "later"), ("decision#charts",))

    def test_charts_of_two_messages_never_share_a_name(self, shop: Workspace) -> None:
        chart = Attachment(kind=CHART, name="1.png", document=chart_document(CHARTS[0]))
        intend(shop, "decision", "revised", attachments=(chart,))
        slack_ = FakeMessenger()
        deliver(shop, slack_)
        assert len(slack_.shown) == 2


def test_a_message_posted_long_ago_keeps_its_time_of_intent(shop: Workspace) -> None:
    """The search for a lost message goes back to its intent, however many messages came since."""
    slack_ = FakeMessenger()
    deliver(shop, slack_)
    with Registry.open(shop.registry_url) as registry:
        (note,) = registry.messages(SLUG)
    assert slack_.posted[NOTE].since == note.intended_at
    assert note.intended_at <= datetime.now(UTC)
