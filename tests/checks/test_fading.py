"""What the effect fades to, and how fast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trialflow.checks.fading import fading, working_covariance
from trialflow.stats import Moments
from trialflow.stats.decay import novelty_contrast
from trialflow.stats.means import difference_in_means

DAYS, EARLY, LATE = 14, 3, 3
HALF_LIFE = 2.0
DECAY = 0.2 + 0.8 * 0.5 ** (np.arange(DAYS) / HALF_LIFE)


def estimates(effect: Any, *, units: int = 4_000, seed: int = 1, correlation: float = 0.5) -> tuple[Any, Any]:
    """Daily effects and the late − early contrast of units whose days are alike to the same degree."""
    generator = np.random.default_rng(seed)

    def arm(shift: Any) -> Any:
        level = np.sqrt(correlation) * generator.normal(size=(units, 1))
        return level + np.sqrt(1.0 - correlation) * generator.normal(size=(units, DAYS)) + shift

    arms = [arm(np.zeros(DAYS)), arm(np.asarray(effect))]
    daily = difference_in_means(*(moments(one.T) for one in arms))
    change = [one[:, -LATE:].mean(axis=1) - one[:, :EARLY].mean(axis=1) for one in arms]
    return daily, novelty_contrast(*(moments(one) for one in change))


def moments(values: Any) -> Moments:
    mean = values.mean(axis=-1)
    m2 = ((values - mean[..., None]) ** 2).sum(axis=-1)
    return Moments(n=np.full(mean.shape, float(values.shape[-1])), mean=mean, m2=m2)


def told(effect: Any, **given: Any) -> dict[str, Any]:
    return fading(*estimates(effect, **given), early_days=EARLY, late_days=LATE, level=0.95)


def test_a_decay_is_found_with_what_it_leads_to() -> None:
    found = told(DECAY)
    assert found["why_not"] == ""
    assert found["evident"]
    for name, truth in (("long_run_effect", 0.2), ("first_day_excess", 0.8), ("half_life_days", HALF_LIFE)):
        assert found[name]["lower"] < truth < found[name]["upper"]
        assert found[name]["lower"] < found[name]["estimate"] < found[name]["upper"]


def test_its_interval_of_the_long_run_effect_covers_as_often_as_it_says() -> None:
    rows = [told(DECAY, units=2_000, seed=seed)["long_run_effect"] for seed in range(200)]
    covered = [row["lower"] <= 0.2 <= row["upper"] for row in rows if row]
    assert len(covered) > 190
    assert np.mean(covered) == pytest.approx(0.95, abs=0.045)  # three Monte Carlo deviations


@pytest.mark.parametrize("effect", [np.full(DAYS, 0.3), np.linspace(0.3, 0.0, DAYS)])
def test_where_the_days_do_not_tell_it_says_so_and_shows_no_number(effect: Any) -> None:
    """A level effect has no decay time, and neither has a straight line."""
    found = told(effect)
    assert "do not tell how fast" in found["why_not"]
    assert [found[name] for name in ("long_run_effect", "first_day_excess", "half_life_days")] == [None] * 3
    assert not found["evident"]


def test_nobody_makes_no_number() -> None:
    assert told(DECAY, units=1)["why_not"]


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_the_contrast_tells_how_alike_the_days_of_a_unit_are(correlation: float) -> None:
    daily, contrast = estimates(DECAY, units=40_000, correlation=correlation)
    matrix = working_covariance(daily, contrast, early_days=EARLY, late_days=LATE)
    alike = matrix[0, 1] / np.sqrt(matrix[0, 0] * matrix[1, 1])
    assert alike == pytest.approx(correlation, abs=0.02)
    np.testing.assert_allclose(np.diagonal(matrix), daily.std_error**2, rtol=1e-12)
    weights = np.r_[np.full(EARLY, -1 / EARLY), np.zeros(DAYS - EARLY - LATE), np.full(LATE, 1 / LATE)]
    assert weights @ matrix @ weights == pytest.approx(float(contrast.std_error) ** 2, rel=1e-6)
