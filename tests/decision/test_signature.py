"""Signatures: what a person may answer, what is wrong with an answer, and that it comes back from the record whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import FIRST
from trialflow.decision import Decision, FollowUp, Reason, Signature, Verdict
from trialflow.decision.signature import TEXT_LENGTH, follow_up_lines, parsed_follow_ups, signature_problems

SIGNATURE = Signature(
    verdict=Verdict.SHIP,
    recommended=Verdict.SHIP,
    variant="new",
    signed_by="ada",
    signed_on=FIRST,
    decision="0123456789abcdef",
)
DECISION = Decision(
    experiment="ranker-v7",
    as_of=FIRST,
    verdict=Verdict.SHIP,
    variant="new",
    reasons=(Reason(text="It is better.", check="effects", finding="f"),),
    findings={"effects": "f"},
    by_variant={"new": "SHIP"},
)
OVERRIDE = replace(SIGNATURE, verdict=Verdict.HOLD, variant="", overridden=True, rationale="The launch is in May.")


def test_what_counts_is_the_signed_verdict_else_the_recommended_one() -> None:
    assert (DECISION.final_verdict, DECISION.final_variant, DECISION.signed_by) == (Verdict.SHIP, "new", "")
    held = replace(DECISION, signature=OVERRIDE)
    assert (held.final_verdict, held.final_variant, held.signed_by) == (Verdict.HOLD, "", "ada")
    assert held.overridden
    assert held.verdict is Verdict.SHIP


def test_a_signature_leaves_the_recommendation_as_it_is() -> None:
    signed = replace(DECISION, signature=OVERRIDE)
    assert signed.fingerprint == DECISION.fingerprint
    assert signed.document() == DECISION.document()
    assert Decision.from_document(signed.document(), OVERRIDE) == signed


def test_a_decision_that_was_recorded_before_there_were_signatures_can_be_read() -> None:
    assert Decision.from_document(DECISION.document() | {"signed_by": ""}) == DECISION


words = st.text(st.characters(blacklist_characters=";", blacklist_categories=("C", "Z")), min_size=1, max_size=9)
follow_ups = st.builds(FollowUp, action=words, owner=words, due=st.none() | st.dates())


@given(st.lists(follow_ups, max_size=4), st.booleans(), words)
def test_a_signature_comes_back_as_it_was(given_actions: list[FollowUp], overridden: bool, text: str) -> None:
    signature = replace(SIGNATURE, follow_ups=tuple(given_actions), overridden=overridden, rationale=text, owner=text)
    assert Signature.from_document(signature.document()) == signature


@given(st.lists(follow_ups, max_size=4))
def test_follow_ups_come_back_from_the_lines_of_a_form(given_actions: list[FollowUp]) -> None:
    assert parsed_follow_ups(follow_up_lines(given_actions)) == (tuple(given_actions), [])


def test_a_follow_up_is_what_who_and_when() -> None:
    text = "\n  Look at iOS again; ada ; 2026-05-04\n\nTell the press; bob\nTidy up; then rest; eve; 2026-06-01"
    assert parsed_follow_ups(text) == (
        (
            FollowUp(action="Look at iOS again", owner="ada", due=date(2026, 5, 4)),
            FollowUp(action="Tell the press", owner="bob"),
            FollowUp(action="Tidy up; then rest", owner="eve", due=date(2026, 6, 1)),
        ),
        [],
    )


def test_a_follow_up_of_nobody_is_the_owners() -> None:
    assert parsed_follow_ups("Tidy up", owner="ada")[0] == (FollowUp(action="Tidy up", owner="ada"),)


def test_a_day_in_the_place_of_the_person_is_a_day_and_nobody_s_name() -> None:
    due = FollowUp(action="Tidy up", owner="ada", due=date(2026, 5, 4))
    assert parsed_follow_ups("Tidy up; 2026-05-04", owner="ada") == ((due,), [])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Tidy up", "who does it"),
        ("; ada; 2026-05-04", "what is to be done"),
        ("Tidy up; ada; in May", "'in May' is not a day"),
        ("Tidy up; ada; 2026-02-30", "'2026-02-30' is not a day"),
        ("Tidy up; then rest; ada", "'ada' is not a day"),
        ("Tidy up; 2026-05-04", "who does it"),
    ],
)
def test_a_wrong_line_is_named_with_its_cure_and_the_others_are_kept(line: str, message: str) -> None:
    found, (problem,) = parsed_follow_ups(f"Call eve; eve\n{line}")
    assert [one.action for one in found] == ["Call eve"]
    assert problem.field == "follow_ups, line 2"
    assert message in problem.message
    assert "what; who; YYYY-MM-DD" in problem.cure


def test_confirming_needs_no_reason_and_overriding_does() -> None:
    assert signature_problems(SIGNATURE, FIRST) == []
    assert signature_problems(OVERRIDE, FIRST) == []
    (problem,) = signature_problems(replace(OVERRIDE, rationale=""), FIRST)
    assert problem.field == "rationale"
    assert "HOLD where SHIP is recommended" in problem.message


def test_a_day_that_looks_like_one_and_is_none_is_never_taken_for_a_person() -> None:
    found, (problem,) = parsed_follow_ups("Tidy up; 2026-02-30", owner="ada")
    assert found == ()
    assert "'2026-02-30' is not a day" in problem.message


def test_nothing_is_to_be_done_before_the_day_of_the_signature() -> None:
    signed_on = SIGNATURE.signed_on
    eve = FollowUp(action="Tidy up", owner="ada", due=signed_on - timedelta(days=1))
    (problem,) = signature_problems(replace(SIGNATURE, follow_ups=(eve, replace(eve, due=signed_on))), FIRST)
    assert problem.field == "follow_ups"
    assert "'Tidy up' is due before the day of the signature" in problem.message


@pytest.mark.parametrize("letter", ["\u202e", "\u2066", "\x07"])
def test_what_nobody_sees_is_refused_in_every_text(letter: str) -> None:
    hidden = FollowUp(action=f"Tidy{letter} up", owner=f"ada{letter}")
    bad = replace(OVERRIDE, rationale=f"It {letter}pays", owner=f"eve{letter}", follow_ups=(hidden,))
    found = signature_problems(bad, FIRST)
    assert [one.field for one in found] == ["rationale", "owner", "follow_ups", "follow_ups"]
    assert all(f"U+{ord(letter):04X}" in one.message and letter not in one.value for one in found)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    bad = replace(OVERRIDE, rationale="", signed_by="", follow_ups=(FollowUp(action="x" * 2001, owner="ada"),))
    assert [one.field for one in signature_problems(bad, date(2027, 1, 1))] == [
        "rationale",
        "by",
        "signed_on",
        "follow_ups",
    ]
    assert TEXT_LENGTH == 2000
