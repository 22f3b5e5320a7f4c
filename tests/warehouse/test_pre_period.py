"""Buckets and history against a row-by-row recomputation of the past."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from trialflow.errors import NotSupportedError
from trialflow.spec.metric import Metric, MetricKind
from trialflow.spec.promise import Promise
from trialflow.spec.source import UnitSource
from trialflow.stats.moments import JointMoments
from trialflow.warehouse.buckets import buckets
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.history import history
from trialflow.warehouse.lake import Lake

from .oracle import Unit, day_of, facts_of, total, unit_values, units_of
from .worlds import FIRST, METRICS, SLUG, World, at, into_database, into_lake, promise, random_world

LAST, DAYS, PRE = FIRST + timedelta(days=4), 5, 2


def visitors(world: World, promised: Promise) -> list[Unit]:
    """Everybody seen in the five days up to LAST, as if exposed at the first visit."""
    first: dict[str, list] = {}
    for row in world.visits:
        if LAST - timedelta(days=DAYS - 1) <= day_of(row["occurred_at"], promised) <= LAST:
            first.setdefault(row["unit_id"], []).append(row["occurred_at"])
    return [
        Unit(
            name=name,
            variant="",
            at=min(seen),
            entered=day_of(min(seen), promised),
            device=None,
            country=None,
            mixed=False,
        )
        for name, seen in first.items()
    ]


def cut(metric: Metric) -> Metric:
    """A window longer than the period ends with it."""
    if metric.window is None or metric.window.to_day < DAYS:
        return metric
    return metric.model_copy(update={"window": metric.window.model_copy(update={"to_day": DAYS - 1})})


def bucket_of(unit: str) -> int:
    return int(hashlib.md5(f"{SLUG}-aa-{unit}".encode(), usedforsecurity=False).hexdigest()[:3], 16)


def past_rows(world: World, promised: Promise, metric: Metric) -> dict[str, list[float]]:
    wait = timedelta(days=metric.window.to_day if metric.window else 0)
    units = [unit for unit in visitors(world, promised) if unit.entered + wait <= LAST]
    return {unit.name: unit_values(world, promised, metric, unit, LAST) for unit in units}


def equal(found: JointMoments, rows: list[list[float]], width: int) -> None:
    truth = JointMoments.from_rows(np.asarray(rows, dtype=np.float64).reshape(-1, width))
    assert found.n == truth.n
    np.testing.assert_allclose(found.mean, truth.mean, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.m2, truth.m2, rtol=1e-8, atol=1e-7)


def check_buckets(
    promised: Promise, connections: Connections, rows_of: Callable[[Metric], dict[str, list[float]]]
) -> None:
    found = buckets(promised, LAST, connections)
    assert [one.metric for one in found] == list(promised.metrics)
    for summary in found:
        rows = rows_of(promised.metrics[summary.metric])
        assert summary.moments.n.shape == (4096,)
        assert summary.moments.n.sum() == len(rows)
        for bucket in {bucket_of(unit) for unit in rows}:
            mine = [values for unit, values in rows.items() if bucket_of(unit) == bucket]
            equal(summary.moments.take(bucket), mine, len(summary.variables))


@pytest.mark.parametrize("cuped", [None, PRE])
def test_buckets_hold_the_population_of_the_days_before(cuped: int | None, lake: Lake) -> None:
    world, promised = random_world(21), promise(time_zone="Europe/Berlin", cuped=cuped)
    connections = Connections(lake=into_lake(world, lake))
    check_buckets(promised, connections, lambda metric: past_rows(world, promised, cut(metric)))


def test_buckets_come_out_the_same_on_postgresql(postgres: str) -> None:
    world, promised = random_world(22), promise(cuped=PRE, connection="ours", prefix="buckets_")
    engine = sa.create_engine(postgres)
    into_database(world, engine, "buckets_")
    engine.dispose()
    check_buckets(
        promised, Connections(urls={"ours": postgres}), lambda metric: past_rows(world, promised, cut(metric))
    )


def without_population(promised: Promise, *, replay: bool) -> Promise:
    source = UnitSource.model_validate(promised.source.model_dump(exclude={"population"}))
    experiment = promised.experiment.model_copy(update={"replay": replay})
    return Promise(experiment=experiment, metrics=promised.metrics, sources={"small": source})


def test_a_replay_without_population_splits_its_control_variant(lake: Lake) -> None:
    world, promised = random_world(23), without_population(promise(cuped=PRE), replay=True)
    final = promised.experiment.calendar.final_day()
    stray = [unit for unit in units_of(world, promised, final) if unit.variant == "control" and not unit.mixed][:2]
    seen_elsewhere = [
        {**world.exposures[0], "experiment": SLUG, "unit_id": unit.name, "variant": "treatment", "exposed_at": at(6.5)}
        for unit in stray
    ]
    world = World(exposures=world.exposures + seen_elsewhere, events=world.events, visits=world.visits)
    assert sum(unit.mixed and unit.variant == "control" for unit in units_of(world, promised, final)) == 2

    def rows_of(metric: Metric) -> dict[str, list[float]]:
        wait = timedelta(days=metric.window.to_day if metric.window else 0)
        units = [unit for unit in units_of(world, promised, final) if unit.variant == "control" and not unit.mixed]
        return {
            unit.name: unit_values(world, promised, metric, unit, final)
            for unit in units
            if unit.entered + wait <= final
        }

    check_buckets(promised, Connections(lake=into_lake(world, lake)), rows_of)


def test_without_population_nothing_is_guessed(lake: Lake) -> None:
    promised = without_population(promise(), replay=False)
    with pytest.raises(NotSupportedError, match="population"):
        buckets(promised, LAST, Connections(lake=lake))
    with pytest.raises(NotSupportedError, match="population"):
        history(promised, Connections(lake=lake), before=FIRST, days=7)


def test_history_measures_the_past_as_the_experiment_will_be_measured(lake: Lake) -> None:
    world, promised = random_world(24), promise(cuped=PRE)
    found = history(promised, Connections(lake=into_lake(world, lake)), before=LAST + timedelta(days=1), days=DAYS)
    assert [one.metric for one in found] == [metric.name for metric in METRICS]
    for summary in found:
        metric = cut(promised.metrics[summary.metric])
        equal(summary.moments, list(past_rows(world, promised, metric).values()), len(summary.variables))
        assert summary.units_per_day == len(visitors(world, promised)) / DAYS


def test_the_oracle_itself_sees_windows_and_caps() -> None:
    capped = next(one for one in METRICS if one.name == "capped")
    rows = [{"amount": 3.0}, {"amount": 3.5}]
    assert total(rows, capped.measure, capped, capped=True) == 4.0
    assert facts_of(World(events=[{"name": "view"}]), METRICS[5].measure) == []
    assert METRICS[10].kind is MetricKind.RETENTION
