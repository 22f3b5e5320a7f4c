"""What runs of other durations show: planning what the curve says, over the weeks it says, gives the promised power."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from statistics import NormalDist

import pytest

from tests.overview.test_planning import ASKED, BY_HAND, SEQUENTIAL, made, result
from tests.stages.worlds import shop
from trialflow.overview import plan_words
from trialflow.overview.plan_words import curve_rows
from trialflow.stages.workspace import Workspace

TYPED = ASKED | BY_HAND
DAILY = TYPED | {"policy": "always_valid"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return shop(tmp_path_factory.mktemp("shop"))


@pytest.mark.parametrize(
    "typed",
    [
        DAILY,
        DAILY | {"treatments": "3", "control": "40%", "alpha": "0.1", "weeks": "2"},
        DAILY | {"traffic": "25", "weeks": "9"},
        DAILY | {"effect": "3%", "power": "0.95", "weeks": "26"},
        TYPED,
        TYPED | SEQUENTIAL,
    ],
)
def test_planning_the_effect_of_a_point_gives_the_promised_power(workspace: Workspace, typed: dict[str, str]) -> None:
    plan = result(workspace, **typed)
    asked = plan.finding.evidence["power_per_test"]
    for point in plan.curve[1::4]:
        there = {"effect": repr(point.effect), "scale": "absolute", "weeks": str(point.weeks)}
        assert result(workspace, **typed | there).chance == pytest.approx(asked, abs=0.001)


def test_effects_of_long_daily_reading_fall_and_chances_rise_up_to_one(workspace: Workspace) -> None:
    curve = result(workspace, **DAILY | {"treatments": "3", "effect": "5%", "weeks": "38"}).curve
    effects = [point.effect for point in curve if point.effect is not None]
    assert curve[-1].weeks > 45
    assert len(effects) >= len(curve) - 1
    assert effects == sorted(effects, reverse=True)
    assert [point.chance for point in curve] == sorted(point.chance for point in curve)
    assert curve[-1].chance <= 1.0


def test_reading_every_day_shows_less_than_one_look(workspace: Workspace) -> None:
    daily, once = result(workspace, **DAILY, weeks="9").curve, result(workspace, **TYPED, weeks="9").curve
    one_look = {one.weeks: one.effect for one in once}
    assert all(1.2 < (one.effect or 0.0) / (one_look[one.weeks] or 0.0) < 1.4 for one in daily)


def test_a_run_within_the_burn_in_shows_no_effect_however_large(workspace: Workspace) -> None:
    """175 units in a week leave fewer than the 100 in each variant from which a confidence sequence speaks."""
    plan = result(workspace, **DAILY | {"traffic": "25", "weeks": "9"}, gain="30%")
    assert (plan.curve[0].weeks, plan.curve[0].effect, plan.curve[0].chance) == (1, None, 0.0)
    assert [len(row) for row in curve_rows(plan)] == [5] * len(plan.curve)
    assert curve_rows(plan)[0][2:4] == ("none", "none")


@pytest.mark.parametrize(
    "typed",
    [
        TYPED | {"effect": "3.7%"},
        TYPED | SEQUENTIAL | {"effect": "3.7%"},
        TYPED | SEQUENTIAL | {"effect": "4.3%"},
        DAILY | {"effect": "5%"},
        DAILY | {"effect": "6%", "weeks": "40"},
    ],
)
def test_cuped_shows_the_effect_in_the_week_that_planning_with_its_spread_finds(
    workspace: Workspace, typed: dict[str, str]
) -> None:
    plan = result(workspace, **typed, gain="30%")
    weeks = plan.gained_after
    assert weeks is not None
    assert any(f"would show after {weeks} weeks" in note for note in plan_words.notes(plan))
    less = typed | {"std_dev": repr(3 * sqrt(0.7))}
    asked = plan.finding.evidence["power_per_test"]
    here, sooner = (result(workspace, **less | {"weeks": str(one)}) for one in (weeks, weeks - 1))
    assert here.chance is not None
    assert here.chance >= asked - 1e-5
    assert sooner.chance is not None
    assert sooner.chance < asked


def test_a_daily_reader_is_told_the_first_week_with_the_power(workspace: Workspace) -> None:
    typed = DAILY | {"effect": "6%", "weeks": "40"}
    plan = result(workspace, **typed)
    weeks = plan.shown_after
    assert weeks is not None
    assert weeks not in [one.weeks for one in plan.curve]
    assert any(f"The chance reaches 90% after {weeks} weeks" in note for note in plan_words.notes(plan))
    chances = [result(workspace, **typed | {"weeks": str(one)}).chance or 0.0 for one in (weeks - 1, weeks)]
    assert chances[0] < 0.9 <= chances[1]


def test_one_look_over_four_weeks_is_the_textbooks(workspace: Workspace) -> None:
    """δ = (z_0.975 + z_0.9) σ √(2 / n) with n = 250 · 28 in each variant (Chow, Shao & Wang 2008, §3.2.1)."""
    normal = NormalDist()
    (here,) = (one for one in result(workspace, **TYPED, weeks="4").curve if one.weeks == 4)
    assert here.effect == pytest.approx((normal.inv_cdf(0.975) + normal.inv_cdf(0.9)) * 3 * sqrt(2 / 7000))


def test_a_curve_begins_with_the_first_run_that_registration_takes(tmp_path: Path) -> None:
    """The first interim look waits until a window of 14 days has closed: on day 21, so in a run of four weeks."""
    own = shop(tmp_path)
    text = (own.include / "metrics" / "views_3d.yaml").read_text().replace("views_3d", "views_14d")
    (own.include / "metrics" / "views_14d.yaml").write_text(text.replace("to_day: 3", "to_day: 14"))
    typed = TYPED | SEQUENTIAL | {"metric": "views_14d"}
    first = result(own, **typed).curve[0].weeks
    assert result(own, **typed | {"weeks": str(first)}).refusals == ()
    (fault,) = made(own, **typed | {"weeks": str(first - 1)}).faults
    assert fault.field == "looks"
    assert first == 4
