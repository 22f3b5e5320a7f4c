"""What every sample experiment promises."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.samples.conftest import INCLUDE, TODAY, offer
from trialflow.checks.finding import Status
from trialflow.simulation import SimulationSpec
from trialflow.spec.admission import admit
from trialflow.spec.catalog import Catalog
from trialflow.stages.preregistration import register, waiting

SLUGS = sorted(path.stem for path in (INCLUDE / "experiments").glob("*.yaml"))
WORLDS = {path.stem: path for path in (INCLUDE / "samples" / "simulated").glob("*.yaml")}
SIMULATED = [slug for slug in SLUGS if slug.startswith("sim_")]


@pytest.fixture(scope="module")
def promises():
    catalog = Catalog.load(INCLUDE)
    return {slug: admit(offer(slug).text, slug, catalog=catalog, today=TODAY, slug=slug) for slug in SLUGS}


def test_every_promise_registers_once(fresh):
    assert [one.slug for one in waiting(fresh)] == SLUGS
    assert all(register(fresh, offer(slug), by="tests", today=TODAY).created for slug in SLUGS)
    assert waiting(fresh) == ()
    assert not any(register(fresh, offer(slug), by="tests", today=TODAY).created for slug in SLUGS[::6])


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if slug != "sim_holdout"])
def test_a_promise_is_validated_on_past_data_or_says_why_not(slug, life):
    finding = life(slug).finding("aa", as_of=life(slug).promise.experiment.calendar.first_day - timedelta(days=1))
    assert not finding.blocks
    assert bool(finding.evidence["waived"]) != bool(finding.evidence["metrics"])
    assert all(row["splits"] >= 1000 for row in finding.evidence["metrics"])


def test_no_definition_lies_idle(promises):
    catalog = Catalog.load(INCLUDE)
    assert set(catalog.metrics) == {name for promise in promises.values() for name in promise.metrics}
    assert set(catalog.sources) == {name for promise in promises.values() for name in promise.sources}


def test_each_experiment_has_a_layer_of_its_own(promises):
    layers = [promise.experiment.layer for promise in promises.values()]
    assert len(set(layers)) == len(layers)


def test_every_sample_is_a_replay(promises):
    assert all(promise.experiment.replay for promise in promises.values())


def test_exactly_the_simulated_ones_say_that_they_are_simulated(promises):
    assert [slug for slug, promise in promises.items() if promise.simulated] == SIMULATED


def test_simulated_experiments_share_one_calendar_that_starts_on_a_monday(promises):
    calendars = {promises[slug].experiment.calendar.first_day.isoformat() for slug in SIMULATED}
    assert calendars == {"2026-01-05"}
    assert promises["sim_novelty"].experiment.calendar.first_day.weekday() == 0


@pytest.mark.parametrize("slug", SIMULATED)
def test_a_simulated_world_has_the_variants_and_days_of_its_promise(slug, promises):
    world, experiment = SimulationSpec.read(WORLDS[slug]), promises[slug].experiment
    assert world.slug == slug
    assert {arm.name for arm in world.arms} == {variant.name for variant in experiment.variants}
    assert world.first_day == experiment.calendar.first_day
    enrolment = (world.last_day - experiment.calendar.last_day).days
    assert enrolment == experiment.calendar.max_extension_days
    assert world.follow_days == experiment.calendar.maturity_days


@pytest.mark.parametrize("slug", [slug for slug in SIMULATED if slug != "sim_holdout"])
def test_a_simulated_promise_asks_for_no_more_units_than_the_traffic_brings(slug, life):
    eve = life(slug).promise.experiment.calendar.first_day - timedelta(days=1)
    power = life(slug).finding("power", as_of=eve)
    assert power.evidence["needed_units"] <= power.evidence["expected_units"] == 14_000
    assert power.status in (Status.PASS, Status.WARN)
