"""The primary effect shrunk towards earlier experiments, and the band it allows by itself."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from tests.fakes import FIRST, a_promise
from trialflow.checks.comparison import Comparison
from trialflow.checks.finding import Finding, Status
from trialflow.checks.shrinkage import Estimated, estimated, shrinkage
from trialflow.stats import effect_prior, shrink

DAY = FIRST + timedelta(days=27)


def row(estimate: float | None = 0.3, *, std_error: float = 0.1, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "variant": "new",
        "metric": "value",
        "role": "primary",
        "direction": "increase",
        "method": "welch",
        "n_control": 1e4,
        "n_treatment": 1e4,
        "control": 2.0,
        "treatment": 2.3,
        "estimate": estimate,
        "std_error": std_error,
        "lower": 0.1,
        "upper": 0.5,
        "level": 0.95,
        "relative_estimate": 0.15,
        "relative_lower": 0.05,
        "relative_upper": 0.25,
    }
    return Comparison(**(fields | changes)).document()


def effects(*rows: dict[str, Any], experiment: str = "ranker-v7", **evidence: Any) -> Finding:
    return Finding(
        experiment=experiment,
        check="effects",
        as_of=DAY,
        status=Status.PASS,
        headline="value: judged.",
        evidence={"comparisons": list(rows), "crossed_on": {}, "looks": [], "after_stop": [], **evidence},
    )


def one_of(number: int, estimate: float, std_error: float = 0.1, *, metric: str = "value") -> Estimated:
    return Estimated(
        experiment=f"earlier-{number}",
        as_of=date(2025, 1, 1) + timedelta(days=number),
        metric=metric,
        variant="new",
        estimate=estimate,
        std_error=std_error,
        relative_estimate=estimate / 4.0,
        relative_std_error=std_error / 4.0,
    )


SPREAD = (-0.3, -0.1, 0.0, 0.1, 0.2, 0.4, 0.6, -0.2)


def test_the_estimate_is_drawn_towards_what_earlier_experiments_did() -> None:
    earlier = [one_of(number, effect) for number, effect in enumerate(SPREAD)]
    finding = shrinkage(a_promise(), effects(row()), earlier)
    (found,) = finding.evidence["variants"]
    expected = shrink(0.3, 0.1, effect_prior(SPREAD, [0.1] * len(SPREAD)), included=False)
    assert finding.status is Status.PASS
    assert found["naive"] == 0.3
    assert np.mean(SPREAD) < found["shrunken"] < 0.3
    assert found["shrunken"] == pytest.approx(float(expected.estimate))
    assert [found["lower"], found["upper"]] == pytest.approx(
        [float(expected.interval.lower), float(expected.interval.upper)]
    )
    assert [one["experiment"] for one in finding.evidence["experiments"]] == [one.experiment for one in earlier]


def test_too_few_experiments_teach_nothing_however_many_treatments_they_had() -> None:
    earlier = [one_of(number % 3, effect) for number, effect in enumerate(SPREAD)]
    finding = shrinkage(a_promise(), effects(row()), earlier)
    assert finding.status is Status.NOT_APPLICABLE
    assert "and 3 came before" in finding.headline
    assert finding.evidence["prior"] is None
    assert finding.evidence["variants"][0]["shrunken"] is None
    assert finding.evidence["variants"][0]["naive"] == 0.3


def test_effects_on_other_metrics_count_relative_to_their_control() -> None:
    earlier = [one_of(number, effect, metric=f"other-{number}") for number, effect in enumerate(SPREAD)]
    finding = shrinkage(a_promise(), effects(row()), earlier)
    prior = effect_prior([one / 4 for one in SPREAD], [0.1 / 4] * len(SPREAD))
    share = shrink(0.3 / 2.0, 0.1 / 2.0, prior, included=False)  # shares of the control value, 2.0
    (found,) = finding.evidence["variants"]
    assert finding.evidence["scale"] == "relative"
    assert found["shrunken"] == pytest.approx(2.0 * float(share.estimate), rel=1e-9)


def test_a_metric_that_should_fall_is_shrunk_in_its_own_direction() -> None:
    earlier = [one_of(number, effect, metric=f"other-{number}") for number, effect in enumerate(SPREAD)]
    promise = a_promise(metrics={"primary": {"metric": "latency", "minimum_effect": {"absolute": 0.1}}})
    falling = row(-0.3, metric="latency", direction="decrease")
    (down,) = shrinkage(promise, effects(falling), earlier).evidence["variants"]
    (up,) = shrinkage(a_promise(), effects(row()), earlier).evidence["variants"]
    assert down["shrunken"] == pytest.approx(-up["shrunken"])
    assert [down["lower"], down["upper"]] == pytest.approx([-up["upper"], -up["lower"]])


def test_the_band_of_one_crossing_runs_from_the_conditional_estimate_to_the_naive_one() -> None:
    # z = 3.0 at a boundary of 1.96 has the conditional estimate 2.52 (Zhong & Prentice 2008).
    look = {"variant": "new", "day": DAY.isoformat(), "z": 3.0, "boundary": 1.959964, "information": 100.0}
    finding = shrinkage(a_promise(), effects(row(), looks=[look], crossed_on={"new": DAY.isoformat()}), [])
    (found,) = finding.evidence["variants"]
    assert [found["band_lower"], found["band_upper"]] == pytest.approx([0.252, 0.3], abs=5e-4)


def test_without_a_crossing_there_is_no_band() -> None:
    (found,) = shrinkage(a_promise(), effects(row()), []).evidence["variants"]
    assert found["band_lower"] is None


def test_after_an_early_stop_the_median_unbiased_estimate_is_the_one_to_learn_from() -> None:
    stop = {
        "variant": "new", "looks_before": 1, "median_unbiased": 0.26, "lower": 0.05, "upper": 0.47, "level": 0.95,
    }  # fmt: skip
    (found,) = estimated(effects(row(), after_stop=[stop]))
    assert found.estimate == 0.26
    assert found.std_error == pytest.approx(0.42 / (2 * 1.959964), rel=1e-6)
    (first_look,) = estimated(effects(row(), after_stop=[stop | {"looks_before": 0}]))
    assert first_look.estimate == 0.3


@pytest.mark.parametrize("evidence", [{"suppressed": "the split is broken"}, {"comparisons": [row(None)]}])
def test_where_nothing_was_computed_nothing_is_shrunk(evidence: dict[str, Any]) -> None:
    finding = shrinkage(a_promise(), effects(**evidence), [one_of(n, e) for n, e in enumerate(SPREAD)])
    assert finding.status is Status.NOT_APPLICABLE
    assert finding.headline.startswith("Not computed")
    assert "variants" not in finding.evidence


def test_shrunken_effects_of_the_picked_experiments_are_right_on_average() -> None:
    # The naive estimates of what crossed 1.96 are too large; the shrunken ones are not.
    random = np.random.default_rng(11)
    truth = random.normal(0.0, 0.1, size=400)
    seen = truth + random.normal(0.0, 0.1, size=400)
    earlier = [one_of(number, effect) for number, effect in enumerate(seen)]
    picked = [number for number, effect in enumerate(seen) if effect > 0.196]
    found = [shrinkage(a_promise(), effects(row(seen[one])), earlier).evidence["variants"][0] for one in picked[:40]]
    naive = np.mean([one["naive"] - truth[number] for number, one in zip(picked, found, strict=False)])
    shrunk = np.mean([one["shrunken"] - truth[number] for number, one in zip(picked, found, strict=False)])
    assert naive > 0.08
    assert abs(shrunk) < 3 * 0.0707 / np.sqrt(len(found))  # posterior deviation 0.1 / sqrt(2)
