"""What the memo says above the table of all metrics."""

from __future__ import annotations

from dataclasses import replace

from tests.memo.scenes import ship
from trialflow.memo.markdown import markdown


def test_the_tests_of_all_variants_together_are_told_as_uncorrected() -> None:
    scene = ship()
    text = _told({"metric": "revenue", "method": "chi-square", "p_value": 0.012})
    assert "alike, one for each metric and not corrected: revenue p = 0.012 (chi-square)." in text
    assert "variants are alike" not in markdown(scene.memo)


def test_a_test_that_was_not_computed_says_why() -> None:
    text = _told(
        {"metric": "revenue", "method": "chi-square", "reason": "not computed: one variant's values do not vary"}
    )
    assert "corrected: revenue not computed: one variant's values do not vary (chi-square)." in text


def _told(row: dict[str, object]) -> str:
    scene = ship()
    findings = tuple(
        replace(one, evidence={**one.evidence, "omnibus": [row]}) if one.check == "secondary" else one
        for one in scene.findings
    )
    return markdown(replace(scene, findings=findings).memo)
