"""What the memo says above the table of all metrics."""

from __future__ import annotations

from dataclasses import replace

from tests.memo.scenes import ship
from trialflow.memo.markdown import markdown


def test_the_tests_of_all_variants_together_are_told_as_uncorrected() -> None:
    scene = ship()
    row = {"metric": "revenue", "method": "chi-square", "p_value": 0.012}
    findings = tuple(
        replace(one, evidence={**one.evidence, "omnibus": [row]}) if one.check == "secondary" else one
        for one in scene.findings
    )
    text = markdown(replace(scene, findings=findings).memo)
    assert "alike, one for each metric and not corrected: revenue p = 0.012 (chi-square)." in text
    assert "variants are alike" not in markdown(scene.memo)
