"""The wording rules, over every text that a memo can hold, and over memos of findings that nobody thought of."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.memo.scenes import (
    SCENES,
    Scene,
    clean,
    compared,
    conversion,
    decided,
    effects,
    finding,
    look,
    others,
    promise,
    shop,
    shrinkage,
    signed,
    srm,
)
from tests.memo.wording import FORBIDDEN, broken_rules, left_out
from trialflow.checks.finding import Status
from trialflow.decision import HoldReason, Verdict
from trialflow.memo import alert, digest_line, fallback_text, html, markdown, posts, registration_note
from trialflow.memo.memo import Memo


def memos() -> Iterator[Memo]:
    for make in SCENES.values():
        yield make().memo
    yield registration_note(promise())
    yield alert(promise(), srm(Status.FAIL, p=1e-9), Status.PASS)
    yield alert(promise(), srm(), Status.FAIL)


def in_every_format(memo: Memo) -> Iterator[str]:
    yield markdown(memo)
    yield re.sub(r"<style>.*?</style>", "", html(memo), flags=re.DOTALL)
    yield json.dumps(posts(memo), ensure_ascii=False)
    yield fallback_text(memo)


def texts() -> Iterator[str]:
    for memo in memos():
        yield from in_every_format(memo)
    for make in SCENES.values():
        scene = make()
        yield digest_line(scene.promise, scene.findings, as_of=scene.decision.as_of)


ALL = tuple(texts())


@pytest.mark.parametrize("rule", sorted(FORBIDDEN))
def test_no_text_breaks_a_wording_rule(rule: str) -> None:
    assert [broken for text in ALL for broken in broken_rules(text) if broken.startswith(f"{rule}:")] == []


@pytest.mark.parametrize(
    "bad",
    [
        "There is a 3% chance that it is random.",
        "The result has a 97% probability of being real.",
        "It may be due to chance.",
        "The variant had no effect on revenue.",
        "There is no significant effect on revenue.",
        "Conversion is trending up.",
        "The result almost reached: it is approaching significance.",
        "This proves the mechanism.",
        "We are 95% confident.",
        "v7 is the winner.",
        "The most likely effect is small.",
        "Conversion rose by 3% points.",
    ],
)
def test_the_rules_catch_what_they_are_for(bad: str) -> None:
    assert broken_rules(bad)


def test_every_decision_memo_states_its_looks_its_units_and_its_intervals() -> None:
    for make in SCENES.values():
        assert list(left_out(make().memo)) == []


def test_what_is_left_out_is_noticed() -> None:
    memo = SCENES["ship"]().memo
    assert "how often it was looked at" in list(left_out(dataclasses.replace(memo, highlights={})))
    bare = {"Looks": "2 looks", "Effect on conversion (v7)": "+0.2"}
    assert list(left_out(dataclasses.replace(memo, highlights=bare))) == [
        "unit or interval of Effect on conversion (v7)"
    ]
    (table,) = memo.sections[1].tables
    at = table.columns.index("Effect")
    row = (*table.rows[0][:at], "+0.2", *table.rows[0][at + 1 :])
    section = dataclasses.replace(memo.sections[1], tables=(dataclasses.replace(table, rows=(row,)),))
    assert any("the unit of +0.2" in told for told in left_out(dataclasses.replace(memo, sections=(section,))))


def test_every_effect_in_a_summary_comes_with_its_interval() -> None:
    for make in SCENES.values():
        summary = make().memo.summary
        assert ("percentage points" in summary or "EUR" in summary) == ("interval" in summary)


def test_labels_are_visible_in_every_format() -> None:
    for memo in memos():
        for label in memo.labels:
            for text in (markdown(memo), html(memo), json.dumps(posts(memo), ensure_ascii=False), fallback_text(memo)):
                assert label.lower() in text.lower()


EFFECTS = st.one_of(st.just(0.0), st.floats(min_value=-0.04, max_value=0.04))
ERRORS = st.sampled_from([1e-7, 0.0005, 0.004, 0.3])
P_VALUES = st.one_of(st.none(), st.floats(min_value=0.0, max_value=1.0))
PEOPLE = st.sampled_from(["", "A launch <is> due | soon.", "2026-02-03: costs *too* much"])


@st.composite
def primary(draw: st.DrawFn) -> dict[str, Any]:
    """A comparison of the primary metric, with or without numbers, of any size and sign."""
    changes: dict[str, Any] = {"crossed": draw(st.sampled_from([True, False, None])), "p_value": draw(P_VALUES)}
    row = conversion(draw(EFFECTS), std_error=draw(ERRORS), **changes)
    gone = draw(st.sampled_from(["", "", "interval", "relative", "all"]))
    if gone in ("interval", "all"):
        row |= {"lower": None, "upper": None, "why_not": "fewer than 100 units in an arm"}
    if gone in ("relative", "all"):
        row |= {"relative_estimate": None, "relative_lower": None, "relative_upper": None}
    return row | ({"estimate": None, "std_error": None, "treatment": None} if gone == "all" else {})


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """A decision of any kind on findings of any outcome, signed, overridden or not, real or simulated."""
    verdict = draw(st.sampled_from(Verdict))
    policy = draw(st.sampled_from(["fixed", "group_sequential", "always_valid"]))
    stopping = {"policy": policy} | ({"looks": [7]} if policy == "group_sequential" else {})
    made = dataclasses.replace(
        promise(replay=draw(st.booleans()), analysis={"stopping": stopping}),
        sources={"shop": shop(simulated=draw(st.booleans()))},
    )
    statuses = draw(st.lists(st.sampled_from(Status), min_size=6, max_size=6))
    broken = verdict is Verdict.INVALID
    findings = [
        *(one for one in clean() if one.check != "srm"),
        srm(Status.FAIL if broken else Status.PASS, p=1e-9 if broken else draw(st.floats(1e-6, 1.0))),
        effects(draw(primary()), policy=policy, looks=[], late_crossings=[]),
        *others(latency=draw(st.floats(-9.0, 9.0)), within=draw(st.booleans())),
        finding("a_check_of_tomorrow", statuses[0], "Something was found.", {"rows": []}, next_step="Look at it."),
        *((shrinkage(),) if draw(st.booleans()) else ()),
        finding("segments", statuses[1], "The promise names no segment.", {}),
        finding("novelty", statuses[2], "Too few units have a whole lifetime yet.", {}),
    ]
    secondary = compared("revenue", control=3.18, estimate=draw(EFFECTS), std_error=draw(ERRORS), role="secondary")
    findings.append(
        finding("diagnostics", statuses[3], "Compared.", {"comparisons": [secondary | {"role": "diagnostic"}]})
    )
    hold = draw(st.sampled_from(HoldReason)) if verdict is Verdict.HOLD else None
    named = "v7" if verdict in (Verdict.SHIP, Verdict.PARTIAL, Verdict.ROLLBACK) else ""
    reason = ("It follows from the promised rules.", "effects")
    decision = decided(verdict, findings, reason, hold_reason=hold, variant=named, by_variant={"v7": verdict.value})
    looks = (look(14, z=draw(st.floats(-9, 9)), boundary=1.97, spent=0.05, crossed=draw(st.booleans())),)
    scene = Scene(promise=made, decision=decision, findings=tuple(findings), looks=looks)
    answer = draw(st.sampled_from([None, *Verdict]))
    if answer is None or verdict in (Verdict.EXTEND, Verdict.INVALID):
        return scene
    return signed(scene, answer, variant=named, rationale=draw(PEOPLE) or "Because.")


@settings(max_examples=150)
@given(scenes())
def test_no_findings_make_a_memo_break_a_rule(scene: Scene) -> None:
    memo = scene.memo
    for text in (markdown(memo), fallback_text(memo)):
        assert broken_rules(text) == []
        for label in memo.labels:
            assert label.lower() in text.replace("\\", "").lower()
    assert list(left_out(memo)) == []
    assert ("simulated data" in memo.labels) == scene.promise.simulated
    assert ("replay of historical data" in memo.labels) == scene.promise.experiment.replay
    assert not re.search(r"\bnan\b|\binf\b|\bNone\b", markdown(memo))


@settings(max_examples=60)
@given(scenes())
def test_whatever_a_person_overrides_is_the_first_thing_said(scene: Scene) -> None:
    if scene.decision.overridden:
        assert scene.memo.labels[0].startswith("overridden: ")
        assert scene.memo.summary.startswith("ada signed ")
    else:
        assert not any(label.startswith("overridden") for label in scene.memo.labels)
