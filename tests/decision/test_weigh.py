"""Findings → Decision, from findings as the checks make them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import THREE_VARIANTS, a_metric, a_promise, day, moments_of, path_of_z, recorded, summary_of_moments
from trialflow.checks.completeness import completeness
from trialflow.checks.effects import effects, primary_paths
from trialflow.checks.finding import Finding, Status
from trialflow.checks.guardrails import guardrails
from trialflow.checks.harm import harm
from trialflow.checks.history import History
from trialflow.checks.information import information
from trialflow.checks.secondary import secondary
from trialflow.checks.segments import segments
from trialflow.checks.srm import srm, srm_final
from trialflow.decision import Decision, HoldReason, Verdict, choices, weigh
from trialflow.spec.promise import Promise
from trialflow.stats import JointMoments
from trialflow.warehouse.summary import Segment, Summary

UNITS = 1_000.0
GUARDED = {"guardrails": [{"metric": "latency", "margin": {"absolute": 0.2}}]}
THIRDS = [{**one, "weight": 1 / 3} for one in THREE_VARIANTS]
PHONE = Segment(dimension="device", value="phone")
DESKTOP = Segment(dimension="device", value="desktop")


def findings_of(promise: Promise, summary: Summary) -> dict[str, Finding]:
    """All findings of a final analysis that summaries can give."""
    history = History()
    effect = effects(promise, summary, history)
    results = [
        srm(promise, summary),
        srm_final(promise, summary),
        completeness(promise, summary),
        effect,
        guardrails(promise, summary, history, extended=bool(effect.finding.evidence["extended"])),
        harm(promise, summary, history),
        information(promise, summary, primary_paths(promise, summary, history)),
        secondary(promise, summary),
        segments(promise, summary),
    ]
    return {result.finding.check: result.finding for result in results}


def world(
    promise: Promise,
    z: float | Sequence[float],
    *,
    days: int = 28,
    units: float = UNITS,
    latency: float = 0.0,
    phone: float = 0.0,
) -> Summary:
    """A primary statistic that is the same on every day, a guardrail that moved by so much, a segment with its own z."""
    path = path_of_z(promise, np.full((days, len(np.atleast_1d(z))), z), units_a_day=units)
    moved = [1.0] + [1.0 + latency] * (path.n.shape[1] - 1)
    slowed = moments_of(path.n, moved)
    one_segment = path_of_z(promise, np.full((days, len(np.atleast_1d(z))), phone), units_a_day=units / 2)
    return summary_of_moments(promise, {"value": path, "latency": slowed}, segments={PHONE: one_segment, DESKTOP: path})


def guarded(**changes: Any) -> Promise:
    return a_promise(**({"planned": UNITS * 14, "metrics": GUARDED} | changes))


def decided(promise: Promise, summary: Summary, **replaced: Finding | None) -> tuple[Decision, dict[str, Finding]]:
    found = findings_of(promise, summary) | {name: one for name, one in replaced.items() if one}
    found = {name: one for name, one in found.items() if replaced.get(name, one) is not None}
    return weigh(promise, summary.as_of, found), found


def assert_cited(decision: Decision, findings: dict[str, Finding]) -> None:
    """Every reason rests on a finding that exists, under its own fingerprint."""
    assert decision.reasons
    for reason in decision.reasons:
        assert findings[reason.check].fingerprint == reason.finding
        assert reason.text
    assert decision.findings == {name: one.fingerprint for name, one in findings.items()}
    assert len({(reason.text, reason.check) for reason in decision.reasons}) == len(decision.reasons)


def test_a_benefit_within_its_guardrails_ships_the_variant() -> None:
    decision, found = decided(guarded(), world(guarded(), 3.0))
    assert (decision.verdict, decision.variant, decision.hold_reason) == (Verdict.SHIP, "new", None)
    assert {reason.check for reason in decision.reasons} == {"effects", "guardrails"}
    assert_cited(decision, found)
    assert decision.signed_by == ""


def test_a_ship_says_nothing_of_guardrails_that_nobody_promised() -> None:
    promise = a_promise(planned=UNITS * 14)
    decision, found = decided(promise, world(promise, 3.0))
    assert decision.verdict is Verdict.SHIP
    assert not any("guardrail" in reason.text for reason in decision.reasons)
    assert_cited(decision, found)


def test_a_guardrail_that_is_not_required_is_told_and_does_not_hold() -> None:
    promise = guarded(decision={"require_guardrails": False})
    decision, found = decided(promise, world(promise, 3.0, units=100.0, latency=0.19))
    assert decision.verdict is Verdict.SHIP
    assert any(reason.text.startswith("Not shown") for reason in decision.reasons)
    assert_cited(decision, found)


def test_a_benefit_without_its_guardrail_is_held() -> None:
    # 2,800 units an arm: the interval of the guardrail holds its margin
    promise = guarded(planned=1_400.0)
    decision, found = decided(promise, world(promise, 3.0, units=100.0, latency=0.19))
    assert (decision.verdict, decision.hold_reason) == (Verdict.HOLD, HoldReason.GUARDRAIL)
    assert decision.variant == ""
    assert decision.reasons[0].check == "guardrails"
    assert_cited(decision, found)


def test_harm_rolls_back_and_names_the_variant() -> None:
    decision, found = decided(guarded(), world(guarded(), -6.0))
    assert (decision.verdict, decision.variant) == (Verdict.ROLLBACK, "new")
    assert_cited(decision, found)


def test_harm_by_one_of_two_treatments_names_it_and_tells_what_the_other_would_have_had() -> None:
    promise = a_promise(planned=UNITS * 14, variants=THIRDS)
    decision, found = decided(promise, world(promise, [4.0, -6.0]))
    assert (decision.verdict, decision.variant) == (Verdict.ROLLBACK, "two")
    assert decision.by_variant == {"one": "SHIP", "two": "ROLLBACK"}
    assert [str(one) for one in choices(promise, decision, found)] == [
        "ROLLBACK two",
        "SHIP one",
        "SHIP two",
        "HOLD",
        "ROLLBACK one",
        "INVALID",
    ]


def test_harm_that_only_restated_data_show_is_said_under_whatever_is_decided() -> None:
    promise = guarded()
    _, found = decided(promise, world(promise, 3.0))
    late = replace(found["harm"], status=Status.WARN, headline="Crossed only on restated data.")
    decision, _ = decided(promise, world(promise, 3.0), harm=late)
    assert decision.verdict is Verdict.SHIP
    assert "Crossed only on restated data." in [reason.text for reason in decision.reasons]


def test_what_may_be_signed_depends_on_what_can_be_read() -> None:
    promise = guarded()
    held, found = decided(promise, world(promise, 0.0))
    assert [str(one) for one in choices(promise, held, found)] == ["HOLD", "SHIP new", "ROLLBACK new", "INVALID"]
    missing, found = decided(promise, world(promise, 3.0), harm=None)
    assert missing.hold_reason is HoldReason.EVIDENCE_MISSING
    assert [str(one) for one in choices(promise, missing, found)] == ["HOLD", "ROLLBACK new", "INVALID"]
    invalid = replace(held, verdict=Verdict.INVALID, hold_reason=None)
    assert [str(one) for one in choices(promise, invalid, found)] == ["INVALID"]
    assert choices(promise, replace(held, verdict=Verdict.EXTEND, hold_reason=None), found) == ()


def test_harm_is_no_way_around_missing_evidence() -> None:
    promise = guarded()
    summary = world(promise, -6.0)
    harmed, found = decided(promise, summary, completeness=finding("completeness", Status.FAIL))
    assert harmed.verdict is Verdict.ROLLBACK
    assert [str(one) for one in choices(promise, harmed, found)] == ["ROLLBACK new", "HOLD", "INVALID"]


def test_harm_to_a_guardrail_rolls_back_a_benefit() -> None:
    decision, _ = decided(guarded(), world(guarded(), 6.0, latency=0.6))
    assert decision.verdict is Verdict.ROLLBACK


def test_a_broken_split_is_invalid_before_anything_else() -> None:
    summary = world(guarded(), -6.0)
    broken = replace(summary, exposures=replace(summary.exposures, new_units=np.asarray([[1_000, 700]] * 28)))
    decision, found = decided(guarded(), broken)
    assert decision.verdict is Verdict.INVALID
    assert decision.reasons[0].check == "srm"
    assert_cited(decision, found)


def test_a_final_split_warning_stands_under_whatever_is_decided() -> None:
    summary = world(guarded(), -6.0)
    skewed = replace(
        summary, exposures=replace(summary.exposures, new_units=np.asarray([[44_700, 45_489]] + [[0, 0]] * 27))
    )
    decision, found = decided(guarded(), skewed)
    assert found["srm_final"].status is Status.WARN
    assert decision.verdict is Verdict.ROLLBACK
    assert decision.reasons[-1].check == "srm_final"
    assert_cited(decision, found)


def test_an_effect_too_small_to_matter_is_no_effect_worth_having() -> None:
    # 28,000 units an arm: standard error .0085, minimum effect .1
    decision, found = decided(guarded(), world(guarded(), 0.5))
    assert (decision.verdict, decision.hold_reason) == (Verdict.HOLD, HoldReason.NO_WORTHWHILE_EFFECT)
    assert_cited(decision, found)


@pytest.mark.parametrize("direction", ["increase", "decrease"])
def test_an_interval_that_holds_the_minimum_effect_is_inconclusive(direction: str) -> None:
    promise = guarded(planned=280.0, definitions=[a_metric("value", direction=direction)])
    decision, found = decided(promise, world(promise, 0.5, units=20.0))
    assert (decision.verdict, decision.hold_reason) == (Verdict.HOLD, HoldReason.INCONCLUSIVE)
    assert_cited(decision, found)


def test_falling_short_with_extension_days_left_extends_on_the_last_day_only() -> None:
    promise = guarded(planned=UNITS * 20, calendar={"first_day": day(1), "last_day": day(28), "max_extension_days": 14})
    last, found = decided(promise, world(promise, 0.5))
    assert last.verdict is Verdict.EXTEND
    assert last.reasons[0].check == "information"
    assert_cited(last, found)
    for number in (27, 42):
        assert decided(promise, world(promise, 0.5, days=number))[0].verdict is Verdict.HOLD


SEGMENTED = {"segments": [{"dimension": "device", "values": ["phone", "desktop"]}]}


def test_a_benefit_in_a_promised_segment_alone_is_partial() -> None:
    promise = guarded(**SEGMENTED)
    decision, found = decided(promise, world(promise, 0.5, phone=4.0))
    assert (decision.verdict, decision.variant, decision.segment) == (Verdict.PARTIAL, "new", "device = phone")
    assert_cited(decision, found)


def test_a_partial_verdict_may_be_ruled_out() -> None:
    promise = guarded(**SEGMENTED, decision={"allow_partial": False})
    assert decided(promise, world(promise, 0.5, phone=4.0))[0].verdict is Verdict.HOLD


def test_segments_wait_for_the_end_of_an_extension() -> None:
    promise = guarded(
        **SEGMENTED,
        planned=UNITS * 20,
        calendar={"first_day": day(1), "last_day": day(28), "max_extension_days": 14},
    )
    assert decided(promise, world(promise, 0.5, phone=4.0))[0].verdict is Verdict.EXTEND
    assert decided(promise, world(promise, 0.5, days=42, phone=4.0))[0].verdict is Verdict.PARTIAL


def test_segments_are_not_tested_on_a_day_that_somebody_chose() -> None:
    promise = guarded(**SEGMENTED)
    assert decided(promise, world(promise, 0.5, days=20, phone=9.0))[0].verdict is Verdict.HOLD


def test_a_segment_may_be_signed_only_where_it_is_shown_by_its_rule_or_the_benefit_for_all() -> None:
    promise = guarded(**SEGMENTED)
    partial, found = decided(promise, world(promise, 0.5, phone=4.0))
    assert str(choices(promise, partial, found)[0]) == "PARTIAL new in device = phone"
    early = world(promise, 0.5, days=20, phone=9.0)
    held, found = decided(promise, early)
    assert not any(one.verdict is Verdict.PARTIAL for one in choices(promise, held, found))


def test_a_crossing_that_waits_for_a_person_is_not_shipped_by_way_of_a_segment() -> None:
    promise = guarded(**SEGMENTED)
    history = recorded(History(), effects(promise, world(promise, 0.5), History()))
    restated = world(promise, 4.0, phone=4.0)
    waiting = effects(promise, restated, history).finding
    decision, found = decided(promise, restated, effects=waiting)
    assert waiting.evidence["late_crossings"]
    assert decision.verdict is Verdict.HOLD
    assert_cited(decision, found)


def finding(check: str, status: Status, **evidence: Any) -> Finding:
    return Finding(
        experiment="ranker-v7",
        check=check,
        as_of=day(28),
        status=status,
        headline=f"{check} says {status}.",
        evidence=evidence,
    )


REQUIRED = {"analysis": {"stopping": {"policy": "fixed"}, "novelty": {"policy": "required"}}}


@pytest.mark.parametrize(
    ("made", "verdict", "reason"),
    [
        (finding("novelty", Status.PASS), Verdict.SHIP, None),
        (finding("novelty", Status.WARN), Verdict.SHIP, None),
        (finding("novelty", Status.FAIL), Verdict.HOLD, HoldReason.NOVELTY),
        (finding("novelty", Status.NO_DATA), Verdict.HOLD, HoldReason.EVIDENCE_MISSING),
        (finding("novelty", Status.NOT_APPLICABLE), Verdict.HOLD, HoldReason.EVIDENCE_MISSING),
        (None, Verdict.HOLD, HoldReason.EVIDENCE_MISSING),
    ],
)
def test_a_required_novelty_check_must_speak(made: Finding | None, verdict: Verdict, reason: HoldReason | None) -> None:
    promise = guarded(**REQUIRED)
    decision, found = decided(promise, world(promise, 4.0), novelty=made)
    assert (decision.verdict, decision.hold_reason) == (verdict, reason)
    assert_cited(decision, found)


def test_a_treatment_that_fades_holds_back_itself_alone_and_is_told_all_the_same() -> None:
    promise = a_promise(planned=UNITS * 14, variants=THIRDS, **REQUIRED)
    summary = world(promise, [6.0, 4.0])
    one_fades = finding("novelty", Status.FAIL, fading=["one"])
    decision, found = decided(promise, summary, novelty=one_fades)
    assert (decision.verdict, decision.variant) == (Verdict.SHIP, "two")
    assert decision.by_variant == {"one": "HOLD", "two": "SHIP"}
    assert one_fades.headline in [reason.text for reason in decision.reasons]
    assert_cited(decision, found)
    both = finding("novelty", Status.FAIL, fading=["one", "two"])
    assert decided(promise, summary, novelty=both)[0].hold_reason is HoldReason.NOVELTY


def test_a_novelty_check_that_nobody_requires_need_not_speak() -> None:
    promise = guarded()
    assert (
        decided(promise, world(promise, 4.0), novelty=finding("novelty", Status.NOT_APPLICABLE))[0].verdict
        is Verdict.SHIP
    )


@pytest.mark.parametrize("check", ["srm", "completeness", "effects", "harm", "guardrails"])
def test_a_check_that_was_not_made_holds_and_is_named(check: str) -> None:
    promise = guarded()
    decision, found = decided(promise, world(promise, 4.0), **{check: None})
    assert decision.verdict is Verdict.HOLD
    assert decision.hold_reason is HoldReason.EVIDENCE_MISSING
    assert check in decision.reasons[0].text
    assert_cited(decision, found)


@pytest.mark.parametrize("check", ["completeness", "lock"])
def test_data_or_a_record_not_to_be_trusted_hold_and_are_cited(check: str) -> None:
    promise = guarded()
    decision, found = decided(promise, world(promise, 4.0), **{check: finding(check, Status.FAIL)})
    assert decision.hold_reason is HoldReason.EVIDENCE_MISSING
    assert [reason.check for reason in decision.reasons] == [check, check]
    assert_cited(decision, found)


def test_without_any_number_of_the_primary_metric_nothing_is_concluded() -> None:
    promise = guarded()
    empty = JointMoments(n=np.zeros((28, 2)), mean=np.zeros((28, 2, 1)), m2=np.zeros((28, 2, 1, 1)))
    summary = summary_of_moments(promise, {"value": empty, "latency": empty}, new_units=np.full((28, 2), 100))
    decision, found = decided(promise, summary)
    assert decision.hold_reason is HoldReason.EVIDENCE_MISSING
    assert_cited(decision, found)


class TestManyVariants:
    """Each treatment is judged alone; the experiment takes the verdict of highest precedence."""

    promise = guarded(variants=[{**one, "weight": 1 / 3} for one in THREE_VARIANTS])

    def test_the_winner_is_the_one_with_the_largest_gain_among_those_that_pass(self) -> None:
        decision, found = decided(self.promise, world(self.promise, [3.0, 4.0]))
        assert (decision.verdict, decision.variant) == (Verdict.SHIP, "two")
        assert decision.by_variant == {"one": "SHIP", "two": "SHIP"}
        assert_cited(decision, found)

    def test_one_winner_is_enough(self) -> None:
        decision, _ = decided(self.promise, world(self.promise, [3.0, 0.5]))
        assert (decision.verdict, decision.variant) == (Verdict.SHIP, "one")
        assert decision.by_variant == {"one": "SHIP", "two": "HOLD"}

    def test_a_harmful_variant_comes_before_a_winning_one_and_both_are_told(self) -> None:
        decision, _ = decided(self.promise, world(self.promise, [4.0, -6.0]))
        assert (decision.verdict, decision.variant) == (Verdict.ROLLBACK, "two")
        assert decision.by_variant == {"one": "SHIP", "two": "ROLLBACK"}

    def test_of_two_harmful_variants_the_worse_is_named(self) -> None:
        decision, _ = decided(self.promise, world(self.promise, [-6.0, -9.0]))
        assert (decision.verdict, decision.variant) == (Verdict.ROLLBACK, "two")

    def test_a_loser_in_a_guardrail_does_not_win(self) -> None:
        path = path_of_z(self.promise, np.full((28, 2), [3.0, 4.0]), units_a_day=UNITS)
        latency = moments_of(path.n, [1.0, 1.0, 1.195])
        decision, _ = decided(self.promise, summary_of_moments(self.promise, {"value": path, "latency": latency}))
        assert (decision.verdict, decision.variant) == (Verdict.SHIP, "one")


@given(
    z=st.floats(-8.0, 8.0),
    latency=st.floats(-0.5, 0.5),
    units=st.sampled_from([3.0, 60.0, 1_000.0]),
    days=st.sampled_from([7, 14, 28]),
)
def test_a_decision_is_one_verdict_with_reasons_that_exist_and_survives_the_record(
    z: float, latency: float, units: float, days: int
) -> None:
    promise = guarded()
    summary = world(promise, z, days=days, units=units, latency=latency)
    decision, found = decided(promise, summary)
    assert_cited(decision, found)
    assert (decision.hold_reason is not None) == (decision.verdict is Verdict.HOLD)
    text = json.dumps(decision.document(), allow_nan=False)
    assert Decision.from_document(json.loads(text)) == decision
    assert weigh(promise, summary.as_of, found).fingerprint == decision.fingerprint
