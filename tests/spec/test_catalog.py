"""The folder of definitions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spec.documents import EXPERIMENT, METRICS, SOURCE, catalog, changed
from trialflow.errors import PromiseError
from trialflow.spec.catalog import Catalog
from trialflow.spec.parsing import parse_experiment


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("experiments", "metrics", "sources"):
        (tmp_path / folder).mkdir()
    for name, text in METRICS.items():
        (tmp_path / "metrics" / f"{name}.yaml").write_text(text)
    (tmp_path / "sources" / "shop_events.yaml").write_text(SOURCE)
    (tmp_path / "experiments" / "search-ranker-v2.yaml").write_text(EXPERIMENT)
    (tmp_path / "experiments" / "schema.json").write_text("{}")
    return tmp_path


def test_a_folder_is_loaded_by_name(root: Path) -> None:
    loaded = Catalog.load(root)
    assert set(loaded.metrics) == set(METRICS)
    assert set(loaded.sources) == {"shop_events"}
    assert [(path.name, text) for path, text in loaded.experiments()] == [("search-ranker-v2.yaml", EXPERIMENT)]


def test_problems_of_all_files_come_at_once(root: Path) -> None:
    (root / "metrics" / "a.yaml").write_text("name: a\nkind: means\n")
    (root / "metrics" / "b.yaml").write_text("name: [b\n")
    (root / "metrics" / "renamed.yaml").write_text(METRICS["basket_value"])
    (root / "metrics" / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    (root / "sources" / "c.yaml").write_text("grain: unit\n")
    with pytest.raises(PromiseError) as caught:
        Catalog.load(root)
    files = {problem.where.partition(":")[0] for problem in caught.value.problems}
    assert files == {"metrics/a.yaml", "metrics/b.yaml", "metrics/renamed.yaml", "metrics/latin.yaml", "sources/c.yaml"}
    renamed = next(found for found in caught.value.problems if found.where.startswith("metrics/renamed"))
    assert renamed.message == "is not the file's name"
    assert "basket_value.yaml" in renamed.cure


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(PromiseError, match="does not exist"):
        Catalog.load(tmp_path / "nowhere")


def test_a_promise_holds_its_own_metrics_and_sources_only() -> None:
    promise = catalog().promise(parse_experiment(EXPERIMENT, "x.yaml"))
    assert tuple(promise.metrics) == promise.experiment.metrics.names
    assert "week_retention" not in promise.metrics
    assert set(promise.sources) == {"shop_events"}
    assert promise.source.name == "shop_events"


def test_every_unknown_name_is_told_with_the_nearest_known_one() -> None:
    text = changed(
        EXPERIMENT,
        {
            "source": "shop_event",
            "metrics.primary.metric": "purchase_rte",
            "metrics.secondary": ["zzz"],
            "metrics.guardrails.1.metric": "complaint_rat",
        },
    )
    with pytest.raises(PromiseError) as caught:
        catalog().promise(parse_experiment(text, "x.yaml"))
    cures = {problem.field: problem.cure for problem in caught.value.problems}
    assert cures["source"] == "did you mean shop_events?"
    assert cures["metrics.primary.metric"] == "did you mean purchase_rate?"
    assert cures["metrics.guardrails.1.metric"] == "did you mean complaint_rate?"
    assert cures["metrics.secondary.0"].startswith("known: basket_value, clicks")


def test_a_metric_on_an_unknown_source_is_told_where_it_is_defined() -> None:
    bad = catalog(purchase_rate=METRICS["purchase_rate"].replace("shop_events", "shop_evnts"))
    with pytest.raises(PromiseError) as caught:
        bad.promise(parse_experiment(EXPERIMENT, "x.yaml"))
    (problem,) = caught.value.problems
    assert problem.where == "metrics/purchase_rate.yaml"
    assert problem.field == "source"
    assert problem.cure == "did you mean shop_events?"
