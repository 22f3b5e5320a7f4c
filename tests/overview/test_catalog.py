"""The catalog of metrics: definitions, uses, and what was measured here."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.fakes import a_metric, a_source
from tests.overview.outcomes import LAST, a_record, begin, compared, counted, one, planned, told
from trialflow.overview.catalog import Shown, cap_text, entries, select, window_text
from trialflow.overview.metric_levels import When
from trialflow.overview.reader import reader
from trialflow.registry import Registry
from trialflow.spec.metric import Cap, Window

SOURCES = {"shop": a_source()}


def shown(registry: Registry, *names: str):
    """The entries by name, over files that hold these metrics."""
    with reader(registry) as view:
        found = entries(view, {name: a_metric(name) for name in names}, SOURCES)
    return {entry.metric.name: entry for entry in found}


def an_aa_finding(promise, **changes):
    row = {
        "metric": "value",
        "units": 4000,
        "splits": 1000,
        "rejections": 52,
        "rate": 0.052,
        "lower": 0.035,
        "upper": 0.074,
        "alpha": 0.05,
        "status": "pass",
    }
    return told(promise, "aa", {"metrics": [row | changes]})


def test_metrics_of_the_files_and_of_promises_stand_together_by_name(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("here"))
        found = shown(registry, "conversion")
    assert list(found) == ["conversion", "value"]
    assert (found["conversion"].in_files, found["conversion"].uses) == (True, ())
    assert not found["value"].in_files


def test_an_experiment_that_locked_another_definition_is_named(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("same"))
        other = a_metric("value", cap=Cap(value=100.0))
        begin(registry, one("capped", definitions=[other], layer="other"))
        found = shown(registry, "value")["value"]
    assert found.differing == ("capped",)
    assert found.metric.cap is None


def test_uses_tell_every_role_with_its_promised_size(tmp_path):
    metrics = {
        "primary": {"metric": "value", "minimum_effect": {"relative": 0.02}},
        "secondary": ["sessions"],
        "guardrails": [{"metric": "errors", "margin": {"absolute": 0.01}}],
        "diagnostics": ["per_view"],
    }
    gate = {"system_guardrails": [{"metric": "latency", "margin": {"relative": 0.1}}]}
    with a_record(tmp_path) as registry:
        begin(registry, one("here", metrics=metrics, decision=gate))
        found = shown(registry)
    assert {name: [use.role for use in entry.uses] for name, entry in found.items()} == {
        "value": ["primary, 2% of the control value or more"],
        "sessions": ["secondary"],
        "errors": ["guardrail, margin 1 percentage point"],
        "per_view": ["diagnostic"],
        "latency": ["gate of the rollout, margin 10% of the control value"],
    }


def test_a_baseline_is_told_with_its_origin_and_finding(tmp_path):
    with a_record(tmp_path) as registry:
        promise = planned(one("here"))
        begin(registry, promise, [told(promise, "power", {"metrics": []})])
        (baseline,) = shown(registry)["value"].baselines
    assert (baseline.mean, baseline.std_dev) == ("0.200 per user", "0.400 per user")
    assert baseline.measured
    assert baseline.brief is not None
    assert baseline.brief.check == "power"


def test_a_stated_baseline_is_not_called_measured(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, planned(one("here"), origin="stated in the promise"))
        (baseline,) = shown(registry)["value"].baselines
    assert not baseline.measured


class TestItsHistory:
    def test_holds_everybody_before_and_control_within(self, tmp_path):
        with a_record(tmp_path) as registry:
            promise = planned(one("here"))
            eve = promise.experiment.calendar.first_day - timedelta(days=1)
            power = told(promise, "power", {}, as_of=eve)
            begin(registry, promise, [power, told(promise, "effects", {"comparisons": [compared(), compared()]})])
            found = shown(registry, "value")["value"]
        assert [(row.day, row.when, row.mean, row.units) for row in found.history] == [
            (LAST, When.CONTROL, "2.00 per user", "1,000"),
            (eve, When.BEFORE, "0.200 per user", ""),
        ]
        assert [row.seen[0].brief.check for row in found.history] == ["effects", "power"]
        assert found.last_measured == eve

    def test_names_what_several_experiments_saw_alike_once(self, tmp_path):
        with a_record(tmp_path) as registry:
            for number in range(3):
                promise = planned(one(f"one-{number}", layer=f"layer_{number}"))
                begin(registry, promise, [told(promise, "power", {})])
            (row,) = shown(registry)["value"].history
        assert sorted(level.slug for level in row.seen) == ["one-0", "one-1", "one-2"]

    def test_leaves_out_what_was_only_stated_and_comparisons_without_a_number(self, tmp_path):
        with a_record(tmp_path) as registry:
            promise = planned(one("here"), origin="stated in the promise")
            nothing = told(promise, "effects", {"comparisons": [compared(control=None)]})
            begin(registry, promise, [told(promise, "power", {}), nothing])
            found = shown(registry)["value"]
        assert found.history == ()
        assert found.last_measured is None


@pytest.mark.parametrize(
    ("size", "effect", "scale"), [({"relative": 0.125}, "12.5%", "relative"), ({"absolute": 0.4}, "0.4", "absolute")]
)
def test_a_plan_begins_with_the_effect_that_was_last_worth_having(tmp_path, size, effect, scale):
    metrics = {"primary": {"metric": "value", "minimum_effect": size}}
    with a_record(tmp_path) as registry:
        begin(registry, one("here", metrics=metrics))
        found = shown(registry, "conversion", "value")
    assert found["value"].planned_with == {"metric": "value", "effect": effect, "scale": scale}
    assert found["conversion"].planned_with == {"metric": "conversion"}


def test_cuped_gains_come_from_primary_secondary_and_guardrail_comparisons(tmp_path):
    metrics = {"secondary": ["sessions"], "guardrails": [{"metric": "errors", "margin": {"absolute": 0.01}}]}
    with a_record(tmp_path) as registry:
        promise = one("here", metrics=metrics)
        begin(
            registry,
            promise,
            [
                told(promise, "effects", {"comparisons": [compared(variance_reduction=0.4)]}),
                told(promise, "secondary", {"comparisons": [compared("sessions", variance_reduction=0.2)]}),
                told(promise, "guardrails", {"comparisons": [compared("errors", variance_reduction=None)]}),
            ],
        )
        found = shown(registry)
    assert {name: [gain.share for gain in entry.gains] for name, entry in found.items()} == {
        "value": [0.4],
        "sessions": [0.2],
        "errors": [],
    }
    assert found["errors"].median_gain is None


def test_the_gain_of_a_metric_is_the_median_over_its_comparisons(tmp_path):
    with a_record(tmp_path) as registry:
        for number, share in enumerate((0.1, 0.5, 0.3)):
            promise = one(f"one-{number}", layer=f"layer_{number}")
            begin(registry, promise, [told(promise, "effects", {"comparisons": [compared(variance_reduction=share)]})])
        assert shown(registry)["value"].median_gain == 0.3


def test_aa_health_is_told_per_experiment(tmp_path):
    with a_record(tmp_path) as registry:
        sound, broken = one("sound"), one("broken", layer="other")
        begin(registry, sound, [an_aa_finding(sound)])
        begin(registry, broken, [an_aa_finding(broken, rejections=120, rate=0.12, lower=0.09, status="fail")])
        found = shown(registry)["value"]
    assert {one.slug: (one.rejections, one.splits) for one in found.healths} == {
        "sound": (52, 1000),
        "broken": (120, 1000),
    }
    assert found.failing == 1


def test_a_waived_validation_measures_nothing(tmp_path):
    with a_record(tmp_path) as registry:
        promise = one("here")
        begin(registry, promise, [told(promise, "aa", {"metrics": [], "waived": "because"})])
        assert shown(registry)["value"].healths == ()


def test_a_metric_of_a_simulated_source_says_so(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("here", simulated=True))
        with reader(registry) as view:
            (entry,) = entries(view, {}, {})
    assert entry.labels == ("simulated",)
    assert entry.uses[0].labels == ("simulated",)


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (None, "every day from the exposure on"),
        (Window(from_day=7, to_day=7), "day 7 after the exposure (day 0 is the day of exposure)"),
        (Window(to_day=3), "days 0 to 3 after the exposure (day 0 is the day of exposure)"),
    ],
)
def test_windows_in_words(window, text):
    assert window_text(a_metric("value", window=window)) == text


@pytest.mark.parametrize(
    ("cap", "text"),
    [
        (None, "none"),
        (Cap(value=1500.0), "1,500 per unit"),
        (Cap(quantile=0.99), "the 99% quantile before the start, fixed at registration"),
    ],
)
def test_caps_in_words(cap, text):
    assert cap_text(a_metric("value", cap=cap)) == text


def test_the_list_can_be_searched_and_cut(tmp_path):
    with a_record(tmp_path) as registry:
        begin(registry, one("here"))
        found = tuple(shown(registry, "conversion", "value").values())
    names = {choice: [one.metric.name for one in select(found, shown=choice)] for choice in Shown}
    assert names[Shown.ALL] == ["conversion", "value"]
    assert names[Shown.USED] == ["value"]
    assert names[Shown.UNUSED] == ["conversion"]
    assert [one.metric.name for one in select(found, text="DATA conv")] == ["conversion"]
    assert select((replace(found[0], simulated=True),), shown=Shown.REAL) == ()


def test_nothing_known_is_an_empty_catalog(tmp_path):
    with a_record(tmp_path) as registry:
        assert shown(registry) == {}


def test_the_page_asks_as_much_of_three_experiments_as_of_thirty(tmp_path):
    asked = {}
    with a_record(tmp_path) as registry:
        for count in (3, 30):
            for number in range(len(registry.slugs()), count):
                promise = planned(one(f"one-{number}", layer=f"layer_{number}"))
                begin(registry, promise, [an_aa_finding(promise), told(promise, "power", {})])
            with counted() as sent:
                assert len(shown(registry)["value"].healths) == count
            asked[count] = len([text for text in sent if text.startswith("SELECT")])
    assert 0 < asked[3] <= 4
    assert asked[3] == asked[30]
