"""Simulated experiments: what the checks find is what was put into their worlds."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.samples.conftest import INCLUDE, begin
from trialflow.checks.finding import Status
from trialflow.local.outcome import rollout_lines
from trialflow.registry import EventKind, Stage
from trialflow.simulation import SimulationSpec, expected_total
from trialflow.stages.holdout import compare_holdout, holdouts
from trialflow.stages.monitoring import monitor
from trialflow.stages.rollout import NOTHING_ROLLED_OUT, roll_out
from trialflow.stages.sign import sign


def world(slug):
    return SimulationSpec.read(INCLUDE / "samples" / "simulated" / f"{slug}.yaml")


def rolled_out(lived):
    """Sign the last verdict as it was recommended, and follow it."""
    last = lived.decisions[-1]
    sign(lived.workspace, last.experiment, last.as_of, verdict=last.verdict, by="tests", signed_on=last.as_of)
    roll_out(lived.workspace, last.experiment, last.as_of)
    with lived.workspace.registry() as registry:
        events = [event for event in registry.events(last.experiment) if event.as_of > last.as_of]
        return events, registry.life(last.experiment, date.max).stage, rollout_lines(registry, last.experiment)


def true_gain(slug, behaviour, treatment="treatment", control="control"):
    """Mean difference of the number of events per unit over the window of days 0 to 3."""
    of = world(slug)
    amount = next(one.amount for one in of.behaviours if one.name == behaviour)
    arms = [expected_total(of, behaviour, arm, days=4) / amount for arm in (treatment, control)]
    return arms[0] - arms[1]


@pytest.mark.parametrize("slug", ["sim_cuped", "sim_extend", "sim_novelty", "sim_partial"])
def test_estimates_agree_with_the_known_truth(slug, life):
    row = life(slug).comparison("effects", "shop_views_3d")
    assert abs(row["estimate"] - true_gain(slug, "view")) < 3.5 * row["std_error"]


def test_the_effect_that_fades_is_seen_to_fade(life):
    evidence = life("sim_novelty").evidence("novelty")
    assert evidence["estimate"] < 0
    assert evidence["p_value"] < 0.01
    assert sum(evidence["cohort_units"]) > 8_000


def test_no_effect_is_read_from_a_broken_split(life):
    lived = life("sim_broken_split")
    assert lived.finding("effects").status is Status.NOT_APPLICABLE
    observed = lived.evidence("srm")["observed"]
    assert observed["treatment"] / observed["control"] == pytest.approx(0.85, abs=0.05)


def test_harm_is_shown_before_the_last_day(life):
    lived = life("sim_guardrail_harm")
    assert lived.due[0] < lived.promise.experiment.calendar.last_day
    assert lived.evidence("harm")["harmful"][0]["metric"] == "shop_complaints_3d"


def test_only_the_segment_with_an_effect_shows_one(life):
    rows = life("sim_partial").evidence("segments")["comparisons"]
    assert [row["segment_value"] for row in rows if row["crossed"]] == ["PL"]
    assert not life("sim_partial").comparison("effects", "shop_views_3d")["crossed"]


def test_an_extension_brings_the_units_it_was_made_for(life):
    lived = life("sim_extend")
    before, after = (lived.evidence("information", as_of=day) for day in lived.due)
    assert before["fraction"] < 1 <= after["fraction"]
    assert after["units"] == world("sim_extend").units
    assert before["units"] < 0.7 * after["units"]


def test_what_units_did_before_makes_the_effect_clear_at_the_first_look(life):
    lived = life("sim_cuped")
    row = lived.comparison("effects", "shop_views_3d")
    assert row["variance_reduction"] > 0.4
    assert row["std_error"] ** 2 == pytest.approx(
        (1 - row["variance_reduction"]) * row["unadjusted_std_error"] ** 2, rel=0.02
    )
    assert [look["crossed"] for look in lived.evidence("effects")["looks"]] == [True, True]
    assert lived.due[0] < lived.promise.experiment.calendar.final_day()


def test_lost_events_are_noticed_on_the_first_day_without_them(fresh):
    begin(fresh, "sim_lost_logs")
    lost = date(2026, 1, 18)
    assert monitor(fresh, "sim_lost_logs", lost).statuses["completeness"] == Status.FAIL
    assert monitor(fresh, "sim_lost_logs", lost - timedelta(days=1)).statuses["completeness"] == Status.PASS


def test_a_ramp_is_judged_by_the_weights_of_each_day(life):
    evidence = life("sim_ramp").evidence("srm")
    shares = {name: count / sum(evidence["observed"].values()) for name, count in evidence["observed"].items()}
    assert shares["treatment"] < 0.45  # far from the final weights
    assert life("sim_ramp").finding("srm").status is Status.PASS
    assert life("sim_ramp").finding("srm_final").status is Status.PASS


def test_the_holdout_shows_less_than_the_sum_of_what_was_shipped(life, workspace):
    for slug in ("sim_cuped", "sim_extend", "sim_novelty"):
        rolled_out(life(slug))
    begin(workspace, "sim_holdout")
    assert holdouts(workspace, date(2026, 3, 31)) == ("sim_holdout",)
    finding = compare_holdout(workspace, "sim_holdout", date(2026, 3, 31))
    assert finding.status is Status.PASS
    (row,) = [row for row in finding.evidence["comparisons"] if row["metric"] == "shop_views_3d"]
    assert abs(row["estimate"] - true_gain("sim_holdout", "view", "everybody", "holdout")) < 3.5 * row["std_error"]
    shipped = {one["experiment"] for one in finding.evidence["shipped"]}
    assert shipped >= {"sim_cuped", "sim_extend"}
    assert "sim_novelty" not in shipped  # it was held
    assert finding.evidence["gap"] < 0


def test_a_quiet_rollout_reaches_everybody_and_is_watched(life):
    events, stage, lines = rolled_out(life("sim_extend"))
    steps = [(event.as_of.day, event.detail["share"]) for event in events if event.kind is EventKind.ROLLOUT_STEP]
    assert steps == [(29, 0.01), (30, 0.1), (31, 0.5), (2, 1.0)]
    assert events[-1].kind is EventKind.WATCHED
    assert stage is Stage.LAUNCHED
    assert lines[-1] == "rollout: watched to 2026-02-06 (before and after, nobody to compare with)"


def test_latency_that_breaks_at_half_the_traffic_rolls_back_by_itself(life):
    events, stage, lines = rolled_out(life("sim_ramp"))
    (back,) = [event for event in events if event.kind is EventKind.ROLLED_BACK]
    assert "shop_slow_views_1d" in back.detail["why"]
    assert [event.detail["share"] for event in events if event.kind is EventKind.ROLLOUT_STEP] == [0.01, 0.1, 0.5]
    assert stage is Stage.ROLLED_BACK
    assert lines[-1].startswith("rollout: rolled back on 2026-01-25")


def test_a_partial_verdict_is_rolled_out_in_its_segment_against_a_holdback(life):
    events, stage, lines = rolled_out(life("sim_partial"))
    steps = [event.detail for event in events if event.kind is EventKind.ROLLOUT_STEP]
    assert [(step["share"], step["segment"]) for step in steps] == [
        (0.1, "country = PL"),
        (0.5, "country = PL"),
        (0.9, "country = PL"),
    ]
    assert stage is Stage.LAUNCHED
    assert lines[-1] == "rollout: watched to 2026-01-31 (compared with control)"


@pytest.mark.parametrize("slug", ["hillstrom", "sim_cuped"])
def test_a_replay_without_a_rollout_is_not_called_launched(slug, life):
    events, stage, lines = rolled_out(life(slug))
    assert (events, stage) == ([], Stage.DECIDED)
    assert lines == (NOTHING_ROLLED_OUT,)
