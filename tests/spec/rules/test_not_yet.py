"""What can be stated but is read by nothing yet."""

from __future__ import annotations

from tests.spec.documents import MOMENTS_SOURCE, SOURCE
from tests.spec.rules.complaints import complaints

ON_MOMENTS = {
    "source": "published",
    "metrics.diagnostics": ["clicks"],
    "segments": [],
    "analysis.variance_reduction": ...,
    "analysis.aa": {"waived": "published moments"},
    "analysis.novelty": {"policy": "none"},
}


def test_no_source_is_read_again_by_itself_yet() -> None:
    (problem,) = complaints({}, shop_events=SOURCE + "restate_days: 2\n")
    assert (problem.where, problem.field) == ("sources/shop_events.yaml", "restate_days")
    assert "not supported yet" in problem.message
    assert complaints({}, shop_events=SOURCE + "restate_days: 0\n") == ()


def test_nor_is_one_of_published_moments() -> None:
    found = complaints(ON_MOMENTS, published=MOMENTS_SOURCE + "restate_days: 1\n")
    assert ("sources/published.yaml", "restate_days") in {(problem.where, problem.field) for problem in found}
