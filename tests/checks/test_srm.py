"""Sample ratio mismatch: the split comes before any effect."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.fakes import THREE_VARIANTS, a_promise, day, exposures_only, until
from trialflow.checks.finding import Status
from trialflow.checks.srm import srm, srm_final


def test_a_sound_split_passes_with_the_published_bayes_factor() -> None:
    # Lindon & Malek for [50500, 49500]: log Bayes factor 1.5383 with k = 100 and 3.3466 with k = 10^4; their mean is used
    mean = (math.exp(1.5383) + math.exp(3.3466)) / 2
    finding = srm(a_promise(), exposures_only(a_promise(), [[50_500, 49_500]])).finding
    assert finding.status is Status.PASS
    assert finding.evidence["log_bayes_factor"] == pytest.approx(math.log(mean), abs=5e-5)
    assert finding.evidence["p_value"] == pytest.approx(1 / mean, abs=5e-5)
    assert finding.evidence["observed"] == {"control": 50_500, "new": 49_500}
    assert finding.evidence["expected"] == {"control": 50_000.0, "new": 50_000.0}


def test_a_broken_split_fails_from_its_alarm_day_on_and_blocks() -> None:
    promise = a_promise()
    daily = [[1_000, 1_000]] * 5 + [[1_000, 700]] * 9
    summary = exposures_only(promise, daily)
    states = [srm(promise, until(summary, number)).finding for number in range(1, 15)]
    alarm = next(index for index, one in enumerate(states) if one.status is Status.FAIL)
    assert alarm >= 5
    assert all(one.status is Status.FAIL for one in states[alarm:])
    assert {one.evidence["alarm_day"] for one in states[alarm:]} == {day(alarm + 1).isoformat()}
    assert states[-1].blocks
    assert states[-1].next_step


def test_an_alarm_is_terminal_even_when_the_split_evens_out() -> None:
    promise = a_promise()
    finding = srm(promise, exposures_only(promise, [[3_000, 2_000], [2_000, 3_000]])).finding
    assert finding.status is Status.FAIL
    assert finding.evidence["alarm_day"] == day(1).isoformat()


RAMP = [
    {"day": day(1), "weights": {"control": 0.9, "new": 0.1}},
    {"day": day(3), "weights": {"control": 0.5, "new": 0.5}},
]


def test_a_ramp_is_judged_by_the_shares_in_force_on_each_day() -> None:
    ramped = a_promise(calendar={"first_day": day(1), "last_day": day(28), "ramp": RAMP})
    daily = [[9_000, 1_000]] * 2 + [[5_000, 5_000]] * 2
    finding = srm(ramped, exposures_only(ramped, daily)).finding
    assert finding.status is Status.PASS
    assert finding.evidence["expected"] == {"control": 28_000.0, "new": 12_000.0}
    assert srm_final(ramped, exposures_only(ramped, daily)).finding.status is Status.PASS
    assert srm(a_promise(), exposures_only(a_promise(), daily)).finding.status is Status.FAIL


def test_traffic_in_a_variant_of_weight_zero_is_an_alarm_by_itself() -> None:
    ramp = [
        {"day": day(1), "weights": {"control": 0.5, "one": 0.5, "two": 0.0}},
        {"day": day(3), "weights": {"control": 0.4, "one": 0.3, "two": 0.3}},
    ]
    promise = a_promise(variants=THREE_VARIANTS, calendar={"first_day": day(1), "last_day": day(28), "ramp": ramp})
    quiet = exposures_only(promise, [[500, 500, 0]] * 2)
    assert srm(promise, quiet).finding.status is Status.PASS
    assert srm_final(promise, quiet).finding.evidence["df"] == 1.0
    leaking = srm(promise, exposures_only(promise, [[500, 500, 1], [500, 500, 0]])).finding
    assert leaking.status is Status.FAIL
    assert leaking.evidence["p_value"] == 0.0
    assert leaking.evidence["log_bayes_factor"] is None  # infinite


def test_no_units_is_no_data_and_never_health() -> None:
    empty = exposures_only(a_promise(), [[0, 0]] * 3)
    assert srm(a_promise(), empty).finding.status is Status.NO_DATA
    assert srm_final(a_promise(), empty).finding.status is Status.NO_DATA


def test_units_seen_in_two_variants_are_counted() -> None:
    finding = srm(a_promise(), exposures_only(a_promise(), [[100, 100]], mixed_units=7)).finding
    assert finding.evidence["mixed_units"] == 7


def test_a_handful_of_units_is_no_evidence_of_anything() -> None:
    assert srm(a_promise(), exposures_only(a_promise(), [[6, 0]])).finding.status is Status.PASS


@pytest.mark.parametrize(
    ("observed", "p"),
    # 52/48 at n = 2k, 5k and 10k: methods §4; 1052/948 is z = 104 / √2000 = 2.326
    [([1_040, 960], 0.074), ([1_052, 948], 0.020), ([2_600, 2_400], 0.0047), ([5_200, 4_800], 6e-5)],
)
def test_the_final_test_is_pearsons_and_only_warns(observed: list[int], p: float) -> None:
    finding = srm_final(a_promise(), exposures_only(a_promise(), [observed])).finding
    assert finding.evidence["p_value"] == pytest.approx(p, rel=0.06)
    assert finding.status is (Status.WARN if p < 0.01 else Status.PASS)
    assert not finding.blocks


def test_cookie_cats_is_a_warning_at_the_end_and_no_alarm() -> None:
    # 44,700 against 45,489 players: published; p = .0086 stands in the sample's README
    summary = exposures_only(a_promise(), [[44_700, 45_489]])
    final = srm_final(a_promise(), summary).finding
    assert final.status is Status.WARN
    assert final.evidence["p_value"] == pytest.approx(0.0086, abs=5e-5)
    assert srm(a_promise(), summary).finding.status is Status.PASS


def test_daily_looking_seldom_raises_a_false_alarm() -> None:
    generator = np.random.default_rng(11)
    arrived = generator.binomial(2_000, 0.5, size=(200, 28))
    alarms = [
        srm(a_promise(), exposures_only(a_promise(), np.stack([one, 2_000 - one], axis=1))).finding.status
        is Status.FAIL
        for one in arrived
    ]
    assert sum(alarms) <= 1  # at most one in a thousand experiments
