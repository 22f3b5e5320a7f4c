"""The primary metric under the promised stopping rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_ind

from tests.fakes import (
    THREE_VARIANTS,
    a_metric,
    a_promise,
    a_source,
    day,
    looks_of,
    moments_of,
    path_of_z,
    recorded,
    summary_of_moments,
    summary_of_units,
    until,
)
from trialflow.checks.effects import effects, primary_paths
from trialflow.checks.finding import Finding, Status
from trialflow.checks.history import Checked, History
from trialflow.checks.ledger import UNREACHABLE
from trialflow.checks.schedule import BURN_IN_UNITS
from trialflow.spec.look import LookPurpose
from trialflow.spec.promise import Promise
from trialflow.stats import exit_probabilities

# Equal information, alpha .05 two-sided, Lan-DeMets O'Brien-Fleming-type: methods §1, which agrees with published tables.
FIVE_LOOKS = [4.8769, 3.3570, 2.6803, 2.2898, 2.0310]
FIVE_SPENT = [1.1e-6, 7.883e-4, 7.6161e-3, 0.0244236, 0.05]
TWO_LOOKS = [2.9626, 1.9686]
UNITS = 10_000.0  # a day and variant, so that Student's t is the normal distribution


def five_weeks(planned_weeks: float = 5.0, **calendar: Any) -> Promise:
    return a_promise(
        planned=UNITS * 7 * planned_weeks / 2,
        calendar={"first_day": day(1), "last_day": day(35), **calendar},
        analysis={"stopping": {"policy": "group_sequential", "looks": [7, 14, 21, 28]}},
    )


def flat(promise: Promise, days: int, z: float = 0.5) -> Any:
    return summary_of_moments(promise, {"value": path_of_z(promise, np.full(days, z), units_a_day=UNITS)})


def peaked(promise: Promise, days: int, **z: float) -> Any:
    """A statistic of .5 on every day but those named `on_<day>`."""
    path = np.full(days, 0.5)
    for name, value in z.items():
        path[int(name.removeprefix("on_")) - 1] = value
    return summary_of_moments(promise, {"value": path_of_z(promise, path, units_a_day=UNITS)})


def run(promise: Promise, summary: Any, history: History | None = None) -> Checked:
    return effects(promise, summary, history or History())


def boundaries(checked: Checked) -> list[float]:
    return [look.boundary for look in looks_of(checked.looks, LookPurpose.EFFICACY)]


def only(finding: Finding) -> dict[str, Any]:
    (row,) = finding.evidence["comparisons"]
    return dict(row)


def test_five_looks_at_equal_information_have_the_published_boundaries() -> None:
    promise = five_weeks()
    looks = looks_of(run(promise, flat(promise, 35)).looks, LookPurpose.EFFICACY)
    np.testing.assert_allclose([look.boundary for look in looks], FIVE_LOOKS, atol=5e-5)
    np.testing.assert_allclose([look.alpha_spent for look in looks], FIVE_SPENT, rtol=2e-3, atol=1e-7)
    assert [look.as_of for look in looks] == [day(7), day(14), day(21), day(28), day(35)]


def test_the_evidence_tells_each_look_with_its_share_of_the_planned_information() -> None:
    promise = five_weeks(planned_weeks=10.0)
    rows = run(promise, flat(promise, 35)).finding.evidence["looks"]
    assert [row["fraction"] for row in rows] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


def test_under_running_at_the_last_day_spends_the_remainder() -> None:
    promise = five_weeks(planned_weeks=8.0)
    looks = looks_of(run(promise, flat(promise, 35)).looks, LookPurpose.EFFICACY)
    assert looks[-1].information < promise.plan.metrics[0].planned_information
    assert looks[-1].alpha_spent == 0.05
    assert looks[-2].alpha_spent < 0.0244


def test_traffic_above_the_plan_leaves_alpha_for_the_final_look() -> None:
    promise = five_weeks(planned_weeks=1.5)
    looks = looks_of(run(promise, flat(promise, 35)).looks, LookPurpose.EFFICACY)
    # Interim looks follow the calendar at most, so these are the boundaries of equal spending times.
    np.testing.assert_allclose([look.boundary for look in looks], FIVE_LOOKS, atol=5e-5)


def test_information_that_shrinks_before_the_end_does_not_take_the_final_look_away() -> None:
    promise = five_weeks(planned_weeks=5.0)
    n = UNITS * np.arange(1, 36)[:, None]
    variance = np.ones((35, 2))
    variance[34] = 3.0  # somebody bought the shop
    summary = summary_of_moments(promise, {"value": moments_of(n, [1.0, 1.2], variance)})
    last = looks_of(run(promise, summary).looks, LookPurpose.EFFICACY)[-1]
    assert last.information < looks_of(run(promise, summary).looks, LookPurpose.EFFICACY)[-2].information
    assert last.boundary < UNREACHABLE
    assert last.alpha_spent == 0.05
    assert last.crossed


@pytest.mark.parametrize("days", [1, 6, 7, 13])
def test_between_looks_nothing_is_crossed_however_large_the_effect(days: int) -> None:
    promise = five_weeks()
    checked = run(promise, peaked(promise, days, **{f"on_{days}": 30.0}))
    row = only(checked.finding)
    if days == 7:
        assert checked.finding.evidence["crossed_on"] == {"new": day(7).isoformat()}
    else:
        assert checked.finding.evidence["crossed_on"] == {"new": None}
        assert row["crossed"] is None
        assert row["boundary"] is None


def test_harm_is_not_a_benefit() -> None:
    promise = five_weeks()
    finding = run(promise, flat(promise, 35, z=-30.0)).finding
    assert finding.evidence["crossed_on"] == {"new": None}


def test_less_is_more_where_the_metric_says_so() -> None:
    fewer = a_metric("value", direction="decrease")
    promise = a_promise(definitions=[fewer], planned=UNITS * 14, analysis={"stopping": {"policy": "fixed"}})
    n = UNITS * np.arange(1, 29)[:, None]
    finding = run(promise, summary_of_moments(promise, {"value": moments_of(n, [1.0, 0.9])})).finding
    assert finding.evidence["crossed_on"] == {"new": day(28).isoformat()}
    assert only(finding)["estimate"] < 0.0


def test_a_boundary_once_crossed_stays_crossed_on_later_days() -> None:
    promise = five_weeks()
    summary = peaked(promise, 35, on_14=3.4)
    for number in (14, 15, 21, 35):
        finding = run(promise, until(summary, number)).finding
        assert finding.evidence["crossed_on"] == {"new": day(14).isoformat()}


def test_the_interval_on_a_look_is_the_repeated_one() -> None:
    promise = five_weeks()
    checked = run(promise, peaked(promise, 14, on_14=3.3570))
    row = only(checked.finding)
    assert row["lower"] == pytest.approx(0.0, abs=1e-4 * row["std_error"])
    assert row["level"] == 0.95
    assert row["p_value"] is None


def test_the_interval_excludes_zero_exactly_where_the_boundary_is_crossed_even_with_few_units() -> None:
    promise = a_promise(
        planned=9.0,
        calendar={"first_day": day(1), "last_day": day(14)},
        analysis={"stopping": {"policy": "group_sequential", "looks": [7]}},
    )
    generator = np.random.default_rng(7)
    outcomes = set()
    for _ in range(300):
        rows = [{"control": generator.normal(size=1), "new": generator.normal(0.75, size=1)} for _ in range(14)]
        summary = summary_of_units(promise, {"value": rows})
        row = only(run(promise, summary).finding)
        final = looks_of(run(promise, summary).looks, LookPurpose.EFFICACY)[-1]
        assert final.crossed == (row["lower"] > 0.0)
        outcomes.add(final.crossed)
    assert outcomes == {True, False}


def test_a_fixed_horizon_of_few_units_is_welchs_test() -> None:
    promise = a_promise(calendar={"first_day": day(1), "last_day": day(7)}, analysis={"stopping": {"policy": "fixed"}})
    generator = np.random.default_rng(3)
    decided = []
    for _ in range(60):
        control, new = generator.normal(size=4), generator.normal(1.9, size=4)
        rows = [{"control": control, "new": new}, *({} for _ in range(6))]
        finding = run(promise, summary_of_units(promise, {"value": rows})).finding
        reference = ttest_ind(new, control, equal_var=False)
        row = only(finding)
        assert row["p_value"] == pytest.approx(reference.pvalue, rel=1e-9)
        assert row["crossed"] == (reference.pvalue <= 0.05 and reference.statistic > 0)
        assert row["crossed"] == (row["lower"] > 0)
        decided.append(row["crossed"])
    assert {True, False} == set(decided)


def test_a_fixed_horizon_has_one_look_on_its_last_day_with_the_textbook_value() -> None:
    promise = a_promise(analysis={"stopping": {"policy": "fixed"}})
    checked = run(promise, flat(promise, 28))
    assert boundaries(checked) == pytest.approx([1.959963984540054], abs=1e-9)
    assert run(promise, flat(promise, 27)).looks == ()


def test_a_fixed_horizon_shows_no_p_value_before_its_last_day() -> None:
    promise = a_promise(analysis={"stopping": {"policy": "fixed"}})
    assert only(run(promise, flat(promise, 27)).finding)["p_value"] is None
    assert only(run(promise, flat(promise, 28)).finding)["p_value"] is not None


def test_the_last_day_waits_for_maturity() -> None:
    promise = a_promise(
        analysis={"stopping": {"policy": "fixed"}},
        calendar={"first_day": day(1), "last_day": day(28), "maturity_days": 6},
    )
    assert run(promise, flat(promise, 28)).looks == ()
    (look,) = run(promise, flat(promise, 34)).looks
    assert look.as_of == day(34)


def test_alpha_is_split_over_treatments() -> None:
    promise = a_promise(variants=THREE_VARIANTS, analysis={"stopping": {"policy": "fixed"}})
    summary = summary_of_moments(
        promise, {"value": path_of_z(promise, np.full((28, 2), [2.1, 2.3]), units_a_day=UNITS)}
    )
    checked = run(promise, summary)
    # z of 1 − .025 / 2, from tables of the normal distribution
    assert [look.boundary for look in checked.looks] == pytest.approx([2.2414, 2.2414], abs=1e-4)
    assert checked.finding.evidence["crossed_on"] == {"one": None, "two": day(28).isoformat()}


def test_an_always_valid_effect_is_judged_on_every_day_by_the_published_band() -> None:
    # methods §3: n = 1000 and 5000 at N* = 20000, alpha .05: 4.7188 and 3.2643. n counts both variants.
    promise = a_promise(analysis={"stopping": {"policy": "always_valid"}}, tuning_units=20_000)
    path = path_of_z(promise, [4.71, 0.0, 0.0, 0.0, 3.27], units_a_day=500.0)
    first = run(promise, until(summary_of_moments(promise, {"value": path}), 1)).finding
    assert only(first)["boundary"] == pytest.approx(4.7188, abs=5e-5)
    assert first.evidence["crossed_on"] == {"new": None}
    fifth = run(promise, summary_of_moments(promise, {"value": path})).finding
    assert only(fifth)["boundary"] == pytest.approx(3.2643, abs=5e-5)
    assert fifth.evidence["crossed_on"] == {"new": day(5).isoformat()}
    assert fifth.evidence["looks"] == []


def test_an_always_valid_band_does_not_speak_before_its_burn_in() -> None:
    promise = a_promise(analysis={"stopping": {"policy": "always_valid"}})
    path = path_of_z(promise, [50.0], units_a_day=BURN_IN_UNITS - 1)
    finding = run(promise, summary_of_moments(promise, {"value": path})).finding
    row = only(finding)
    assert finding.evidence["crossed_on"] == {"new": None}
    assert row["estimate"] is not None
    assert row["lower"] is None
    assert "100 units" in row["why_not"]


class TestExtension:
    """The last day is reached short of the planned information, and extension days are left."""

    promise = five_weeks(planned_weeks=6.0, max_extension_days=14)

    def test_the_last_day_becomes_an_interim_look(self) -> None:
        looks = looks_of(run(self.promise, flat(self.promise, 35)).looks, LookPurpose.EFFICACY)
        assert looks[-1].as_of == day(35)
        assert looks[-1].alpha_spent < 0.05
        assert run(self.promise, flat(self.promise, 35)).finding.evidence["final_day"] == day(49).isoformat()

    def test_the_last_day_of_the_extension_spends_the_rest(self) -> None:
        checked = run(self.promise, flat(self.promise, 49))
        looks = looks_of(checked.looks, LookPurpose.EFFICACY)
        assert [look.as_of for look in looks[-2:]] == [day(35), day(49)]
        assert looks[-1].alpha_spent == 0.05
        spent = exit_probabilities([look.boundary for look in looks], [look.information for look in looks])
        assert spent.upper.sum() + spent.lower.sum() == pytest.approx(0.05, abs=1e-6)

    def test_before_the_last_day_nothing_is_extended(self) -> None:
        assert not run(self.promise, flat(self.promise, 34)).finding.evidence["extended"]

    def test_a_benefit_on_the_last_day_ends_the_experiment(self) -> None:
        finding = run(self.promise, flat(self.promise, 35, z=3.0)).finding
        assert not finding.evidence["extended"]
        assert finding.evidence["crossed_on"]["new"] is not None

    def test_a_statistic_between_the_interim_and_the_final_boundary_goes_on(self) -> None:
        # At 5/6 of the information the interim boundary lies above 2.0310, the final one of five equal looks.
        finding = run(self.promise, peaked(self.promise, 35, on_35=2.05)).finding
        assert finding.evidence["extended"]
        assert finding.evidence["crossed_on"] == {"new": None}

    def test_enough_information_needs_no_extension(self) -> None:
        promise = five_weeks(planned_weeks=5.0, max_extension_days=14)
        finding = run(promise, flat(promise, 35)).finding
        assert not finding.evidence["extended"]
        assert finding.evidence["final_day"] == day(35).isoformat()

    def test_the_record_settles_whether_there_is_an_extension(self) -> None:
        short = run(self.promise, flat(self.promise, 35))
        history = recorded(History(), short)
        restated = summary_of_moments(
            self.promise, {"value": path_of_z(self.promise, np.full(35, 0.5), units_a_day=UNITS * 1.3)}
        )
        assert not run(self.promise, restated).finding.evidence["extended"]
        assert run(self.promise, restated, history).finding.evidence["extended"]

    def test_alpha_spent_in_full_is_not_spent_again_when_restated_data_fall_short(self) -> None:
        promise = five_weeks(planned_weeks=5.0, max_extension_days=14)
        history = recorded(History(), run(promise, flat(promise, 35)))
        restated = summary_of_moments(promise, {"value": path_of_z(promise, np.full(35, 0.5), units_a_day=UNITS * 0.8)})
        assert run(promise, restated).finding.evidence["extended"]
        assert not run(promise, restated, history).finding.evidence["extended"]

    def test_a_fixed_horizon_spends_nothing_on_an_extended_last_day(self) -> None:
        promise = a_promise(
            planned=UNITS * 28,
            calendar={"first_day": day(1), "last_day": day(28), "max_extension_days": 14},
            analysis={"stopping": {"policy": "fixed"}},
        )
        checked = run(promise, flat(promise, 28, z=5.0))
        assert checked.looks == ()
        assert checked.finding.evidence["extended"]
        (final,) = run(promise, flat(promise, 42, z=5.0)).looks
        assert (final.as_of, final.crossed) == (day(42), True)

    def test_a_fixed_horizon_restated_upwards_has_no_second_final_look(self) -> None:
        promise = a_promise(
            planned=UNITS * 28,
            calendar={"first_day": day(1), "last_day": day(28), "max_extension_days": 14},
            analysis={"stopping": {"policy": "fixed"}},
        )
        history = recorded(History(), run(promise, flat(promise, 42)))
        restated = summary_of_moments(promise, {"value": path_of_z(promise, np.full(42, 0.5), units_a_day=UNITS * 3)})
        (revised,) = run(promise, restated, history).looks
        assert (revised.as_of, revised.revision) == (day(42), 1)

    def test_a_crossing_within_the_extension_does_not_undo_it(self) -> None:
        promise = a_promise(
            planned=UNITS * 28,
            calendar={"first_day": day(1), "last_day": day(28), "max_extension_days": 14},
            analysis={"stopping": {"policy": "always_valid"}},
        )
        finding = run(promise, peaked(promise, 32, on_30=9.0)).finding
        assert finding.evidence["extended"]
        assert finding.evidence["crossed_on"] == {"new": day(30).isoformat()}

    def test_all_treatments_share_one_calendar(self) -> None:
        promise = a_promise(
            planned=UNITS * 20,
            variants=THREE_VARIANTS,
            calendar={"first_day": day(1), "last_day": day(28), "max_extension_days": 14},
        )
        path = path_of_z(promise, np.full((28, 2), 0.5), units_a_day=UNITS)
        two_thirds = path.n.copy()
        two_thirds[:, 1] *= 3.0  # treatment one has reached its information, treatment two has not
        promise_path = type(path)(n=two_thirds, mean=path.mean, m2=path.m2 * (two_thirds / path.n)[..., None, None])
        paths = primary_paths(promise, summary_of_moments(promise, {"value": promise_path}), History())
        assert {one.progress.final_day for one in paths} == {day(42)}
        assert {one.progress.extended for one in paths} == {True}


def test_without_rows_there_is_no_data_and_no_look() -> None:
    promise = five_weeks()
    empty = summary_of_moments(promise, {"value": moments_of(np.zeros((7, 2)), 0.0)})
    checked = run(promise, empty)
    assert checked.finding.status is Status.NO_DATA
    assert checked.looks == ()
    assert checked.finding.next_step
    assert only(checked.finding)["why_not"] == "control has 0 matured units"


def test_a_metric_the_source_never_gave_is_no_data() -> None:
    promise = five_weeks()
    summary = summary_of_moments(promise, {"sessions": moments_of(np.full((7, 2), 10.0), 0.0)})
    assert run(promise, summary).finding.status is Status.NO_DATA


def test_values_that_do_not_vary_are_not_an_effect() -> None:
    promise = five_weeks()
    summary = summary_of_moments(promise, {"value": moments_of(np.full((7, 2), 10.0), [1.0, 2.0], 0.0)})
    checked = run(promise, summary)
    assert checked.finding.status is Status.NO_DATA
    assert only(checked.finding)["why_not"] == "the values do not vary"


def test_running_totals_are_warned_about() -> None:
    promise = a_promise(planned=UNITS * 14, source=a_source("daily_moments", cumulative=True))
    finding = run(promise, flat(promise, 28)).finding
    assert finding.status is Status.WARN
    assert finding.evidence["running_totals"]


def test_a_day_on_which_one_arm_stands_still_is_not_a_look() -> None:
    promise = a_promise(planned=UNITS * 14, source=a_source("daily_moments", cumulative=True))
    path = path_of_z(promise, np.full(14, 0.5), units_a_day=UNITS)
    n, mean, m2 = path.n.copy(), path.mean.copy(), path.m2.copy()
    n[13, 0], mean[13, 0], m2[13, 0] = n[12, 0], mean[12, 0], m2[12, 0]
    summary = summary_of_moments(promise, {"value": type(path)(n=n, mean=mean, m2=m2)})
    checked = run(promise, summary)
    assert [look.as_of for look in checked.looks] == [day(7)]
    assert only(checked.finding)["estimate"] is None
