"""The split by every dimension of the source, against a count in memory."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from trialflow.spec.promise import Promise
from trialflow.warehouse import exposure_groups as module
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.exposure_groups import OTHERS, exposure_groups
from trialflow.warehouse.lake import Lake
from trialflow.warehouse.summarise import summarise
from trialflow.warehouse.summary import Summary

from .oracle import units_of
from .worlds import FIRST, METRICS, SLUG, World, at, into_database, into_lake, promise, random_world

AS_OF = FIRST + timedelta(days=8)


def one_place(world: World) -> World:
    """Exposures at one instant carry one and the same device and country: which of several counts is not the question."""
    seen: dict[tuple[object, object], dict[str, object]] = {}
    rows = []
    for row in world.exposures:
        first = seen.setdefault((row["unit_id"], row["exposed_at"]), row)
        rows.append({**row, "device": first["device"], "country": first["country"]})
    return World(exposures=rows, events=world.events, visits=world.visits)


def check(world: World, promised: Promise, summary: Summary, connections: Connections) -> None:
    groups = exposure_groups(promised, summary, connections)
    assert {group.segment.dimension for group in groups} == {"country", "device"}
    units = [unit for unit in units_of(world, promised, AS_OF) if unit.variant is not None and not unit.mixed]
    for dimension in ("country", "device"):
        own = {group.segment.value: group.new_units for group in groups if group.segment.dimension == dimension}
        assert (sum(own.values()) == summary.exposures.new_units).all()
        for value, found in own.items():
            wanted = np.zeros_like(found)
            for unit in units:
                if (getattr(unit, dimension) or "") == value:
                    wanted[(unit.entered - FIRST).days, summary.variants.index(str(unit.variant))] += 1
            assert found.tolist() == wanted.tolist(), (dimension, value)


@pytest.mark.parametrize("seed", range(3))
def test_every_dimension_of_the_source_is_counted_promised_or_not(seed: int, lake: Lake) -> None:
    world = one_place(random_world(seed, units=60))
    promised = promise(metrics=METRICS[:1], time_zone="Europe/Berlin", segmented=False)
    connections = Connections(lake=into_lake(world, lake))
    check(world, promised, summarise(promised, AS_OF, connections), connections)


def test_postgresql_counts_alike(postgres: str) -> None:
    world = one_place(random_world(7, units=60))
    promised = promise(metrics=METRICS[:1], connection="ours", prefix="groups_", segmented=False)
    engine = sa.create_engine(postgres)
    into_database(world, engine, "groups_")
    engine.dispose()
    connections = Connections(urls={"ours": postgres})
    check(world, promised, summarise(promised, AS_OF, connections), connections)


def test_rare_values_are_one_group(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_VALUES", 2)
    devices = ["a", "a", "b", "b", "c", "d"]
    exposures = [
        {
            "experiment": SLUG,
            "unit_id": f"u{number}",
            "variant": "control",
            "exposed_at": at(0.5),
            "device": device,
            "country": "de",
        }
        for number, device in enumerate(devices)
    ]
    promised = promise(metrics=METRICS[:1])
    connections = Connections(lake=into_lake(World(exposures=exposures), lake))
    summary = summarise(promised, FIRST, connections)
    found = {
        group.segment.value: int(group.new_units.sum())
        for group in exposure_groups(promised, summary, connections)
        if group.segment.dimension == "device"
    }
    assert found == {"a": 2, "b": 2, OTHERS: 2}
