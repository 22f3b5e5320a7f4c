"""Pre-registered segments, corrected; a segment that nobody promised is never looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.fakes import a_metric, a_promise, moments_of, summary_of_moments
from trialflow.checks.finding import Finding, Status
from trialflow.checks.segments import segments
from trialflow.stats import JointMoments
from trialflow.warehouse.summary import Segment

PROMISED = [{"dimension": "device", "values": ["phone", "desktop"]}]
N = 1e9
PHONE, DESKTOP, TV = (Segment(dimension="device", value=value) for value in ("phone", "desktop", "tv"))


def with_z(z: float) -> JointMoments:
    return moments_of([[N, N]], [1.0, 1.0 + z * np.sqrt(2.0 / N)])


def run(z: dict[Segment, float], **changes: Any) -> Finding:
    promise = a_promise(**({"segments": PROMISED} | changes))
    summary = summary_of_moments(
        promise, {"value": with_z(0.0)}, segments={segment: with_z(one) for segment, one in z.items()}
    )
    return segments(promise, summary).finding


def crossed(finding: Finding) -> dict[str, bool]:
    return {row["segment_value"]: row["crossed"] for row in finding.evidence["comparisons"]}


def test_a_benefit_must_survive_the_correction() -> None:
    # p = .03 alone, .06 among two
    assert crossed(run({PHONE: 2.17, DESKTOP: 0.0})) == {"phone": False, "desktop": False}
    assert crossed(run({PHONE: 3.0, DESKTOP: 0.0})) == {"phone": True, "desktop": False}


@pytest.mark.parametrize("asked", ["none", "holm"])
def test_segments_are_corrected_whatever_is_asked_for_secondary_metrics(asked: str) -> None:
    finding = run({PHONE: 2.17, DESKTOP: 0.0}, analysis={"multiplicity": asked})
    assert finding.evidence["comparisons"][0]["adjusted_p_value"] == pytest.approx(0.06, rel=1e-2)


def test_an_unpromised_segment_is_never_looked_at() -> None:
    finding = run({PHONE: 0.0, DESKTOP: 0.0, TV: 9.0})
    assert set(crossed(finding)) == {"phone", "desktop"}
    assert "tv" not in str(finding.document())


def test_a_loss_is_not_a_benefit() -> None:
    assert crossed(run({PHONE: -9.0, DESKTOP: 0.0}))["phone"] is False
    fewer = a_metric("value", direction="decrease")
    assert crossed(run({PHONE: -9.0, DESKTOP: 0.0}, definitions=[fewer]))["phone"] is True


def test_a_promised_segment_without_rows_is_no_data() -> None:
    finding = run({PHONE: 0.0})
    assert finding.status is Status.NO_DATA
    assert "device = desktop" in finding.headline


def test_no_segment_promised_is_not_applicable() -> None:
    assert run({PHONE: 9.0}, segments=[]).status is Status.NOT_APPLICABLE
