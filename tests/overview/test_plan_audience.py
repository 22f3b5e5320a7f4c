"""A plan for an audience: its words, its share of the traffic, and a segment that the warehouse can tell."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.overview.test_planning import ASKED, TODAY, made, registered, result
from tests.stages.worlds import FIRST, LAST, SOURCE, fill, merged, promise, shop, world
from trialflow.overview import plan_words
from trialflow.overview.plan_form import PlanForm, part_text
from trialflow.overview.plan_history import Recorded, segments_on_record
from trialflow.overview.planning import planned
from trialflow.overview.reader import reader
from trialflow.stages.preregistration import Offer, register
from trialflow.stages.workspace import Workspace

BY_DAY = {"first_day": "2026-02-02", "through": LAST.isoformat()}
MOBILE = ASKED | BY_DAY | {"part": "device=mobile"}


@pytest.fixture(scope="module")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(shop(tmp_path_factory.mktemp("shop")), world())


@pytest.fixture(scope="module")
def telling_shop(tmp_path_factory: pytest.TempPathFactory, small_shop: Workspace) -> Workspace:
    """A shop whose population is told by the exposures, with their device."""
    own = shop(tmp_path_factory.mktemp("telling"), lake=small_shop.lake_root)
    population = {"table": "exposures", "unit": "unit_id", "timestamp": "exposed_at", "filter": "variant <> 'nobody'"}
    (own.include / "sources" / "shop.yaml").write_text(yaml.safe_dump(merged(SOURCE, {"population": population})))
    return own


def later(workspace: Workspace, **typed: str) -> Any:
    form = PlanForm.of(typed)
    return planned(form, workspace, workspace.catalog(), {}, today=LAST + timedelta(days=1))


def test_its_words_are_locked_and_change_no_number(small_shop: Workspace) -> None:
    plain, named = result(small_shop, **ASKED), result(small_shop, **ASKED, audience="Visitors who search")
    assert named.promise.plan == plain.promise.plan
    assert yaml.safe_load(named.text)["audience"] == "Visitors who search"
    assert any("everybody in the population" in note for note in plan_words.notes(named))


class TestItsShare:
    def test_thins_the_traffic_and_nothing_else(self, small_shop: Workspace) -> None:
        everybody, some = result(small_shop, **ASKED, weeks="2"), result(small_shop, **ASKED, weeks="2", share="40%")
        assert some.traffic is not None
        assert some.traffic.units_per_day == pytest.approx(0.4 * (everybody.promise.plan.units_per_day or 0.0))
        assert some.promise.plan.metrics == everybody.promise.plan.metrics
        assert "40% of" in plan_words.traffic_text(some.traffic)

    def test_is_not_what_registration_locks_and_the_page_says_so(self, small_shop: Workspace) -> None:
        plan = result(small_shop, **ASKED, share="40%")
        assert not plan.locks_traffic
        assert any("Registration reads the traffic itself" in note for note in plan_words.notes(plan))
        locked = registered(small_shop, plan).promise.plan
        assert locked.metrics == plan.promise.plan.metrics
        assert locked.units_per_day == pytest.approx(plan.measured.units_per_day)

    def test_of_all_is_everybody(self, small_shop: Workspace) -> None:
        assert result(small_shop, **ASKED, share="100%").locks_traffic

    @pytest.mark.parametrize(
        "typed", [{"share": "0"}, {"share": "140%"}, {"share": "x"}, {"share": "4%", "traffic": "9"}]
    )
    def test_that_is_none_is_told(self, small_shop: Workspace, typed: dict[str, str]) -> None:
        assert [one.field for one in made(small_shop, **ASKED | typed).faults] == ["share"]


class TestASegment:
    def test_gives_its_own_baseline_and_traffic(self, telling_shop: Workspace) -> None:
        plan = later(telling_shop, **MOBILE).result
        everybody = later(telling_shop, **ASKED | BY_DAY).result
        assert plan is not None
        assert everybody is not None
        engine = telling_shop.connections.engine("lake")
        with engine.connect() as connection:
            query = "select device, count(distinct unit_id) from exposures group by device"
            units = dict(tuple(row) for row in connection.exec_driver_sql(query))
        engine.dispose()
        assert plan.traffic.whole == pytest.approx(units["mobile"] / 28)
        assert everybody.traffic.whole == pytest.approx(sum(units.values()) / 28)
        assert plan.known["views_3d"].baseline.mean != everybody.known["views_3d"].baseline.mean

    def test_is_written_into_the_promise(self, telling_shop: Workspace) -> None:
        plan = later(telling_shop, **MOBILE).result
        written = yaml.safe_load(plan.text)
        assert written["audience"] == "device: mobile"
        assert written["baselines"]["views_3d"]["mean"] == pytest.approx(plan.known["views_3d"].baseline.mean)
        assert not plan.locks_traffic
        assert any("whose device is mobile" in note for note in plan_words.notes(plan))

    def test_that_the_population_does_not_tell_is_a_fault_with_a_cure(self, small_shop: Workspace) -> None:
        (fault,) = made(small_shop, **ASKED, part="device=mobile").faults
        assert fault.field == "part"
        assert "cannot be told apart" in fault.message
        assert "share of the traffic" in fault.cure

    @pytest.mark.parametrize(
        "typed",
        [
            {"part": "colour=red"},
            {"part": "device"},
            {"part": "device=x' or '1'='1"},
            {"part": "device=\\"},
            {"part": "device=mobile", "basis": "record"},
        ],
    )
    def test_that_is_none_never_reaches_the_warehouse(self, small_shop: Workspace, typed: dict[str, str]) -> None:
        assert [one.field for one in made(small_shop, **ASKED | typed).faults] == ["part"]

    def test_is_offered_from_the_record_where_its_value_is_harmless(
        self, tmp_path: Path, small_shop: Workspace
    ) -> None:
        own = shop(tmp_path, lake=small_shop.lake_root)
        segments = [{"dimension": "device", "values": ["mobile", "it's"]}]
        register(own, Offer(where="a test", text=promise(segments=segments)), by="ada", today=TODAY)
        with own.registry() as registry, reader(registry) as view:
            assert segments_on_record(view) == {"shop": (("device", "it's"), ("device", "mobile"))}
        assert [part_text("device", value) for value in ("mobile", "it's")] == ["device=mobile", ""]


def test_traffic_on_record_is_thinned_too_and_names_its_registration(tmp_path: Path, small_shop: Workspace) -> None:
    base = result(small_shop, **ASKED).known["views_3d"].baseline
    past = Recorded(slug="old", as_of=FIRST, baseline=base, units_per_day=300.0, unit="visitor", labels=())
    plan = result(shop(tmp_path), {"views_3d": past}, **ASKED, share="50%")
    assert plan.traffic is not None
    assert (plan.traffic.units_per_day, plan.traffic.recorded) == (150.0, past)
    (card,) = (card for card in plan_words.cards(plan) if card.name == "New units a day")
    assert card.source == past
