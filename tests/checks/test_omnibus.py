"""Three variants or more: are they alike at all?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2_contingency, f_oneway

from tests.checks.test_contrasts import ratio_rows
from tests.fakes import (
    CUPED,
    THREE_VARIANTS,
    a_promise,
    day,
    shares_of,
    summary_of_moments,
    summary_of_units,
)
from trialflow.checks.effects import effects
from trialflow.checks.history import History
from trialflow.checks.omnibus import omnibus
from trialflow.checks.secondary import secondary
from trialflow.spec.promise import Promise

NAMES = ("control", "one", "two")


def three(**changes: Any) -> Promise:
    return a_promise(variants=THREE_VARIANTS, **changes)


def test_shares_are_compared_by_pearsons_chi_square() -> None:
    summary = summary_of_moments(three(), {"conversion": shares_of([[900.0, 800.0, 700.0]], [[90.0, 110.0, 70.0]])})
    row = omnibus(three(), summary, "conversion")
    wanted = chi2_contingency([[90, 110, 70], [810, 690, 630]], correction=False)
    assert row is not None
    assert (row["statistic"], row["p_value"]) == pytest.approx((wanted.statistic, wanted.pvalue), rel=1e-9)
    assert (row["df"], row["df_within"], row["method"]) == (2.0, None, "chi-square")


def test_means_are_compared_without_one_variance_for_all() -> None:
    generator = np.random.default_rng(1)
    rows = {name: generator.normal(0.1 * place, 1 + place, 60 + place) for place, name in enumerate(NAMES)}
    row = omnibus(three(), summary_of_units(three(), {"value": [rows]}), "value")
    wanted = f_oneway(*rows.values(), equal_var=False)
    assert row is not None
    assert (row["statistic"], row["p_value"]) == pytest.approx((wanted.statistic, wanted.pvalue), rel=1e-9)


def test_ratios_are_compared_by_their_linearised_units_and_sharper_after_adjustment() -> None:
    generator = np.random.default_rng(2)
    rows = {name: ratio_rows(generator, 800, lift=0.03 * place) for place, name in enumerate(NAMES)}
    straight = [(one[:, 0] - one[:, 0].sum() / one[:, 1].sum() * one[:, 1]) / one[:, 1].mean() for one in rows.values()]
    ratios = [one[:, 0].sum() / one[:, 1].sum() for one in rows.values()]
    wanted = f_oneway(*(one + ratio for one, ratio in zip(straight, ratios, strict=True)), equal_var=False)
    summary = summary_of_units(three(), {"per_view": [rows]})
    plain, adjusted = (omnibus(promise, summary, "per_view") for promise in (three(), three(analysis=CUPED)))
    assert plain is not None
    assert adjusted is not None
    assert plain["p_value"] == pytest.approx(wanted.pvalue, rel=1e-6)
    assert adjusted["statistic"] > plain["statistic"]


@pytest.mark.parametrize(
    ("spread", "value", "reason"),
    [
        (0.0, 1.0, "not computed: one variant's values do not vary"),
        (1.0, np.nan, "not computed: a denominator sums to 0 or a value is not finite"),
    ],
)
def test_a_variant_that_cannot_be_compared_leaves_a_reason_and_no_number(
    spread: float, value: float, reason: str
) -> None:
    generator = np.random.default_rng(1)
    rows = {name: value * (name == "one") + generator.normal(0.0, 1.0, 60) for name in NAMES}
    rows["one"] = value + spread * (rows["one"] - value)
    row = omnibus(three(), summary_of_units(three(), {"value": [rows]}), "value")
    assert row == {"metric": "value", "method": "Welch's analysis of variance", "reason": reason}


def test_shares_that_are_all_nought_leave_a_reason_too() -> None:
    row = omnibus(
        three(), summary_of_moments(three(), {"conversion": shares_of([[90.0] * 3], [[0.0] * 3])}), "conversion"
    )
    assert row == {
        "metric": "conversion",
        "method": "chi-square",
        "reason": "not computed: no value differs from another",
    }


def test_two_variants_need_no_such_test() -> None:
    summary = summary_of_moments(a_promise(), {"conversion": shares_of([[900.0, 800.0]], [[90.0, 110.0]])})
    assert omnibus(a_promise(), summary, "conversion") is None


def test_secondary_metrics_have_it_at_the_final_look_and_the_primary_one_only_with_a_fixed_horizon() -> None:
    shares = {name: shares_of([[900.0] * 3], [[90.0, 110.0, 70.0]]) for name in ("conversion", "errors")}
    for policy, wanted in (("fixed", ["conversion"]), ("group_sequential", [])):
        promise = three(
            metrics={
                "primary": {"metric": "conversion", "minimum_effect": {"absolute": 0.01}},
                "secondary": ["errors"],
            },
            calendar={"first_day": day(1), "last_day": day(1)},
            analysis={"stopping": {"policy": policy, "looks": []}},
        )
        summary = summary_of_moments(promise, shares)
        evidence = effects(promise, summary, History()).finding.evidence
        assert [row["metric"] for row in evidence["omnibus"]] == wanted
        assert [row["metric"] for row in secondary(promise, summary).finding.evidence["omnibus"]] == ["errors"]
