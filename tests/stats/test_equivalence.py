"""Two one-sided tests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.calibration import assert_rate, normal_moments
from tests.strategies import estimates
from trialflow.errors import StatisticsError
from trialflow.stats import Estimate, difference_in_means
from trialflow.stats.equivalence import equivalence


@given(estimates(), st.sampled_from([0.5, 1.0, 3.0, 8.0]))
def test_equivalence_is_an_interval_inside_the_limits(estimate: Estimate, width: float) -> None:
    limit = width * float(estimate.std_error)
    found = equivalence(estimate, low=-limit, high=limit, alpha=0.05)
    inside = found.interval.lower > -limit and found.interval.upper < limit
    if abs(float(found.p_value) - 0.05) > 1e-9:
        assert inside == bool(found.p_value < 0.05)


def test_limits_that_cross_are_refused() -> None:
    moments = normal_moments(np.random.default_rng(1), runs=1, n=10)
    with pytest.raises(StatisticsError, match="must lie below"):
        equivalence(difference_in_means(moments, moments), low=1.0, high=1.0, alpha=0.05)


def test_an_effect_on_the_limit_is_called_small_only_alpha_of_the_time() -> None:
    generator = np.random.default_rng(2)
    control, treatment = (normal_moments(generator, runs=20_000, n=80, mean=mean) for mean in (0.0, 1.0))
    found = equivalence(difference_in_means(control, treatment), low=-1.0, high=1.0, alpha=0.05)
    assert_rate(found.p_value < 0.05, 0.05)
