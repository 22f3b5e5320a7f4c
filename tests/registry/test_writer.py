from __future__ import annotations

import dataclasses

import pytest

from trialflow.errors import RegistryError
from trialflow.registry import Attachment, EventKind, Message, Recorded, Registry
from trialflow.spec.look import LookPurpose

from . import samples
from .samples import SLUG, day


@pytest.fixture
def record(registry: Registry) -> Registry:
    """A record with the sample promise."""
    samples.register(registry)
    return registry


def test_a_rerun_of_a_day_records_nothing_new(record: Registry) -> None:
    for _ in range(3):
        with record.append(SLUG) as writer:
            samples.write_day(writer, 1)
    assert [finding.fingerprint for finding in record.findings(SLUG, revisions=True)] == [
        samples.finding(1).fingerprint
    ]
    assert record.looks(SLUG, revisions=True) == (samples.look(1),)
    counts = [record.summaries(SLUG, revisions=True), record.decisions(SLUG, revisions=True), record.messages(SLUG)]
    assert [len(rows) for rows in counts] == [1, 1, 1]
    assert len(record.memos(SLUG, revisions=True)) == 1
    assert len(record.events(SLUG)) == 2


def test_what_is_written_is_read_back_as_it_was(record: Registry) -> None:
    with record.append(SLUG) as writer:
        samples.write_day(writer, 3)
    assert record.findings(SLUG, as_of=day(3), check="srm") == (samples.finding(3),)
    assert record.looks(SLUG) == (samples.look(3),)
    (summary,) = record.summaries(SLUG, as_of=day(3))
    assert (summary.data_fingerprint, summary.document, summary.revision) == ("data-3", {"n": 3}, 0)
    (decision,) = record.decisions(SLUG)
    assert (decision.as_of, decision.fingerprint, decision.document["verdict"]) == (day(3), "decision-3", "SHIP")
    (memo,) = record.memos(SLUG, as_of=day(3), kind="decision")
    assert memo.documents == {"markdown": "# Day 3\n", "html": "<p>größer</p>"}


