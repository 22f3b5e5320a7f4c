"""The portfolio as a page: its charts and their numbers, and what it says when there is nothing to count."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.overview.outcomes import LAST, TODAY, a_record, begin, decide, effects, one, shrunken, told
from tests.overview.test_portfolio import HOLDOUT
from trialflow.decision import Verdict
from trialflow.overview.portfolio import Portfolio, portfolio
from trialflow.overview.reader import reader
from trialflow_ui.pages.portfolio import specs
from trialflow_ui.render import environment


def shown(registry, *, real_only: bool = False) -> Portfolio:
    with reader(registry) as view:
        return portfolio(view, today=TODAY, real_only=real_only)


def page(found: Portfolio, *, real_only: bool = False) -> str:
    template = environment().get_template("portfolio.html.j2")
    values = {"portfolio": found, "specs": specs(found), "real_only": real_only, "today": TODAY}
    return template.render(section="portfolio", path="/portfolio/", title="Portfolio", **values)


@pytest.fixture
def found(tmp_path) -> Portfolio:
    """One launch on simulated data, one verdict that was overridden, one holdout."""
    with a_record(tmp_path) as registry:
        launch = one("launch", simulated=True)
        begin(registry, launch)
        decide(registry, launch, Verdict.SHIP, signed=Verdict.SHIP, findings=[effects(launch), shrunken(launch)])
        other = one("other", layer="other")
        begin(registry, other)
        decide(registry, other, Verdict.SHIP, signed=Verdict.HOLD, signed_on=LAST + timedelta(days=4))
        begin(registry, one("quarter", variants=HOLDOUT, layer="held"))
        return shown(registry)


def values(spec) -> list[dict]:
    return spec["data"]["values"]


def test_charts_draw_the_numbers_of_the_tables(found):
    drawn = specs(found)
    assert values(drawn["months"]) == [
        {"month": "Mar 2026", "what": "started", "experiments": 3},
        {"month": "Mar 2026", "what": "decided", "experiments": 1},
        {"month": "Apr 2026", "what": "started", "experiments": 0},
        {"month": "Apr 2026", "what": "decided", "experiments": 1},
    ]
    assert {(one["verdict"], one["what"]): one["experiments"] for one in values(drawn["verdicts"])} == {
        ("SHIP", "recommended"): 2,
        ("SHIP", "signed"): 1,
        ("HOLD", "recommended"): 0,
        ("HOLD", "signed"): 1,
    }
    assert [(one["what"], one["effect"]) for one in values(drawn["returns"])] == [("as seen", 0.05), ("shrunken", 0.03)]
    assert sorted(one["days"] for one in values(drawn["days"])) == [28, 32]


def test_each_chart_stands_with_its_specification_and_its_numbers(found):
    text = page(found)
    for name in specs(found):
        assert f'data-spec="spec-{name}"' in text
        start = text.index(f'id="spec-{name}">') + len(f'id="spec-{name}">')
        assert json.loads(text[start : text.index("</script>", start)])["$schema"].endswith("v6.json")
    assert text.count("<summary>Numbers</summary>") == len(specs(found))


def test_every_shipped_effect_links_to_its_findings(found):
    text = page(found)
    assert f"/trialflow/experiments/launch/findings/effects/{LAST}" in text
    assert f"/trialflow/experiments/launch/findings/shrinkage/{LAST}" in text


def test_every_number_leads_to_the_experiments_behind_it(found):
    text = page(found)
    cards = text[text.index('<dl class="cards">') : text.index("</dl>")]
    assert cards.count('href="#outcomes"') == 4
    assert 'id="outcomes"' in text
    assert f"/trialflow/experiments/launch/memos/decision/{LAST}" in text


def test_simulated_numbers_are_labelled_and_a_link_leaves_them_out(found):
    text = page(found)
    assert "1 of the 3 experiments shown is simulated" in text
    assert "/trialflow/portfolio/?data=real" in text


def test_what_is_left_out_is_said(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("real"))
        begin(registry, one("imagined", simulated=True, layer="other"))
        text = page(shown(registry, real_only=True), real_only=True)
    assert "1 simulated experiment is left out of every number below" in text
    assert "imagined" not in text


def test_overrides_are_named(found):
    assert "SHIP recommended, HOLD signed" in page(found)


def test_a_holdout_without_comparison_is_named(found):
    assert "Not compared yet" in page(found)


def test_a_holdout_is_drawn_beside_the_sums(tmp_path):
    with a_record(tmp_path) as registry:
        promise = one("quarter", variants=HOLDOUT)
        row = effects(promise).evidence["comparisons"][0]
        sums = {"shipped_sum": 0.1, "shipped_naive_sum": 0.15, "gap": 0.0, "gap_lower": -0.1, "gap_upper": 0.1}
        evidence = {"comparisons": [row], "shipped": [], "minimum_detectable_effect": 0.08, "first_day": None} | sums
        begin(registry, promise, [told(promise, "holdout", evidence)])
        found = shown(registry)
    assert [one["value"] for one in values(specs(found)["holdout-quarter"])] == [0.15, 0.1, 0.1]
    assert "No launch on this metric was signed in these days." in page(found)


def test_empty_states_say_what_to_do(tmp_path):
    with a_record(tmp_path) as registry:
        assert "Plan a first one" in page(shown(registry))
        begin(registry, one("imagined", simulated=True))
        assert "No experiment on real data yet" in page(shown(registry, real_only=True), real_only=True)
        text = page(shown(registry))
    assert "no verdict is signed" in text
    assert "Nothing is shipped yet" in text
    assert "There is no holdout" in text
