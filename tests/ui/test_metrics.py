"""The catalog as pages: every metric in a list, one metric in full."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import urlencode

import pytest

from tests.fakes import a_metric, a_source
from tests.overview.outcomes import LAST, a_record, begin, compared, one, planned, told
from tests.overview.test_catalog import an_aa_finding
from tests.ui.hostile import TAG, hostile
from trialflow.errors import Problem, PromiseError
from trialflow.overview.catalog import Entry, Shown, entries
from trialflow.overview.metric_levels import When
from trialflow.overview.metric_weeks import Week, Weeks, rows
from trialflow.overview.reader import reader
from trialflow_ui import metric_charts
from trialflow_ui import portfolio_charts as charts
from trialflow_ui.pages import metrics as pages
from trialflow_ui.render import environment

PROBLEM = Problem(where="metrics/clicks.yaml", field="kind", value="sum", message="is not a kind", cure="choose mean")


def listed(*found: Entry, problems=()) -> str:
    values = {"entries": found, "total": len(found), "problems": problems, "q": "", "show": Shown.ALL}
    template = environment().get_template("metrics.html.j2")
    return template.render(section="metrics", path="/metrics/", title="Metrics", choices=tuple(Shown), **values)


def page(entry: Entry, weeks: Weeks | None = None) -> str:
    values = {
        "levels": metric_charts.levels(entry),
        "health": charts.health(entry.healths),
        "planning": urlencode(entry.planned_with),
        "weeks": weeks,
        "weeks_chart": metric_charts.weeks(entry.metric, weeks) if weeks else None,
        "weeks_rows": tuple(rows(weeks)) if weeks else (),
        "through": "",
        "misread": False,
    }
    template = environment().get_template("metric.html.j2")
    return template.render(section="metrics", path="/", title=entry.metric.name, entry=entry, problems=(), **values)


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
    for words in (
        "No experiment uses it yet",
        "No registration has measured it, and no experiment",
        "method: cuped",
        "aa_validation",
    ):
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
    assert metric_charts.levels(entry) is None


def test_levels_of_two_days_are_drawn_by_when_they_were_seen(entry):
    earlier = replace(entry.levels[0], brief=replace(entry.levels[0].brief, as_of=LAST - timedelta(days=40)))
    spec = metric_charts.levels(replace(entry, levels=(earlier, *entry.levels)))
    assert spec is not None
    assert {row["when"] for row in spec["data"]["values"]} == {one.value for one in When}
    assert [row["by"] for row in spec["data"]["values"]] == ["ranker"] * 3


def test_a_metric_leads_to_a_plan_that_begins_with_it(entry):
    assert "/trialflow/plan/?metric=value&amp;effect=0.1&amp;scale=absolute" in page(entry)
    assert "/trialflow/plan/?" not in page(replace(entry, in_files=False))


def a_week(**changes) -> Week:
    first = date(2026, 1, 5)
    return Week(first=first, last=first + timedelta(days=6), **{"units": 50, **changes})


def test_weeks_are_drawn_and_stand_in_a_table(entry):
    told = {"mean": 22.6, "lower": 21.6, "upper": 23.6, "text": "22.6%", "interval": "21.6% to 23.6%"}
    found = Weeks(through=LAST, weeks=(a_week(**told), a_week(**told), a_week(units=0)))
    text = page(entry, found)
    for words in ("5 Jan 2026 to 11 Jan 2026", "21.6% to 23.6%", "no number", 'id="spec-weeks"'):
        assert words in text, words
    assert metric_charts.weeks(entry.metric, Weeks(through=LAST, weeks=(a_week(**told),))) is None


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Weeks(through=LAST, why_not="it is shut"), "Nothing could be read: it is shut"),
        (Weeks(through=LAST, weeks=(a_week(units=0),)), "Choose an earlier day above"),
        (Weeks(through=LAST, weeks=(a_week(),), instead_of=date(2026, 11, 21)), "the week up to 21 Nov 2026"),
        (Weeks(through=LAST, weeks=(a_week(),), cut=True), "The warehouse was slow"),
    ],
)
def test_weeks_that_cannot_be_shown_say_what_to_do(entry, found, words):
    assert words in page(entry, found)


def test_weeks_are_read_only_when_somebody_asks_and_write_nothing(visit, shown):
    def files():
        kept = (path for path in shown.home.parent.rglob("*") if path.is_file())
        return {path: path.stat().st_mtime_ns for path in kept if path.suffix not in (".db-shm", ".db-wal")}

    before, client = files(), visit("viewer")
    plain = client.get("/metrics/views_3d", headers={"Accept": "text/html"})
    assert "?history=weeks" in plain.text
    assert "spec-weeks" not in plain.text
    asked = {"history": "weeks", "through": "2026-01-04"}
    answer = client.get("/metrics/views_3d", params=asked, headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert 'aria-label="Weeks"' in answer.text
    assert files() == before


@pytest.mark.parametrize("through", ["tomorrow", "9999-12-31", "1066-10-14", hostile("through")[:20]])
def test_a_day_that_is_none_is_told_beside_its_field(visit, shown, through):
    answer = visit("viewer").get(
        "/metrics/views_3d", params={"history": "weeks", "through": through}, headers={"Accept": "text/html"}
    )
    assert answer.status_code == 200
    assert 'aria-describedby="misread"' in answer.text
    assert f"<{TAG}" not in answer.text


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
