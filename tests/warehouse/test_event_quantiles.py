"""Quantiles of events with clustered units against all events ranked in memory, on DuckDB and on PostgreSQL."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from trialflow.spec.experiment import Guardrail
from trialflow.spec.metric import Metric
from trialflow.spec.promise import Promise
from trialflow.stats import JointMoments, QuantileSummary, ValueCounts, quantile_of_events
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.lake import Lake
from trialflow.warehouse.sql_text import sql_of
from trialflow.warehouse.summarise import summarise
from trialflow.warehouse.summary import Summary

from .oracle import day_of, facts_of, units_of
from .worlds import FIRST, METRICS, World, into_database, into_lake, metric, promise, random_world

EVENTS = {"value": "amount", "ranked": "events"}
LATENCIES = (
    METRICS[0],
    metric("slow", "quantile", quantile=0.9, **EVENTS),
    metric("slow_buy", "quantile", quantile=0.5, filter="name = 'buy'", **EVENTS),
    metric("slow_soon", "quantile", quantile=0.75, fact="deeds", window={"from_day": 1, "to_day": 2}, **EVENTS),
)
NAMES = ("n", "point", "lower", "upper", "lower_rank", "upper_rank", "distinct")


def events_in_memory(world: World, promised: Promise, one: Metric, variant: str, as_of: date) -> list[list[float]]:
    """The values of each matured unit, an empty list for one without events."""
    wait = timedelta(days=one.window.to_day if one.window else 0)
    found = []
    for unit in units_of(world, promised, as_of):
        if unit.variant != variant or unit.mixed or unit.entered + wait > as_of:
            continue
        values = []
        for row in facts_of(world, one.measure):
            age = (day_of(row["occurred_at"], promised) - unit.entered).days
            inside = one.window is None or one.window.from_day <= age <= one.window.to_day
            late = day_of(row["occurred_at"], promised) > as_of
            if row["unit_id"] != unit.name or row["occurred_at"] < unit.at or late or not inside:
                continue
            if row["amount"] is not None:
                values.append(float(row["amount"]))
        found.append(values)
    return found


def wanted(units: list[list[float]], probability: float) -> QuantileSummary:
    values = ValueCounts.from_rows([value for unit in units for value in unit])
    point = float(values.quantile(probability))
    rows = np.asarray([[sum(value <= point for value in unit), len(unit)] for unit in units], dtype=np.float64)
    return quantile_of_events(values, JointMoments.from_rows(rows), probability=probability)


def check(world: World, promised: Promise, summary: Summary, day: date) -> None:
    for one in LATENCIES[1:]:
        found = summary.quantile_path(one.name)[day]
        for place, variant in enumerate(summary.variants):
            units = events_in_memory(world, promised, one, variant, day)
            truth = wanted(units, one.quantile or 0.0)
            for name in NAMES:
                there, here = getattr(found, name)[place], getattr(truth, name)
                np.testing.assert_allclose(there, here, rtol=1e-9, err_msg=f"{one.name} {variant} {name}")


@pytest.mark.parametrize("seed", range(3))
def test_every_event_is_ranked_and_the_ranks_are_widened_by_its_unit(seed: int, lake: Lake) -> None:
    world = random_world(seed, units=60)
    promised = promise(metrics=LATENCIES, time_zone="Europe/Berlin", cuped=3)
    day = FIRST + timedelta(days=8)
    check(world, promised, summarise(promised, day, Connections(lake=into_lake(world, lake))), day)


def test_postgresql_ranks_alike(postgres: str) -> None:
    world, promised = random_world(7, units=60), promise(metrics=LATENCIES, connection="ours", prefix="events_q_")
    engine = sa.create_engine(postgres)
    into_database(world, engine, "events_q_")
    engine.dispose()
    day = FIRST + timedelta(days=8)
    check(world, promised, summarise(promised, day, Connections(urls={"ours": postgres})), day)


def guarding(promised: Promise) -> Promise:
    """The same promise with the first latency as a guardrail."""
    experiment = promised.experiment
    roles = experiment.metrics
    guardrail = Guardrail.model_validate({"metric": "slow", "margin": {"relative": 0.1}})
    moved = roles.model_copy(
        update={"guardrails": (guardrail,), "secondary": tuple(name for name in roles.secondary if name != "slow")}
    )
    stopping = experiment.analysis.stopping.model_copy(update={"looks": (3, 5)})
    analysis = experiment.analysis.model_copy(update={"stopping": stopping})
    changed = experiment.model_copy(update={"metrics": moved, "analysis": analysis})
    return Promise(experiment=changed, metrics=promised.metrics, sources=promised.sources)


def test_of_a_guardrail_every_look_so_far_is_known_as_on_its_own_day(lake: Lake) -> None:
    world = random_world(4, units=60)
    promised = guarding(promise(metrics=LATENCIES))
    connections = Connections(lake=into_lake(world, lake))
    summary = summarise(promised, FIRST + timedelta(days=5), connections)
    looks = [FIRST + timedelta(days=number) for number in (2, 4)]
    assert list(summary.quantile_path("slow")) == [*looks, summary.as_of]
    assert list(summary.quantile_path("slow_buy")) == [summary.as_of]
    for day in looks:
        then = summarise(promised, day, connections).quantile_of("slow")
        later = summary.quantile_path("slow")[day]
        assert then is not None
        for name in NAMES:
            np.testing.assert_array_equal(getattr(then, name), getattr(later, name))


def test_before_anybody_has_matured_there_is_no_quantile(lake: Lake) -> None:
    promised = promise(metrics=LATENCIES)
    summary = summarise(promised, FIRST, Connections(lake=into_lake(random_world(3), lake)))
    found = summary.quantile_of("slow_soon")
    assert found is not None
    assert found.n.tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(found.point).all()
    assert not found.sufficient.any()


def test_the_question_can_be_read_before_it_runs() -> None:
    text = sql_of(promise(metrics=LATENCIES[:2]), FIRST + timedelta(days=6))
    assert "(amount IS NOT NULL)" in text
    assert "count(*) OVER (PARTITION BY" in text
