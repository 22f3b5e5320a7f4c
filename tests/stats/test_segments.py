"""Effects by segment."""

from __future__ import annotations

import numpy as np
import pytest

from tests.stats.calibration import assert_rate, normal_moments
from tests.strategies import same
from trialflow.stats import Gap, Moments, difference_in_means, holm
from trialflow.stats.multiplicity import Correction
from trialflow.stats.segments import by_segment


def segments(generator: np.random.Generator, runs: int, effects: tuple[float, ...]) -> tuple[Moments, Moments]:
    arms = []
    for shift in (np.zeros(len(effects)), np.asarray(effects)):
        parts = [normal_moments(generator, runs=runs, n=80, mean=float(one)) for one in shift]
        arms.append(Moments(**{k: np.stack([getattr(one, k) for one in parts], axis=-1) for k in ("n", "mean", "m2")}))
    return arms[0], arms[1]


def test_no_segment_stands_out_by_chance_more_often_than_promised() -> None:
    found = by_segment(difference_in_means(*segments(np.random.default_rng(1), 10_000, (0.0,) * 6)), level=0.95)
    promised = 1.0 - (1.0 - 0.05 / 6) ** 6
    assert_rate((found.adjusted_p < 0.05).any(axis=-1), promised)
    same(found.adjusted_p, holm(found.effect.p_value))
    missed = (found.interval.lower > 0.0) | (found.interval.upper < 0.0)
    assert_rate(missed.any(axis=-1), promised)
    assert_rate(found.heterogeneity.p_value < 0.05, 0.05, sds=6.0)


def test_selected_segments_are_covered_at_the_promised_rate() -> None:
    effects = (0.0, 0.0, 0.0, 0.6, 0.7, 0.8)
    estimate = difference_in_means(*segments(np.random.default_rng(2), 6000, effects))
    found = by_segment(estimate, level=0.9, correction=Correction.BENJAMINI_HOCHBERG)
    chosen = np.isfinite(found.interval.lower)
    missed = chosen & ((found.interval.lower > effects) | (found.interval.upper < effects))
    rate = (missed.sum(axis=-1) / np.maximum(chosen.sum(axis=-1), 1)).mean()
    assert 0.04 < rate <= 0.105
    same(chosen, found.adjusted_p <= 0.1)


@pytest.mark.parametrize("correction", list(Correction))
def test_a_segment_without_units_stays_marked(correction: Correction) -> None:
    control = Moments.from_variance(n=[50.0, 0.0], mean=[0.0, 0.0], variance=[1.0, 0.0])
    treatment = Moments.from_variance(n=[50.0, 9.0], mean=[2.0, 0.0], variance=[1.0, 1.0])
    found = by_segment(difference_in_means(control, treatment), level=0.95, correction=correction)
    assert np.isnan(found.adjusted_p).tolist() == [False, True]
    assert np.isnan(found.interval.lower).tolist() == [False, True]
    assert str(found.effect.because[1]) == Gap.TOO_FEW_UNITS.reason
    assert np.isnan([found.heterogeneity.p_value, found.heterogeneity.statistic, found.heterogeneity.i_squared]).all()
    assert str(found.heterogeneity.because) == Gap.TOO_FEW_EFFECTS.reason
    assert found.heterogeneity.estimate == found.effect.estimate[0]
