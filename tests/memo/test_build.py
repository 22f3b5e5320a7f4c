"""What a decision memo says, and what it keeps to itself."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.memo.scenes import (
    SCENES,
    START,
    Scene,
    bare,
    broken_split,
    cookie_cats,
    inconclusive,
    look,
    promise,
    ship,
    two_treatments,
)
from trialflow.decision import Signature, Verdict
from trialflow.memo import Order, holdout_memo, markdown
from trialflow.memo.evidence import Evidence
from trialflow.memo.memo import Section
from trialflow.memo.sections.looks import looks_text
from trialflow.spec.look import LookPurpose

Golden = Callable[[str, str], None]


def section(scene: Scene, title: str) -> Section:
    return next(one for one in scene.memo.sections if one.title == title)


@pytest.mark.parametrize("name", sorted(SCENES))
def test_every_decision_memo_reads_as_it_was_reviewed(name: str, golden: Golden) -> None:
    golden(f"{name}.md", markdown(SCENES[name]().memo))


def test_the_same_record_in_another_order_gives_the_same_memo(scene: Scene) -> None:
    again = dataclasses.replace(scene, looks=tuple(reversed(scene.looks)), findings=tuple(reversed(scene.findings)))
    assert again.memo == scene.memo


def test_cookie_cats_shows_its_published_figures_with_the_doubt_on_top() -> None:
    # Published: retention after 7 days 0.1902 and 0.1820, z = -3.164, p = 0.00155; split p = 0.0086 (sample's README).
    text = markdown(cookie_cats().memo)
    assert "19.02%" in text
    assert "18.20%" in text
    assert "p = 0.0016" in text
    assert "doubtful traffic split (p = 0.0086)" in cookie_cats().memo.labels
    assert "replay of historical data" in cookie_cats().memo.labels


def test_no_effect_is_shown_under_a_broken_split() -> None:
    scene = broken_split()
    text = markdown(scene.memo)
    assert "percentage points" not in re.sub(r"Registration asked.*", "", text)
    assert "EUR" not in text
    assert {chart.kind for chart in scene.memo.charts} == {"allocation"}
    looks = section(scene, "Power and looks").tables[0]
    assert {row[looks.columns.index("z")] for row in looks.rows} == {"not shown"}


def test_missing_evidence_is_not_available_and_nothing_is_invented() -> None:
    scene = bare()
    text = markdown(scene.memo)
    assert "not available" in text
    assert scene.memo.charts == ()
    assert "passed" not in " ".join(section(scene, "Integrity").paragraphs)


def test_a_memo_is_unsigned_until_somebody_signs() -> None:
    scene = ship()
    signature = Signature(
        verdict=Verdict.SHIP,
        recommended=Verdict.SHIP,
        signed_by="ada",
        signed_on=scene.decision.as_of,
        decision=scene.decision.fingerprint,
    )
    signed = dataclasses.replace(scene, decision=dataclasses.replace(scene.decision, signature=signature))
    assert "recommended, unsigned" in scene.memo.labels
    assert "recommended, unsigned" not in signed.memo.labels
    assert "Signed by ada" in " ".join(section(signed, "Verdict").paragraphs)


def test_an_amendment_is_a_deviation_with_both_values() -> None:
    table = section(ship(), "Deviations from the promise").tables[0]
    assert table.rows == (("4 March 2026", "experiment.audience", "All visitors", "All visitors of the home page"),)


def test_an_order_is_a_deviation_with_its_day_its_person_and_its_reason() -> None:
    points = section(ship(), "Deviations from the promise").points
    assert "Paused on 6 March 2026 by ada: The phone app crashed." in points
    assert "Resumed on 7 March 2026 by eve." in points
    stopped = Order(kind="stopped", as_of=START, by="ada", reason="Too dear")
    told = section(dataclasses.replace(inconclusive(), orders=(stopped,)), "Deviations from the promise")
    assert told.points == ("Stopped on 2 March 2026 by ada: Too dear.",)
    assert told.paragraphs == ()


def test_an_invalid_experiment_says_how_many_units_it_saw_and_why_there_is_no_information() -> None:
    scene = broken_split()
    (text,) = [one for one in section(scene, "Power and looks").paragraphs if "information" in one]
    assert scene.memo.highlights["Units"].startswith("574,400 ")  # 291,300 + 283,100
    assert "574,400 units were seen, 574,000 were expected." in text
    assert "not available: the split is broken." in text


@pytest.mark.parametrize(
    ("policy", "boundary", "said", "not_said"),
    [
        ("fixed", 1.645, "at the one look at the end, its 90% interval", "boundary"),
        ("group_sequential", 2.9, "beyond the boundary of that look", "no such look"),
        ("group_sequential", None, "This day is no such look", "every day"),
        ("always_valid", 3.2, "from the first day on which its 95% interval", "90%"),
    ],
)
def test_the_rule_of_a_guardrail_is_that_of_the_policy(
    policy: str, boundary: float | None, said: str, not_said: str
) -> None:
    (guard,) = [one for one in ship().findings if one.check == "guardrails"]
    row = dict(guard.evidence["comparisons"][0]) | {"boundary": boundary}
    findings = (
        *(one for one in ship().findings if one.check != "guardrails"),
        dataclasses.replace(guard, evidence={"comparisons": [row]}),
    )
    stopping = {"policy": policy} | ({"looks": [7]} if policy == "group_sequential" else {})
    scene = dataclasses.replace(ship(), promise=promise(analysis={"stopping": stopping}), findings=findings)
    (text, _harm) = section(scene, "All metrics").paragraphs
    assert said in text
    assert not_said not in text


def test_a_crossing_that_appears_only_in_a_revision_needs_a_person() -> None:
    first = look(14, z=1.9, boundary=1.97, spent=0.05, crossed=False)
    late = dataclasses.replace(first, z=2.0, crossed=True, revision=1)
    scene = dataclasses.replace(ship(), looks=(first, late))
    assert any("a person must judge" in point for point in section(scene, "Deviations from the promise").points)


def test_a_crossing_withdrawn_by_a_revision_is_said() -> None:
    first = look(14, z=2.0, boundary=1.97, spent=0.05, crossed=True)
    late = dataclasses.replace(first, z=1.9, crossed=False, revision=1)
    scene = dataclasses.replace(ship(), looks=(first, late))
    assert any("no longer crossed" in point for point in section(scene, "Deviations from the promise").points)


def test_restated_looks_are_told_by_what_they_look_for_in_any_order() -> None:
    """Harm is looked for on every day: what changed nothing is one sentence, and what changed something its own."""
    harm = {"purpose": LookPurpose.HARM, "z": 1.0, "boundary": 2.9, "spent": 0.01}
    first = [look(day, **harm, crossed=False) for day in (2, 3, 4)]
    again = [dataclasses.replace(one, revision=1, crossed=one.as_of == first[2].as_of) for one in first]
    benefit = look(4, z=2.0, boundary=1.97, spent=0.05, crossed=True)
    withdrawn = dataclasses.replace(benefit, z=1.0, crossed=False, revision=1)
    looks = (*first, *again, benefit, withdrawn)
    scene = dataclasses.replace(ship(), looks=looks, amendments=(), orders=())
    restated = "were restated; it was judged again at its recorded boundary."
    told = (
        f"The data behind the look for benefit of 5 March 2026 (conversion, v7) {restated} The boundary is no longer "
        "crossed.",
        "The data behind 2 looks for harm from 3 to 4 March 2026 (conversion, v7) were restated; each was judged again at "
        "its recorded boundary.",
        f"The data behind the look for harm of 5 March 2026 (conversion, v7) {restated} The boundary is crossed only on the "
        "restated data, so a person must judge it.",
    )
    assert section(scene, "Deviations from the promise").points == told
    turned = dataclasses.replace(scene, looks=tuple(reversed(looks)))
    assert section(turned, "Deviations from the promise").points == told


def test_the_minimum_effect_is_the_one_of_the_verdict() -> None:
    """Two per cent of the 4.12% that control has is 0.08 percentage points, whatever baseline the plan was made from."""
    assert "the interval of v7 lies wholly above it" in " ".join(section(ship(), "Effect on conversion").paragraphs)


def test_a_rerun_look_is_one_row_of_the_ledger() -> None:
    table = section(ship(), "Power and looks").tables[0]
    assert [row[0] for row in table.rows] == ["8 March 2026", "15 March 2026"]


def test_a_fixed_horizon_has_one_look_also_after_an_extension() -> None:
    fixed = promise(
        analysis={"stopping": {"policy": "fixed"}},
        calendar={"first_day": START, "last_day": START + timedelta(days=6), "max_extension_days": 7},
    )
    after = look(14, z=4.0, boundary=1.96, spent=0.05, crossed=True)
    assert looks_text(fixed, (after,), Evidence.of(())) == "1 of 1 planned look"


def test_a_look_that_could_stop_nothing_has_no_boundary() -> None:
    early = look(7, z=1.0, boundary=float("inf"), spent=0.0, crossed=False)
    capped = look(8, z=1.0, boundary=99.0, spent=0.0, crossed=False)
    table = section(dataclasses.replace(ship(), looks=(early, capped)), "Power and looks").tables[0]
    assert {row[table.columns.index("Boundary")] for row in table.rows} == {"cannot stop yet"}


def test_what_could_not_be_checked_stands_among_the_limits_with_its_reason() -> None:
    limits = " ".join(section(cookie_cats(), "Limits and known trade-offs").points)
    assert "Novelty, not applicable: Not judged: the source holds totals only." in limits
    assert "No information was planned" in limits


def test_each_treatment_has_its_own_reading_and_verdict() -> None:
    scene = two_treatments()
    readings = [text for text in section(scene, "Effect on conversion").paragraphs if text.startswith("Under ")]
    assert [text.split(",")[0] for text in readings] == ["Under v7", "Under v8"]
    assert section(scene, "Verdict").tables[0].rows == (("v7", "SHIP"), ("v8", "HOLD"))


def test_an_unbounded_relative_effect_is_named_and_not_drawn() -> None:
    forest = next(chart for chart in two_treatments().memo.charts if chart.kind == "forest")
    assert "Not drawn" in forest.alt
    assert "conversion (v8)" in forest.alt


def test_a_holdout_memo_states_what_it_could_have_found(golden: Golden) -> None:
    scene = ship()
    effects = next(one for one in scene.findings if one.check == "effects")
    evidence = {
        "comparisons": effects.evidence["comparisons"],
        "minimum_detectable_effect": 0.0015,
        "shipped": [
            {
                "experiment": "ranker-v6",
                "naive": 0.0016,
                "estimate": 0.00125,
                "std_error": 0.0004,
                "shrunken": True,
                "exposure": 0.8,
            }
        ],
        "shipped_sum": 0.001,
        "shipped_naive_sum": 0.00128,
        "gap": 0.0011,
        "gap_lower": -0.0004,
        "gap_upper": 0.0026,
    }
    found = dataclasses.replace(effects, check="holdout", evidence=evidence)
    named = {"promise_fingerprint": "f00d", "made_by": "trialflow (tests)"}
    text = markdown(holdout_memo(scene.promise, found, scene.amendments, scene.orders, **named))
    golden("holdout.md", text)
    assert "0.15 percentage points" in text
    assert "1 launch adds up to +0.10 percentage points (as naively estimated: +0.13" in text
    assert "What the holdout shows, less that sum, is +0.11 percentage points (95% interval −0.04 to +0.26)" in text
    assert "| ranker-v6 | +0.160 | +0.125 | 80% | +0.100 |" in text
    assert "1 look" in text
    assert "Reason: The phone app was released a day late." in text
    assert "All visitors of the home page" in text
    assert "Paused on 6 March 2026 by ada" in text
    assert "f00d" in text
