"""Two experiments in one layer at the same time would share units."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes import an_experiment, day
from trialflow.checks.collision import collision, collision_problems
from trialflow.checks.finding import Status
from trialflow.spec.experiment import Experiment

MINE = an_experiment()  # days 1 to 28 of layer "home"


def other(first: int, last: int, **changes: Any) -> Experiment:
    extension = changes.pop("extension", 0)
    calendar = {"first_day": day(first), "last_day": day(last), "max_extension_days": extension}
    return an_experiment(**({"slug": "banner", "calendar": calendar} | changes))


@pytest.mark.parametrize(
    ("neighbour", "collides"),
    [
        (other(28, 35), True),
        (other(29, 35), False),
        (other(-13, 0), False),
        (other(-13, 0, extension=7), True),
        (other(-13, 1), True),
        (other(5, 6), True),
        (other(5, 6, layer="checkout"), False),
    ],
)
def test_the_same_layer_on_the_same_days_collides(neighbour: Experiment, *, collides: bool) -> None:
    finding = collision(MINE, [neighbour], day(0)).finding
    assert finding.status is (Status.FAIL if collides else Status.PASS)
    assert finding.blocks == collides
    assert finding.evidence["overlapping"] == (["banner"] if collides else [])
    assert len(collision_problems(MINE, [neighbour], "file")) == collides


def test_an_experiment_does_not_collide_with_itself() -> None:
    assert collision(MINE, [MINE], day(0)).finding.status is Status.PASS


def test_a_problem_tells_who_holds_the_layer_and_until_when() -> None:
    (problem,) = collision_problems(MINE, [other(20, 26, extension=14)], "ranker.yaml")
    assert "banner" in problem.message
    assert str(day(40)) in problem.message
    assert problem.cure
