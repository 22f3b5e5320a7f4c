"""Days since first exposure against a row-by-row recomputation."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from trialflow.errors import NotSupportedError
from trialflow.spec.metric import Metric
from trialflow.spec.promise import Promise
from trialflow.stats.moments import JointMoments
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.lake import Lake
from trialflow.warehouse.lifetime import lifetime
from trialflow.warehouse.summary import LifetimeSummary

from .oracle import day_of, facts_of, total, units_of
from .worlds import FIRST, METRICS, World, into_database, into_lake, promise, random_world

AS_OF = FIRST + timedelta(days=7)
DAILY = [one for one in METRICS if one.kind != "ratio"]


def with_novelty(promised: Promise) -> Promise:
    policy = {"policy": "report", "early_days": 2, "late_days": 1, "horizon_days": 4}
    document = promised.experiment.model_dump(exclude_unset=True)
    document["analysis"] = {**document["analysis"], "novelty": policy}
    return Promise(
        experiment=type(promised.experiment).model_validate(document),
        metrics=promised.metrics,
        sources=promised.sources,
    )


def check(world: World, promised: Promise, metric: Metric, found: LifetimeSummary) -> None:
    for arm, variant in enumerate(found.variants):
        cohort = [
            unit
            for unit in units_of(world, promised, AS_OF)
            if unit.variant == variant and not unit.mixed and unit.entered + timedelta(days=3) <= AS_OF
        ]
        rows = np.zeros((len(cohort), 4))
        for place, unit in enumerate(cohort):
            for age in range(4):
                own = [
                    row
                    for row in facts_of(world, metric.measure)
                    if row["unit_id"] == unit.name
                    and row["occurred_at"] >= unit.at
                    and day_of(row["occurred_at"], promised) == unit.entered + timedelta(days=age)
                ]
                rows[place, age] = total(own, metric.measure, metric, capped=True)
        for age in range(4):
            truth = JointMoments.from_rows(rows[:, age])
            assert found.daily.n[age, arm] == len(cohort)
            np.testing.assert_allclose(found.daily.mean[age, arm], truth.mean, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(found.daily.m2[age, arm], truth.m2, rtol=1e-8, atol=1e-8)
        truth = JointMoments.from_rows(rows[:, 3] - rows[:, :2].mean(axis=1))
        np.testing.assert_allclose(found.contrast.mean[arm], truth.mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found.contrast.m2[arm], truth.m2, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("metric", DAILY, ids=lambda metric: metric.name)
def test_the_balanced_cohort_by_days_since_exposure(metric: Metric, lake: Lake) -> None:
    world, promised = random_world(11, units=40), with_novelty(promise(time_zone="America/Los_Angeles"))
    connections = Connections(lake=into_lake(world, lake))
    check(world, promised, metric, lifetime(promised, metric, AS_OF, connections))


def test_postgresql_gives_the_same_cohort(postgres: str) -> None:
    world, promised = random_world(12), with_novelty(promise(connection="ours", prefix="life_"))
    engine = sa.create_engine(postgres)
    into_database(world, engine, "life_")
    engine.dispose()
    check(world, promised, DAILY[0], lifetime(promised, DAILY[0], AS_OF, Connections(urls={"ours": postgres})))


def test_a_ratio_is_refused_with_the_cure(lake: Lake) -> None:
    ratio = next(one for one in METRICS if one.kind == "ratio")
    with pytest.raises(NotSupportedError, match="numerator"):
        lifetime(with_novelty(promise()), ratio, AS_OF, Connections(lake=lake))
