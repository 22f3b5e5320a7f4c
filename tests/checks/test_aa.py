"""A/A validation: a test that rejects too often must not judge an experiment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fakes import CUPED, THREE_VARIANTS, a_promise, day
from trialflow.checks.aa import aa, waived
from trialflow.checks.contrasts import bucket_estimator
from trialflow.checks.finding import Finding, Status
from trialflow.spec.promise import Promise
from trialflow.stats import JointMoments, difference_in_ratios
from trialflow.warehouse.summary import BucketSummary

BUCKETS = 4_096  # as the warehouse makes them; a few hundred would let their own luck show in the rate


def buckets_of(values: Any, bucket: Any, name: str = "value") -> BucketSummary:
    """Unit values put into buckets."""
    rows = np.asarray(values, dtype=np.float64).reshape(len(bucket), -1)
    sums = np.zeros((BUCKETS, rows.shape[1]))
    products = np.zeros((BUCKETS, rows.shape[1], rows.shape[1]))
    np.add.at(sums, bucket, rows)
    np.add.at(products, bucket, rows[:, :, None] * rows[:, None, :])
    moments = JointMoments.from_sums(np.bincount(bucket, minlength=BUCKETS), sums, products)
    names = ("numerator", "denominator", "pre_numerator", "pre_denominator") if name == "per_view" else ("value", "pre")
    return BucketSummary(metric=name, variables=names[: rows.shape[1]], moments=moments)


def sound(seed: int = 1, units: int = 20_000, name: str = "value") -> BucketSummary:
    generator = np.random.default_rng(seed)
    return buckets_of(generator.normal(size=units), generator.integers(0, BUCKETS, size=units), name)


def copied(copies: int = 4) -> BucketSummary:
    """Every unit stands there several times: rows of one cluster that always move together."""
    generator = np.random.default_rng(2)
    values = np.repeat(generator.normal(size=5_000), copies)
    return buckets_of(values, np.repeat(generator.integers(0, BUCKETS, size=5_000), copies))


def run(*found: BucketSummary, promise: Promise | None = None) -> Finding:
    return aa(promise or a_promise(), found, day(0), origin="units of before").finding


def test_a_sound_metric_passes() -> None:
    finding = run(sound())
    (row,) = finding.evidence["metrics"]
    assert finding.status is Status.PASS
    assert not finding.blocks
    assert row["splits"] == 1_000
    assert row["lower"] < 0.05 < row["upper"]
    assert row["units"] == 20_000


def test_units_that_are_not_independent_block_the_start() -> None:
    finding = run(copied())
    assert finding.status is Status.FAIL
    assert finding.blocks
    assert finding.next_step
    assert (
        finding.evidence["metrics"][0]["rate"] > 0.2
    )  # a fourfold sample halves the standard error: P(|z| > .98) = .33


def test_one_failing_metric_fails_the_whole_and_is_named() -> None:
    finding = run(sound(), BucketSummary(metric="latency", variables=("value",), moments=copied().moments))
    assert finding.status is Status.FAIL
    assert finding.headline.endswith("latency.")


def test_a_conservative_metric_warns_and_does_not_block() -> None:
    # One bucket holds nearly all of the spread, so its arm always has a standard error as large as the difference.
    generator = np.random.default_rng(3)
    values = generator.normal(size=2_000) * 1e-3
    bucket = generator.integers(0, BUCKETS, size=2_000)
    values[:2], bucket[:2] = (300.0, -300.0), 0
    finding = run(buckets_of(values, bucket))
    assert finding.status is Status.WARN
    assert not finding.blocks
    assert finding.evidence["metrics"][0]["upper"] < 0.05


def test_the_same_data_give_the_same_bytes() -> None:
    assert run(sound()).document() == run(sound()).document()


def test_an_experiment_of_another_name_is_split_otherwise() -> None:
    other = run(sound(), promise=a_promise(slug="ranker-v8")).evidence["metrics"][0]
    assert other["uniformity_p"] != run(sound()).evidence["metrics"][0]["uniformity_p"]


def test_the_limit_is_corrected_over_metrics() -> None:
    alone = run(sound()).evidence["metrics"][0]
    among = run(sound(), sound(name="latency")).evidence["metrics"][0]
    assert among["rejections"] == alone["rejections"]
    assert among["lower"] < alone["lower"]


def test_a_ramp_that_begins_without_treatment_is_split_as_it_ends() -> None:
    ramp = [
        {"day": day(1), "weights": {"control": 1.0, "new": 0.0}},
        {"day": day(3), "weights": {"control": 0.5, "new": 0.5}},
    ]
    promise = a_promise(calendar={"first_day": day(1), "last_day": day(28), "ramp": ramp})
    assert run(sound(), promise=promise).document()["evidence"] == run(sound()).document()["evidence"]


def test_three_variants_are_split_as_control_and_one_treatment() -> None:
    assert run(sound(), promise=a_promise(variants=THREE_VARIANTS)).status is Status.PASS


def test_cuped_is_validated_with_the_estimator_of_the_real_analysis() -> None:
    generator = np.random.default_rng(4)
    pre = generator.normal(size=20_000)
    rows = np.stack([pre + generator.normal(size=20_000), pre], axis=1)
    found = buckets_of(rows, generator.integers(0, BUCKETS, size=20_000))
    promise = a_promise(analysis=CUPED)
    assert run(found, promise=promise).status is Status.PASS


def test_a_ratio_is_validated_with_its_own_adjusted_estimator() -> None:
    generator = np.random.default_rng(5)
    taste = generator.normal(1.0, 0.5, size=20_000)
    views, before = (generator.poisson(4.0, size=20_000) + 1.0 for _ in range(2))
    rows = np.stack([taste * views, views, taste * before, before], axis=1)
    found = buckets_of(rows, generator.integers(0, BUCKETS, size=20_000), "per_view")
    promise = a_promise(analysis=CUPED)
    estimator = bucket_estimator(promise, promise.metrics["per_view"], found.variables)
    arms = [JointMoments.from_rows(half) for half in np.split(rows, 2)]
    adjusted, plain = estimator(*arms), difference_in_ratios(*arms)
    # The linearised units correlate by E(v)² / E(v²) = 25 / 29 for views v of 1 + Poisson(4).
    assert adjusted.std_error == pytest.approx(plain.std_error * np.sqrt(1 - (25 / 29) ** 2), rel=0.05)
    assert run(found, promise=promise).status is Status.PASS


@pytest.mark.parametrize("found", [(), (buckets_of(np.ones(600), np.arange(600) % BUCKETS),)])
def test_nothing_to_split_is_no_data_and_blocks(found: tuple[BucketSummary, ...]) -> None:
    finding = run(*found)
    assert finding.status is Status.NO_DATA
    assert finding.blocks
    assert finding.next_step


def test_a_waiver_shows_its_reason() -> None:
    promise = a_promise(analysis={"aa": {"waived": "Only totals are published."}})
    finding = waived(promise, day(0)).finding
    assert finding.status is Status.NOT_APPLICABLE
    assert "Only totals are published." in finding.headline
