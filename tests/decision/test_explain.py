"""The table read aloud: every row, what it asks for, the finding each answer rests on, and suppositions."""

from __future__ import annotations

import pytest

from tests.decision.test_weigh import THIRDS, UNITS, decided, findings_of, guarded, world
from tests.fakes import a_promise
from trialflow.decision import Verdict
from trialflow.decision.explain import Explanation, explain, parsed_suppositions, told
from trialflow.decision.rules import QUESTIONS, RULES
from trialflow.errors import ProblemsError


def lines_of(promise, findings, explanation: Explanation) -> list[str]:
    return list(told(promise, findings, explanation))


def test_the_first_row_that_applies_is_the_verdict_of_the_weighing() -> None:
    for z in (3.0, 0.0, -6.0):
        promise = guarded()
        decision, findings = decided(promise, world(promise, z))
        (one,) = explain(promise, findings).judged
        assert one.rule.verdict is decision.verdict
        assert one.rule.hold_reason is decision.hold_reason
        assert [row.rule for row in one.rows] == list(RULES)
        assert sum(row.first for row in one.rows) == 1


def test_every_answer_names_the_finding_it_rests_on() -> None:
    promise = guarded()
    _, findings = decided(promise, world(promise, 3.0))
    lines = lines_of(promise, findings, explain(promise, findings))
    for name, question in QUESTIONS.items():
        (line,) = (one for one in lines if question.text in one)
        if name == "evidence_missing":
            assert line.endswith("everything required is there")
        elif question.check in findings:
            assert f"finding {findings[question.check].fingerprint}" in line
        else:
            assert f"{question.check}: no finding" in line
    (verdict,) = (one for one in lines if one.strip().startswith("=>"))
    assert "3 SHIP" in verdict
    assert "+benefit shown, +guardrails shown, +not novelty unexplained, +not evidence missing" in verdict


def test_what_is_missing_is_named() -> None:
    promise = guarded()
    findings = findings_of(promise, world(promise, 3.0))
    del findings["harm"]
    assert any("missing: harm" in line for line in lines_of(promise, findings, explain(promise, findings)))


def test_each_treatment_is_read_alone_and_one_stands_for_the_experiment() -> None:
    promise = a_promise(planned=UNITS * 14, variants=THIRDS)
    decision, findings = decided(promise, world(promise, [0.0, 4.0]))
    explanation = explain(promise, findings)
    assert [one.facts.variant for one in explanation.judged] == ["one", "two"]
    assert explanation.named == decision.variant == "two"
    assert {one.facts.variant: one.rule.verdict.value for one in explanation.judged} == decision.by_variant


def test_a_supposition_replaces_an_answer_and_is_marked() -> None:
    promise = guarded()
    _, findings = decided(promise, world(promise, 3.0))
    supposed = explain(promise, findings, {"guardrails_shown": False})
    (one,) = supposed.judged
    assert one.rule.verdict is Verdict.HOLD
    (line,) = (line for line in lines_of(promise, findings, supposed) if "within its margin?" in line)
    assert line.split("?")[1].split() == ["no", "supposed"]


def test_suppositions_are_checked_all_at_once() -> None:
    assert parsed_suppositions(["benefit_shown=yes", "harm_shown=no"]) == {"benefit_shown": True, "harm_shown": False}
    with pytest.raises(ProblemsError) as refused:
        parsed_suppositions(["guardrail_shown=no", "harm_shown=perhaps", "benefit_shown"])
    told_cures = [problem.cure for problem in refused.value.problems]
    assert told_cures == [
        "did you mean guardrails_shown?",
        "write harm_shown=yes or harm_shown=no",
        "write benefit_shown=yes or benefit_shown=no",
    ]
