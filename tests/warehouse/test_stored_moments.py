"""Sources that hold moments already: merging, carrying forward, cutting off."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from trialflow.errors import NotSupportedError
from trialflow.spec.experiment import Experiment
from trialflow.spec.metric import Metric
from trialflow.spec.promise import Promise
from trialflow.spec.source import MomentsSource
from trialflow.stats.moments import Moments
from trialflow.warehouse.buckets import buckets
from trialflow.warehouse.connections import Connections
from trialflow.warehouse.lake import Lake
from trialflow.warehouse.summarise import summarise
from trialflow.warehouse.summary import Segment

FIRST = date(2014, 10, 11)
ARMS = ("control", "screener")


def promise(*, grain: str = "daily_moments", cumulative: bool = False, days: int = 4, **changes: Any) -> Promise:
    source = MomentsSource.model_validate(
        {
            "name": "stored",
            "grain": grain,
            "description": "stored moments",
            "complete": {"by": "marker"},
            "moments": {
                "table": "moments",
                "segment_dimension": "segment_dimension",
                "segment_value": "segment_value",
                "cumulative": cumulative,
            },
            "exposures": {"table": "counts", "cumulative": cumulative},
        }
    )
    metric = Metric.model_validate(
        {
            "name": "gross",
            "kind": "proportion",
            "source": "stored",
            "measure": {"fact": "gross_conversion"},
            "direction": "increase",
            "owner": "us",
            "description": "gross",
            **changes,
        }
    )
    experiment = Experiment.model_validate(
        {
            "slug": "stored-one",
            "title": "t",
            "hypothesis": "h",
            "mechanism": "m",
            "owner": "us",
            "source": "stored",
            "unit": "cookie",
            "layer": "all",
            "audience": "all",
            "variants": [
                {"name": "control", "role": "control", "weight": 0.5},
                {"name": "screener", "role": "treatment", "weight": 0.5},
            ],
            "metrics": {"primary": {"metric": "gross", "minimum_effect": {"absolute": 0.01}}},
            "segments": [{"dimension": "device", "values": ["ios"]}],
            "calendar": {"first_day": FIRST, "last_day": FIRST + timedelta(days=days - 1), "maturity_days": 3},
            "replay": True,
        }
    )
    return Promise(experiment=experiment, metrics={"gross": metric}, sources={"stored": source})


def lake_of(
    lake: Lake, rows: list[tuple[int, str, str, list[float]]], counts: list[tuple[int, str, int]]
) -> Connections:
    """Rows of raw values by (day, variant, segment) are stored as n, mean and variance."""
    for number in {row[0] for row in rows}:
        table = [
            {
                "variant": arm,
                "metric": "gross_conversion",
                "segment_dimension": "device" if segment else None,
                "segment_value": segment or None,
                "n": len(values),
                "mean": float(np.mean(values)),
                "variance": float(np.var(values, ddof=1)) if len(values) > 1 else None,
            }
            for day, arm, segment, values in rows
            if day == number
        ]
        lake.write("moments", FIRST + timedelta(days=number), pa.Table.from_pylist(table))
    for number in {row[0] for row in counts}:
        found = [{"variant": arm, "units": units} for day, arm, units in counts if day == number]
        lake.write("counts", FIRST + timedelta(days=number), pa.Table.from_pylist(found))
    return Connections(lake=lake)


def test_additive_days_merge_to_what_all_rows_together_give(lake: Lake) -> None:
    draw = np.random.default_rng(1)
    days = [
        (day, arm, "", list(draw.random(5 + day))) for day in range(4) for arm in ARMS if (day, arm) != (2, "screener")
    ]
    connections = lake_of(lake, days, [(day, arm, 5 + day) for day, arm, _, _ in days])
    summary = summarise(promise(), FIRST + timedelta(days=3), connections)
    found = summary.of("gross")
    assert found is not None
    for place in range(4):
        for number, arm in enumerate(ARMS):
            truth = Moments.from_rows(
                [value for day, name, _, values in days if name == arm and day <= place for value in values]
            )
            np.testing.assert_allclose(found.moments.n[place, number], truth.n)
            np.testing.assert_allclose(found.moments.mean[place, number, 0], truth.mean, rtol=1e-10)
            np.testing.assert_allclose(found.moments.m2[place, number, 0, 0], truth.m2, rtol=1e-9)
    assert summary.exposures.new_units.tolist() == [[5, 5], [6, 6], [7, 0], [8, 8]]


def test_cumulative_rows_stand_until_the_next_one(lake: Lake) -> None:
    rows = [(1, "control", "", [0.0, 1.0]), (3, "control", "", [0.0, 1.0, 1.0]), (3, "screener", "", [1.0, 1.0])]
    counts = [(0, "control", 2), (2, "control", 5), (3, "control", 4), (1, "screener", 3)]
    summary = summarise(promise(cumulative=True), FIRST + timedelta(days=4), lake_of(lake, rows, counts))
    found = summary.of("gross")
    assert found is not None
    assert found.moments.n.tolist() == [[0, 0], [2, 0], [2, 0], [3, 2], [3, 2]]
    np.testing.assert_allclose(found.moments.mean[-1, :, 0], [2 / 3, 1.0])
    np.testing.assert_allclose(found.moments.m2[-1, :, 0, 0], [2 / 3, 0.0])
    assert summary.exposures.new_units.tolist() == [[2, 0], [0, 3], [3, 0], [0, 0], [0, 0]]


def test_totals_have_no_units_before_their_day(lake: Lake) -> None:
    rows = [(2, arm, "", [0.0, 1.0, 1.0]) for arm in ARMS]
    summary = summarise(promise(grain="totals"), FIRST + timedelta(days=3), lake_of(lake, rows, [(0, "control", 3)]))
    found = summary.of("gross")
    assert found is not None
    assert found.moments.n.tolist() == [[0, 0], [0, 0], [3, 3], [3, 3]]


def test_days_outside_the_calendar_and_after_as_of_do_not_count(lake: Lake) -> None:
    rows = [(day, arm, "", [0.0, 1.0]) for day in range(-1, 8) for arm in ARMS]
    connections = lake_of(lake, rows, [(day, arm, 2) for day, arm, _, _ in rows])
    early = summarise(promise(), FIRST + timedelta(days=1), connections)
    late = summarise(promise(), FIRST + timedelta(days=6), connections)
    assert early.metrics[0].moments.n.tolist() == [[2, 2], [4, 4]]
    assert late.metrics[0].moments.n[-1].tolist() == [8, 8]
    assert late.exposures.totals.tolist() == [8, 8]


def test_segments_are_kept_apart_from_everybody(lake: Lake) -> None:
    rows = [(0, "control", "", [0.0, 1.0, 1.0]), (0, "control", "ios", [1.0, 1.0]), (0, "control", "web", [0.0, 0.0])]
    summary = summarise(promise(), FIRST, lake_of(lake, rows, [(0, "control", 3)]))
    ios = summary.of("gross", Segment(dimension="device", value="ios"))
    everybody = summary.of("gross")
    assert ios is not None
    assert everybody is not None
    assert (ios.moments.n[0, 0], everybody.moments.n[0, 0]) == (2, 3)
    assert summary.of("gross", Segment(dimension="device", value="web")) is None


def test_variants_outside_the_promise_are_counted_apart(lake: Lake) -> None:
    connections = lake_of(lake, [(0, "third", "", [1.0, 0.0])], [(0, "third", 7), (0, "control", 2)])
    summary = summarise(promise(), FIRST, connections)
    assert summary.exposures.unknown_units == 7
    assert summary.metrics[0].moments.n.tolist() == [[0, 0]]


def test_what_needs_units_is_refused(lake: Lake) -> None:
    with pytest.raises(NotSupportedError, match="no unit-level rows"):
        buckets(promise(), FIRST, Connections(lake=lake))
    ratio = promise(kind="ratio", denominator={"fact": "clicks"})
    with pytest.raises(NotSupportedError, match="gross"):
        summarise(ratio, FIRST, lake_of(lake, [], []))
