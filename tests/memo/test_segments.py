"""What the memo says of the differences between segments."""

from __future__ import annotations

from dataclasses import replace

from tests.memo.scenes import Scene, ship
from trialflow.memo.markdown import markdown


def with_rows(scene: Scene, **rows: object) -> str:
    findings = tuple(
        replace(one, evidence={**one.evidence, **rows}) if one.check == "segments" else one for one in scene.findings
    )
    return markdown(replace(scene, findings=findings).memo)


def test_segments_are_said_to_differ_only_when_their_difference_is_shown() -> None:
    row = {"dimension": "device", "variant": "v7", "p_value": 0.2, "adjusted_p_value": 0.2, "i_squared": 0.39}
    text = with_rows(ship(), heterogeneity=[row])
    assert "The effects of v7 by device are not shown to differ from one another" in text
    assert "39% of their scatter beyond chance" in text
    text = with_rows(ship(), heterogeneity=[row | {"adjusted_p_value": 0.001}])
    assert "The effects of v7 by device differ from one another" in text


def test_an_uneven_split_shows_the_standardised_effect() -> None:
    row = {"dimension": "device", "variant": "v7", "crude": -0.046, "standardised": 0.053, "reversed": True}
    text = with_rows(ship(), simpson=[row | {"uneven": True}])
    assert "points the other way than the whole" in text
    assert "+5.3 percentage points with every segment" in text
    assert "Simpson" not in with_rows(ship(), simpson=[row | {"uneven": False}])
