"""After a stop: the estimate that knows when the stop came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from tests.checks.test_effects import UNITS, five_weeks, flat, peaked, run
from tests.fakes import a_promise, day, path_of_z, summary_of_moments
from trialflow.checks.history import History


def row(checked: Any) -> dict[str, Any]:
    (found,) = checked.finding.evidence["after_stop"]
    return dict(found)


def test_while_the_looking_goes_on_nothing_is_said() -> None:
    assert run(five_weeks(), flat(five_weeks(), 28)).finding.evidence["after_stop"] == []


def test_a_stop_at_the_first_look_is_as_good_as_a_fixed_horizon() -> None:
    found = row(run(five_weeks(), peaked(five_weeks(), 9, on_7=6.0)))
    assert (found["stopped_on"], found["early"], found["looks_before"]) == (day(7).isoformat(), True, 0)
    assert found["median_unbiased"] == pytest.approx(found["naive"], rel=1e-6)
    assert found["stagewise_p_value"] == pytest.approx(2 * norm.sf(6.0), rel=1e-6)


def test_a_stop_at_the_second_look_counts_what_could_have_stopped_before() -> None:
    promise = five_weeks(planned_weeks=3.0)
    checked = run(promise, peaked(promise, 20, on_14=4.2))
    first, second = (look for look in checked.looks if look.as_of in (day(7), day(14)))
    found = row(checked)
    assert found["looks_before"] == 1
    # By the bivariate normal of both looks: stopped high at the first, or at least as high at the second.
    both = multivariate_normal([0, 0], [[1, np.sqrt(0.5)], [np.sqrt(0.5), 1]])
    c, z = first.boundary, second.z
    later = norm.cdf(c) - norm.cdf(-c) - (both.cdf([c, z]) - both.cdf([-c, z]))
    assert found["stagewise_p_value"] == pytest.approx(2 * (norm.sf(c) + later), rel=1e-3)
    # Half of all outcomes are at least as high when the median-unbiased estimate is true.
    error = np.sqrt(2 / (UNITS * 14))
    shift = found["median_unbiased"] / error * np.array([np.sqrt(0.5), 1.0])
    c1, z2 = np.array([c, -c]) - shift[0], z - shift[1]
    above = norm.sf(c1[0]) + norm.cdf(c1[0]) - norm.cdf(c1[1]) - (both.cdf([c1[0], z2]) - both.cdf([c1[1], z2]))
    assert above == pytest.approx(0.5, abs=1e-4)
    assert found["median_unbiased"] < found["naive"]


def test_data_after_the_stop_do_not_move_it() -> None:
    stopped = [row(run(five_weeks(), peaked(five_weeks(), days, on_14=5.0))) for days in (14, 20, 35)]
    assert stopped[0] == stopped[1] == stopped[2]


def test_the_final_look_is_analysed_too() -> None:
    found = row(run(five_weeks(), flat(five_weeks(), 35)))
    assert (found["early"], found["looks_before"]) == (False, 4)
    assert found["lower"] < 0 < found["upper"]
    assert found["stagewise_p_value"] > 0.05


def test_other_policies_have_no_stages() -> None:
    for policy in ("fixed", "always_valid"):
        promise = a_promise(
            calendar={"first_day": day(1), "last_day": day(7)}, analysis={"stopping": {"policy": policy, "looks": []}}
        )
        summary = summary_of_moments(promise, {"value": path_of_z(promise, np.full(7, 9.0))})
        assert run(promise, summary, History()).finding.evidence["after_stop"] == []
