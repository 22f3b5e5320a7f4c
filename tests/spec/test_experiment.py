"""What an experiment says about its days, looks and shares."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.spec.documents import EXPERIMENT, changed
from trialflow.spec.experiment import Amount, Experiment
from trialflow.spec.parsing import parse_experiment


def experiment(changes: dict[str, Any] | None = None) -> Experiment:
    return parse_experiment(changed(EXPERIMENT, changes or {}), "x.yaml")


def test_the_last_look_waits_until_the_last_unit_has_matured() -> None:
    assert experiment().look_days() == (date(2026, 3, 15), date(2026, 3, 22), date(2026, 4, 4))


def test_an_extension_makes_the_former_final_look_an_interim_one() -> None:
    assert experiment().look_days(extended=True)[-2:] == (date(2026, 4, 4), date(2026, 4, 18))


def test_a_fixed_design_looks_once() -> None:
    assert experiment({"analysis.stopping": ...}).look_days() == (date(2026, 4, 4),)


def test_a_ramp_step_holds_from_its_day_until_the_next() -> None:
    ramped = experiment()
    assert ramped.weights_on(date(2026, 3, 4)) == pytest.approx({"control": 0.9, "two_tower": 0.1})
    assert ramped.weights_on(date(2026, 3, 5)) == pytest.approx({"control": 0.5, "two_tower": 0.5})


def test_before_the_first_step_the_variants_own_weights_hold() -> None:
    ramped = experiment({"calendar.ramp": [{"day": "2026-03-09", "weights": {"two_tower": 1.0}}]})
    assert ramped.weights_on(date(2026, 3, 8)) == pytest.approx({"control": 0.5, "two_tower": 0.5})
    assert ramped.weights_on(date(2026, 3, 9)) == pytest.approx({"control": 0.0, "two_tower": 1.0})


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 60))
def test_shares_of_a_day_sum_to_one(offset: int) -> None:
    weights = experiment().weights_on(date(2026, 2, 20) + timedelta(days=offset))
    assert sum(weights.values()) == pytest.approx(1.0)


def test_a_holdout_is_the_control_where_there_is_no_other() -> None:
    held = experiment({"variants.0.role": "holdout", "variants.0.name": "held_back"})
    assert held.control.name == "held_back"


def test_alpha_is_split_over_treatments() -> None:
    third = {"name": "three_tower", "role": "treatment", "weight": 0.2}
    arms = [
        {"name": "control", "role": "control", "weight": 0.4},
        {"name": "a", "role": "treatment", "weight": 0.4},
        third,
    ]
    assert experiment().alpha_per_treatment == pytest.approx(0.05)
    assert experiment({"variants": arms}).alpha_per_treatment == pytest.approx(0.025)


def test_every_metric_is_named_once_in_the_order_of_its_roles() -> None:
    assert experiment().metrics.names == (
        "purchase_rate",
        "revenue_per_user",
        "basket_value",
        "search_errors",
        "complaint_rate",
        "searches_per_user",
    )


@pytest.mark.parametrize(("mean", "size"), [(0.5, 0.01), (-0.5, 0.01), (0.0, 0.0)])
def test_a_relative_size_is_a_share_of_the_control_mean(mean: float, size: float) -> None:
    assert Amount(relative=0.02).on_scale(mean) == pytest.approx(size)
    assert Amount(absolute=0.3).on_scale(mean) == pytest.approx(0.3)


def test_a_promise_never_changes_afterwards() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        experiment().title = "another"  # type: ignore[misc]


def test_what_was_stated_holds_no_defaults() -> None:
    stated = experiment({"analysis": {"alpha": 0.05}}).stated()
    assert stated["analysis"] == {"alpha": 0.05}
    assert "baselines" not in stated
    assert stated["calendar"]["first_day"] == "2026-03-02"
