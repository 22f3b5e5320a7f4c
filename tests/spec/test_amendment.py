"""What an amendment changes, field by field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spec.documents import EXPERIMENT, METRICS, catalog, changed
from trialflow.spec.amendment import Difference, differences
from trialflow.spec.fingerprint import document, fingerprint_of
from trialflow.spec.parsing import parse_experiment

CHANGES: list[dict[str, Any]] = [
    {},
    {"analysis.alpha": 0.1},
    {"analysis.power": ...},
    {"variants.1.weight": 0.4},
    {"calendar.last_day": "2026-04-05", "title": "Another"},
    {"segments": ...},
    {"segments": []},
    {"metrics.guardrails.0.margin": {"absolute": 0.1}},
    {"metrics.secondary": ["basket_value", "revenue_per_user"]},
    {"decision": ...},
    {"replay": True},
]


def stated(changes: dict[str, Any], **definitions: str) -> dict[str, Any]:
    return document(catalog(**definitions).promise(parse_experiment(changed(EXPERIMENT, changes), "x.yaml")))


def told(changes: dict[str, Any], **definitions: str) -> list[Difference]:
    return list(differences(stated({}), stated(changes, **definitions)))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(CHANGES), st.sampled_from(CHANGES))
def test_there_is_a_difference_exactly_where_the_fingerprints_differ(old: dict[str, Any], new: dict[str, Any]) -> None:
    before, after = stated(old), stated(new)
    assert (differences(before, after) == ()) == (fingerprint_of(before) == fingerprint_of(after))


def test_a_changed_value_is_told_before_and_after() -> None:
    assert told({"calendar.last_day": "2026-04-05"}) == [
        Difference(field="experiment.calendar.last_day", before="2026-03-29", after="2026-04-05")
    ]


def test_entries_of_a_list_keep_their_names() -> None:
    assert [difference.field for difference in told({"variants.1.weight": 0.4})] == [
        "experiment.variants.two_tower.weight"
    ]


def test_an_entry_that_is_gone_is_told_whole() -> None:
    found = told({"metrics.guardrails": [{"metric": "search_errors", "margin": {"relative": 0.05}}]})
    assert [difference.field for difference in found] == [
        "experiment.metrics.guardrails.complaint_rate.metric",
        "experiment.metrics.guardrails.complaint_rate.margin.absolute",
        "metrics.complaint_rate",
    ]
    assert str(found[2]) == "metrics.complaint_rate: in use → not used"
    assert found[1].before == "0.0005"
    assert found[1].after == "not stated"


def test_a_value_left_to_its_default_is_told_with_the_default() -> None:
    (gone,) = told({"analysis.power": ...})
    assert (gone.before, gone.after) == ("0.9", "not stated (default 0.8)")
    (new,) = told({"analysis.harm_alpha": 0.02})
    assert (new.before, new.after) == ("not stated (default 0.01)", "0.02")


def test_another_order_of_variants_is_a_difference() -> None:
    old = stated({})
    new = json.loads(json.dumps(old))
    new["experiment"]["variants"].reverse()
    (difference,) = differences(old, new)
    assert difference.field == "experiment.variants (order)"


def test_a_changed_metric_definition_is_a_difference_of_the_promise() -> None:
    metric = METRICS["purchase_rate"].replace("to_day: 6", "to_day: 5")
    assert [str(found) for found in told({}, purchase_rate=metric)] == ["metrics.purchase_rate.window.to_day: 6 → 5"]


@pytest.mark.parametrize("broken", [{"schema_version": 99}, {"experiment": {"slug": "x"}}])
def test_a_document_that_this_version_cannot_read_is_still_compared(broken: dict[str, Any]) -> None:
    old = {**stated({}), **broken}
    found = differences(old, stated({"analysis.alpha": 0.1}))
    assert "experiment.analysis.alpha" in {difference.field for difference in found}
