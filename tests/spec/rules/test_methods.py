"""Rules about what sources can give to the promised methods."""

from __future__ import annotations

from tests.spec.documents import METRICS, MOMENTS_SOURCE, SOURCE
from tests.spec.rules.complaints import complaints

ON_MOMENTS = {
    "source": "published",
    "metrics": {"primary": {"metric": "clicks", "minimum_effect": {"relative": 0.02}}},
    "segments": [],
    "replay": True,
    "analysis": {"aa": {"waived": "published moments only"}},
}


def test_moments_support_a_plain_promise() -> None:
    assert complaints(ON_MOMENTS) == ()


def test_moments_support_neither_cuped_nor_novelty_nor_aa() -> None:
    analysis = {"variance_reduction": {"method": "cuped"}, "novelty": {"policy": "report"}}
    found = [problem.field for problem in complaints(ON_MOMENTS | {"analysis": analysis})]
    assert found == ["analysis.variance_reduction.method", "analysis.aa.waived", "analysis.novelty.policy"]


def test_segments_of_moments_need_their_columns() -> None:
    changes = ON_MOMENTS | {"segments": [{"dimension": "channel", "values": ["web"]}]}
    (problem,) = complaints(changes)
    assert problem.field == "segments.0.dimension"
    columns = "moments: {table: m, segment_dimension: segment_dimension, segment_value: segment_value}"
    source = MOMENTS_SOURCE.replace("moments: {table: published_moments}", columns)
    assert complaints(changes, published=source) == ()


def test_aa_needs_a_population_before_the_start_but_not_in_a_replay() -> None:
    source = "\n".join(line for line in SOURCE.splitlines() if not line.startswith("population"))
    (problem,) = complaints({}, shop_events=source)
    assert problem.field == "analysis.aa.waived"
    assert "population" in problem.cure
    assert complaints({"analysis.aa": {"waived": "same pipeline as last month"}}, shop_events=source) == ()
    assert complaints({"replay": True}, shop_events=source) == ()


def test_novelty_windows_do_not_overlap_and_fit_into_the_experiment() -> None:
    (overlap,) = complaints({"analysis.novelty.horizon_days": 6})
    (too_long,) = complaints({"analysis.novelty.horizon_days": 35})
    assert overlap.message.startswith("is shorter than early_days + late_days")
    assert too_long.message.startswith("is longer than the experiment")
    assert complaints({"analysis.novelty": {"policy": "none", "horizon_days": 2}}) == ()


def test_a_segment_is_a_dimension_of_the_source() -> None:
    (problem,) = complaints({"segments.0.dimension": "devise"})
    assert problem.cure == "did you mean device?"


def test_a_dimension_and_a_value_are_listed_once() -> None:
    segments = [{"dimension": "device", "values": ["phone", "phone"]}, {"dimension": "device", "values": ["tablet"]}]
    found = [problem.field for problem in complaints({"segments": segments})]
    assert found == ["segments.0.values", "segments.1.dimension"]


def test_facts_and_exposures_lie_in_one_database() -> None:
    (problem,) = complaints({"metrics.secondary": ["clicks"]})
    assert problem.where == "metrics/clicks.yaml"
    assert problem.field == "source"


def test_the_metric_of_another_connection_cannot_be_joined() -> None:
    other = SOURCE.replace("name: shop_events", "name: published").replace(
        "grain: units", "grain: units\nconnection: x"
    )
    facts = METRICS["clicks"].replace("{fact: clicks}", "{fact: purchases, value: amount}")
    (problem,) = complaints({"metrics.secondary": ["clicks"]}, published=other, clicks=facts)
    assert "lies in connection x" in problem.message
