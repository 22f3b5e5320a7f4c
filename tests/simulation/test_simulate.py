"""Simulated worlds: their truth, their faults, their way into the lake."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from trialflow.errors import PromiseError
from trialflow.simulation import (
    Arm,
    Behaviour,
    Change,
    Late,
    Loss,
    Shares,
    SimulationSpec,
    expected_total,
    simulate,
    write,
)
from trialflow.warehouse.lake import Lake

FIRST = date(2024, 3, 4)


def spec(**given: Any) -> SimulationSpec:
    plain: dict[str, Any] = {
        "slug": "sim",
        "source": "sim",
        "first_day": FIRST,
        "last_day": FIRST + timedelta(days=6),
        "units": 2000,
        "arms": (Arm(name="control", weight=0.5), Arm(name="treatment", weight=0.5)),
        "behaviours": (Behaviour(name="click", rate=0.3, spread=0.6),),
        "pre_days": 7,
        "follow_days": 7,
        "seed": 3,
    }
    return SimulationSpec(**{**plain, **given})


def all_rows(world: SimulationSpec, table: str, **given: Any) -> pa.Table:
    return pa.concat_tables([getattr(day, table) for day in simulate(world, **given)])


def totals(world: SimulationSpec, name: str, *, days: int) -> dict[str, np.ndarray]:
    """Per variant the sum of amounts of each unit on days 0 … days − 1 since exposure, from the rows alone."""
    exposures = all_rows(world, "exposures").to_pandas().sort_values("exposed_at").drop_duplicates("unit_id")
    events = all_rows(world, "events").to_pandas()
    joined = events[events["name"] == name].merge(exposures, on="unit_id")
    age = (joined["occurred_at"].dt.floor("D") - joined["exposed_at"].dt.floor("D")).dt.days
    kept = joined[(joined["occurred_at"] >= joined["exposed_at"]) & (age < days)]
    sums = kept.groupby("unit_id")["amount"].sum()
    return {
        variant: sums.reindex(units["unit_id"], fill_value=0.0).to_numpy()
        for variant, units in exposures.groupby("variant")
    }


CHANGES = {
    "constant": Change(variant="treatment", behaviour="click", relative=0.3),
    "absolute": Change(variant="treatment", behaviour="click", absolute=0.2),
    "novelty": Change(variant="treatment", behaviour="click", relative=0.8, settles_at=0.0, extra=1.0, fade_days=2.0),
    "amount": Change(variant="treatment", behaviour="click", relative=-0.4, on="amount"),
    "segment": Change(variant="treatment", behaviour="click", relative=1.0, dimension="device", value="ios"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_the_effect_in_the_rows_is_the_promised_truth(kind: str) -> None:
    world = spec(
        units=6000,
        behaviours=(Behaviour(name="click", rate=0.3, spread=0.4, amount=5.0, tail=0.5),),
        changes=(CHANGES[kind],),
        segments={"device": {"ios": 0.3, "web": 0.7}},
    )
    found = totals(world, "click", days=7)
    for variant, values in found.items():
        error = values.std(ddof=1) / np.sqrt(values.size)
        assert abs(values.mean() - expected_total(world, "click", variant, days=7)) < 4.0 * error
    control, treatment = (expected_total(world, "click", variant, days=7) for variant in ("control", "treatment"))
    assert abs(treatment - control) > 0.1 * control


def test_own_rates_last_so_that_the_past_predicts() -> None:
    def correlation(spread: float) -> float:
        world = spec(behaviours=(Behaviour(name="click", rate=1.0, spread=spread),))
        events = all_rows(world, "events").to_pandas()
        early = events["occurred_at"].dt.date < FIRST
        counts = [part.groupby("unit_id").size() for part in (events[early], events[~early])]
        units = sorted(set(counts[0].index) | set(counts[1].index))
        return float(np.corrcoef(*(count.reindex(units, fill_value=0) for count in counts))[0, 1])

    assert abs(correlation(0.0)) < 0.1
    assert correlation(1.0) > 0.6


def test_the_same_seed_gives_the_same_rows_and_another_does_not() -> None:
    world = spec()
    assert all_rows(world, "events").equals(all_rows(world, "events"))
    assert not all_rows(world, "events").equals(all_rows(world, "events", seed=4))


def test_one_more_behaviour_leaves_the_others_as_they_were() -> None:
    plain, more = (
        spec(),
        spec(behaviours=(Behaviour(name="click", rate=0.3, spread=0.6), Behaviour(name="buy", rate=0.1))),
    )
    events = all_rows(more, "events")
    clicks = events.filter(pa.compute.equal(events["name"], "click"))
    assert clicks.equals(all_rows(plain, "events"))
    assert all_rows(more, "exposures").equals(all_rows(plain, "exposures"))


def test_a_broken_split_loses_exposures_of_one_variant() -> None:
    world = spec(arms=(Arm(name="control", weight=0.5), Arm(name="treatment", weight=0.5, logged=0.8)), repeats=0.0)
    counts = all_rows(world, "exposures").to_pandas()["variant"].value_counts()
    assert 0.74 < counts["treatment"] / counts["control"] < 0.87


def test_lost_logs_leave_a_hole_on_their_day_and_variant_only() -> None:
    lost = FIRST + timedelta(days=2)
    world, whole = spec(losses=(Loss(table="exposures", day=lost, variant="treatment"),)), spec()
    before, after = (
        all_rows(one, "exposures").to_pandas().groupby([lambda _: 0, "variant"]).size() for one in (whole, world)
    )
    assert after[0, "control"] == before[0, "control"]
    holes = next(day for day in simulate(world) if day.day == lost).exposures
    assert set(holes["variant"].to_pylist()) == {"control"}


def test_late_rows_come_with_a_later_delivery(lake: Lake) -> None:
    world = spec(late=Late(share=0.3, days=2))
    day = FIRST + timedelta(days=3)
    at_first, later = (
        next(one.events.num_rows for one in simulate(world, through=through) if one.day == day)
        for through in (day, day + timedelta(days=2))
    )
    assert at_first < 0.8 * later
    assert later == next(one.events.num_rows for one in simulate(world) if one.day == day)


def test_nothing_is_known_after_the_evening_of_through() -> None:
    through = FIRST + timedelta(days=1)
    days = [one.day for one in simulate(spec(), through=through)]
    assert (days[0], days[-1]) == (FIRST - timedelta(days=7), through)


def test_newcomers_have_no_past() -> None:
    world = spec(newcomers=1.0)
    for table, instant in (("events", "occurred_at"), ("visits", "occurred_at")):
        rows = all_rows(world, table).to_pandas()
        assert (rows[instant].dt.date >= FIRST).all()


def test_mixed_units_are_seen_in_two_variants() -> None:
    rows = all_rows(spec(mixed=0.1), "exposures").to_pandas()
    share = (rows.groupby("unit_id")["variant"].nunique() > 1).mean()
    assert 0.07 < share < 0.13


def test_written_days_are_complete_and_hold_the_same_rows(lake: Lake) -> None:
    world = spec(prefix="mine_", units=200)
    write(lake, world)
    assert set(lake.tables()) == {"mine_events", "mine_exposures", "mine_visits"}
    assert lake.is_complete("sim", FIRST - timedelta(days=7))
    assert lake.is_complete("sim", world.last_day + timedelta(days=7))
    with lake.engine().connect() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM mine_events").scalar_one()
    assert count == all_rows(world, "events").num_rows


YAML = """
slug: sim
source: sim
first_day: 2024-03-04
last_day: 2024-03-10
units: 100
arms: [{name: control, weight: 0.5}, {name: treatment, weight: 0.5}]
behaviours: [{name: click, rate: 0.3}]
changes: [{variant: treatment, behaviour: click, relative: 0.1, settles_at: 0.5, extra: 0.5}]
losses: [{table: events, day: 2024-03-05}]
late: {share: 0.1}
"""


def test_a_world_is_read_from_yaml(tmp_path: Path) -> None:
    file = tmp_path / "sim.yaml"
    file.write_text(YAML)
    world = SimulationSpec.read(file)
    assert world.changes[0] == Change(variant="treatment", behaviour="click", relative=0.1, settles_at=0.5, extra=0.5)
    assert world.losses[0].day == date(2024, 3, 5)
    assert world.late == Late(share=0.1)


def test_every_mistake_in_a_file_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "sim.yaml"
    text = YAML.replace("variant: treatment, behaviour: click", "variant: tretment, behaviour: clik").replace(
        "weight: 0.5}]", "weight: 0.6}]"
    )
    file.write_text(text)
    with pytest.raises(PromiseError) as caught:
        SimulationSpec.read(file)
    assert {problem.field for problem in caught.value.problems} == {
        "arms",
        "changes[0].variant",
        "changes[0].behaviour",
    }
    file.write_text("slug: sim\nunitz: 3\nlate: {shar: 1}\n")
    with pytest.raises(PromiseError, match="unitz") as caught:
        SimulationSpec.read(file)
    assert {"late.shar", "late.share", "unitz", "units", "arms"} <= {problem.field for problem in caught.value.problems}


def test_a_ramp_serves_the_shares_of_each_day_and_takes_nothing_back() -> None:
    shares = {0: 0.1, 2: 0.5, 4: 1.0}
    first = date(2026, 3, 2)
    ramped = SimulationSpec(
        slug="ramp",
        source="shop",
        first_day=first,
        last_day=first + timedelta(days=5),
        units=30_000,
        arms=(Arm(name="control", weight=0.5), Arm(name="treatment", weight=0.5)),
        behaviours=(Behaviour(name="view", rate=0.5),),
        ramp=tuple(
            Shares(day=first + timedelta(days=day), weights={"control": 1.0 - share, "treatment": share})
            for day, share in shares.items()
        ),
        pre_days=0,
        repeats=1.0,
    )
    served: dict[str, list[str]] = {}
    for number, one in enumerate(simulate(ramped)):
        variants = one.exposures["variant"].to_pylist()
        promised = shares[max(day for day in shares if day <= number)]
        assert variants.count("treatment") / len(variants) == pytest.approx(promised, abs=0.03)
        for unit, variant in zip(one.exposures["unit_id"].to_pylist(), variants, strict=True):
            served.setdefault(unit, []).append(variant)
    assert any(set(seen) == {"control", "treatment"} for seen in served.values())
    assert all(seen == sorted(seen) for seen in served.values())  # from control to treatment, never back


def test_a_change_may_begin_on_a_day() -> None:
    first = date(2026, 3, 2)
    late = SimulationSpec(
        slug="late",
        source="shop",
        first_day=first,
        last_day=first + timedelta(days=3),
        units=4_000,
        arms=(Arm(name="control", weight=0.0), Arm(name="treatment", weight=1.0)),
        behaviours=(Behaviour(name="view", rate=1.0),),
        changes=(Change(variant="treatment", behaviour="view", relative=1.0, from_day=first + timedelta(days=2)),),
        pre_days=0,
        front_loading=50.0,  # everybody comes on the first day
    )
    rows = [one.events.num_rows for one in simulate(late)]
    assert rows[2] / rows[1] == pytest.approx(2.0, rel=0.08)
    assert rows[1] / rows[0] == pytest.approx(1.0, rel=0.08)
