"""Every number of a summary against a row-by-row recomputation, on DuckDB and on PostgreSQL."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from trialflow.errors import WarehouseError
from trialflow.spec.promise import Promise
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.lake import Lake
from trialflow.warehouse.summarise import summarise
from trialflow.warehouse.summary import EVERYBODY, Segment, Summary

from .oracle import expected, in_segment, units_of
from .worlds import FIRST, SLUG, World, at, into_database, into_lake, metric, promise, random_world

SEGMENTS = [
    EVERYBODY,
    Segment(dimension="device", value="ios"),
    Segment(dimension="device", value="android"),
    Segment(dimension="country", value="de"),
]
ZONES = ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"]


def check(world: World, promised: Promise, summary: Summary) -> None:
    """Every day of the path, every metric, segment and variant."""
    for one in promised.metrics.values():
        for place, day in enumerate(summary.days):
            wanted = expected(world, promised, one, SEGMENTS, day)
            for segment in SEGMENTS:
                found = summary.of(one.name, segment)
                assert found is not None
                for arm, variant in enumerate(summary.variants):
                    truth = wanted[segment, variant]
                    where = f"{one.name} {segment} {variant} {day}"
                    assert found.moments.n[place, arm] == truth.n, where
                    np.testing.assert_allclose(
                        found.moments.mean[place, arm], truth.mean, rtol=1e-9, atol=1e-9, err_msg=where
                    )
                    np.testing.assert_allclose(
                        found.moments.m2[place, arm], truth.m2, rtol=1e-8, atol=1e-7, err_msg=where
                    )
    check_exposures(world, promised, summary)


def check_exposures(world: World, promised: Promise, summary: Summary) -> None:
    units = units_of(world, promised, summary.as_of)
    known = [unit for unit in units if unit.variant is not None]
    assert summary.exposures.mixed_units == sum(unit.mixed for unit in known)
    assert summary.exposures.unknown_units == len(units) - len(known)
    for place, day in enumerate(summary.days):
        for arm, variant in enumerate(summary.variants):
            wanted = [unit for unit in known if not unit.mixed and unit.variant == variant and unit.entered == day]
            assert summary.exposures.new_units[place, arm] == len(
                [unit for unit in wanted if in_segment(unit, EVERYBODY)]
            )


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


def rows_after(day: date) -> World:
    later = (day - FIRST).days + 1.0
    event = {"unit_id": "u1", "name": "buy", "occurred_at": at(later), "amount": 1e6}
    exposures = [
        {
            "experiment": SLUG,
            "unit_id": unit,
            "variant": variant,
            "exposed_at": at(later),
            "device": "ios",
            "country": "de",
        }
        for unit, variant in (("u1", "treatment"), ("u1", "control"), ("new", "control"))
    ]
    return World(exposures=exposures, events=[event])


def test_facts_after_as_of_change_not_one_byte(lake: Lake) -> None:
    world, promised, as_of = random_world(5), promise(cuped=3), FIRST + timedelta(days=4)
    before = summarise(promised, as_of, Connections(lake=into_lake(world, lake)))
    later = rows_after(as_of)
    more = World(exposures=world.exposures + later.exposures, events=world.events + later.events, visits=world.visits)
    after = summarise(promised, as_of, Connections(lake=into_lake(more, lake)))
    assert before.data_fingerprint == after.data_fingerprint


def test_the_same_rows_give_the_same_bytes_whatever_their_order(lake: Lake, tmp_path: Path) -> None:
    world, promised = random_world(6), promise(cuped=3)
    turned = World(exposures=world.exposures[::-1], events=world.events[::-1], visits=world.visits[::-1])
    one, other = (
        summarise(promised, FIRST + timedelta(days=9), Connections(lake=into_lake(rows, where)))
        for rows, where in ((world, lake), (turned, Lake(tmp_path / "turned")))
    )
    assert one.data_fingerprint == other.data_fingerprint


def test_one_more_fact_changes_the_fingerprint(lake: Lake) -> None:
    world, promised = random_world(6), promise()
    connections = Connections(lake=into_lake(world, lake))
    before = summarise(promised, FIRST + timedelta(days=9), connections)
    unit = next(
        unit for unit in units_of(world, promised, FIRST + timedelta(days=9)) if unit.variant and not unit.mixed
    )
    event = {"unit_id": unit.name, "name": "buy", "occurred_at": unit.at, "amount": 0.5}
    into_lake(World(exposures=world.exposures, events=[*world.events, event]), lake)
    assert summarise(promised, FIRST + timedelta(days=9), connections).data_fingerprint != before.data_fingerprint


def test_extension_enrols_the_days_after_the_last(lake: Lake) -> None:
    world, promised = random_world(7), promise(days=4, max_extension_days=3)
    connections = Connections(lake=into_lake(world, lake))
    plain = summarise(promised, FIRST + timedelta(days=6), connections)
    extended = summarise(promised, FIRST + timedelta(days=6), connections, extended=True)
    assert plain.exposures.new_units[4:].sum() == 0
    assert extended.exposures.new_units[4:].sum() > 0
    check(world, promise(days=7), extended)


def test_before_the_first_day_there_is_nothing(lake: Lake) -> None:
    promised = promise()
    summary = summarise(promised, FIRST - timedelta(days=1), Connections(lake=into_lake(random_world(1), lake)))
    assert summary.days == ()
    assert summary.exposures.new_units.shape == (0, 3)
    assert all(one.moments.n.shape == (0, 3) for one in summary.metrics)


def test_a_filter_may_hold_colons_percent_signs_and_quotes(lake: Lake, postgres: str) -> None:
    odd = metric("odd", "count", filter="name like 'b%' and name <> ':day' and '10:30' = '10:30'")
    world = random_world(3)
    plain = promise(metrics=[metric("odd", "count", filter="name = 'buy'")])
    wanted = summarise(plain, FIRST + timedelta(days=8), Connections(lake=into_lake(world, lake)))
    found = summarise(promise(metrics=[odd]), FIRST + timedelta(days=8), Connections(lake=lake))
    assert found.data_fingerprint == wanted.data_fingerprint
    engine = sa.create_engine(postgres)
    into_database(world, engine, "odd_")
    engine.dispose()
    ours = promise(metrics=[odd], connection="ours", prefix="odd_")
    there = summarise(ours, FIRST + timedelta(days=8), Connections(urls={"ours": postgres}))
    assert there.data_fingerprint == wanted.data_fingerprint


def test_a_missing_table_is_named(lake: Lake) -> None:
    into_lake(random_world(1), lake)
    with pytest.raises(WarehouseError, match="no_such_exposures"):
        summarise(promise(prefix="no_such_"), FIRST, Connections(lake=lake))


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(100, 10_000),
    cuped=st.sampled_from([None, 2, 5]),
    zone=st.sampled_from(ZONES),
    days=st.integers(2, 7),
)
def test_any_small_world_is_summarised_right(seed: int, cuped: int | None, zone: str, days: int) -> None:
    world, promised = random_world(seed, units=12), promise(time_zone=zone, cuped=cuped, days=days)
    with tempfile.TemporaryDirectory() as folder:
        connections = Connections(lake=into_lake(world, Lake(Path(folder))))
        check(world, promised, summarise(promised, FIRST + timedelta(days=days + 1), connections))


def past_of(*, seen: float | None, bought: float | None) -> World:
    """One unit exposed on the third day, seen and buying before as told."""
    exposure = {"experiment": SLUG, "unit_id": "u", "variant": "control", "exposed_at": at(2.5), "device": "web"}
    visits = [{"unit_id": "u", "occurred_at": at(seen)}] if seen is not None else []
    buys = [{"unit_id": "u", "name": "buy", "occurred_at": at(bought), "amount": 5.0}] if bought is not None else []
    return World(exposures=[exposure | {"country": "fr"}], visits=visits, events=buys)


@pytest.mark.parametrize(
    ("seen", "bought", "pre", "known"),
    [
        (None, None, 0.0, 0.0),  # a newcomer: the past is missing
        (0.5, None, 0.0, 1.0),  # came and bought nothing: the past is 0
        (0.5, 0.6, 5.0, 1.0),
        (2.1, None, 0.0, 0.0),  # came on the day of exposure itself
        (-1.5, None, 0.0, 0.0),  # came longer ago than the pre-period
        (None, 0.6, 5.0, 0.0),  # bought without a visit on record: the covariate is kept as it is
    ],
)
def test_a_missing_past_is_told_from_an_empty_one(
    seen: float | None, bought: float | None, pre: float, known: float, lake: Lake
) -> None:
    promised = promise(metrics=[metric("spent", "mean", value="amount")], cuped=3)
    summary = summarise(
        promised, FIRST + timedelta(days=3), Connections(lake=into_lake(past_of(seen=seen, bought=bought), lake))
    )
    found = summary.of("spent")
    assert found is not None
    assert found.variables == ("value", "pre", "known")
    assert found.moments.n[-1].tolist() == [1.0, 0.0, 0.0]
    assert found.moments.mean[-1, 0].tolist() == [0.0, pre, known]


def test_without_a_population_nobody_can_tell(lake: Lake) -> None:
    told = promise(metrics=[metric("spent", "mean", value="amount")], cuped=3)
    own = told.sources["small"].model_copy(update={"population": None})
    promised = replace(told, sources={"small": own})
    summary = summarise(promised, FIRST + timedelta(days=3), Connections(lake=into_lake(random_world(2), lake)))
    assert {one.variables for one in summary.metrics} == {("value", "pre")}
