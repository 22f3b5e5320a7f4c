"""Rules about metrics and sources themselves."""

from __future__ import annotations

import pytest

from tests.spec.documents import METRICS, MOMENTS_SOURCE, SOURCE
from tests.spec.rules.complaints import complaints
from tests.spec.rules.test_methods import ON_MOMENTS


def on_primary(old: str, new: str) -> tuple[str, str]:
    """The one complaint (field, message) when a text of the primary metric is replaced."""
    text = METRICS["purchase_rate"].replace(old, new)
    assert text != METRICS["purchase_rate"]
    (problem,) = complaints({}, purchase_rate=text)
    assert problem.where == "metrics/purchase_rate.yaml"
    return problem.field, problem.message


def test_a_mean_names_its_column() -> None:
    assert on_primary("proportion", "mean") == ("measure.value", "is needed: the mean of which column?")


def test_a_ratio_has_a_denominator_and_nothing_else_has() -> None:
    assert on_primary("proportion", "ratio") == ("denominator", "is needed: a ratio of what to what?")
    field, _ = on_primary("direction:", "denominator: {fact: searches}\ndirection:")
    assert field == "denominator"


def test_retention_does_not_count_the_day_of_exposure() -> None:
    assert on_primary("proportion", "retention")[0] == "window.from_day"


def test_retention_needs_a_window() -> None:
    text = METRICS["week_retention"].replace("window: {from_day: 1, to_day: 6}\n", "")
    (problem,) = complaints({"metrics.secondary": ["week_retention"]}, week_retention=text)
    assert problem.field == "window"


QUANTILE = METRICS["purchase_rate"].replace("purchase_rate", "tail").replace("proportion", "quantile\nquantile: 0.95")


def on_tail(text: str, role: str = "metrics.secondary") -> list[tuple[str, str]]:
    """Complaints (field, message) about a quantile metric beside the primary one."""
    return [(problem.field, problem.message) for problem in complaints({role: ["tail"]}, tail=text)]


def test_a_quantile_of_a_column_is_a_secondary_or_diagnostic_metric() -> None:
    text = QUANTILE.replace("measure: {", "measure: {value: amount, ")
    assert on_tail(text) == []
    assert on_tail(text, "metrics.diagnostics") == []


@pytest.mark.parametrize("which", ["", "quantile: 0.0", "quantile: 1.0"])
def test_a_quantile_says_which_one_strictly_between_0_and_1(which: str) -> None:
    text = QUANTILE.replace("quantile: 0.95", which).replace("measure: {", "measure: {value: amount, ")
    assert on_tail(text) == [("quantile", "is needed: which quantile, between 0 and 1?")]


def test_a_quantile_names_its_column() -> None:
    assert on_tail(QUANTILE) == [("measure.value", "is needed: the quantile of which column?")]


def test_events_are_ranked_by_quantiles_alone() -> None:
    text = QUANTILE.replace("measure: {", "measure: {value: amount, ") + "ranked: events\n"
    assert on_tail(text) == []
    assert on_primary("direction:", "ranked: events\ndirection:") == ("ranked", "means nothing for kind proportion")


def test_a_cap_means_nothing_for_a_quantile() -> None:
    text = QUANTILE.replace("measure: {", "measure: {value: amount, ") + "cap: {value: 9}\n"
    assert on_tail(text) == [("cap", "means nothing for kind quantile: it does not move a quantile below it")]


def test_a_quantile_means_nothing_elsewhere() -> None:
    assert on_primary("direction:", "quantile: 0.5\ndirection:")[0] == "quantile"


def test_a_cap_means_nothing_where_values_are_zero_or_one() -> None:
    assert on_primary("direction:", "cap: {value: 3}\ndirection:")[0] == "cap"


@pytest.mark.parametrize(
    ("cap", "message"),
    [("{}", "has neither value nor quantile"), ("{value: 9, quantile: 0.99}", "has both value and quantile")],
)
def test_a_cap_is_a_value_or_a_quantile(cap: str, message: str) -> None:
    text = METRICS["revenue_per_user"].replace("cap: {value: 500}", f"cap: {cap}")
    (problem,) = complaints({"metrics.secondary": ["revenue_per_user"]}, revenue_per_user=text)
    assert (problem.where, problem.field, problem.message) == ("metrics/revenue_per_user.yaml", "cap", message)


def test_a_cap_may_be_a_quantile_of_the_history() -> None:
    text = METRICS["revenue_per_user"].replace("cap: {value: 500}", "cap: {quantile: 0.99}")
    assert complaints({"metrics.secondary": ["revenue_per_user"]}, revenue_per_user=text) == ()


def test_a_window_does_not_end_before_it_begins() -> None:
    assert on_primary("{to_day: 6}", "{from_day: 6, to_day: 5}")[0] == "window.to_day"


def test_a_fact_is_one_of_the_source() -> None:
    assert on_primary("purchases", "purchase") == ("measure.fact", "is not a fact of source shop_events")


@pytest.mark.parametrize("text", ["1=1; drop table x", "a = 1 -- b", "a /* b */ = 1"])
def test_a_filter_is_one_condition(text: str) -> None:
    assert on_primary("{fact: purchases}", f'{{fact: purchases, filter: "{text}"}}')[0] == "measure.filter"
    source = SOURCE.replace("filter: name = 'purchase'", f'filter: "{text}"')
    (problem,) = complaints({}, shop_events=source)
    assert (problem.where, problem.field) == ("sources/shop_events.yaml", "facts.purchases.filter")


@pytest.mark.parametrize(
    ("complete", "fields"),
    [
        ("{by: max_timestamp}", ["complete.table", "complete.timestamp"]),
        ("{by: max_timestamp, table: events, timestamp: loaded_at}", []),
        ("{by: sql}", ["complete.expression"]),
        ("{by: sql, expression: select true}", []),
        ("{by: asset}", []),
    ],
)
def test_completeness_says_what_it_looks_at(complete: str, fields: list[str]) -> None:
    found = complaints({}, shop_events=SOURCE.replace("{by: marker}", complete))
    assert [problem.field for problem in found] == fields


def test_finished_moments_cannot_be_capped_filtered_or_divided() -> None:
    clicks = METRICS["clicks"].replace("kind: mean", "kind: ratio\ncap: {value: 3}")
    clicks = clicks.replace("{fact: clicks}", "{fact: clicks, value: amount, filter: a = 1}")
    found = [problem.field for problem in complaints(ON_MOMENTS, clicks=clicks)]
    assert found == ["kind", "measure.value", "measure.filter", "cap"]


def test_a_segment_of_moments_has_two_columns() -> None:
    source = MOMENTS_SOURCE.replace("{table: published_moments}", "{table: m, segment_dimension: d}")
    (problem,) = complaints(ON_MOMENTS, published=source)
    assert (problem.where, problem.field) == ("sources/published.yaml", "moments")
