"""What the integrity section says of single checks."""

from __future__ import annotations

from dataclasses import replace

from tests.memo.scenes import finding, ship
from trialflow.checks.finding import Status
from trialflow.memo.markdown import markdown
from trialflow.memo.memo import Table


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


def groups(*, broken: bool) -> list[dict[str, object]]:
    """Where a split was looked at: one day and one kind of device that stand out, or nothing that does."""
    counts = {"observed": {"control": 4512, "v7": 4960}, "expected": {"control": 4736.0, "v7": 4736.0}}
    shared = {**counts, "p_value": 1e-6, "adjusted_p_value": 4e-5, "exact": False, "broken": broken}
    level = {**counts, "p_value": 0.6, "adjusted_p_value": 1.0, "exact": False, "broken": False}
    return [
        {"dimension": "day", "value": "2026-03-04", **shared},
        {"dimension": "device", "value": "", **shared},
        {"dimension": "device", "value": "phone", **level},
    ]


def tables(check: str, status: Status, evidence: dict[str, object]) -> dict[str, Table]:
    """The tables of the integrity section by what stands first in their captions."""
    scene = ship()
    others = (one for one in scene.findings if one.check != check)
    memo = replace(scene, findings=(*others, finding(check, status, "So it is.", evidence))).memo
    (section,) = [one for one in memo.sections if one.title == "Integrity"]
    return {one.caption: one for one in section.tables}


def test_where_a_split_is_wrong_is_told_and_what_agrees_is_not() -> None:
    rows = groups(broken=True)
    found = tables("srm_final", Status.WARN, {"drill_down": rows, "statistic": 9.0, "df": 1, "p_value": 0.003})
    (table,) = [one for caption, one in found.items() if caption.startswith("Where the split differs")]
    seen = ("control 4,512, v7 4,960", "control 4,736, v7 4,736", "p < 0.0001")
    assert table.rows == (("4 March 2026", *seen), ("device = (empty)", *seen))
    found = tables("srm_final", Status.PASS, {"drill_down": groups(broken=False), "statistic": 0.1, "df": 1})
    assert not any(caption.startswith("Where") for caption in found)


def test_every_look_at_the_time_before_is_told() -> None:
    looks = [
        {"metric": "conversion", "day": "2026-03-04", "units": 60000, "adjusted_p_value": 0.4, "apart": False},
        {"metric": "conversion", "day": "2026-03-15", "units": 574400, "adjusted_p_value": 0.001, "apart": True},
    ]
    found = tables("imbalance", Status.WARN, {"alpha": 0.01, "looks": looks})
    assert found["Values from before the exposure, 0.01 over all looks"].rows == (
        ("conversion", "4 March 2026", "60,000", "p = 0.4", "agree"),
        ("conversion", "15 March 2026", "574,400", "p = 0.001", "differ"),
    )
