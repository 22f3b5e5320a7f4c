"""Quantiles of per-unit values against all units ranked in memory, on DuckDB and on PostgreSQL."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from trialflow.spec.metric import Metric
from trialflow.spec.promise import Promise
from trialflow.stats import ValueCounts, quantile_of_units
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.document import summary_document
from trialflow.warehouse.lake import Lake
from trialflow.warehouse.sql_text import sql_of
from trialflow.warehouse.summarise import summarise
from trialflow.warehouse.summary import Summary

from .oracle import unit_values, units_of
from .worlds import FIRST, METRICS, World, into_database, into_lake, metric, promise, random_world

SLOW = {"value": "amount", "fact": "deeds"}
RANKED = (
    METRICS[0],
    metric("middle", "quantile", quantile=0.5, **SLOW),
    metric("high", "quantile", quantile=0.9, filter="name = 'buy'", value="amount"),
    metric("high_soon", "quantile", quantile=0.75, window={"to_day": 2}, **SLOW),
)


def ranked_in_memory(world: World, promised: Promise, one: Metric, variant: str, as_of: date) -> list[float]:
    wait = timedelta(days=one.window.to_day if one.window else 0)
    units = [unit for unit in units_of(world, promised, as_of) if unit.variant == variant and not unit.mixed]
    return [unit_values(world, promised, one, unit, as_of)[0] for unit in units if unit.entered + wait <= as_of]


def check(world: World, promised: Promise, summary: Summary) -> None:
    for one in RANKED[1:]:
        found = summary.quantile_of(one.name)
        assert found is not None
        for place, variant in enumerate(summary.variants):
            rows = ranked_in_memory(world, promised, one, variant, summary.as_of)
            # A sum added in another order is the same value: 0.1 + 0.2 is no second one beside 0.3.
            rows = [float(f"{value:.12g}") for value in rows]
            wanted = quantile_of_units(ValueCounts.from_rows(rows), probability=one.quantile or 0.0)
            for name in ("n", "point", "lower", "upper", "lower_rank", "upper_rank", "distinct"):
                there, here = getattr(found, name)[place], getattr(wanted, name)
                np.testing.assert_allclose(there, here, rtol=1e-9, err_msg=f"{one.name} {variant} {name}")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cuped", [None, 3])
def test_quantiles_are_those_of_all_units_with_zeros_for_the_silent_ones(
    seed: int, cuped: int | None, lake: Lake
) -> None:
    world = random_world(seed, units=60)
    promised = promise(metrics=RANKED, time_zone="Europe/Berlin", cuped=cuped)
    connections = Connections(lake=into_lake(world, lake))
    for days in (3, 9):
        check(world, promised, summarise(promised, FIRST + timedelta(days=days), connections))


def test_postgresql_ranks_alike(postgres: str) -> None:
    world, promised = random_world(7, units=60), promise(metrics=RANKED, connection="ours", prefix="ranks_")
    engine = sa.create_engine(postgres)
    into_database(world, engine, "ranks_")
    engine.dispose()
    check(world, promised, summarise(promised, FIRST + timedelta(days=8), Connections(urls={"ours": postgres})))


def test_before_anybody_has_matured_there_is_no_quantile(lake: Lake) -> None:
    late = metric("late", "quantile", quantile=0.5, window={"to_day": 6}, **SLOW)
    promised = promise(metrics=[METRICS[0], late])
    summary = summarise(promised, FIRST, Connections(lake=into_lake(random_world(3), lake)))
    found = summary.quantile_of("late")
    assert found is not None
    assert found.n.tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(found.point).all()
    assert summary_document(summary)["quantiles"][0]["point"] == [None, None, None]


def test_the_second_pass_can_be_read_before_it_runs() -> None:
    text = sql_of(promise(metrics=RANKED[:2]), FIRST + timedelta(days=6))
    assert "row_number() OVER" in text
    assert text.count("IN (469, 500, 501, 532)") == 3  # of 1,000 units: 500 ∓ 1.96 × 15.8, outwards


def test_a_summary_without_quantile_metrics_asks_no_second_question(lake: Lake) -> None:
    promised = promise()
    summary = summarise(promised, FIRST + timedelta(days=3), Connections(lake=into_lake(random_world(3), lake)))
    assert summary.quantiles == ()
    assert "quantiles" not in summary_document(summary)
    assert "row_number" not in sql_of(promised, FIRST + timedelta(days=3))


def test_a_median_between_few_different_values_is_none(lake: Lake) -> None:
    """How often, in whole numbers: the interval of the median's ranks encloses fewer than six of them."""
    often = metric("often", "quantile", quantile=0.5)
    promised = promise(metrics=[METRICS[0], often])
    connections = Connections(lake=into_lake(random_world(2, units=90), lake))
    summary = summarise(promised, FIRST + timedelta(days=9), connections)
    counts = summary.quantile_of("often")
    assert counts is not None
    assert counts.distinct is not None
    assert (counts.distinct < 6).all()
    assert counts.tied.all()
    told = next(one for one in summary_document(summary)["quantiles"] if one["metric"] == "often")
    assert told["distinct"] == counts.distinct.tolist()
