"""The plan on the page is the plan that registration locks, and a form is refused with all of its faults at once."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stages.worlds import FIRST, fill, merged, promise, shop, world
from trialflow.overview import plan_words
from trialflow.overview.plan_faults import by_field
from trialflow.overview.plan_form import PlanForm, number
from trialflow.overview.plan_history import Recorded, recorded
from trialflow.overview.planning import Plannable, Planned, planned
from trialflow.overview.reader import reader
from trialflow.stages.preregistration import Accepted, Offer, check, register
from trialflow.stages.workspace import Workspace

TODAY = FIRST - timedelta(days=1)
WORDS = dict.fromkeys(
    ("slug", "title", "hypothesis", "mechanism", "owner", "unit", "layer", "audience"), "written_later"
) | {"slug": "planned-here"}
ASKED = {
    "metric": "views_3d",
    "effect": "20%",
    "first_day": "2026-01-05",
    "guardrail_1": "complained_1d",
    "margin_1": "0.03",
    "margin_scale_1": "absolute",
}
BY_HAND = {"basis": "hand", "mean": "2", "std_dev": "3", "traffic": "500", "mean_1": "0.05", "std_dev_1": "0.22"}
SEQUENTIAL = {"policy": "group_sequential"}


@pytest.fixture(scope="module")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(shop(tmp_path_factory.mktemp("shop")), world())


def made(workspace: Workspace, record: dict[str, Recorded] | None = None, **typed: str) -> Planned:
    return planned(PlanForm.of(typed), workspace, workspace.catalog(), record or {}, today=TODAY)


def result(workspace: Workspace, record: dict[str, Recorded] | None = None, **typed: str) -> Plannable:
    found = made(workspace, record, **typed)
    assert found.faults == ()
    assert found.result is not None
    return found.result


def registered(workspace: Workspace, plan: Plannable) -> Accepted:
    """What registration makes of the text of the plan, once its words are written."""
    text = yaml.safe_dump(merged(yaml.safe_load(plan.text), WORDS), sort_keys=False)
    with workspace.registry() as registry:
        return check(workspace, registry, Offer(where="a test", text=text), today=TODAY)


@pytest.mark.parametrize(
    "typed",
    [
        {},
        SEQUENTIAL,
        {"policy": "always_valid"},
        {"effect": "0.4", "scale": "absolute", "treatments": "2", "control": "50%", "power": "0.9", "alpha": "0.1"},
        {"cuped": "cuped", "weeks": "3"},
        {"audience": "Visitors who search", "share": "100%"},
        {"mean": "2", "std_dev": "3"},
        {**SEQUENTIAL, "looks": "14, 21", "treatments": "3"},
    ],
)
def test_the_page_shows_exactly_what_registration_locks(small_shop: Workspace, typed: dict[str, str]) -> None:
    plan = result(small_shop, **ASKED | typed)
    accepted = registered(small_shop, plan)
    assert accepted.promise.plan == plan.promise.plan
    assert accepted.findings[1].evidence == plan.finding.evidence
    assert accepted.as_of == plan.finding.as_of
    assert plan.refusals == ()
    assert plan.locks_traffic


def test_a_plan_of_past_history_states_what_it_measured(small_shop: Workspace) -> None:
    """Registration would look at other days, so the numbers are written into the promise."""
    plan = result(small_shop, **ASKED, through="2026-01-02")
    accepted = registered(small_shop, plan)
    assert accepted.promise.plan.metrics == plan.promise.plan.metrics
    assert set(accepted.promise.experiment.baselines) == {"views_3d", "complained_1d"}
    assert not plan.locks_traffic


def test_weeks_are_the_fewest_that_registration_accepts(small_shop: Workspace) -> None:
    plan = result(small_shop, **ASKED | SEQUENTIAL, mean="2", std_dev="6")
    assert plan.weeks == plan.enough
    assert plan.weeks > 2
    shorter = result(small_shop, **ASKED | SEQUENTIAL, mean="2", std_dev="6", weeks=str(plan.weeks - 1))
    assert plan.refusals == ()
    (refusal,) = shorter.refusals
    assert refusal.field == "calendar.last_day"


def test_the_curve_goes_through_the_finding_of_the_plan(small_shop: Workspace) -> None:
    plan = result(small_shop, **ASKED | SEQUENTIAL | BY_HAND)
    here = next(one for one in plan.curve if one.weeks == plan.weeks)
    assert here.effect == plan.finding.evidence["metrics"][0]["resolvable"]
    assert here.chance == plan.chance
    effects = [one.effect for one in plan.curve]
    assert effects == sorted(effects, reverse=True)


@pytest.mark.parametrize(("policy", "first"), [("fixed", 1), ("group_sequential", 2)])
def test_the_curve_tells_every_week_where_that_is_cheap(small_shop: Workspace, policy: str, first: int) -> None:
    plan = result(small_shop, **ASKED | BY_HAND, policy=policy)
    assert [one.weeks for one in plan.curve] == list(range(first, 13))


def test_the_curve_takes_even_steps_through_the_plan_where_points_are_dear(small_shop: Workspace) -> None:
    plan = result(small_shop, **ASKED | BY_HAND, policy="always_valid", weeks="9")
    weeks = [one.weeks for one in plan.curve]
    assert plan.weeks in weeks
    assert len({later - one for one, later in pairwise(weeks)}) == 1


def test_units_are_those_of_the_textbook(small_shop: Workspace) -> None:
    """2 (z_0.975 + z_0.8)² σ² / δ² = 2 · 7.84888 · 9 / 0.16 = 882.999 per variant (Chow, Shao & Wang 2008, §3.2.1)."""
    plan = result(small_shop, **BY_HAND, metric="views_3d", effect="0.4", scale="absolute", first_day="2026-01-05")
    assert [units for _, _, units in plan.per_variant] == [883, 883]
    assert plan.needed == 1766
    assert plan.inflation == pytest.approx(1.0, abs=1e-9)


def test_looks_cost_units(small_shop: Workspace) -> None:
    fixed = result(small_shop, **ASKED | BY_HAND, weeks="4")
    looks = result(small_shop, **ASKED | BY_HAND | SEQUENTIAL, weeks="4")
    assert looks.inflation > 1.001
    assert looks.units == pytest.approx(fixed.units * looks.inflation, rel=0.001)


def test_a_known_gain_of_cuped_is_shown_and_not_counted_on(small_shop: Workspace) -> None:
    plain = result(small_shop, **ASKED | BY_HAND)
    gained = result(small_shop, **ASKED | BY_HAND, gain="36%")
    assert gained.promise.plan == plain.promise.plan
    assert [one.adjusted for one in gained.curve] == pytest.approx([0.8 * one.effect for one in plain.curve])


def test_the_history_tells_what_cuped_removes(small_shop: Workspace) -> None:
    plan = result(small_shop, **ASKED, cuped="cuped")
    assert plan.gain is not None
    assert 0.0 < plan.gain < 1.0
    assert any("measured in the 28 days of the warehouse before 4 Jan 2026" in note for note in plan_words.notes(plan))


class TestAGuardrail:
    def test_is_feasible_when_the_calendar_brings_its_units(self, small_shop: Workspace) -> None:
        (one,) = result(small_shop, **ASKED | BY_HAND, weeks="4").protections
        assert one.feasible
        assert one.by is not None
        assert one.smallest is not None
        assert one.smallest <= 0.03

    def test_that_needs_more_says_by_when_and_what_can_be_proven(self, small_shop: Workspace) -> None:
        asked = ASKED | BY_HAND | {"margin_1": "0.005", "weeks": "2"}
        (one,) = result(small_shop, **asked).protections
        assert one.feasible is False
        assert one.smallest is not None
        assert one.smallest > 0.005
        assert one.by is not None
        weeks = ((one.by - FIRST).days + 1) // 7
        (later,) = result(small_shop, **asked | {"weeks": str(weeks)}).protections
        assert later.feasible
        (sooner,) = result(small_shop, **asked | {"weeks": str(weeks - 1)}).protections
        assert sooner.feasible is False

    def test_whose_smallest_margin_is_asked_for_is_just_feasible(self, small_shop: Workspace) -> None:
        asked = ASKED | BY_HAND | {"weeks": "2"}
        (one,) = result(small_shop, **asked).protections
        assert one.smallest is not None
        (at,) = result(small_shop, **asked | {"margin_1": repr(one.smallest * 1.001)}).protections
        (below,) = result(small_shop, **asked | {"margin_1": repr(one.smallest * 0.99)}).protections
        assert at.feasible
        assert below.feasible is False

    def test_without_a_baseline_is_not_planned_and_says_so(self, small_shop: Workspace) -> None:
        typed = {name: text for name, text in BY_HAND.items() if not name.endswith("_1")}
        plan = result(small_shop, **ASKED | typed)
        (row,) = plan_words.protection_rows(plan)
        assert row.good is None
        assert "no baseline" in row.verdict

    def test_that_no_calendar_with_its_looks_proves_has_no_date(self, small_shop: Workspace) -> None:
        """Two weeks cost one look, 52 cost 51: the units of two weeks would be there in 51 weeks, and would not do then."""
        asked = ASKED | BY_HAND | SEQUENTIAL | {"margin_1": "0.00304", "weeks": "2"}
        plan = result(small_shop, **asked)
        assert plan_words.protection_rows(plan)[0].by == "not within 52 weeks"
        (longest,) = result(small_shop, **asked | {"weeks": "52"}).protections
        assert longest.feasible is False

    def test_beyond_ten_years_says_so(self, small_shop: Workspace) -> None:
        plan = result(small_shop, **ASKED | BY_HAND | {"margin_1": "0.0001", "weeks": "2"})
        assert plan_words.protection_rows(plan)[0].by == "not within ten years"

    def test_of_one_look_has_a_date_however_late(self, small_shop: Workspace) -> None:
        plan = result(small_shop, **ASKED | BY_HAND | {"margin_1": "0.002", "weeks": "2"})
        assert (plan_words.protection_rows(plan)[0].weeks or 0) > 52


class TestTypedLooks:
    def test_may_come_after_the_last_day_while_windows_close(self, small_shop: Workspace) -> None:
        """views_3d waits three days more, so day 364 comes before the last look of 52 weeks."""
        plan = result(small_shop, **ASKED | BY_HAND | SEQUENTIAL | {"looks": "7 364"})
        assert [one.weeks for one in plan.curve] == [52]
        assert plan.promise.experiment.analysis.stopping.looks == (7, 364)

    def test_make_the_shortest_calendar_that_has_a_later_day(self, small_shop: Workspace) -> None:
        typed = ASKED | BY_HAND | SEQUENTIAL | {"looks": "7 14"}
        assert result(small_shop, **typed).weeks == 2
        assert [one.field for one in made(small_shop, **typed, weeks="1").faults] == ["looks"]


class TestAFaultyForm:
    def test_is_refused_with_all_its_faults_beside_their_fields(self, small_shop: Workspace) -> None:
        wrong = {
            "metric": "vews_3d",
            "effect": "a little",
            "alpha": "2",
            "power": "80",
            "policy": "sometimes",
            "weeks": "0",
            "treatments": "ten",
            "control": "1",
            "traffic": "-4",
            "gain": "200%",
            "first_day": "2026-01-02",
            "through": "tomorrow",
            "std_dev_1": "many",
            "guardrail_2": "nonsense",
        }
        found = made(small_shop, **ASKED | wrong)
        assert found.result is None
        told = by_field(found.faults)
        assert set(wrong) - set(told) == set()
        assert all(one.message and one.cure for one in found.faults)

    def test_names_the_margin_of_the_row_it_stands_in(self, small_shop: Workspace) -> None:
        found = made(small_shop, **ASKED, guardrail_4="orders_3d", margin_4="x")
        assert [one.field for one in found.faults] == ["margin_4"]

    def test_asks_whether_a_relative_3_is_3_percent(self, small_shop: Workspace) -> None:
        found = by_field(
            made(small_shop, **ASKED | {"effect": "3", "margin_1": "5", "margin_scale_1": "relative"}).faults
        )
        assert {name: [one.cure for one in faults] for name, faults in found.items()} == {
            "effect": ["write 3% or 300%"],
            "margin_1": ["write 5% or 500%"],
        }
        assert result(small_shop, **ASKED | {"effect": "300%", "weeks": "1"}).needed > 0

    def test_of_nothing_asks_for_a_metric_and_an_effect(self, small_shop: Workspace) -> None:
        assert set(by_field(made(small_shop).faults)) == {"metric", "effect"}

    @pytest.mark.parametrize(
        ("typed", "field"),
        [
            ({"effect": "1e-200"}, "effect"),
            ({"effect": "0.0001%"}, "effect"),
            ({"mean": "0", "std_dev": "1"}, "effect"),
            ({"first_day": "9999-12-31"}, "first_day"),
            ({"through": "0001-01-01"}, "through"),
            ({"traffic": "1e300"}, "traffic"),
            ({"traffic": "nan"}, "traffic"),
            ({"looks": "7, seven", **SEQUENTIAL}, "looks"),
            ({"looks": "3", **SEQUENTIAL}, "looks"),
            ({"looks": "365", **SEQUENTIAL}, "looks"),
            ({"looks": "9" * 200, **SEQUENTIAL}, "looks"),
            ({"looks": "7 371", **SEQUENTIAL}, "looks"),
            ({"effect": "1" * 330}, "effect"),
            ({"effect": "1" * 330, "scale": "absolute"}, "effect"),
            ({"effect": "1e400%"}, "effect"),
            ({"margin_1": "9" * 330, "margin_scale_1": "relative"}, "margin_1"),
            ({"mean": "1e300", "std_dev": "1"}, "mean"),
            ({"traffic": "1" * 330}, "traffic"),
            ({"mean_1": "0", "std_dev_1": "1", "margin_1": "5%", "margin_scale_1": "relative"}, "margin_1"),
            ({"mean": "5"}, "std_dev"),
        ],
    )
    def test_never_ends_in_a_crash(self, small_shop: Workspace, typed: dict[str, str], field: str) -> None:
        found = made(small_shop, **ASKED | typed)
        assert field in by_field(found.faults)
        assert not any("np." in f"{one.message} {one.cure}" for one in found.faults)

    def test_says_that_a_share_of_nothing_is_no_effect(self, small_shop: Workspace) -> None:
        (fault,) = made(small_shop, **ASKED | {"mean": "0", "std_dev": "1"}).faults
        assert "mean of views_3d, which is 0" in fault.message
        assert "absolute" in fault.cure

    def test_of_too_long_a_number_says_how_long_it_may_be(self, small_shop: Workspace) -> None:
        (fault,) = made(small_shop, **ASKED | {"effect": "1" * 330}).faults
        assert "at most 15 digits" in fault.cure

    def test_says_that_no_history_can_be_read_and_what_to_do(self, tmp_path: Path) -> None:
        (fault,) = made(shop(tmp_path), **ASKED).faults
        assert fault.field == "basis"
        assert "views_3d" in fault.message
        assert "type its mean" in fault.cure

    def test_says_that_nobody_came_before(self, small_shop: Workspace) -> None:
        (fault,) = made(small_shop, **ASKED, through="2020-01-05").faults
        assert "nobody is in the population of shop" in fault.message


class TestTheRecord:
    @pytest.fixture
    def record(self, tmp_path: Path, small_shop: Workspace) -> tuple[Workspace, dict[str, Recorded]]:
        own = shop(tmp_path, lake=small_shop.lake_root)
        register(own, Offer(where="a test", text=promise()), by="ada", today=TODAY)
        return own, self.read(own)

    def read(self, workspace: Workspace) -> dict[str, Recorded]:
        with workspace.registry() as registry, reader(registry) as view:
            return recorded(view, workspace.catalog())

    def test_lends_its_baselines_with_the_finding_they_come_from(self, record: tuple[Workspace, Any]) -> None:
        workspace, known = record
        plan = result(workspace, known, **ASKED, basis="record")
        past = plan.known["views_3d"].recorded
        assert past is not None
        assert (past.slug, past.as_of) == ("small_shop", date(2026, 1, 3))
        assert past.labels == ("simulated",)
        assert yaml.safe_load(plan.text)["unit"] == "visitor"
        assert registered(workspace, plan).promise.plan.metrics == plan.promise.plan.metrics

    def test_lends_nothing_for_a_metric_that_was_defined_anew(self, record: tuple[Workspace, Any]) -> None:
        workspace, known = record
        assert "views_3d" in known
        path = workspace.include / "metrics" / "views_3d.yaml"
        path.write_text(path.read_text().replace("to_day: 3", "to_day: 2"))
        assert "views_3d" not in self.read(workspace)

    def test_stands_in_where_no_history_can_be_read(self, record: tuple[Workspace, Any], tmp_path: Path) -> None:
        _, known = record
        plan = result(shop(tmp_path / "empty"), known, **ASKED)
        assert plan.known["views_3d"].recorded is not None
        assert any("The warehouse gives no baseline" in note for note in plan_words.notes(plan))

    @pytest.mark.parametrize("basis", ["", "record"])
    def test_lends_its_traffic_to_a_baseline_that_was_typed(
        self, record: tuple[Workspace, Any], tmp_path: Path, basis: str
    ) -> None:
        _, known = record
        past = known["views_3d"]
        plan = result(shop(tmp_path / "silent"), known, **ASKED, mean="2", std_dev="3", basis=basis)
        assert plan.traffic is not None
        assert (plan.traffic.recorded, plan.traffic.units_per_day) == (past, past.units_per_day)
        assert not any("No traffic is known" in note for note in plan_words.notes(plan))

    @pytest.mark.parametrize("basis", ["hand", "warehouse"])
    def test_lends_no_traffic_where_it_is_not_asked(
        self, record: tuple[Workspace, Any], tmp_path: Path, basis: str
    ) -> None:
        _, known = record
        plan = result(shop(tmp_path / "silent"), known, **ASKED, mean="2", std_dev="3", basis=basis)
        assert plan.traffic is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2%", 0.02),
        ("2 %", 0.02),
        ("0.02", 0.02),
        ("1,200", 1200),
        ("1,5", "1,5"),
        ("", ""),
        ("7", 7),
        ("x%", "x%"),
        ("1" * 16, "1" * 16),
    ],
)
def test_numbers_are_read_as_people_write_them(text: str, value: object) -> None:
    assert number(text) == value
