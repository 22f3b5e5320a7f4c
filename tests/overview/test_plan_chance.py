"""The chance of a SHIP before the start: each test's, and the bounds of all together."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import NormalDist

import pytest

from tests.overview.test_planning import ASKED, BY_HAND, SEQUENTIAL, result
from tests.stages.worlds import shop
from trialflow.overview.plan_chance import Together, together
from trialflow.overview.plan_words import cards
from trialflow.stages.workspace import Workspace

NORMAL = NormalDist()
TIGHT = ASKED | BY_HAND | {"margin_1": "0.01", "weeks": "4"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return shop(tmp_path_factory.mktemp("shop"))


def chance(workspace: Workspace, **typed: str) -> float:
    (one,) = result(workspace, **TIGHT | {"basis": "hand"} | typed).protections
    assert one.chance is not None
    return one.chance


@pytest.mark.parametrize(("weeks", "margin"), [(2, 0.01), (4, 0.01), (4, 0.005)])
def test_one_look_is_the_textbooks_power_of_non_inferiority(workspace: Workspace, weeks: int, margin: float) -> None:
    """Φ(δ / (σ √(2 / n)) − z_0.95) with n = 250 a day in each variant (Chow, Shao & Wang 2008, §3.2.2)."""
    units = 250 * 7 * weeks
    expected = NORMAL.cdf(margin / (0.22 * sqrt(2 / units)) - NORMAL.inv_cdf(0.95))
    assert chance(workspace, weeks=str(weeks), margin_1=str(margin)) == pytest.approx(expected, abs=1e-9)


def test_looks_cost_some_of_it_and_reading_every_day_costs_more(workspace: Workspace) -> None:
    fixed, looks = chance(workspace), chance(workspace, **SEQUENTIAL)
    always = chance(workspace, policy="always_valid")
    assert fixed - 0.03 < looks < fixed
    assert always < looks


def test_units_that_were_asked_for_give_the_chance_that_was_asked_for(workspace: Workspace) -> None:
    asked = TIGHT | {"margin_1": "0.02", "weeks": "3"}
    plan = result(workspace, **asked)
    (one,) = plan.protections
    (at,) = result(workspace, **asked | {"margin_1": repr(one.smallest)}).protections
    assert at.chance == pytest.approx(plan.finding.evidence["power_per_test"], abs=1e-6)


def test_all_together_lie_between_the_bounds_of_bonferroni_and_frechet() -> None:
    assert together([0.9, 0.95]) == Together(lower=pytest.approx(0.85), upper=0.9)
    assert together([0.9]) == Together(lower=pytest.approx(0.9), upper=0.9)
    assert together([0.3, 0.4]) == Together(lower=0.0, upper=0.3)
    assert together([0.9, None]) is None
    assert together([]) is None


@pytest.mark.parametrize(
    ("lower", "upper", "told"),
    [
        (0.8, 0.9, "80% to 90%"),
        (0.992, 0.996, "99% to over 99%"),
        (0.988, 0.9951, "99% to over 99%"),
        (0.996, 0.999, "over 99%"),
        (0.004, 0.996, "under 1% to over 99%"),
        (0.0, 0.3, "under 1% to 30%"),
        (0.0, 0.001, "under 1%"),
        (0.901, 0.902, "90%"),
    ],
)
def test_bounds_are_told_without_moving_them_inwards(
    workspace: Workspace, lower: float, upper: float, told: str
) -> None:
    """As many guardrails with the chance `upper` as leave `lower` of all, and the primary metric with the rest."""
    plan = result(workspace, **TIGHT)
    (guard,) = plan.protections
    count = int((1.0 - lower) / (1.0 - upper))
    rest = 1.0 - (1.0 - lower - count * (1.0 - upper))
    finding = replace(plan.finding, evidence=plan.finding.evidence | {"power_by_day": [{"power": rest}]})
    changed = replace(plan, finding=finding, protections=(replace(guard, chance=upper),) * count)
    (card,) = (one for one in cards(changed) if one.name == "Chance of a SHIP")
    assert card.value == told


def test_a_plan_without_guardrails_ships_by_its_primary_metric(workspace: Workspace) -> None:
    typed = {name: text for name, text in (ASKED | BY_HAND).items() if "_1" not in name}
    plan = result(workspace, **typed, weeks="3")
    assert plan.together is not None
    assert plan.together.lower == pytest.approx(plan.chance)


def test_a_guardrail_without_a_baseline_leaves_the_chance_open(tmp_path: Path) -> None:
    typed = {name: text for name, text in (ASKED | BY_HAND).items() if name not in ("mean_1", "std_dev_1")}
    plan = result(shop(tmp_path), **typed)
    assert plan.together is None
    assert plan.unproven
