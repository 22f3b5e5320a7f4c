"""From moments to comparisons: the estimator that each kind of metric asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ttest_ind

from tests.fakes import (
    CUPED,
    THREE_VARIANTS,
    a_promise,
    day,
    moments_of,
    shares_of,
    summary_of_moments,
    summary_of_units,
)
from trialflow.checks.comparing import compare
from trialflow.checks.comparison import Comparison, number
from trialflow.checks.contrasts import Contrast, contrasts
from trialflow.checks.schedule import week_is_full
from trialflow.warehouse.summary import Summary


def of(summary: Summary, metric: str, **changes: Any) -> Contrast:
    return contrasts(a_promise(**changes), summary, metric)[-1]


def final(contrast: Contrast, **changes: Any) -> Comparison:
    return compare(contrast, **({"role": "primary", "level": 0.95, "with_p_value": True} | changes))


def test_means_are_welchs() -> None:
    generator = np.random.default_rng(1)
    control, new = generator.exponential(size=30), generator.exponential(1.5, size=50)
    summary = summary_of_units(a_promise(), {"value": [{"control": control, "new": new}]})
    row = final(of(summary, "value"))
    reference = ttest_ind(new, control, equal_var=False)
    interval = reference.confidence_interval()
    assert row.p_value == pytest.approx(reference.pvalue, rel=1e-9)
    assert (row.lower, row.upper) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert (row.n_control, row.n_treatment) == (30.0, 50.0)


def test_proportions_and_their_lift_are_the_published_ones() -> None:
    # 1000/25000 against 1100/25000: methods §18 and §20
    summary = summary_of_moments(a_promise(), {"conversion": shares_of([[25_000.0] * 2], [[1_000.0, 1_100.0]])})
    row = final(of(summary, "conversion"))
    assert (row.lower, row.upper) == pytest.approx((0.00048, 0.00752), abs=5e-6)
    assert (row.relative_lower, row.relative_upper) == pytest.approx((0.01161, 0.19654), abs=5e-6)
    assert row.p_value == pytest.approx(0.0258, abs=5e-5)


def test_a_ratio_is_linearised_by_unit() -> None:
    generator = np.random.default_rng(2)
    rows = {}
    for name in ("control", "new"):
        views = generator.integers(1, 9, size=5_000).astype(float)
        rows[name] = np.stack([0.3 * views + generator.normal(size=5_000), views], axis=1)
    row = final(of(summary_of_units(a_promise(), {"per_view": [rows]}), "per_view"))
    ratios = {name: one[:, 0].sum() / one[:, 1].sum() for name, one in rows.items()}
    spread = [
        ((one[:, 0] - ratios[name] * one[:, 1]) / one[:, 1].mean()).var(ddof=1) / len(one) for name, one in rows.items()
    ]
    assert row.estimate == pytest.approx(ratios["new"] - ratios["control"])
    assert row.std_error == pytest.approx(float(np.sqrt(sum(spread))))


def test_cuped_keeps_the_plain_estimate_beside_the_adjusted_one() -> None:
    generator = np.random.default_rng(3)
    rows = {}
    for name in ("control", "new"):
        pre = generator.normal(size=3_000)
        rows[name] = np.stack([pre + 0.5 * generator.normal(size=3_000), pre], axis=1)
    row = final(of(summary_of_units(a_promise(), {"value": [rows]}), "value", analysis=CUPED))
    assert row.unadjusted_estimate == pytest.approx(rows["new"][:, 0].mean() - rows["control"][:, 0].mean())
    assert row.variance_reduction == pytest.approx(0.8, abs=0.02)  # ρ² of 1 / 1.25
    assert row.std_error == pytest.approx((row.unadjusted_std_error or 0.0) * np.sqrt(0.2), rel=0.05)


def test_a_lift_after_cuped_counts_the_shared_pre_period_mean() -> None:
    generator = np.random.default_rng(4)
    rows = {}
    for name, effect in (("control", 0.0), ("new", 6.0)):
        pre = generator.normal(size=2_000)
        rows[name] = np.stack([6.0 + effect + 9.0 * pre + generator.normal(size=2_000), pre], axis=1)
    contrast = of(summary_of_units(a_promise(), {"value": [rows]}), "value", analysis=CUPED)
    apart = replace(contrast, shared_variance=np.zeros(1))
    width = [(one.relative_upper or 0.0) - (one.relative_lower or 0.0) for one in (final(contrast), final(apart))]
    assert width[0] > 1.5 * width[1]


def ratio_rows(
    generator: np.random.Generator, units: int, *, lift: float = 0.0, shift: float = 0.0
) -> NDArray[np.float64]:
    """Units with a taste of their own, before and after: (numerator, denominator, pre_numerator, pre_denominator)."""
    taste = generator.normal(1.0 + shift, 0.5, size=units)
    views, before = (generator.poisson(6.0, size=units) + 1.0 for _ in range(2))
    noise = generator.normal(0.0, 0.2, size=(2, units))
    return np.stack([(taste + lift + noise[0]) * views, views, (taste + noise[1]) * before, before], axis=1)


def test_a_ratio_after_cuped_is_the_adjusted_mean_of_its_linearised_units() -> None:
    generator = np.random.default_rng(6)
    rows = {"control": ratio_rows(generator, 3_000), "new": ratio_rows(generator, 4_000, lift=0.1)}
    contrast = of(summary_of_units(a_promise(), {"per_view": [rows]}), "per_view", analysis=CUPED)
    row = final(contrast)
    # By hand, unit by unit: each variant linearised around its own ratios, one slope from within the variants.
    straight, ratios = {}, {}
    for name, one in rows.items():
        now, before = one[:, 0].sum() / one[:, 1].sum(), one[:, 2].sum() / one[:, 3].sum()
        ratios[name] = (now, before)
        straight[name] = np.stack(
            [(one[:, 0] - now * one[:, 1]) / one[:, 1].mean(), (one[:, 2] - before * one[:, 3]) / one[:, 3].mean()]
        )
    within = sum(one @ one.T for one in straight.values())
    theta = within[0, 1] / within[1, 1]
    error = np.sqrt(sum((one[0] - theta * one[1]).var(ddof=1) / one.shape[1] for one in straight.values()))
    moved = [ratios["new"][place] - ratios["control"][place] for place in (0, 1)]
    assert row.estimate == pytest.approx(moved[0] - theta * moved[1], rel=1e-9)
    assert row.std_error == pytest.approx(float(error), rel=1e-6)
    assert row.unadjusted_estimate == pytest.approx(moved[0], rel=1e-9)
    assert row.method == "ratio, delta method"
    assert (row.variance_reduction or 0.0) > 0.5


def test_a_pre_period_that_the_promise_does_not_ask_for_changes_nothing() -> None:
    generator = np.random.default_rng(7)
    rows = {name: ratio_rows(generator, 500) for name in ("control", "new")}
    plain = {name: one[:, :2] for name, one in rows.items()}
    with_past, without = (
        final(of(summary_of_units(a_promise(), {"per_view": [one]}), "per_view")) for one in (rows, plain)
    )
    assert with_past == without


def test_the_order_of_variants_in_a_source_does_not_rename_them() -> None:
    promise = a_promise(variants=THREE_VARIANTS)
    n, means = [[100.0, 200.0, 300.0]], [[1.0, 2.0, 3.0]]
    plain = summary_of_moments(promise, {"value": moments_of(n, means)})
    turned = replace(
        plain,
        variants=plain.variants[::-1],
        metrics=tuple(
            replace(one, moments=one.moments.take(slice(None), slice(None, None, -1))) for one in plain.metrics
        ),
    )
    for summary in (plain, turned):
        rows = {one.variant: final(one) for one in contrasts(promise, summary, "value")}
        assert {name: (row.estimate, row.n_treatment) for name, row in rows.items()} == {
            "one": (1.0, 200.0),
            "two": (2.0, 300.0),
        }


def test_a_lift_on_a_control_near_zero_is_unbounded_and_says_nothing() -> None:
    summary = summary_of_moments(a_promise(), {"value": moments_of([[100.0, 100.0]], [0.05, 1.0])})
    row = final(of(summary, "value"))
    assert row.lower is not None
    assert (row.relative_lower, row.relative_upper) == (None, None)


@pytest.mark.parametrize(
    ("n", "variance", "why"),
    [
        ([0.0, 50.0], 1.0, "control has 0 matured units"),
        ([50.0, 1.0], 1.0, "new has 1 matured units"),
        ([50.0, 50.0], 0.0, "the values do not vary"),
    ],
)
def test_where_there_is_no_number_the_comparison_says_why(n: list[float], variance: float, why: str) -> None:
    row = final(of(summary_of_moments(a_promise(), {"value": moments_of([n], 1.0, variance)}), "value"))
    assert (row.estimate, row.p_value, row.why_not) == (None, None, why)


def test_a_comparison_survives_the_record() -> None:
    row = final(of(summary_of_moments(a_promise(), {"value": moments_of([[9.0, 9.0]], [1.0, 2.0])}), "value"))
    assert Comparison.from_document(row.document()) == row


@pytest.mark.parametrize(
    ("value", "kept"),
    [(0.1 + 0.2, 0.3), (1 / 3, 0.333333333333), (float("inf"), None), (float("nan"), None), (-0.0, 0.0)],
)
def test_numbers_have_twelve_significant_digits(value: float, kept: float | None) -> None:
    assert repr(number(value)) == repr(kept)


@pytest.mark.parametrize(("crossed", "decided"), [(1, 7), (7, 7), (8, 14), (13, 14), (28, 28)])
def test_a_week_is_full_on_its_seventh_day(crossed: int, decided: int) -> None:
    assert week_is_full(a_promise().experiment, day(crossed)) == day(decided)
    assert week_is_full(a_promise(replay=True).experiment, day(crossed)) == day(crossed)


def with_newcomers(generator: np.random.Generator, units: int, effect: float) -> NDArray[np.float64]:
    """Columns value, pre and known: four in ten are newcomers, who differ by themselves."""
    known = (generator.random(units) < 0.6).astype(float)
    pre = known * generator.exponential(size=units)
    value = 2.0 * (1.0 - known) + 0.8 * pre + generator.normal(size=units) + effect
    return np.stack([value, pre, known], axis=1)


def test_newcomers_stay_in_with_an_indicator_as_in_a_regression() -> None:
    generator = np.random.default_rng(8)
    control, new = with_newcomers(generator, 700, 0.0), with_newcomers(generator, 300, 0.3)
    promise = a_promise(analysis=CUPED)
    found = of(summary_of_units(promise, {"value": [{"control": control, "new": new}]}), "value", analysis=CUPED)
    both = np.concatenate([control, new])
    treated = np.repeat([0.0, 1.0], [700, 300])
    design = np.column_stack([np.ones(1_000), treated, both[:, 1:]])
    slopes = np.linalg.lstsq(design, both[:, 0], rcond=None)[0]
    assert found.estimate.estimate[-1] == pytest.approx(slopes[1], rel=1e-9)
    assert found.variance_reduction is not None
    without = of(
        summary_of_units(promise, {"value": [{"control": control[:, :2], "new": new[:, :2]}]}), "value", analysis=CUPED
    )
    assert without.variance_reduction is not None
    assert found.variance_reduction[-1] > without.variance_reduction[-1] + 0.1


def test_a_ratio_takes_the_indicator_as_one_more_covariate() -> None:
    generator = np.random.default_rng(9)

    def arm(units: int) -> NDArray[np.float64]:
        known = (generator.random(units) < 0.5).astype(float)
        views, earlier = generator.poisson(5.0, units) + 1.0, known * (generator.poisson(5.0, units) + 1.0)
        level = 0.2 + 0.3 * known
        return np.stack([level * views, views, level * earlier, earlier, known], axis=1)

    promise = a_promise(analysis=CUPED)
    rows = {"control": arm(500), "new": arm(500)}
    found, without = (
        of(
            summary_of_units(promise, {"per_view": [{name: one[:, :width] for name, one in rows.items()}]}),
            "per_view",
            analysis=CUPED,
        )
        for width in (5, 4)
    )
    assert bool(found.estimate.estimable[-1])
    # Before the start everybody known had one and the same ratio: only the indicator tells the levels apart.
    assert found.variance_reduction is not None
    assert without.variance_reduction is not None
    assert found.variance_reduction[-1] > 0.8
    assert without.variance_reduction[-1] < 0.1
