"""The same data give the same bytes, whatever a warehouse can send; and every number is JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import THREE_VARIANTS, a_promise, day, summary_of_moments
from tests.strategies import SEEDS
from trialflow.checks.completeness import completeness
from trialflow.checks.effects import effects, primary_paths
from trialflow.checks.finding import Finding, Status, worst
from trialflow.checks.guardrails import guardrails
from trialflow.checks.harm import harm
from trialflow.checks.history import Checked, History
from trialflow.checks.holdout import Shipped, holdout
from trialflow.checks.information import information
from trialflow.checks.secondary import secondary
from trialflow.checks.segments import segments
from trialflow.checks.srm import srm, srm_final
from trialflow.spec.promise import Promise
from trialflow.stats import JointMoments
from trialflow.warehouse.summary import Segment, Summary

PHONE = Segment(dimension="device", value="phone")


def promise_of(policy: str, variants: Any) -> Promise:
    looks = [2, 4] if policy == "group_sequential" else []
    return a_promise(
        planned=40.0,
        variants=variants,
        calendar={"first_day": day(1), "last_day": day(6), "max_extension_days": 2},
        metrics={
            "guardrails": [
                {"metric": "latency", "margin": {"relative": 0.02}},
                {"metric": "conversion", "margin": {"absolute": 0.01}},
            ],
            "secondary": ["sessions"],
            "diagnostics": ["per_view"],
        },
        segments=[{"dimension": "device", "values": ["phone", "desktop"]}],
        analysis={"stopping": {"policy": policy, "looks": looks}},
    )


def untidy(generator: np.random.Generator, days: int, variants: int, width: int = 1) -> JointMoments:
    """Cumulative moments of units that may be missing, single, constant, zero or huge."""
    cells = []
    total = [np.zeros((0, width))] * variants
    for _ in range(days):
        kinds = generator.integers(0, 6, size=variants)
        fresh = [one_day(generator, int(kind), width) for kind in kinds]
        total = [np.concatenate(pair) for pair in zip(total, fresh, strict=True)]
        cells.append([JointMoments.from_rows(one) for one in total])
    return JointMoments(
        n=np.asarray([[one.n for one in row] for row in cells], dtype=np.float64),
        mean=np.asarray([[one.mean for one in row] for row in cells]),
        m2=np.asarray([[one.m2 for one in row] for row in cells]),
    )


def one_day(generator: np.random.Generator, kind: int, width: int) -> Any:
    units = (0, 1, 3, 40, 150, 3)[kind]
    rows = generator.normal(1.0, 1.0, size=(units, width))
    return rows * 0.0 if kind == 5 else rows * (1e9 if kind == 1 else 1.0)


def untidy_summary(promise: Promise, seed: int, days: int) -> Summary:
    generator = np.random.default_rng(seed)
    variants = len(promise.experiment.variants)
    metrics = {name: untidy(generator, days, variants) for name in ("value", "latency", "conversion", "sessions")}
    metrics["per_view"] = untidy(generator, days, variants, 2)
    metrics.pop(str(generator.choice(["value", "latency", "sessions", "nothing"])), None)
    return summary_of_moments(
        promise,
        metrics,
        new_units=generator.integers(0, 50, size=(days, variants)),
        segments={PHONE: untidy(generator, days, variants)},
    )


def everything(promise: Promise, summary: Summary) -> list[Checked]:
    history = History()
    return [
        srm(promise, summary),
        srm_final(promise, summary),
        completeness(promise, summary),
        effects(promise, summary, history),
        guardrails(promise, summary, history, extended=False),
        harm(promise, summary, history),
        information(promise, summary, primary_paths(promise, summary, history)),
        secondary(promise, summary),
        segments(promise, summary),
        holdout(promise, summary, [Shipped(experiment="a", naive=1.5, estimate=1.0, std_error=0.0)]),
    ]


@settings(max_examples=30)
@given(
    seed=SEEDS,
    days=st.integers(1, 8),
    policy=st.sampled_from(["fixed", "group_sequential", "always_valid"]),
    many=st.booleans(),
)
def test_findings_are_json_with_finite_numbers_and_the_same_on_every_run(
    seed: int, days: int, policy: str, *, many: bool
) -> None:
    two = [{"name": "control", "role": "control", "weight": 0.5}, {"name": "new", "role": "treatment", "weight": 0.5}]
    promise = promise_of(policy, THREE_VARIANTS if many else two)
    first, again = (everything(promise, untidy_summary(promise, seed, days)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        text = json.dumps(one.finding.document(), allow_nan=False, sort_keys=True)
        assert text == json.dumps(other.finding.document(), allow_nan=False, sort_keys=True)
        assert Finding.from_document(json.loads(text)) == one.finding
        assert one.looks == other.looks
        numbers = [x for look in one.looks for x in (look.information, look.alpha_spent, look.boundary, look.z)]
        assert all(math.isfinite(x) for x in numbers)
        assert one.finding.headline.endswith((".", "!"))


def test_numbers_are_rounded_so_that_the_last_bits_of_a_sum_do_not_matter() -> None:
    promise = promise_of("group_sequential", THREE_VARIANTS)
    plain = untidy_summary(promise, 5, 6)
    metrics = {one.metric: one.moments for one in plain.metrics if not one.segment.dimension}
    nudged = {
        name: JointMoments(n=one.n, mean=one.mean * (1.0 + 1e-15), m2=one.m2 * (1.0 - 1e-15))
        for name, one in metrics.items()
    }
    units = plain.exposures.new_units
    one = effects(promise, summary_of_moments(promise, metrics, new_units=units), History()).finding
    other = effects(promise, summary_of_moments(promise, nudged, new_units=units), History()).finding
    assert one.fingerprint == other.fingerprint


def test_a_fingerprint_changes_with_every_part_of_a_finding() -> None:
    base = {"experiment": "a", "check": "srm", "as_of": day(1), "status": Status.PASS, "headline": "h", "evidence": {}}
    changes: list[dict[str, Any]] = [
        {"experiment": "b"},
        {"check": "harm"},
        {"as_of": day(2)},
        {"status": Status.WARN},
        {"headline": "i"},
        {"evidence": {"p": 0.1}},
        {"next_step": "n"},
        {"blocks": True},
    ]
    prints = {Finding(**(base | change)).fingerprint for change in [{}, *changes]}
    assert len(prints) == len(changes) + 1


@pytest.mark.parametrize(
    ("given_statuses", "expected"),
    [
        ([], Status.NOT_APPLICABLE),
        ([Status.NOT_APPLICABLE, Status.PASS], Status.PASS),
        ([Status.PASS, Status.WARN], Status.WARN),
        ([Status.WARN, Status.NO_DATA], Status.NO_DATA),
        ([Status.NO_DATA, Status.FAIL], Status.FAIL),
    ],
)
def test_the_worst_status_stands_for_all(given_statuses: list[Status], expected: Status) -> None:
    assert worst(given_statuses) is expected
    assert worst(given_statuses[::-1]) is expected
