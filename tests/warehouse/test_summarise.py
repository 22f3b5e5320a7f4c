"""Every number of a summary against a row-by-row recomputation, on DuckDB and on PostgreSQL."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from trialflow.spec.promise import Promise
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.lake import Lake
from trialflow.warehouse.summarise import summarise
from trialflow.warehouse.summary import EVERYBODY, Segment, Summary

from .oracle import expected, in_segment, units_of
from .worlds import FIRST, World, into_database, into_lake, promise, random_world

SEGMENTS = [
    EVERYBODY,
    Segment(dimension="device", value="ios"),
    Segment(dimension="device", value="android"),
    Segment(dimension="country", value="de"),
]
ZONES = ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"]


def check(world: World, promised: Promise, summary: Summary) -> None:
    """Every day of the path, every metric, segment and variant."""
    for metric in promised.metrics.values():
        for place, day in enumerate(summary.days):
            wanted = expected(world, promised, metric, SEGMENTS, day)
            for segment in SEGMENTS:
                found = summary.of(metric.name, segment)
                assert found is not None
                for arm, variant in enumerate(summary.variants):
                    truth = wanted[segment, variant]
                    where = f"{metric.name} {segment} {variant} {day}"
                    assert found.moments.n[place, arm] == truth.n, where
                    np.testing.assert_allclose(found.moments.mean[place, arm], truth.mean, rtol=1e-9, atol=1e-9, err_msg=where)
                    np.testing.assert_allclose(found.moments.m2[place, arm], truth.m2, rtol=1e-8, atol=1e-7, err_msg=where)
    check_exposures(world, promised, summary)


def check_exposures(world: World, promised: Promise, summary: Summary) -> None:
    units = units_of(world, promised, summary.as_of)
    known = [unit for unit in units if unit.variant is not None]
    assert summary.exposures.mixed_units == sum(unit.mixed for unit in known)
    assert summary.exposures.unknown_units == len(units) - len(known)
    for place, day in enumerate(summary.days):
        for arm, variant in enumerate(summary.variants):
            wanted = [unit for unit in known if not unit.mixed and unit.variant == variant and unit.entered == day]
            assert summary.exposures.new_units[place, arm] == len([unit for unit in wanted if in_segment(unit, EVERYBODY)])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("cuped", [None, 3])
def test_every_day_of_the_path_equals_a_recomputation_as_of_that_day(seed: int, cuped: int | None, lake: Lake) -> None:
    world = random_world(seed)
    promised = promise(time_zone=ZONES[seed % len(ZONES)], cuped=cuped)
    connections = Connections(lake=into_lake(world, lake))
    check(world, promised, summarise(promised, FIRST + timedelta(days=9), connections))


@pytest.mark.parametrize("as_of", [FIRST, FIRST + timedelta(days=3), FIRST + timedelta(days=6)])
def test_a_day_summarised_on_that_day_is_the_same_row_as_later(as_of: date, lake: Lake) -> None:
    world = random_world(99)
    promised = promise(cuped=4)
    connections = Connections(lake=into_lake(world, lake))
    then = summarise(promised, as_of, connections)
    check(world, promised, then)
    later = summarise(promised, FIRST + timedelta(days=9), connections)
    for one in then.metrics:
        other = later.of(one.metric, one.segment)
        assert other is not None
        np.testing.assert_allclose(one.moments.mean, other.moments.mean[: len(then.days)], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("aware", [True, False])
@pytest.mark.parametrize("seed", [0, 1])
def test_postgresql_gives_the_same_numbers(seed: int, aware: bool, postgres: str) -> None:
    world = random_world(seed)
    prefix = f"world{seed}{aware}_".lower()
    promised = promise(time_zone=ZONES[1 + seed], cuped=3, connection="ours", prefix=prefix)
    engine = sa.create_engine(postgres)
    into_database(world, engine, prefix, aware=aware)
    engine.dispose()
    check(world, promised, summarise(promised, FIRST + timedelta(days=8), Connections(urls={"ours": postgres})))
