"""How often the novelty check may be asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from tests.fakes import THREE_VARIANTS, an_experiment, day
from tests.stats.calibration import assert_rate
from trialflow.checks.novelty_looks import cohort_information, novelty_look
from trialflow.spec.experiment import Experiment

HORIZON = 7
RUNS = 40_000


def experiment(**changes: Any) -> Experiment:
    novelty = {"policy": "required", "early_days": 3, "late_days": 3, "horizon_days": HORIZON, "alpha": 0.05}
    return an_experiment(**({"analysis": {"novelty": novelty}} | changes))


def boundaries(asked: Experiment, last: int, treatment: str = "new") -> Any:
    return np.asarray([novelty_look(asked, treatment, day(number)).boundary_z for number in range(HORIZON, last + 1)])


def ever_crossed(traffic: Any, bound: Any, *, only: Any = slice(None), seed: int = 1) -> Any:
    """Whether any look calls a level effect changed; `traffic` is units a day, each with a normal contrast of mean 0."""
    generator = np.random.default_rng(seed)
    units = np.asarray(traffic, dtype=float)
    score = np.cumsum(generator.normal(size=(RUNS, len(units))) * np.sqrt(units), axis=1)
    return (np.abs(score / np.sqrt(np.cumsum(units)))[:, only] >= bound[only]).any(axis=1)


def test_looking_on_every_day_errs_as_often_as_promised() -> None:
    bound = boundaries(experiment(), last=28)
    assert_rate(ever_crossed(np.full(22, 100.0), bound), 0.05)


def test_looking_weekly_errs_less() -> None:
    weekly = np.array([0, 7, 14, 21])  # days 7, 14, 21 and 28
    assert ever_crossed(np.full(22, 100.0), boundaries(experiment(), last=28), only=weekly).mean() < 0.045


def test_where_most_units_come_first_it_errs_less() -> None:
    """The usual case: frequent visitors are exposed on the first days, and the looks are more alike than planned."""
    traffic = np.r_[np.full(3, 1_000.0), np.full(19, 50.0)]
    assert ever_crossed(traffic, boundaries(experiment(), last=28)).mean() < 0.04


@pytest.mark.parametrize(("growth", "measured"), [(2.0, 0.055), (5.0, 0.062)])
def test_growing_traffic_makes_it_err_a_little_more(growth: float, measured: float) -> None:
    """Looks are then less alike than the calendar says; the rate stands in docs/statistics.md."""
    traffic = np.geomspace(100.0, 100.0 * growth, 22)
    assert_rate(ever_crossed(traffic, boundaries(experiment(), last=28)), measured)


def test_a_test_at_full_alpha_on_every_day_would_err_four_times_as_often() -> None:
    """What the boundary is for: the same looks, each judged by itself."""
    assert ever_crossed(np.full(22, 100.0), np.full(22, 1.96)).mean() > 0.2


def test_the_last_look_keeps_most_of_the_alpha() -> None:
    look = novelty_look(experiment(), "new", day(28))
    assert look.alpha_spent == pytest.approx(0.05)
    assert 1.96 < look.boundary_z < 2.3
    half = novelty_look(experiment(), "new", day(17))
    assert half.shares[-1] == pytest.approx(0.5)
    assert half.alpha_spent == pytest.approx(0.05 / 4)


def test_before_anybody_was_observed_for_the_whole_horizon_nothing_can_be_shown() -> None:
    look = novelty_look(experiment(), "new", day(HORIZON - 1))
    assert look.boundary_z == np.inf
    assert look.p_value(9.0) == 1.0


def test_a_single_look_is_the_test_with_one_look() -> None:
    """The longest horizon that the calendar allows leaves one day on which there is a cohort."""
    novelty = {"policy": "required", "horizon_days": 28}
    look = novelty_look(experiment(analysis={"novelty": novelty}), "new", day(28))
    assert look.boundary_z == pytest.approx(norm.isf(0.025), abs=1e-6)
    assert look.p_value(2.5) == pytest.approx(2 * norm.sf(2.5), rel=1e-4)


def test_after_the_last_day_it_is_the_last_look_again() -> None:
    assert novelty_look(experiment(), "new", day(40)) == novelty_look(experiment(), "new", day(28))


def test_a_promised_extension_is_part_of_the_calendar_of_looks() -> None:
    asked = experiment(calendar={"max_extension_days": 7})
    assert novelty_look(asked, "new", day(28)).shares[-1] == pytest.approx(22 / 29)
    assert novelty_look(asked, "new", day(35)).alpha_spent == pytest.approx(0.05)


def test_treatments_share_the_alpha() -> None:
    look = novelty_look(experiment(variants=THREE_VARIANTS), "one", day(28))
    assert look.alpha_spent == pytest.approx(0.025)
    assert look.p_value(look.boundary_z) == pytest.approx(0.05, rel=1e-4)


@pytest.mark.parametrize("number", [8, 14, 28])
def test_the_p_value_meets_alpha_at_the_boundary(number: int) -> None:
    look = novelty_look(experiment(), "new", day(number))
    assert look.p_value(look.boundary_z) == pytest.approx(0.05, rel=1e-4)
    assert look.p_value(look.boundary_z + 0.1) < 0.05 < look.p_value(look.boundary_z - 0.1)


def test_a_ramp_brings_information_with_its_weights() -> None:
    ramp = [
        {"day": day(1), "weights": {"control": 1.0, "new": 0.0}},
        {"day": day(8), "weights": {"control": 0.9, "new": 0.1}},
        {"day": day(15), "weights": {"control": 0.5, "new": 0.5}},
    ]
    asked = experiment(calendar={"ramp": ramp})
    planned = cohort_information(asked, "new")
    assert (planned[:7] == 0.0).all()
    # Seven days at 1 : 0 and one at .9 : .1 make 7.9 and .1 units of a day: 1 / (1/7.9 + 1/.1).
    assert planned[7] == pytest.approx(1 / (1 / 7.9 + 1 / 0.1))
    assert novelty_look(asked, "new", day(13)).boundary_z == np.inf
    assert novelty_look(asked, "new", day(28)).alpha_spent == pytest.approx(0.05)
