"""The catalog as pages: every metric in a list, one metric in full."""

from __future__ import annotations

import pytest

from tests.fakes import a_metric, a_source
from tests.overview.outcomes import LAST, a_record, begin, compared, one, planned, told
from tests.overview.test_catalog import an_aa_finding
from trialflow.errors import Problem, PromiseError
from trialflow.overview.catalog import Entry, Shown, entries
from trialflow.overview.reader import reader
from trialflow_ui import portfolio_charts as charts
from trialflow_ui.pages import metrics as pages
from trialflow_ui.render import environment

PROBLEM = Problem(where="metrics/clicks.yaml", field="kind", value="sum", message="is not a kind", cure="choose mean")


def listed(*found: Entry, problems=()) -> str:
    values = {"entries": found, "total": len(found), "problems": problems, "q": "", "show": Shown.ALL}
    template = environment().get_template("metrics.html.j2")
    return template.render(section="metrics", path="/metrics/", title="Metrics", choices=tuple(Shown), **values)


def page(entry: Entry) -> str:
    drawn = {"baselines": charts.baselines(entry.baselines), "health": charts.health(entry.healths)}
    template = environment().get_template("metric.html.j2")
    return template.render(section="metrics", path="/", title=entry.metric.name, entry=entry, problems=(), **drawn)


@pytest.fixture
def entry(tmp_path) -> Entry:
    """A metric with a baseline, a gain and a validation."""
    with a_record(tmp_path) as registry:
        promise = planned(one("ranker", simulated=True))
        gain = told(promise, "effects", {"comparisons": [compared(variance_reduction=0.4)]})
        begin(registry, promise, [gain, an_aa_finding(promise), told(promise, "power", {})])
        with reader(registry) as view:
            (found,) = entries(view, {"value": promise.metrics["value"]}, {"shop": promise.source})
    return found


def test_the_list_shows_what_was_measured_and_links_to_the_findings(entry):
    text = listed(entry)
    assert f"/trialflow/experiments/ranker/findings/power/{LAST}" in text
    assert f"/trialflow/experiments/ranker/findings/aa/{LAST}" in text
    assert "40%" in text
    assert '<span class="label">simulated</span>' in text


def test_one_metric_shows_definition_uses_history_gain_and_health(entry):
    text = page(entry)
    for words in ("mean: the average of a value per unit", "Data team", "About ranker"):
        assert words in text
    for check in ("power", "effects", "aa"):
        assert f"/trialflow/experiments/ranker/findings/{check}/{LAST}" in text
    assert "52 of 1,000" in text
    assert "40.0%" in text


def test_a_metric_that_nobody_uses_says_what_would_fill_each_part():
    metric = a_metric("value")
    text = page(Entry(metric=metric, simulated=False, source_text=a_source().description, in_files=True))
    for words in ("No experiment uses it yet", "No registration has measured", "method: cuped", "aa_validation"):
        assert words in text


def test_a_definition_that_left_the_files_or_differs_is_marked(entry):
    gone = Entry(metric=entry.metric, simulated=False, source_text="", in_files=False, differing=("ranker",))
    assert "not in the files" in listed(gone)
    assert "differs from a promise" in listed(gone)
    assert "locked another definition" in page(gone)


def test_the_rate_is_drawn_against_alpha(entry):
    spec = charts.health(entry.healths)
    assert spec is not None
    (row,) = spec["data"]["values"]
    assert (row["rate"], row["lower"], row["upper"]) == (0.052, 0.035, 0.074)
    assert spec["layer"][0]["data"]["values"] == [{"at": 0.05}]


def test_one_day_of_history_is_no_chart(entry):
    assert charts.baselines(entry.baselines) is None


def test_files_that_cannot_be_read_are_told_with_what_to_mend(monkeypatch, entry):
    class Broken:
        def catalog(self):
            raise PromiseError([PROBLEM])

    monkeypatch.setattr(pages, "workspace", Broken)
    files, problems = pages.catalog()
    assert (dict(files.metrics), problems) == ({}, (PROBLEM,))
    text = listed(entry, problems=problems)
    assert "metrics/clicks.yaml" in text
    assert "is not a kind" in text


def test_an_empty_catalog_says_where_metrics_are_written():
    assert "include/metrics/" in listed()
