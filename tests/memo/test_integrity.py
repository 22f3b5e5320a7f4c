"""What the integrity section says of single checks."""

from __future__ import annotations

from dataclasses import replace

from tests.memo.scenes import finding, ship
from trialflow.checks.finding import Status
from trialflow.memo.markdown import markdown


def test_a_disagreement_of_adjusted_and_unadjusted_is_read_first() -> None:
    row = {
        "variant": "v7",
        "adjusted": 0.0021,
        "adjusted_std_error": 0.0005,
        "unadjusted": 0.0042,
        "unadjusted_std_error": 0.0006,
        "pull": 0.0021,
        "pull_std_error": 0.0005,
        "z": 4.2,
        "p_value": 0.000027,
        "disagree": True,
    }
    headline = "conversion: the adjustment moves the effect by more than chance (v7)."
    warned = finding("adjustment", Status.WARN, headline, {"variants": [row]}, next_step="Look for the cause")
    scene = ship()
    text = markdown(replace(scene, findings=(*scene.findings, warned)).memo)
    assert "Read these first: Adjustment by the pre-period, warning" in text
    assert "effect +0.210 percentage points adjusted, +0.420 percentage points unadjusted" in text
    assert "moved by 4.20 of its standard errors (p" in text
