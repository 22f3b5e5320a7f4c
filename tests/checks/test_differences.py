"""Segments against one another, and the split inside each of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from tests.fakes import THREE_VARIANTS, a_promise, moments_of, summary_of_moments
from trialflow.checks.finding import Finding, Status
from trialflow.checks.segments import segments
from trialflow.warehouse.summary import Segment

PROMISED = [{"dimension": "device", "values": ["phone", "desktop"]}, {"dimension": "country", "values": ["de"]}]
PHONE, DESKTOP, DE = (
    Segment(dimension=dimension, value=value)
    for dimension, value in (("device", "phone"), ("device", "desktop"), ("country", "de"))
)


def run(phone: Any, desktop: Any, metric: str = "value", **changes: Any) -> Finding:
    """`phone` and `desktop` are (units by variant, means by variant); variances are 1."""
    promise = a_promise(segments=PROMISED, **changes)
    moments = {
        segment: moments_of([units], [means])
        for segment, (units, means) in {PHONE: phone, DESKTOP: desktop, DE: phone}.items()
    }
    return segments(promise, summary_of_moments(promise, {metric: moments[PHONE]}, segments=moments)).finding


def test_two_effects_are_compared_with_each_other_and_not_each_with_zero() -> None:
    (row,) = run(([500.0, 500.0], [0.0, 0.3]), ([500.0, 500.0], [0.0, 0.1])).evidence["heterogeneity"]
    # Two effects: Q is the square of their difference in standard errors, (0.3 − 0.1)² / (4 / 500).
    assert row["statistic"] == pytest.approx(0.04 / (4 / 500))
    assert row["p_value"] == pytest.approx(chi2.sf(5.0, 1))
    assert row["i_squared"] == pytest.approx(1 - 1 / 5)
    assert (row["dimension"], row["variant"], row["segments"]) == ("device", "new", 2)


def test_several_treatments_are_corrected_together() -> None:
    n = [500.0] * 3
    rows = run((n, [0.0, 0.3, 0.1]), (n, [0.0, 0.1, 0.1]), variants=THREE_VARIANTS).evidence["heterogeneity"]
    assert [row["variant"] for row in rows] == ["one", "two"]
    assert rows[0]["adjusted_p_value"] == pytest.approx(2 * chi2.sf(5.0, 1))
    assert rows[1]["adjusted_p_value"] == 1.0


def test_a_segment_without_a_number_is_not_compared() -> None:
    finding = run(([500.0, 500.0], [0.0, 0.3]), ([500.0, 0.0], [0.0, 0.0]))
    assert finding.evidence["heterogeneity"] == []
    assert finding.status is Status.NO_DATA


def test_an_uneven_split_by_segment_is_a_warning_and_the_standardised_effect_stands_beside() -> None:
    # Charig et al., BMJ 292, 1986: stones small 81/87 and 234/270, large 192/263 and 55/80: each better, all worse.
    small, large = ([270.0, 87.0], [234 / 270, 81 / 87]), ([80.0, 263.0], [55 / 80, 192 / 263])
    finding = run(small, large)
    (row,) = finding.evidence["simpson"]
    assert finding.status is Status.WARN
    assert row["reversed"]
    assert row["crude"] == pytest.approx(273 / 350 - 289 / 350)
    weighted = (357 * (81 / 87 - 234 / 270) + 343 * (192 / 263 - 55 / 80)) / 700
    assert row["standardised"] == pytest.approx(weighted)
    assert "device" in finding.headline


def test_an_even_split_is_no_warning() -> None:
    finding = run(([500.0, 500.0], [0.0, 0.3]), ([900.0, 910.0], [0.0, -0.3]))
    (row,) = finding.evidence["simpson"]
    assert finding.status is Status.PASS
    assert not row["uneven"]
    assert np.sign(row["crude"]) == np.sign(row["standardised"])


def test_a_split_that_cannot_be_compared_is_neither_even_nor_uneven() -> None:
    finding = run(([500.0, 500.0], [0.0, 0.3]), ([0.0, 0.0], [0.0, 0.0]))
    assert [row["allocation_p"] for row in finding.evidence["simpson"]] == [None]
    assert not finding.evidence["simpson"][0]["uneven"]


def test_a_ratio_is_not_standardised() -> None:
    promise = a_promise(
        segments=PROMISED[:1], metrics={"primary": {"metric": "per_view", "minimum_effect": {"absolute": 1}}}
    )
    assert (
        segments(promise, summary_of_moments(promise, {"value": moments_of([[9.0, 9.0]], 1.0)})).finding.evidence[
            "simpson"
        ]
        == []
    )
