from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.memo import scenes
from tests.overview.records import recorded
from trialflow.checks.finding import Status
from trialflow.memo.memo import Table
from trialflow.overview.dossier import Archive
from trialflow.overview.finding import FindingPage, cell, evidence_tables, finding_page
from trialflow.registry import Registry

SLUG = "ranker-v7"
PROMISE = scenes.promise()
CHECKS = ("effects", "srm", "guardrails", "completeness")


def page(registry: Registry, check: str, revision: int | None = None) -> FindingPage | None:
    as_of = scenes.ship().decision.as_of
    with registry.reading() as session:
        return finding_page(Archive(session, registry.name), SLUG, check, as_of, revision)


def tables(evidence: Mapping[str, object]) -> tuple[Table, ...]:
    return evidence_tables(PROMISE, scenes.finding("srm", Status.PASS, "Fine.", evidence))


def test_comparisons_are_told_as_memos_tell_them(tmp_path: Path) -> None:
    found = page(recorded(tmp_path, scenes.ship()), "effects")
    assert found is not None
    assert found.tables[0].columns[0] == "Metric"
    assert found.tables[0].rows[0][0] == "conversion"
    assert "percentage points" in found.tables[0].rows[0][6]


def test_effects_under_a_broken_split_have_no_evidence_on_their_page(tmp_path: Path) -> None:
    registry = recorded(tmp_path, scenes.broken_split())
    effects, split = page(registry, "effects"), page(registry, "srm")
    assert effects is not None
    assert split is not None
    assert effects.hidden
    assert effects.tables == ()
    assert effects.charts == ()
    assert effects.note == ""
    assert split.tables


def test_restated_data_are_a_revision_of_their_own(tmp_path: Path) -> None:
    registry = recorded(tmp_path, scenes.ship())
    again = scenes.srm(p=0.5)
    with registry.append(SLUG) as record:
        record.findings([again])
    newest, first = page(registry, "srm"), page(registry, "srm", 0)
    assert newest is not None
    assert first is not None
    assert (newest.revision, first.revision) == (1, 0)
    assert newest.finding == again
    assert len(first.revisions) == 2


def test_what_is_not_on_record_has_no_page(tmp_path: Path) -> None:
    assert page(recorded(tmp_path, scenes.ship()), "nonsense") is None


def test_mappings_over_the_same_names_stand_beside_one_another() -> None:
    (found,) = tables({"observed": {"control": 10, "v7": 12}, "expected": {"control": 11, "v7": 11.0}})
    assert found.columns == ("", "observed", "expected")
    assert found.rows == (("control", "10", "11"), ("v7", "12", "11"))


def test_a_list_of_rows_is_a_table_with_a_column_for_each_field() -> None:
    (found,) = tables({"path": [{"day": "2026-03-02", "p_value": 0.5}, {"day": "2026-03-03", "p_value": None}]})
    assert found.columns == ("day", "p value")
    assert found.rows == (("2 Mar 2026", "0.5"), ("3 Mar 2026", "not available"))


def test_what_names_a_row_stands_first() -> None:
    (found,) = tables({"looks": [{"alpha_spent": 0.01, "z": 2.0, "variant": "v7", "day": "2026-03-02"}]})
    assert found.columns == ("day", "variant", "alpha spent", "z (standard errors)")


def test_effects_over_time_are_told_in_the_unit_of_their_metric() -> None:
    row = {"day": "2026-03-02", "estimate": 0.0021, "lower": -0.001, "upper": 0.0052}
    (found,) = evidence_tables(PROMISE, scenes.finding("effects", Status.PASS, "Fine.", {"path": [row]}))
    assert found.columns == (
        "day", "estimate (percentage points)", "lower (percentage points)", "upper (percentage points)",
    )  # fmt: skip
    assert found.rows == (("2 Mar 2026", "0.21", "−0.1", "0.52"),)


def test_units_by_variant_stand_in_one_cell_of_their_row() -> None:
    seen = [{"dimension": "device", "value": name, "observed": {"control": 10, "v7": 12}} for name in ("phone", "web")]
    (found,) = tables({"drill_down": seen})
    assert found.rows == (("device", "phone", "control: 10; v7: 12"), ("device", "web", "control: 10; v7: 12"))


