"""Where a split is wrong, told only after an alarm."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from tests.fakes import a_promise, day, exposures_only
from trialflow.checks.finding import Status
from trialflow.checks.srm import looks_wrong, srm, srm_final
from trialflow.warehouse.summary import ExposureGroup, Segment, Summary

SOUND = [[500, 500]] * 6


def split(daily: list[list[int]], **groups: list[list[int]]) -> Summary:
    """A summary whose units fall into groups of the dimension `device`."""
    summary = exposures_only(a_promise(), daily)
    found = tuple(
        ExposureGroup(segment=Segment(dimension="device", value=name), new_units=np.asarray(rows, dtype=np.int64))
        for name, rows in groups.items()
    )
    return replace(summary, exposures=replace(summary.exposures, groups=found))


def broken_on_ios() -> Summary:
    ios, web = [[300, 150]] * 6, [[200, 200]] * 6
    return split([[500, 350]] * 6, ios=ios, web=web)


def test_after_an_alarm_the_broken_group_comes_first_and_is_named_in_the_next_step() -> None:
    finding = srm(a_promise(), broken_on_ios()).finding
    assert finding.status is Status.FAIL
    worst = finding.evidence["drill_down"][0]
    assert (worst["dimension"], worst["value"], worst["broken"]) == ("device", "ios", True)
    assert worst["observed"] == {"control": 1_800, "new": 900}
    assert worst["expected"] == {"control": 1_350.0, "new": 1_350.0}
    assert "It is broken in device ios" in finding.next_step
    web = next(row for row in finding.evidence["drill_down"] if row["value"] == "web")
    assert (web["p_value"], web["broken"]) == (1.0, False)


def test_a_day_on_which_logs_were_lost_is_named_without_any_dimension() -> None:
    finding = srm(a_promise(), split([[500, 500]] * 3 + [[500, 100]] + [[500, 500]] * 2)).finding
    assert finding.status is Status.FAIL
    assert finding.next_step.startswith(f"Do not read any effect. It is broken in day {day(4).isoformat()}. Find")


def test_a_sound_split_is_not_drilled_into() -> None:
    summary = split(SOUND, ios=[[300, 200]] * 6, web=[[200, 300]] * 6)
    assert not looks_wrong(a_promise(), summary)
    assert "drill_down" not in srm(a_promise(), summary).finding.evidence
    assert "drill_down" not in srm_final(a_promise(), summary).finding.evidence


def test_the_warning_of_the_final_test_is_drilled_into_as_well() -> None:
    ios, web = [[2_560, 2_240]], [[2_600, 2_600]]
    summary = split([[5_160, 4_840]], ios=ios, web=web)
    assert srm(a_promise(), summary).finding.status is Status.PASS
    assert looks_wrong(a_promise(), summary)
    finding = srm_final(a_promise(), summary).finding
    assert finding.status is Status.WARN
    assert finding.evidence["drill_down"][0]["value"] == "ios"
    assert finding.next_step.startswith("It is broken in device ios")


def test_small_groups_are_tested_exactly_and_all_are_corrected_together() -> None:
    ios, rare = [[2_000, 1_500]], [[0, 7]]
    rows = srm(a_promise(), split([[2_000, 1_507]], ios=ios, rare=rare)).finding.evidence["drill_down"]
    small = next(row for row in rows if row["value"] == "rare")
    assert small["exact"]
    assert small["p_value"] == pytest.approx(binomtest(0, 7, 0.5).pvalue)
    # Three groups (the day, ios, rare): Holm leaves the largest p as it is and never makes one smaller.
    assert [row["adjusted_p_value"] >= row["p_value"] for row in rows] == [True] * 3
    assert small["adjusted_p_value"] == pytest.approx(small["p_value"])


def test_a_missing_value_is_told_as_empty() -> None:
    summary = split([[500, 350]] * 6, **{"": [[500, 350]] * 6})
    assert "device (empty)" in srm(a_promise(), summary).finding.next_step