def test_an_error_in_the_block_takes_everything_back(record: Registry) -> None:
    before = record.digest(SLUG)

    def fail_at_the_end() -> None:
        with record.append(SLUG) as writer:
            samples.write_day(writer, 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_at_the_end()
    assert record.digest(SLUG) == before


def test_a_finding_that_says_something_else_is_the_next_revision(record: Registry) -> None:
    restated = samples.finding(1, "One unit more.")
    with record.append(SLUG) as writer:
        assert writer.findings([samples.finding(1), samples.finding(2)]) == (samples.finding(1), samples.finding(2))
    with record.append(SLUG) as writer:
        assert writer.findings([restated, samples.finding(2)]) == (restated,)
    assert record.findings(SLUG) == (restated, samples.finding(2))
    assert record.findings(SLUG, as_of=day(1), revisions=True) == (samples.finding(1), restated)


def test_a_return_to_an_older_content_is_a_revision_too(record: Registry) -> None:
    with record.append(SLUG) as writer:
        revisions = [writer.summary(day(1), data, {"n": 1}) for data in ("a", "b", "b", "a")]
    assert revisions == [
        Recorded(revision=0, created=True),
        Recorded(revision=1, created=True),
        Recorded(revision=1, created=False),
        Recorded(revision=2, created=True),
    ]
    assert [summary.data_fingerprint for summary in record.summaries(SLUG)] == ["a"]


def test_decisions_and_memos_have_revisions_of_their_own(record: Registry) -> None:
    with record.append(SLUG) as writer:
        writer.decision({"verdict": "SHIP"}, "d0", day(14))
        writer.memo("decision", day(14), {"markdown": "SHIP"})
        writer.memo("alert", day(14), {"markdown": "look here"})
        assert writer.decision({"verdict": "HOLD"}, "d1", day(14)) == Recorded(revision=1, created=True)
        assert writer.memo("decision", day(14), {"markdown": "HOLD"}) == Recorded(revision=1, created=True)
    assert [decision.document["verdict"] for decision in record.decisions(SLUG)] == ["HOLD"]
    told = [(memo.kind, memo.revision, memo.documents["markdown"]) for memo in record.memos(SLUG)]
    assert told == [("alert", 0, "look here"), ("decision", 1, "HOLD")]


def test_an_event_stands_once_and_its_first_detail_stays(record: Registry) -> None:
    with record.append(SLUG) as writer:
        assert writer.event(EventKind.PAUSED, day(2), key="a", detail={"reason": "outage"}, by="ada")
        assert not writer.event(EventKind.PAUSED, day(2), key="a", detail={"reason": "other"}, by="bob")
        assert writer.event(EventKind.PAUSED, day(2), key="b")
        assert writer.event(EventKind.PAUSED, day(3), key="a")
    paused = [event for event in record.events(SLUG) if event.kind is EventKind.PAUSED]
    assert [(event.as_of, event.key) for event in paused] == [(day(2), "a"), (day(2), "b"), (day(3), "a")]
    assert (paused[0].detail, paused[0].by) == ({"reason": "outage"}, "ada")


def test_an_event_of_a_kind_nobody_knows_is_refused(record: Registry) -> None:
    with pytest.raises(ValueError, match="exploded"), record.append(SLUG) as writer:
        writer.event("exploded", day(1))  # type: ignore[arg-type]


def test_a_rerun_never_spends_alpha_twice(record: Registry) -> None:
    with record.append(SLUG) as writer:
        (first,) = writer.looks([samples.look(7)])
        (again,) = writer.looks([samples.look(7)])
    assert first == again == samples.look(7)
    assert record.looks(SLUG, revisions=True) == (samples.look(7),)


def test_restated_data_revises_a_look_and_keeps_what_was_spent(record: Registry) -> None:
    spent = samples.look(7)
    restated = dataclasses.replace(
        spent, information=9.0, boundary=2.0, alpha_spent=0.04, z=3.5, crossed=True, data_fingerprint="restated"
    )
    expected = dataclasses.replace(spent, z=3.5, crossed=True, data_fingerprint="restated", revision=1)
    with record.append(SLUG) as writer:
        writer.looks([spent])
        assert writer.looks([restated]) == (expected,)
        assert writer.looks([restated]) == (expected,)
    assert record.looks(SLUG) == (expected,)
    assert record.looks(SLUG, revisions=True) == (spent, expected)


def test_other_information_alone_is_no_revision(record: Registry) -> None:
    spent = samples.look(7)
    with record.append(SLUG) as writer:
        writer.looks([spent])
        assert writer.looks([dataclasses.replace(spent, information=9.0, boundary=2.0, alpha_spent=0.04)]) == (spent,)


def test_a_look_and_its_copy_for_another_purpose_metric_or_variant_are_different_looks(record: Registry) -> None:
    others = [
        dataclasses.replace(samples.LOOK, variant="other"),
        dataclasses.replace(samples.LOOK, metric="other"),
        dataclasses.replace(samples.LOOK, purpose=LookPurpose.HARM),
    ]
    with record.append(SLUG) as writer:
        writer.looks([samples.LOOK, *others])
    assert len(record.looks(SLUG)) == 4


def test_the_same_thing_twice_in_one_call_is_refused(record: Registry) -> None:
    with pytest.raises(RegistryError, match=r"finding .*srm.* was given twice"), record.append(SLUG) as writer:
        writer.findings([samples.finding(1), samples.finding(1, "Another headline.")])
    with pytest.raises(RegistryError, match=r"look .*clicks.* was given twice"), record.append(SLUG) as writer:
        writer.looks([samples.look(1), samples.look(1)])


def test_rows_of_another_experiment_are_refused(record: Registry) -> None:
    with pytest.raises(RegistryError, match="'other' cannot be recorded while 'ranker'"), record.append(SLUG) as writer:
        writer.findings([dataclasses.replace(samples.finding(1), experiment="other")])
    with pytest.raises(RegistryError, match="'other' cannot be recorded"), record.append(SLUG) as writer:
        writer.looks([dataclasses.replace(samples.LOOK, experiment="other")])


def test_a_finding_with_a_number_json_cannot_hold_is_refused(record: Registry) -> None:
    bad = dataclasses.replace(samples.finding(1), evidence={"p_value": float("nan")})
    with pytest.raises(RegistryError, match="not plain JSON"), record.append(SLUG) as writer:
        writer.findings([bad])


def test_a_message_is_intended_once_and_waits_until_it_is_posted(record: Registry) -> None:
    message = Message(key="ranker srm", channel="#ranker", payload={"text": "hello"}, thread="ranker")
    with record.append(SLUG) as writer:
        assert writer.intend(message)
        assert not writer.intend(dataclasses.replace(message, payload={"text": "other"}))
    (waiting,) = record.outbox()
    assert (waiting.message, waiting.slug, waiting.posted, waiting.ts) == (message, SLUG, False, "")
    assert record.posted("ranker srm", ts="1700000000.000100")
    assert not record.posted("ranker srm", ts="1700000000.999999")
    assert record.outbox() == ()
    out = record.message("ranker srm")
    assert out is not None
    assert (out.posted, out.ts) == (True, "1700000000.000100")
    assert record.messages(SLUG) == (out,)
    assert record.message("unknown") is None


def test_a_message_of_no_experiment_goes_through_the_same_outbox(record: Registry) -> None:
    digest = Message(key="digest 2026-03-02", channel="#team", payload={"text": "two running"})
    assert record.intend(digest)
    assert not record.intend(digest)
    assert [(waiting.message, waiting.slug) for waiting in record.outbox()] == [(digest, None)]


CHARTS = tuple(Attachment(kind="chart", name=f"{number}.png", document={"alt": str(number)}) for number in (1, 2))


def test_a_posted_message_waits_until_all_that_follows_it_is_out(record: Registry) -> None:
    links = (("Sign", "http://airflow/sign"), ("Page", "page:ranker"))
    message = Message(key="memo", channel="#ranker", payload={"text": "SHIP"}, links=links, attachments=CHARTS)
    with record.append(SLUG) as writer:
        writer.intend(message)
    assert [waiting.message for waiting in record.outbox()] == [message]
    record.posted("memo", "1.5", place="C1", thread_ts="")
    assert record.attached("memo", "1.png", "F1")
    assert not record.attached("memo", "1.png", "F2")
    (waiting,) = record.outbox()
    assert (waiting.ts, waiting.place, waiting.thread_ts) == ("1.5", "C1", "")
    assert waiting.message.attachments == CHARTS[1:]
    assert record.attached("memo", "2.png", "", problem="missing_scope")
    assert record.outbox() == ()


def test_a_message_refused_for_good_waits_for_nothing(record: Registry) -> None:
    with record.append(SLUG) as writer:
        writer.intend(Message(key="memo", channel="#ranker", payload={"text": "SHIP"}, attachments=CHARTS))
    record.posted("memo", "", problem="msg_too_long")
    assert record.outbox() == ()
    refused = record.message("memo")
    assert refused is not None
    assert (refused.posted, refused.problem) == (False, "msg_too_long")


def test_a_thread_has_the_root_that_was_opened_last_in_its_place(record: Registry) -> None:
    with record.append(SLUG) as writer:
        for key in ("note", "alert", "decision", "elsewhere"):
            writer.intend(Message(key=key, channel="#ranker", payload={"text": key}, thread="note"))
    assert record.thread_root("note", "C1") == ""
    record.posted("note", "", problem="invalid_blocks")
    assert record.thread_root("note", "C1") == ""
    record.posted("alert", "1.5", place="C1", thread_ts="")
    record.posted("elsewhere", "2.5", place="C2", thread_ts="")
    record.posted("decision", "3.5", place="C1", thread_ts="1.5")
    assert record.thread_root("note", "C1") == "1.5"
    assert record.thread_root("note", "C2") == "2.5"
    assert record.thread_root("note", "C3") == ""


def test_an_attachment_nobody_intended_is_refused(record: Registry) -> None:
    with pytest.raises(RegistryError, match=r"no attachment '1.png' of message 'unknown' was intended"):
        record.attached("unknown", "1.png", "F1")


def test_a_post_nobody_intended_is_refused(record: Registry) -> None:
    with pytest.raises(RegistryError, match="no message 'unknown' was intended"):
        record.posted("unknown", ts="1")
