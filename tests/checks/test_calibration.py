"""The whole machine on data without an effect: looks as they are really taken, recorded and judged."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes import a_promise, day, recorded, summary_of_moments, until
from tests.stats.calibration import assert_rate
from trialflow.checks.effects import effects
from trialflow.checks.harm import harm
from trialflow.checks.history import History
from trialflow.spec.promise import Promise
from trialflow.stats import JointMoments

RUNS, LOOKS, UNITS = 1_500, (2, 4, 6), 150


def worlds() -> list[JointMoments]:
    """Cumulative moments of 8 days and two arms of skewed units, both arms alike."""
    generator = np.random.default_rng(20260302)
    values = generator.exponential(size=(RUNS, 8, 2, UNITS))
    n = np.full((8, 2), float(UNITS)).cumsum(axis=0)
    sums, squares = values.sum(axis=3).cumsum(axis=1), (values**2).sum(axis=3).cumsum(axis=1)
    return [
        JointMoments.from_sums(n, one[..., None], two[..., None, None]) for one, two in zip(sums, squares, strict=True)
    ]


def eight_days(planned: float) -> Promise:
    return a_promise(
        planned=planned,
        calendar={"first_day": day(1), "last_day": day(8)},
        analysis={"stopping": {"policy": "group_sequential", "looks": LOOKS}, "harm_alpha": 0.05},
        replay=True,
    )


@pytest.mark.parametrize("share", [1.0, 1.6, 0.5])
def test_a_benefit_is_seen_without_an_effect_as_often_as_promised(share: float) -> None:
    """On plan, under-running and over-running: α/2, one of two sides."""
    promise = eight_days(8 * UNITS / 2 * share)
    summaries = [summary_of_moments(promise, {"value": moments}) for moments in worlds()]
    crossed = [effects(promise, one, History()).finding.evidence["crossed_on"]["new"] for one in summaries]
    assert_rate(np.asarray([found is not None for found in crossed]), 0.025)


def test_harm_is_seen_without_an_effect_as_often_as_promised() -> None:
    promise = eight_days(8 * UNITS / 2)
    summaries = [summary_of_moments(promise, {"value": moments}) for moments in worlds()]
    harmful = [harm(promise, one, History()).finding.evidence["harmful"] for one in summaries]
    assert_rate(np.asarray([bool(found) for found in harmful]), 0.05)


def test_running_every_day_finds_what_one_run_finds() -> None:
    promise = eight_days(8 * UNITS / 2)
    for moments in worlds()[:40]:
        summary = summary_of_moments(promise, {"value": moments})
        history = History()
        for number in range(1, 9):
            history = recorded(history, effects(promise, until(summary, number), history))
        assert history.looks == effects(promise, summary, History()).looks
