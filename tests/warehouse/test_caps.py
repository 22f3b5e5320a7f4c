"""Caps promised as a quantile: found among everybody before the start, and then a fixed value."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from trialflow.errors import WarehouseError
from trialflow.spec.metric import Cap, Metric
from trialflow.spec.promise import Plan, Promise
from trialflow.stats import ValueCounts, pooled_threshold
from trialflow.warehouse.caps import capped_by_quantile, pooled_caps
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.lake import Lake
from trialflow.warehouse.sql_text import sql_of
from trialflow.warehouse.summarise import summarise

from .test_pre_period import DAYS, LAST, cut, past_rows
from .test_summarise import check
from .worlds import FIRST, World, into_database, into_lake, metric, promise, random_world

BOUGHT = metric("bought", "proportion", filter="name = 'buy'")
SPENT = {"filter": "name = 'buy'", "value": "amount"}
CAPPED = (
    BOUGHT,
    metric("revenue", "mean", cap={"quantile": 0.8}, **SPENT),
    metric("revenue_soon", "mean", cap={"quantile": 0.9}, window={"to_day": 2}, **SPENT),
    metric("deeds", "count", fact="deeds", cap={"quantile": 0.5}),
    metric("per_view", "ratio", denominator={"fact": "events"}, cap={"quantile": 0.75}, **SPENT),
    metric("fixed", "mean", cap={"value": 4.0}, **SPENT),
)


def bare(one: Metric) -> Metric:
    return one.model_copy(update={"cap": None})


def resolved(promised: Promise, connections: Connections) -> Promise:
    found = pooled_caps(promised, capped_by_quantile(promised), connections, before=LAST + timedelta(days=1), days=DAYS)
    return replace(promised, plan=Plan(caps=found))


def check_caps(world: World, promised: Promise, connections: Connections) -> Promise:
    locked = resolved(promised, connections)
    assert [cap.metric for cap in locked.plan.caps] == ["revenue", "revenue_soon", "deeds", "per_view"]
    for cap in locked.plan.caps:
        one = promised.metrics[cap.metric]
        rows = past_rows(world, promised, cut(bare(one)))
        values = ValueCounts.from_rows([row[0] for row in rows.values()])
        assert cap.units == len(rows)
        truth = pooled_threshold(values.take(None), cap.quantile)
        assert cap.value == pytest.approx(float(truth), rel=1e-11), cap.metric
        assert locked.cap_of(one) == cap.value
    return locked


@pytest.mark.parametrize("seed", range(6))
def test_a_cap_is_the_pooled_quantile_of_everybody_in_the_history(seed: int, lake: Lake) -> None:
    world, promised = random_world(seed, units=50), promise(metrics=CAPPED, time_zone="Europe/Berlin", cuped=None)
    check_caps(world, promised, Connections(lake=into_lake(world, lake)))


def test_postgresql_finds_the_same_caps(postgres: str) -> None:
    world, promised = random_world(31, units=50), promise(metrics=CAPPED, connection="ours", prefix="caps_")
    engine = sa.create_engine(postgres)
    into_database(world, engine, "caps_")
    engine.dispose()
    check_caps(world, promised, Connections(urls={"ours": postgres}))


@pytest.mark.parametrize("cuped", [None, 3])
def test_once_resolved_it_is_a_fixed_cap_on_every_day(cuped: int | None, lake: Lake) -> None:
    world, promised = random_world(5, units=50), promise(metrics=CAPPED, cuped=cuped)
    connections = Connections(lake=into_lake(world, lake))
    locked = resolved(promised, connections)
    as_if_stated = {
        name: one.model_copy(update={"cap": Cap(value=locked.cap_of(one))}) if one.cap else one
        for name, one in promised.metrics.items()
    }
    check(world, replace(locked, metrics=as_if_stated), summarise(locked, FIRST + timedelta(days=9), connections))


def test_without_a_resolved_cap_nothing_is_summarised(lake: Lake) -> None:
    promised = promise(metrics=CAPPED)
    connections = Connections(lake=into_lake(random_world(5), lake))
    with pytest.raises(WarehouseError, match=r"metric revenue: its cap is the quantile 0\.8"):
        summarise(promised, FIRST, connections)


def test_nobody_in_the_history_leaves_no_cap(lake: Lake) -> None:
    world = World(exposures=random_world(1).exposures)
    assert resolved(promise(metrics=CAPPED), Connections(lake=into_lake(world, lake))).plan.caps == ()


def test_the_query_that_will_find_it_can_be_read_before_it_runs() -> None:
    text = sql_of(promise(metrics=CAPPED[:2]), FIRST + timedelta(days=6))
    assert "row_number() OVER (PARTITION BY" in text
    assert "1000000.0" in text
    known = replace(promise(metrics=CAPPED[:2]), plan=Plan())
    assert text == sql_of(known, FIRST + timedelta(days=6))


def test_rounding_in_the_rank_moves_no_cap() -> None:
    # 0.07 × 100 is a little above 7 in binary: the 7th value is the one with 7 % at or below it.
    values = ValueCounts.from_rows(np.arange(1.0, 101.0))
    assert float(pooled_threshold(values.take(None), 0.07)) == 7.0
