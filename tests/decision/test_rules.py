"""The rules: every combination of answers has exactly one verdict, in the order of precedence."""

from __future__ import annotations

import ast
import importlib
import inspect
from dataclasses import fields
from itertools import product

import pytest

from trialflow.decision import Facts, HoldReason, Verdict
from trialflow.decision.rules import NOT, PRECEDENCE, QUESTIONS, RULES, alternatives, rule_for

rules, facts_module, weigh_module, due = (
    importlib.import_module(f"trialflow.decision.{name}") for name in ("rules", "facts", "weigh", "due")
)
ASKED = [one.name for one in fields(Facts) if one.type == "bool"]
ALL = [
    Facts(variant="new", **dict(zip(ASKED, answers, strict=True)))
    for answers in product((False, True), repeat=len(ASKED))
]


def expected(one: Facts) -> Verdict:
    """The decisions page read aloud, without looking at the table."""
    sound = one.guardrails_shown and not one.novelty_unexplained and not one.evidence_missing
    if one.split_broken:
        return Verdict.INVALID
    if one.harm_shown:
        return Verdict.ROLLBACK
    if one.benefit_shown:
        return Verdict.SHIP if sound else Verdict.HOLD
    if one.segment_shown and sound:
        return Verdict.PARTIAL
    return Verdict.EXTEND if one.information_short else Verdict.HOLD


def test_there_are_answers_to_nine_questions() -> None:
    assert len(ALL) == 2**9
    assert set(ASKED) == set(QUESTIONS)
    assert set(ASKED) == {
        "split_broken",
        "harm_shown",
        "evidence_missing",
        "benefit_shown",
        "guardrails_shown",
        "novelty_unexplained",
        "segment_shown",
        "information_short",
        "worthwhile_excluded",
    }


def test_every_combination_has_the_promised_verdict() -> None:
    assert [rule_for(one).verdict for one in ALL] == [expected(one) for one in ALL]


def test_a_hold_has_exactly_one_reason_and_nothing_else_has_any() -> None:
    for one in ALL:
        rule = rule_for(one)
        assert (rule.hold_reason is not None) == (rule.verdict is Verdict.HOLD)


def test_the_table_stands_in_order_of_precedence() -> None:
    places = [PRECEDENCE.index(rule.verdict) for rule in RULES]
    assert places == sorted(places)
    assert list(PRECEDENCE) == list(Verdict)
    assert {rule.hold_reason for rule in RULES} == {None, *HoldReason}


def test_a_row_asks_for_known_answers_and_stands_on_a_finding_that_gives_one() -> None:
    for rule in RULES:
        asked = [name.removeprefix(NOT) for wanted in rule.when for name in alternatives(wanted)]
        assert set(asked) <= set(QUESTIONS)
        if rule.hold_reason not in (HoldReason.INCONCLUSIVE, HoldReason.EVIDENCE_MISSING):
            assert rule.checks[0] in {QUESTIONS[name].check for name in asked}


def test_every_answer_decides_somewhere() -> None:
    asked = {name.removeprefix(NOT) for rule in RULES for wanted in rule.when for name in alternatives(wanted)}
    assert asked == set(QUESTIONS)


def test_the_weighing_holds_no_threshold_of_its_own() -> None:
    """Every number that decides stands in the promise, and the checks have applied it."""
    for module in (rules, facts_module, weigh_module, due):
        tree = ast.parse(inspect.getsource(module))
        numbers = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and type(node.value) in (int, float)
        }
        assert numbers <= {0, 1}, module.__name__


def test_a_benefit_ships_by_the_promised_rule_alone_and_harm_stops_by_its_own() -> None:
    for one in ALL:
        verdict = rule_for(one).verdict
        assert verdict is not Verdict.SHIP or one.benefit_shown
        assert verdict is not Verdict.PARTIAL or (one.segment_shown and not one.benefit_shown)
        assert not one.harm_shown or verdict in (Verdict.ROLLBACK, Verdict.INVALID)


def test_no_row_is_dead() -> None:
    assert {id(rule_for(one)) for one in ALL} == {id(rule) for rule in RULES}


def held(**answers: bool) -> HoldReason | None:
    return rule_for(Facts(variant="new", **answers)).hold_reason


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({}, HoldReason.INCONCLUSIVE),
        ({"worthwhile_excluded": True}, HoldReason.NO_WORTHWHILE_EFFECT),
        ({"evidence_missing": True}, HoldReason.EVIDENCE_MISSING),
        ({"benefit_shown": True, "guardrails_shown": False}, HoldReason.GUARDRAIL),
        ({"benefit_shown": True, "novelty_unexplained": True}, HoldReason.NOVELTY),
        ({"benefit_shown": True, "evidence_missing": True}, HoldReason.EVIDENCE_MISSING),
        ({"segment_shown": True, "guardrails_shown": False}, HoldReason.GUARDRAIL),
        # Without a benefit nobody waits for a guardrail, and nothing fades.
        ({"guardrails_shown": False}, HoldReason.INCONCLUSIVE),
        ({"novelty_unexplained": True}, HoldReason.INCONCLUSIVE),
    ],
)
def test_why_nothing_is_shipped(answers: dict[str, bool], reason: HoldReason) -> None:
    assert held(**answers) is reason


def test_nothing_is_shipped_while_evidence_is_missing_whatever_else_is_shown() -> None:
    for one in ALL:
        if one.evidence_missing:
            assert rule_for(one).verdict not in (Verdict.SHIP, Verdict.PARTIAL)