def test_a_row_about_one_metric_is_told_in_its_unit() -> None:
    rows = [
        {"metric": "conversion", "baseline_mean": 0.25, "minimum_effect": 0.001, "units_per_variant": 10},
        {"metric": "latency", "baseline_std_dev": 3.0},
    ]
    (found,) = tables({"metrics": rows})
    assert found.rows[0][:3] == ("conversion", "25%", "0.1 percentage points")
    assert found.rows[1][-1] == "3 ms"


@pytest.mark.parametrize(
    ("margin", "resolvable", "told"),
    [
        ({"relative": 0.4}, 0.2459, "24.6% of the control value"),
        ({"absolute": 0.01}, 0.0123, "1.23 percentage points"),
    ],
)
def test_a_margin_that_the_traffic_resolves_is_told_in_the_kind_that_was_promised(
    margin: dict[str, float], resolvable: float, told: str
) -> None:
    guarded = {
        "primary": {"metric": "latency", "minimum_effect": {"relative": 0.02}},
        "guardrails": [{"metric": "conversion", "margin": margin}],
    }
    rows = [
        {"metric": "conversion", "baseline_mean": 0.05, "minimum_effect": 0.02, "resolvable": resolvable},
        {"metric": "latency", "baseline_mean": 100.0, "minimum_effect": 2.0, "resolvable": 3.0},
    ]
    found = scenes.finding("power", Status.PASS, "Fine.", {"metrics": rows})
    (table,) = evidence_tables(scenes.promise(metrics=guarded), found)
    assert table.columns == ("metric", "baseline mean", "minimum effect", "resolvable")
    assert table.rows[0] == ("conversion", "5%", "2 percentage points", told)
    assert table.rows[1] == ("latency", "100 ms", "2 ms", "3 ms")


@pytest.mark.parametrize(
    ("check", "row"),
    [
        ("effects", {"naive": 0.0021, "median_unbiased": 0.0021, "lower": 0.0021, "upper": 0.0021}),
        ("adjustment", {"adjusted": 0.0021, "pull": 0.0021, "pull_std_error": 0.0021}),
    ],
)
def test_effects_in_one_row_are_told_in_one_unit(check: str, row: dict[str, float]) -> None:
    (table,) = evidence_tables(PROMISE, scenes.finding(check, Status.PASS, "Fine.", {"rows": [row]}))
    assert all(name.endswith("(percentage points)") for name in table.columns)
    assert set(table.rows[0]) == {"0.21"}


def test_shares_are_percent() -> None:
    (found,) = tables({"share": 0.5, "fraction": 1.051, "alpha": 0.05})
    assert found.rows == (("share", "50%"), ("fraction", "105%"), ("alpha", "0.05"))


def test_evidence_is_drawn_as_a_memo_draws_it(tmp_path: Path) -> None:
    registry = recorded(tmp_path, scenes.ship(), memo=True)
    kinds = {check: [one.kind for one in found.charts] for check in CHECKS if (found := page(registry, check))}
    assert kinds["effects"] == ["effect_over_time"]
    assert kinds["srm"] == ["allocation"]
    assert kinds["guardrails"] == ["forest"]
    assert kinds["completeness"] == []


def test_a_finding_leads_to_the_memo_of_its_day(tmp_path: Path) -> None:
    found = page(recorded(tmp_path, scenes.ship(), memo=True), "effects")
    assert found is not None
    assert [memo.kind for memo in found.memos] == ["decision"]
    assert "may be read on every day" in found.note


def test_every_leaf_of_deep_evidence_is_told_somewhere() -> None:
    deep = {"a": {"b": {"c": 3, "d": [{"e": [{"f": 4}]}]}}, "g": [1, 2], "h": [{"i": {"j": 5}}, "text"]}
    told = " ".join(text for table in tables(deep) for row in table.rows for text in row)
    assert {"3", "4", "1,", "2", "5", "text"} <= set(told.split())


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (1234567, "", "1,234,567"),
        (0.123456789, "", "0.1235"),
        (3e-30, "", "3.00e-30"),
        (3e-30, "p_value", "< 0.0001"),
        (True, "", "yes"),
        (None, "", "not available"),
        ("inf", "", "inf"),
        ("2026-03-02", "", "2 Mar 2026"),
        ("28 days before 2026-03-02", "", "28 days before 2 Mar 2026"),
        ([], "", "none"),
    ],
)
def test_a_value_is_written_with_the_digits_that_carry_something(value: object, name: str, text: str) -> None:
    assert cell(value, name) == text
